"""Whoever loads a pushed model through Levada loads what was pushed, or learns which file is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from levada.errors import ProjectError, SignatureError
from levada.models import load_predictor
from levada.signing import check_folder, policy_of
from levada.signing.keys import make_private, public_of, read_private, read_public
from levada.store.objects import Objects
from levada.verification import verify
from tests.pushing.shelf import NAME, Shelf

pytest.importorskip("onnxruntime")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("LEVADA_SIGN_WITH", str(tmp_path / "home/keys/signing.pem"))
    monkeypatch.chdir(tmp_path)
    return Shelf(tmp_path)


def refused(folder: Path) -> str:
    with pytest.raises(SignatureError) as caught:
        load_predictor(folder)
    return str(caught.value)


def test_a_push_signs_with_a_key_that_only_its_owner_can_read(shelf: Shelf) -> None:
    shelf.push(1)
    key = shelf.root / "home/keys/signing.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    made = key.read_bytes()
    shelf.push(2)
    assert key.read_bytes() == made  # made once
    load_predictor(shelf.path / "1")
    load_predictor(shelf.path / "2")


def test_the_public_key_alone_is_enough_and_what_model_signing_says_is_the_same(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The format is that of OpenSSF Model Signing: its own tool checks what Levada signs."""
    from model_signing.verifying import Config

    shelf.push(1)
    public = shutil.copy(public_of(shelf.root / "home/keys/signing.pem"), shelf.root / "public.pub")
    shutil.rmtree(shelf.root / "home")
    monkeypatch.setenv("LEVADA_TRUST", "public.pub")
    load_predictor(shelf.path / "1")
    theirs = Config().use_elliptic_key_verifier(public_key=public)
    theirs.verify(shelf.path / "1", shelf.path / "1/model.sig")
    (shelf.path / "1/model.json").write_text("{}")
    with pytest.raises(ValueError, match=r"Hash mismatch for 'model\.json'"):
        theirs.verify(shelf.path / "1", shelf.path / "1/model.sig")
    assert "1/model.json was changed" in refused(shelf.path / "1")


def test_a_changed_added_or_missing_file_refuses_to_load_and_is_named(shelf: Shelf) -> None:
    shelf.push(1)
    folder = shelf.path / "1"
    content = (folder / "model.onnx").read_bytes()
    for at in (0, len(content) // 2, len(content) - 1):
        (folder / "model.onnx").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert "1/model.onnx was changed: its sha256 is " in refused(folder)
    (folder / "model.onnx").write_bytes(content)
    (folder / ".gitignore").write_text("")
    assert "1/.gitignore was added: model.sig does not name it" in refused(folder)
    (folder / ".gitignore").unlink()
    (folder / "model.json").rename(folder / "kept")
    assert "1/model.json is missing" in refused(folder)
    (folder / "kept").rename(folder / "model.json")
    (shelf.root / "elsewhere").mkdir()
    for name, target in (("assets.extra", "elsewhere"), ("model.onnx", "model.onnx")):
        if (folder / name).exists():
            (folder / name).rename(shelf.root / target)
        (folder / name).symlink_to(shelf.root / target)
        assert f"1/{name} is a link, and no push brought one there" in refused(folder)
        (folder / name).unlink()
    (shelf.root / "model.onnx").rename(folder / "model.onnx")
    load_predictor(folder)


def test_a_signature_of_another_model_or_version_is_refused(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    shutil.rmtree(shelf.path / "2")
    shutil.copytree(shelf.path / "1", shelf.path / "2")  # whole, and signed
    assert "/2 was signed as flights version 1, not as flights version 2" in refused(shelf.path / "2")
    assert "/2 was signed as flights version 1" in refused(shelf.path)  # what is live there
    pointer = shelf.path / "levada.json"
    pointer.write_text(pointer.read_text().replace('"version": 2', '"version": 1'))
    assert load_predictor(shelf.path).document.fingerprint == shelf.models[1].fingerprint
    pointer.write_text(pointer.read_text().replace("flights", "digits"))
    assert "/1 was signed as flights version 1, not as digits version 1" in refused(shelf.path / "1")
    pointer.unlink()
    load_predictor(shelf.path / "1")
    with pytest.raises(SignatureError, match="not as digits version 1"):
        load_predictor(shelf.path / "1", model="digits")


def test_a_signature_by_another_key_or_that_was_tampered_with_is_refused(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.push(1)
    signature = shelf.path / "1/model.sig"
    whole = signature.read_text()
    signature.write_text(whole.replace('"payload":"ewog', '"payload":"ewoK'))
    assert "model.sig was changed" in refused(shelf.path / "1")
    signature.write_text("not JSON")
    assert "model.sig is no signature by a key" in refused(shelf.path / "1")
    signature.write_text(whole)
    attacker = shelf.root / "attacker/signing.pem"
    make_private(attacker, None)
    monkeypatch.setenv("LEVADA_TRUST", str(public_of(attacker)))
    said = refused(shelf.path / "1")
    assert "which is not trusted here" in said and "add the public key to trust" in said


def test_who_writes_the_folder_cannot_say_whom_to_trust(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, settings and a signature of an attacker's own, all beside the model: nothing there is asked."""
    shelf.push(1)
    attacker = shelf.path / "signing.pem"
    make_private(attacker, None)
    with monkeypatch.context() as theirs:
        theirs.setenv("LEVADA_SIGN_WITH", str(attacker))
        (shelf.path / "1/model.sig").unlink()
        from levada.signing import sign

        sign(shelf.path / "1", policy_of())
    (shelf.path / "pyproject.toml").write_text(
        f'[tool.levada]\nsignatures = "optional"\ntrust = ["{public_of(attacker)}"]'
    )
    assert "which is not trusted here" in refused(shelf.path / "1")
    monkeypatch.chdir(shelf.path / "1")  # as a server's container may have it
    assert "which is not trusted here" in refused(Path())
    (shelf.path / "1/model.sig").unlink()
    assert "has no model.sig" in refused(shelf.path / "1")
    (shelf.path / "current").symlink_to("1")
    assert "1 has no model.sig" in refused(shelf.path / "current")


def test_an_unsigned_model_loads_only_where_settings_say_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.push(1)
    (shelf.path / "1/model.sig").unlink()
    assert "has no model.sig" in refused(shelf.path / "1")
    (shelf.root / "pyproject.toml").write_text('[tool.levada]\nsignatures = "optional"\n')
    load_predictor(shelf.path / "1")
    shelf.push(2)
    (shelf.path / "2/model.onnx").write_bytes(b"changed")  # what is signed is checked all the same
    assert "2/model.onnx was changed" in refused(shelf.path / "2")
    load_predictor(shelf.models[1].path)  # an artifact is what its record says
    (shelf.root / "pyproject.toml").write_text('[tool.levada]\nsignatures = "maybe"\n')
    with pytest.raises(ProjectError, match='must be "required" or "optional"'):
        load_predictor(shelf.path / "1")


def test_keys_that_are_none_say_what_they_are(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    shelf.push(1)
    private = shelf.root / "home/keys/signing.pem"
    shutil.rmtree(shelf.root / "home")
    assert "no public key is known here to check that with" in refused(shelf.path / "1")
    monkeypatch.setenv("LEVADA_TRUST", str(shelf.root / "nowhere.pub"))
    assert "there is no key" in refused(shelf.path / "1")
    make_private(private, None)
    public_of(private).chmod(0o666)
    monkeypatch.setenv("LEVADA_TRUST", str(public_of(private)))
    assert "anybody can write the public key" in refused(shelf.path / "1")
    public_of(private).chmod(0o644)
    monkeypatch.setenv("LEVADA_TRUST", str(private))
    assert "is a private key, and a public one is wanted" in refused(shelf.path / "1")
    monkeypatch.delenv("LEVADA_TRUST")
    private.chmod(0o644)
    with pytest.raises(SignatureError, match="others than its owner can read the private key"):
        shelf.push(2)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked = ec.generate_private_key(ec.SECP256R1())
    other = rsa.generate_private_key(65537, 2048)
    for content, said in (
        (b"-----BEGIN NOTHING-----", "holds no private key"),
        (locked.private_bytes(*form, serialization.BestAvailableEncryption(b"x")), "is locked with a password"),
        (other.private_bytes(*form, serialization.NoEncryption()), "is no key of the curves secp256r1"),
    ):
        private.write_bytes(content)
        private.chmod(0o600)
        with pytest.raises(SignatureError, match=said):
            read_private(private)
    with pytest.raises(SignatureError, match="holds no public key"):
        read_public(shelf.path / "1/model.json")
    assert shelf.lived == [1] and shelf.folder.versions() == [1]


def test_nothing_is_signed_that_nobody_would_trust(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.push(1)
    private = shelf.root / "home/keys/signing.pem"
    other = shelf.root / "other/signing.pem"
    make_private(other, None)
    with monkeypatch.context() as project:
        project.setenv("LEVADA_TRUST", str(public_of(other)))
        with pytest.raises(SignatureError, match="trust names other keys alone") as caught:
            shelf.push(2)
    assert "add signing.pub to trust" in caught.value.hint
    private.unlink()
    with pytest.raises(SignatureError, match="nobody would trust what a new key signs"):
        shelf.push(2)
    assert shelf.lived == [1]
    load_predictor(shelf.path / "1")  # by the public half that is left


def test_a_key_is_not_made_where_it_would_be_shared(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", shelf.root], check=True)
    with pytest.raises(SignatureError, match="would lie in the git repository"):
        shelf.push(1)
    (shelf.root / ".gitignore").write_text("home\n")
    shelf.push(1)
    monkeypatch.setenv("LEVADA_SIGN_WITH", str(shelf.root / ".levada/signing.pem"))
    with pytest.raises(SignatureError, match=r"would lie in the store, which others read") as caught:
        shelf.push(2)
    assert "sign_with" in caught.value.hint


def test_object_stores_are_signed_and_checked_too(shelf: Shelf) -> None:
    to = "memory://signed/flights"
    shelf.push(1, to=to)
    place, keys = Objects(to), policy_of().keys()
    assert len(check_folder(place, "1", keys, NAME, 1)) == 64
    place.write("1/model.onnx", b"changed")
    with pytest.raises(SignatureError, match=r"memory://signed/flights/1/model\.onnx was changed"):
        check_folder(place, "1", keys, NAME, 1)


def test_verify_finds_what_is_wrong_in_a_serving_folder(shelf: Shelf) -> None:
    shelf.push(1)
    shelf.push(2)
    assert verify(shelf.store, NAME).findings == [] and verify(shelf.store, NAME).served == 2
    assert verify(shelf.store, str(shelf.path)).served == 2
    (shelf.path / "1/model.sig").unlink()
    shutil.copy(shelf.path / "2/model.json", shelf.root / "kept")
    (shelf.path / "2/assets").mkdir()
    (shelf.path / "2/assets/more").write_text("x")
    said = sorted(finding.said for finding in verify(shelf.store, str(shelf.path)).findings)
    assert len(said) == 2
    assert said[0].endswith("1/model.sig is missing: the version is not signed.")
    assert said[1].endswith("2/assets/more (1 bytes) is not part of models:/flights/2.")
