"""Artifacts from outside the plan, resolved when a run starts, so that no node has a hidden input.

    schema_file("schemas/flights.pbtxt")    the file as it is now, copied into the store
    champion("flights")                     the model that is live now, or nothing

A reference has a scheme: `file:schemas/flights.pbtxt`, `champion:flights`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from levada.artifact import Artifact, ArtifactRecord, Drawn, FileEntry
from levada.errors import DataError, PlanError
from levada.plan import External
from levada.registry import NAME, Registry
from levada.store import INSIDE, Store, artifact_digest

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class Resolution:
    """What an external reference stands for in one run.

    `record` is the artifact, or None. `challenged` is used in its place by a node whose other input *is* that
    artifact: a candidate that is the champion is judged against what the champion was judged against.
    """

    record: ArtifactRecord | None
    challenged: ArtifactRecord | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "record": self.record.to_json() if self.record else None,
            "challenged": self.challenged.to_json() if self.challenged else None,
        }

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Resolution:
        record, challenged = form["record"], form["challenged"]
        return Resolution(
            ArtifactRecord.from_json(record) if record else None,
            ArtifactRecord.from_json(challenged) if challenged else None,
        )

    def beside(self, identities: set[str]) -> ArtifactRecord | None:
        """Return the artifact for a node whose other inputs have these identities."""
        return self.challenged if self.record and self.record.identity in identities else self.record


def external(kind: type[A], reference: str) -> A:
    """Return an artifact of type `kind` that `reference` will be resolved to when a run starts."""
    return kind(Drawn(External(reference, kind.type_reference()), reference))


def file_artifact(kind: type[A], path: str | Path) -> A:
    """Return a file of the project as an artifact of type `kind`; its content counts in cache keys."""
    return external(kind, f"file:{Path(path).as_posix()}")


def resolve(binding: External, store: Store, root: Path) -> Resolution:
    """Return what a reference stands for now; raises DataError or PlanError if that cannot be said."""
    scheme, _, rest = binding.reference.partition(":")
    resolver = SCHEMES.get(scheme)
    if resolver is None:
        raise PlanError(
            f"'{binding.reference}' has the unknown scheme '{scheme}'.", hint=f"Known: {', '.join(SCHEMES)}."
        )
    return resolver(rest, binding.type, store, root)


def _resolve_file(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    path = root / rest
    if not path.is_file():
        there = sorted(item.name for item in path.parent.glob("*") if item.is_file()) if path.parent.is_dir() else []
        hint = f"{path.parent.name}/ has {', '.join(there)}." if there else f"There is no folder {path.parent}."
        raise DataError(f"there is no file {rest} in {root}.", hint=hint)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    key = f"files/{digest}/{path.name}"
    if store.read(key) != content:  # not there yet, or damaged
        store.write(key, content)
    folder = f"files/{digest}"
    entries = (FileEntry(path.name, len(content), digest),)
    properties: dict[str, Any] = {"source": rest}
    record = ArtifactRecord(type_, f"{INSIDE}{folder}", artifact_digest(entries, {}), properties, entries)
    return Resolution(record)


def _resolve_champion(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    if not NAME.fullmatch(rest):
        raise PlanError(f"champion('{rest}'): that cannot name a registered model.")
    promotion = Registry(store).champion(rest)
    if promotion is None:
        return Resolution(None)
    challenged = ArtifactRecord.from_json(promotion.challenged) if promotion.challenged else None
    return Resolution(ArtifactRecord.from_json(promotion.champion), challenged)


SCHEMES: dict[str, Callable[[str, str, Store, Path], Resolution]] = {
    "file": _resolve_file,
    "champion": _resolve_champion,
}
