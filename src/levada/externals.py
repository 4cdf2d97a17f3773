"""Artifacts from outside the plan, resolved when a run starts, so that no node has a hidden input.

    schema_file("schemas/flights.pbtxt")    the file as it is now, copied into the store
    champion("flights")                     the model that is live now, or nothing
    previous_statistics("flights")          what a node made in the last run that finished, or nothing
    decisions("flights")                    what people decided on versions of a model, or nothing
    an artifact in a notebook               what a node of another run made

A reference has a scheme: `file:schemas/flights.pbtxt`, `champion:flights`, `decisions:flights`,
`previous:flights/profile:output`, `made:20261123-101502-7f3a/train:output`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from levada.artifact import Artifact, ArtifactRecord, Drawn, FileEntry, place_of
from levada.draw import current
from levada.errors import DataError, PlanError
from levada.extensions import installed, load_one
from levada.fanout import Many
from levada.plan import Binding, External, Output, Sequence
from levada.store import INSIDE, Store, artifact_digest

if TYPE_CHECKING:
    from levada.registry import Registry

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class Resolution:
    """What an external reference stands for in one run.

    `record` is the artifact, or None. `challenged` is used in its place by a node whose other input *is* that
    artifact: a candidate that is the champion is judged against what the champion was judged against, statistics that
    are those of the last run against those before.
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
    resolver: Resolver | None = SCHEMES.get(scheme) or load_one("levada.externals", scheme)
    if resolver is None:
        known = ", ".join((*SCHEMES, *installed("levada.externals")))
        raise PlanError(f"'{binding.reference}' has the unknown scheme '{scheme}'.", hint=f"Known: {known}.")
    return resolver(rest, binding.type, store, root)


def _resolve_file(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    path = root / rest
    if not path.is_file():
        there = sorted(item.name for item in path.parent.glob("*") if item.is_file()) if path.parent.is_dir() else []
        hint = f"{path.parent.name}/ has {', '.join(there)}." if there else f"There is no folder {path.parent}."
        raise DataError(f"there is no file {rest} in {root}.", hint=hint)
    return Resolution(keep_file(path, type_, store, rest))


def keep_file(path: Path, type_: str, store: Store, source: str) -> ArtifactRecord:
    """Copy a file into the store, once, and return its record; `source` says for people where it is from."""
    return _keep(path.name, path.read_bytes(), type_, store, source)


def _keep(name: str, content: bytes, type_: str, store: Store, source: str) -> ArtifactRecord:
    digest = hashlib.sha256(content).hexdigest()
    key = f"files/{digest}/{name}"
    if store.read(key) != content:  # not there yet, or damaged
        store.write(key, content)
    folder = f"files/{digest}"
    entries = (FileEntry(name, len(content), digest),)
    properties: dict[str, Any] = {"source": source}
    return ArtifactRecord(type_, f"{INSIDE}{folder}", artifact_digest(entries, {}), properties, entries)


def _resolve_champion(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    promotion = _registry(f"champion('{rest}')", rest, store).champion(rest)
    if promotion is None:
        return Resolution(None)
    return Resolution(promotion.release.champion, promotion.release.challenged)


def _resolve_decisions(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    known = _registry(f"decisions('{rest}')", rest, store).decisions(rest)
    if not known:
        return Resolution(None)
    content = json.dumps(known, indent=1, ensure_ascii=False).encode()
    return Resolution(_keep("decisions.json", content, type_, store, f"decisions on {rest}"))


def _registry(call: str, model: str, store: Store) -> Registry:
    from levada.registry import NAME, Registry

    if not NAME.fullmatch(model):
        raise PlanError(f"{call}: that cannot name a registered model.")
    return Registry(store)


def _resolve_previous(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    """Return what a node made in the last run of a pipeline that finished, all its gates open.

    A run on the same data as that one is held against what came before it: against what is the same,
    nothing would ever differ, and a run that is repeated should come to the same end.
    """
    from levada.lease import newest_runs

    pipeline, _, place = rest.partition("/")
    node, _, output = place.rpartition(":")
    latest: ArtifactRecord | None = None
    for run_id in newest_runs(store):
        key = f"runs/{run_id}"
        facts, end = store.read_json(f"{key}/run.json"), store.read_json(f"{key}/end.json")
        if not facts or not end or facts.get("pipeline") != pipeline or end.get("status") != "finished":
            continue
        made = (store.read_json(f"{key}/nodes/{node}.json") or {}).get("outputs", {}).get(output)
        if made is None:
            continue
        record = ArtifactRecord.from_json(made)
        if latest is None:
            latest = record
        elif record.identity != latest.identity:
            return Resolution(latest, record)
    return Resolution(latest)


def binding_of(artifact: Artifact) -> Output | External | None:
    """Return what a plan that is being drawn says of an artifact: drawn in it, or made by a run; None if neither."""
    if artifact.drawn is not None:
        return artifact.drawn.binding
    place = place_of(artifact)
    return _binding_at(place, artifact.record.type) if place else None


def _binding_at(place: str, type_: str) -> Output | External:
    run, _, rest = place.partition("/")
    drawing = current()
    if drawing is not None and drawing.run == run and "#" not in rest:
        node, _, output = rest.rpartition(":")
        return Output(node, output)
    return External(f"made:{place}", type_)


def binding_of_list(many: Many[Any] | Iterable[Artifact]) -> Binding:
    """Return what a plan that is being drawn says of a list that a run made, or of several made artifacts."""
    if isinstance(many, Many):
        whole = _binding_at(many.place, Artifact.type_reference())
        if isinstance(whole, Output):
            return whole
    return Sequence(tuple(binding for item in many if (binding := binding_of(item)) is not None))


def _resolve_made(rest: str, type_: str, store: Store, root: Path) -> Resolution:
    run, _, place = rest.partition("/")
    node, _, output = place.rpartition(":")
    output, _, number = output.partition("#")
    form = store.read_json(f"runs/{run}/nodes/{node}.json")
    if form is None or output not in form.get("outputs", {}):
        raise DataError(
            f"run {run} has no '{output}' of {node} any more.", hint="It was removed from the store: make it again."
        )
    record = ArtifactRecord.from_json(form["outputs"][output])
    return Resolution(record.items[int(number)] if number and record.items is not None else record)


Resolver = Callable[[str, str, Store, Path], Resolution]
"""From what stands behind the scheme, the artifact type's reference, the store and the project's root."""

SCHEMES: dict[str, Resolver] = {
    "file": _resolve_file,
    "champion": _resolve_champion,
    "decisions": _resolve_decisions,
    "previous": _resolve_previous,
    "made": _resolve_made,
}
