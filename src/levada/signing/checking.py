"""Checking a version's folder against its signature, with its public key alone.

The format is that of OpenSSF Model Signing: a Sigstore bundle whose DSSE envelope holds an in-toto statement, which
names each file with its sha256 (https://github.com/ossf/model-signing-spec). Signing is left to `model-signing`. What
loads a model checks by itself, with `cryptography` alone: `model-signing` imports all of Sigstore, 0.8 CPU-seconds in
each process that loads a model, and reads local folders only.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from levada.artifacts.model import DOCUMENT
from levada.artifacts.pushed import POINTER, SIGNATURE
from levada.errors import LevadaError, SignatureError
from levada.signing.keys import PublicKey
from levada.signing.policy import policy_of
from levada.store.objects import Objects

_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"


def check_served(folder: Path, model: str | None = None) -> None:
    """Check a folder before a model is loaded from it; raises SignatureError, naming the file, if it must not be.

    A version's folder, whose name is a number, must be signed unless the settings of the working directory's project
    say otherwise; so must what a link leads to. What lies in or around the folder is not asked, for who can write there
    could say anything. Any other folder, an artifact's or an export's, is checked if it has a signature, or if `model`
    says whose version it must be.
    """
    folder = folder.absolute()
    if not _is_number(folder.name):
        folder = folder.resolve()
    is_version = _is_number(folder.name)
    if not is_version and model is None and not (folder / SIGNATURE).exists():
        return
    policy = policy_of(outside=(folder.parent if is_version else folder).resolve())
    if not (folder / SIGNATURE).exists():
        if not policy.required or not (folder / DOCUMENT).exists():
            return
        raise SignatureError(
            f"{folder} has no {SIGNATURE}, so nobody can tell whether it is what was pushed.",
            hint='Push it again, which signs it; or load what is unsigned: signatures = "optional" in [tool.levada].',
        )
    if model is None and is_version:
        said = _document(folder.parent / POINTER).get("model")
        model = said if isinstance(said, str) else None
    version = int(folder.name) if is_version else None
    check_folder(Objects(folder.parent), folder.name, policy.keys(), model, version)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0")


def check_folder(
    place: Objects,
    key: str,
    trusted: Sequence[PublicKey],
    model: str | None,
    version: int | None,
    digest: Callable[[str], str] | None = None,
) -> str:
    """Check the folder at a key: signed by a trusted key, every file as it was, none more, none missing.

    `model` and `version` say whose version it must be, None where that is not known. `digest` gives the sha256 (hex) of
    a file by its path in the folder, where that was read before. Returns the name of the key that signed it. Raises
    SignatureError, naming the file.
    """
    read = digest or (lambda path: place.digest(f"{key}/{path}"))
    home = place.uri_of(key)
    content = place.read(f"{key}/{SIGNATURE}")
    if content is None:
        raise SignatureError(f"{home} has no {SIGNATURE}.", hint="Push it again, which signs it.")
    if not trusted:
        raise SignatureError(
            f"{home} is signed, and no public key is known here to check that with.",
            hint='Name it: trust = ["keys/levada.pub"] in [tool.levada], or LEVADA_TRUST. It lies beside the private '
            "key of whoever pushes, outside the serving folder.",
        )
    signed, name = signed_files(content, trusted, f"{home}/{SIGNATURE}")
    if place.local is not None:
        _refuse_links(place.local / key)
    there = {found.key.removeprefix(f"{key}/") for found in place.walk(key)} - {SIGNATURE}
    for path in sorted(signed.keys() - there):
        raise SignatureError(f"{home}/{path} is missing: {SIGNATURE} names it.", hint=_REMEDY)
    for path in sorted(there - signed.keys()):
        raise SignatureError(f"{home}/{path} was added: {SIGNATURE} does not name it.", hint=_REMEDY)
    for path, wanted in signed.items():
        found = read(path)
        if found != wanted:
            raise SignatureError(
                f"{home}/{path} was changed: its sha256 is {found[:12]}… instead of {wanted[:12]}…, which was signed.",
                hint=_REMEDY,
            )
    _check_whose(place, key, model, version)
    return name


def _refuse_links(folder: Path) -> None:
    """Raise SignatureError for a link in a folder: no push brought one, and what it leads to may change any time."""
    for home, inner, names in os.walk(folder):
        for item in (Path(home) / name for name in sorted([*inner, *names])):
            if item.is_symlink():
                raise SignatureError(f"{item} is a link, and no push brought one there.", hint=_REMEDY)


def signed_files(content: bytes, trusted: Sequence[PublicKey], address: str) -> tuple[dict[str, str], str]:
    """Return path and sha256 (hex) of what a signature covers, and the name of the key that made it.

    Raises SignatureError for a file that is no signature, and one that none of the trusted keys made.
    """
    try:
        bundle = json.loads(content)
        hint = str(bundle["verificationMaterial"]["publicKey"]["hint"])
        envelope = bundle["dsseEnvelope"]
        kind, payload = str(envelope["payloadType"]), base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error):
        raise SignatureError(f"{address} is no signature by a key.", hint=_REMEDY) from None
    key = next((known for known in trusted if known.name == hint), None)
    if key is None:
        known = ", ".join(str(one.path) for one in trusted)
        raise SignatureError(
            f"{address} was made with the key {hint[:12]}…, which is not trusted here (trusted: {known}).",
            hint="If its owner may push, add the public key to trust in [tool.levada]; if not, ask who wrote there.",
        )
    _verify(key, kind, payload, signature, address)
    try:
        statement = json.loads(payload)
        predicate = statement["predicate"]
        if (kind, statement["_type"], statement["predicateType"]) != (_PAYLOAD, _STATEMENT, _PREDICATE):
            raise ValueError("another kind of statement")
        if predicate["serialization"]["method"] != "files":
            raise ValueError("another serialization")
        files: dict[str, str] = {}
        for resource in cast("list[dict[str, Any]]", predicate["resources"]):
            if resource["algorithm"] != "sha256" or resource["name"] in files:
                raise ValueError("another digest")
            files[str(resource["name"])] = str(resource["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise SignatureError(f"{address} says what this version of Levada does not know: {error}.") from None
    return files, key.name


def _verify(key: PublicKey, kind: str, payload: bytes, signature: bytes, address: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.key.curve.key_size]
    # DSSE's pre-authentication encoding: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    encoded = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    try:
        key.key.verify(signature, encoded, ec.ECDSA(digest))
    except InvalidSignature:
        raise SignatureError(
            f"{address} was changed: it names the key {key.name[:12]}…, which did not sign what it says.", hint=_REMEDY
        ) from None


def _check_whose(place: Objects, key: str, model: str | None, version: int | None) -> None:
    """Hold the signed document against whose version this should be: a whole folder may have been put elsewhere."""
    home = place.uri_of(key)
    try:
        form = place.read_json(f"{key}/{DOCUMENT}")
        signed = (str(form["model"]), int(form["version"]))
    except (LevadaError, KeyError, TypeError, ValueError):
        raise SignatureError(f"{home}/{DOCUMENT} does not say whose version this is.", hint=_REMEDY) from None
    wanted = (model if model is not None else signed[0], version if version is not None else signed[1])
    if signed != wanted:
        raise SignatureError(
            f"{home} was signed as {signed[0]} version {signed[1]}, not as {wanted[0]} version {wanted[1]}.",
            hint=_REMEDY,
        )


def _document(path: Path) -> dict[str, Any]:
    try:
        form = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", form) if isinstance(form, dict) else {}


_REMEDY = "Remove the folder and push the version again: its model lies in the store. Find out who wrote there."
