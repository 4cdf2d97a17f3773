"""JSON documents that show damage: each starts with the sha256 of the rest of its bytes.

    {"sha256": "9c1f...", "node": "train", "status": "done", ...}

It stays plain JSON for whoever reads it, and every change of a byte is noticed by whoever reads it through the store.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from levada.errors import StoreError

_START = b'{"sha256": "'
_DIGEST = slice(len(_START), len(_START) + 64)
_REST = len(_START) + 64 + len(b'", ')


def must_be_sealed(key: str) -> bool:
    """Whether the object at a key of a store is a document that carries its digest."""
    return key.startswith(("runs/", "cache/", "registry/")) and key.endswith(".json")


def sealed(body: bytes) -> bytes:
    """Return a JSON object with the digest of its bytes before them."""
    rest = body.strip()[1:].lstrip()
    if rest == b"}":
        return _START + hashlib.sha256(rest).hexdigest().encode() + b'"}'
    return _START + hashlib.sha256(rest).hexdigest().encode() + b'", ' + rest


def opened(content: bytes, address: str, must_be_sealed: bool = False) -> Any:
    """Return what a document says, without its seal; raises StoreError, naming the address, if it is damaged."""
    if content == sealed(b"{}"):
        return {}
    if content.startswith(_START):
        rest = content[_REST:]
        digest = hashlib.sha256(rest).hexdigest()
        if content[_DIGEST.stop : _REST] != b'", ' or content[_DIGEST] != digest.encode():
            wanted = content[_DIGEST][:12].decode("ascii", "replace")
            raise StoreError(
                f"{address} is not what was written: its sha256 is {digest[:12]}… instead of {wanted}….",
                hint=_remedy(address),
            )
        content = b"{" + rest
    elif must_be_sealed:
        raise StoreError(
            f"{address} is not what was written: it does not start with its sha256.", hint=_remedy(address)
        )
    try:
        return json.loads(content)
    except ValueError as error:
        raise StoreError(f"{address} is not JSON: {error}.", hint=_remedy(address)) from None


def _remedy(address: str) -> str:
    """Say what to do about a damaged document, by what it is."""
    if "/cache/" in address:
        return "It was damaged from outside. Remove the file: it only saves work, and the node will run again."
    if "/runs/" in address:
        return "It was damaged from outside, and what it told of the run is lost: run the pipeline again."
    return "It was damaged from outside: restore it from a copy."
