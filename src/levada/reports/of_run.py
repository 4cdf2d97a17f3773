"""The reports of a node in a run, from what the store has of it: nothing runs, and nothing else is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from levada.artifact import Artifact, ArtifactRecord, made
from levada.artifacts.anomalies import Anomalies
from levada.artifacts.compression import Compression
from levada.artifacts.drift import ComparedRows, DriftReport
from levada.artifacts.evaluation import Evaluation
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.artifacts.study import Study
from levada.history import RunRecord
from levada.history.inputs import inputs_of
from levada.plan import Node
from levada.reports.compressions import CompressionReport
from levada.reports.differences import of_drift
from levada.reports.evaluations import EvaluationReport
from levada.reports.kinds import AnyReport
from levada.reports.report import Report, comparison_report, profile_report, validation_report
from levada.reports.sides import side_of, sides_of
from levada.reports.study import StudyReport

ITEMS = 20
"""How many items of a mapped node have reports."""

BASELINES = ("baseline", "training")
"""The inputs of a node that its statistics are held against."""

A = TypeVar("A", bound=Artifact)

NAMES = {
    Statistics.type_reference(): "profile",
    Anomalies.type_reference(): "validation",
    DriftReport.type_reference(): "comparison",
    Study.type_reference(): "study",
    Evaluation.type_reference(): "evaluation",
    Compression.type_reference(): "compression",
}
"""What the report on an artifact is called, by the reference of its type."""


def reports_of(run: RunRecord, node: Node) -> dict[str, AnyReport]:
    """Return the reports on what a node made in a run, by name (`profile`); none for a node that made nothing to show.

    Columns that a schema of the run calls sensitive are masked. Raises StoreError if an artifact is damaged or gone.
    """
    result = run.result(node.id)
    if result is None:
        return {}
    found: dict[str, AnyReport] = {}
    shown = list(shown_in(result.outputs))
    schemas = schemas_in(run) if shown else []
    hidden, said = _sensitive(schemas), _descriptions(schemas)
    for name, record, place in shown:
        title = " · ".join(part for part in (run.pipeline, node.id, record.label) if part)
        about = [f"run {run.id}", f"sha256 {record.digest[:12]}"]
        report = _report(made(record, run.store), _taken(run, node, place), title, about, hidden)
        found[name] = replace(report, descriptions=said) if isinstance(report, Report) else report
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
                which = output if len(outputs) > 1 and output != kind else ""
                parts = [kind, which, "" if at is None else str(at + 1)]
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
    return _sensitive(schemas_in(run))


def schemas_in(run: RunRecord) -> list[Schema]:
    """Return the schemas that a run read or made, those that it read first."""
    read = [resolution.record for resolution in run.resolved.externals.values()]
    written = [record for result in run.results.values() for record in result.outputs.values()]
    leaves = [leaf for record in (*read, *written) if record is not None for leaf in record.leaves()]
    schemas = {leaf.digest: leaf for leaf in leaves if leaf.type == Schema.type_reference()}
    found = [made(record, run.store) for record in schemas.values()]
    return [schema for schema in found if isinstance(schema, Schema)]


def _sensitive(schemas: Iterable[Schema]) -> frozenset[str]:
    return frozenset(name for schema in schemas for name in schema.sensitive)


def _descriptions(schemas: Iterable[Schema]) -> dict[str, str]:
    """Return what schemas say of columns: description and unit, of the first schema that has any."""
    said: dict[str, str] = {}
    for schema in schemas:
        for feature in schema.proto().feature:
            unit = schema.unit(feature.name)
            words = " · ".join(filter(None, [schema.description(feature.name), unit and f"in {unit}"]))
            if words:
                said.setdefault(feature.name, words)
    return said


def _report(
    artifact: Artifact, inputs: Mapping[str, list[Artifact]], title: str, about: list[str], hidden: frozenset[str]
) -> AnyReport:
    if isinstance(artifact, Study):
        return StudyReport(title, about, artifact.document)
    if isinstance(artifact, Compression):
        document = artifact.document
        return CompressionReport(title, about, document, hidden, document.chosen is not None)
    if isinstance(artifact, Evaluation):
        return EvaluationReport(title, about, artifact.results, hidden, artifact.results.is_open)
    if isinstance(artifact, Statistics):
        return profile_report(sides_of(artifact), title=title, about=about, sensitive=hidden)
    if isinstance(artifact, DriftReport):
        return _drift_report(artifact, inputs, title, about, hidden)
    assert isinstance(artifact, Anomalies)
    statistics = next(_of_type(chain(*inputs.values()), Statistics), None)
    sides = sides_of(statistics) if statistics is not None else []
    return validation_report(artifact.all(), sides, title=title, about=about, sensitive=hidden)


def _drift_report(
    artifact: DriftReport, inputs: Mapping[str, list[Artifact]], title: str, about: list[str], hidden: frozenset[str]
) -> Report:
    """Return what a drift report found, beside the statistics that it is about; the baseline is on the left."""
    drift = artifact.drift
    current = next(_of_type(inputs.get("statistics", []), Statistics))
    right = side_of(current, drift.current.split)
    before = next(_of_type(chain(*(inputs.get(name, []) for name in BASELINES)), Statistics), None)
    if drift.baseline is None or before is None:
        return profile_report([right], title=title, about=[*about, "there is no baseline yet"], sensitive=hidden)
    left = side_of(before, drift.baseline.split, _label(drift.baseline, drift.current))
    right = replace(right, label=_label(drift.current, drift.baseline))
    if left.label == right.label:
        left, right = replace(left, label=f"{left.label} before"), replace(right, label=f"{right.label} now")
    found = of_drift(drift, hidden)
    is_open = artifact.open
    return comparison_report(left, right, title=title, about=about, sensitive=hidden, found=found, is_open=is_open)


def _label(rows: ComparedRows, other: ComparedRows) -> str:
    """Return what tells one side from the other: the node, or the split, or both."""
    if rows.name == other.name or not rows.name:
        return rows.split
    return rows.name if rows.split == other.split else f"{rows.name}, {rows.split}"


def _of_type(artifacts: Iterable[Artifact], kind: type[A]) -> Iterator[A]:
    return (artifact for artifact in artifacts if isinstance(artifact, kind))


def _taken(run: RunRecord, node: Node, place: int | None) -> dict[str, list[Artifact]]:
    """Return what a node was given by name; of a mapped node what its item at `place` was."""
    found: dict[str, list[Artifact]] = {}
    for name, record in inputs_of(run.view, node).items():
        listed = record if isinstance(record, list) else [record] if record is not None else []
        if place is not None and isinstance(record, list):
            listed = listed[place : place + 1]
        found[name] = [made(each, run.store) for each in listed if each.items is None]
    return found
