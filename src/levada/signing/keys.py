"""Elliptic-curve keys: the private one that signs, made on first use; public ones, by which signatures are checked.

Curves are NIST P-256 (what is made here), P-384 and P-521, in PEM files: what the OpenSSF Model Signing format takes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

CURVES = ("secp256r1", "secp384r1", "secp521r1")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class PublicKey:
    """A public key; `name` is the sha256 (hex) of its PEM, by which a signature says whose it is."""

    name: str
    key: EllipticCurvePublicKey
    path: Path

    @staticmethod
    def of(key: EllipticCurvePublicKey, path: Path) -> PublicKey:
        return PublicKey(hashlib.sha256(_pem(key)).hexdigest(), key, path)


def read_public(path: Path) -> PublicKey:
    """Return the public key of a PEM file; raises SignatureError if there is none, saying what is there instead."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path, "trust in [tool.levada] names it as a public key.")
    if path.stat().st_mode & stat.S_IWOTH:
        said = f"anybody can write the public key {path}, and so say whom to trust."
        raise SignatureError(said, hint=f"chmod o-w {path}")
    if b"PRIVATE KEY" in content:
        raise SignatureError(
            f"{path} is a private key, and a public one is wanted.",
            hint="trust names public keys, the .pub files beside the private ones. Who has the private one can sign.",
        )
    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise SignatureError(f"{path} holds no public key: {_first_line(error)}", hint=_MADE) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise SignatureError(f"{path} is no key of the curves {', '.join(CURVES)}.", hint=_MADE)
    return PublicKey.of(key, path)


def public_half(private: Path) -> tuple[PublicKey, ...]:
    """Return the public key beside a private one, or of it; nothing if neither is there."""
    beside = public_of(private)
    if beside.is_file():
        return (read_public(beside),)
    return (PublicKey.of(read_private(private).public_key(), private),) if private.is_file() else ()


def public_of(private: Path) -> Path:
    """Return where the public half of a private key lies."""
    return private.with_suffix(".pub")


def read_private(path: Path) -> EllipticCurvePrivateKey:
    """Return the private key of a PEM file; raises SignatureError if it is none, or if others can read it."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path, "sign_with in [tool.levada] names it as the key that signs.")
    if path.stat().st_mode & _OTHERS:
        raise SignatureError(f"others than its owner can read the private key {path}.", hint=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise SignatureError(
            f"the private key {path} is locked with a password, which nobody can type in a run.",
            hint="Give it without one, in a file that only its owner can read.",
        ) from None
    except ValueError as error:
        raise SignatureError(f"{path} holds no private key: {_first_line(error)}", hint=_MADE) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise SignatureError(f"{path} is no key of the curves {', '.join(CURVES)}.", hint=_MADE)
    return key


def make_private(path: Path, store: Path | None) -> None:
    """Make a key pair, unless another process is first: the private half for its owner alone, the public one beside.

    Raises SignatureError for a place in the store, or in a git repository that does not ignore it, and beside the
    public half of another key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    _refuse_place(path, store)
    public = public_of(path)
    if public.exists() and not path.exists():
        raise SignatureError(
            f"{public} is there, and its private half {path} is not: nobody would trust what a new key signs.",
            hint=f"Bring the key back. If it is lost, rename {public.name} and push again, which makes a new pair. For "
            "as long as versions of the old key are served, trust in [tool.levada] names both.",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(temporary, path)
    except OSError as error:
        why = (error.strerror or str(error)).rstrip(".")
        raise SignatureError(
            f"no signing key can be made at {path}: {why}.",
            hint="sign_with in [tool.levada], or LEVADA_SIGN_WITH, names another place.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    if not public.exists():
        with suppress(OSError):  # it follows from the private one
            public.write_bytes(_pem(read_private(path).public_key()))


def _refuse_place(path: Path, store: Path | None) -> None:
    hint = "Name a place outside, in your home say: sign_with in [tool.levada], or LEVADA_SIGN_WITH."
    if store is not None and path.absolute().is_relative_to(store.absolute()):
        raise SignatureError(f"the signing key {path} would lie in the store, which others read.", hint=hint)
    repository = next((folder for folder in path.absolute().parents if (folder / ".git").exists()), None)
    if repository is None:
        return
    try:
        ignored = subprocess.run(
            ["git", "-C", str(repository), "check-ignore", "--quiet", str(path.absolute())],
            capture_output=True,
            check=False,
        )
    except OSError:
        ignored = None
    if ignored is None or ignored.returncode != 0:
        raise SignatureError(
            f"the signing key {path} would lie in the git repository {repository}, and be committed some day.",
            hint=f"{hint} Or let git ignore it.",
        )


def _read(path: Path, who: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SignatureError(f"there is no key {path}.", hint=who) from None
    except OSError as error:
        raise SignatureError(f"the key {path} cannot be read: {error.strerror}.", hint=who) from None


def _pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encoding: Any = serialization.Encoding.PEM
    return key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:120] + "."


_MADE = "A push makes one on first use; openssl does too: openssl ecparam -name prime256v1 -genkey -noout"
