"""The reports of a node in a run, from what the store has of it: nothing runs, and nothing else is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from levada.artifact import Artifact, ArtifactRecord, made
from levada.artifacts.anomalies import Anomalies
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.history import RunRecord
from levada.history.inputs import inputs_of
from levada.plan import Node
from levada.reports.report import Report, profile_report, validation_report
from levada.reports.sides import sides_of

ITEMS = 20
"""How many items of a mapped node have reports."""

A = TypeVar("A", bound=Artifact)

NAMES = {Statistics.type_reference(): "profile", Anomalies.type_reference(): "validation"}
"""What the report on an artifact is called, by the reference of its type."""


def reports_of(run: RunRecord, node: Node) -> dict[str, Report]:
    """Return the reports on what a node made in a run, by name (`profile`); none for a node that made nothing to show.

    Columns that a schema of the run calls sensitive are masked. Raises StoreError if an artifact is damaged or gone.
    """
    result = run.result(node.id)
    if result is None:
        return {}
    found: dict[str, Report] = {}
    shown = list(shown_in(result.outputs))
    hidden = sensitive_in(run) if shown else frozenset[str]()
    for name, record, place in shown:
        title = " · ".join(part for part in (run.pipeline, node.id, record.label) if part)
        about = [f"run {run.id}", f"sha256 {record.digest[:12]}"]
        found[name] = _report(made(record, run.store), _taken(run, node, place), title, about, hidden)
    return found


def shown_in(outputs: Mapping[str, ArtifactRecord]) -> Iterator[tuple[str, ArtifactRecord, int | None]]:
    """Yield what there are reports on among a node's outputs: the report's name, the record, its place in a list.

    The name is that of the kind, with the output's where the node has several and the place where it is a list.
    """
    for output, record in outputs.items():
        leaves = [record] if record.items is None else list(record.items[:ITEMS])
        for place, leaf in enumerate(leaves):
            kind = NAMES.get(leaf.type)
            if kind is not None:
                at = None if record.items is None else place
                parts = [kind, output if len(outputs) > 1 else "", "" if at is None else str(at + 1)]
                yield "-".join(filter(None, parts)), leaf, at


def statistics_of(run: RunRecord, node: Node) -> Statistics | None:
    """Return the statistics that a node made in a run, None if it made none."""
    result = run.result(node.id)
    for record in result.outputs.values() if result is not None else ():
        if record.items is None and record.type == Statistics.type_reference():
            artifact = made(record, run.store)
            assert isinstance(artifact, Statistics)
            return artifact
    return None


def sensitive_in(run: RunRecord) -> frozenset[str]:
    """Return the columns that any schema which the run read or made calls sensitive."""
    read = [resolution.record for resolution in run.resolved.externals.values()]
    written = [record for result in run.results.values() for record in result.outputs.values()]
    leaves = [leaf for record in (*read, *written) if record is not None for leaf in record.leaves()]
    schemas = {leaf.digest: leaf for leaf in leaves if leaf.type == Schema.type_reference()}
    return frozenset(name for record in schemas.values() for name in _sensitive(made(record, run.store)))


def _sensitive(schema: Any) -> frozenset[str]:
    return getattr(schema, "sensitive", frozenset())


def _report(artifact: Artifact, inputs: list[Artifact], title: str, about: list[str], hidden: frozenset[str]) -> Report:
    if isinstance(artifact, Statistics):
        return profile_report(sides_of(artifact), title=title, about=about, sensitive=hidden)
    assert isinstance(artifact, Anomalies)
    statistics = next(_of_type(inputs, Statistics), None)
    sides = sides_of(statistics) if statistics is not None else []
    return validation_report(artifact.all(), sides, title=title, about=about, sensitive=hidden)


def _of_type(artifacts: list[Artifact], kind: type[A]) -> Iterator[A]:
    return (artifact for artifact in artifacts if isinstance(artifact, kind))


def _taken(run: RunRecord, node: Node, place: int | None) -> list[Artifact]:
    """Return what a node was given; what the item at `place` was, for a mapped one."""
    records: list[ArtifactRecord] = []
    for record in inputs_of(run.view, node).values():
        listed = record if isinstance(record, list) else [record] if record is not None else []
        records += listed[place : place + 1] if place is not None and isinstance(record, list) else listed
    return [made(record, run.store) for record in records if record.items is None]
