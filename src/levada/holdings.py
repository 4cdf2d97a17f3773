"""Which artifacts a store's documents speak of: those of runs, of the cache and of the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import StoreError
from levada.registry import Move, Promotion, Version


def run_of(key: str) -> str:
    """Return the run that a key belongs to, empty for one of no run."""
    return key.split("/")[1] if key.startswith("runs/") else ""


def is_result(key: str) -> bool:
    """Whether a document says what became of a node, or of one item of one."""
    return key.startswith("cache/") or key.split("/")[2:3] in (["nodes"], ["items"])


def records_in(key: str, document: Mapping[str, Any]) -> Iterator[ArtifactRecord]:
    """Yield the records of artifacts with files that a document names; raises StoreError if it is not what it was."""
    try:
        for form in _forms(key, document):
            if form:
                yield from ArtifactRecord.from_json(form).leaves()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{key} does not name its artifacts: {type(error).__name__}: {error}.") from None


def _forms(key: str, document: Mapping[str, Any]) -> Iterator[Any]:
    if is_result(key):
        yield from document.get("outputs", {}).values()
    elif key.startswith("runs/") and key.endswith("/resolved.json"):
        for resolution in document["externals"].values():
            yield from (resolution["record"], resolution["challenged"])
    elif key.startswith("registry/"):
        # candidates have `record`; orders, and the releases of promotions and moves, the others
        told = document.get("release", document)
        yield from (told.get(name) for name in ("record", "champion", "challenged", "checked"))


def behind(document: Mapping[str, Any]) -> str:
    """Return the run that proposed, promoted or ordered what a document of the registry is about; empty for none."""
    return str(document.get("release", document).get("run", ""))


def version_in(key: str, document: Mapping[str, Any]) -> Version | None:
    """Return the numbered version that a document of the registry is."""
    return Version(**document) if key.startswith("registry/") and "/versions/" in key else None


def promotion_in(key: str, document: Mapping[str, Any]) -> Promotion | None:
    """Return the promotion that a document of the registry is; a folder's move counts as one to that folder."""
    if not key.startswith("registry/"):
        return None
    if "/moves/" in key:
        move = Move.from_json(document)
        return Promotion(move.number, move.release, move.destination, move.time, before=None)
    return Promotion.from_json(document) if "/promotions/" in key else None
