"""Everything that is asked of data, put together: the schema and the rules, by statistics and then by rows."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from levada.artifacts.annotations import sensitive_columns
from levada.artifacts.anomalies import Anomaly
from levada.artifacts.examples import Examples
from levada.artifacts.statistics import Statistics
from levada.errors import DataError
from levada.validation.finding import Finding
from levada.validation.rule_checks import Given, check_rule, needs_rows, unique_finding
from levada.validation.rules import Rule, Unique, check_known
from levada.validation.schema_checks import find_departures, in_order
from levada.validation.second_pass import SHOWN_ROWS, ask, find_duplicates, rows_at

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

Progress = Callable[[int], None]


def check(
    statistics: Statistics,
    schema: schema_pb2.Schema,
    *,
    examples: Examples | None = None,
    previous: Statistics | None = None,
    serving: Statistics | None = None,
    splits: list[str] | None = None,
    environment: str = "",
    rules: Sequence[Rule] = (),
    progress: Progress | None = None,
) -> list[Anomaly]:
    """Return everything that is wrong, errors first.

    With `examples` what only the rows can tell is asked of them, and anomalies have example rows. Raises DataError if
    a rule needs them and there are none, for a split or a column that is not there, and for examples that are not
    those of the statistics.
    """
    chosen = statistics.splits if splits is None else splits
    findings = find_departures(statistics, schema, splits, environment, previous, serving)
    filled = [split for split in chosen if statistics.rows(split)]
    given = Given(statistics, filled, schema, previous)
    placed = [(finding.split or (filled[0] if filled else ""), finding) for finding in findings]
    anomalies: list[Anomaly] = []
    for rule in rules if filled else ():
        check_known(rule, statistics.columns(filled[0]))
        if examples is None and needs_rows(rule, given):
            raise DataError(
                f"the rule {rule} needs the rows, and check_data was given statistics alone.",
                hint="Pass them: check_data(statistics, schema, examples=data, rules=[...]).",
            )
        for split, finding in check_rule(rule, given):
            placed.append((split or filled[0], finding.within(given.named(split) if split else "")))
    if examples is None:
        told = [finding.unanswered() if finding.judge else finding for _, finding in placed]
        return in_order([finding.anomaly() for finding in told])
    _same_rows(statistics, examples, filled)
    sensitive = sensitive_columns(schema)
    for rule in rules if filled else ():
        if isinstance(rule, Unique):
            placed = [
                item for item in placed if item[1].kind != "duplicates" or item[1].label != ", ".join(rule.columns)
            ]
            anomalies += _duplicates(rule, examples, filled, sensitive)
    anomalies = [*_answered(placed, examples, sensitive, progress), *anomalies]
    return in_order(anomalies)


def _same_rows(statistics: Statistics, examples: Examples, splits: Sequence[str]) -> None:
    for split in splits:
        if examples.rows(split) != statistics.rows(split):
            raise DataError(
                f"split {split} has {examples.rows(split):,} rows, its statistics are of {statistics.rows(split):,}.",
                hint="Pass the examples that the statistics were made from.",
            )


def _answered(
    placed: Sequence[tuple[str, Finding]], examples: Examples, sensitive: Collection[str], progress: Progress | None
) -> list[Anomaly]:
    """Return the anomalies of findings, those with a question as the rows of their split answer it."""
    answers: dict[int, tuple[Finding, int | None, list[int]]] = {}
    columns = set(examples.columns)
    for split in dict.fromkeys(split for split, _ in placed):
        asked = [
            (place, finding, finding.test)
            for place, (where, finding) in enumerate(placed)
            if where == split and finding.test is not None and columns.issuperset(finding.test.columns)
        ]
        for (place, finding, _), answer in zip(
            asked, ask(examples, split, [test for _, _, test in asked], progress), strict=True
        ):
            if finding.judge is not None:
                said = finding.judge(answer.total, answer.size)
                if said is None:
                    answers[place] = (finding, None, [])
                    continue
                finding = replace(finding, what=said, judge=None)
            answers[place] = (finding, answer.rows if answer.test.shown else None, answer.places)
    anomalies: list[Anomaly] = []
    for place, (split, original) in enumerate(placed):
        finding, count, places = answers.get(place, (original, None, []))
        if place in answers and finding.judge is not None:
            continue  # the rows say that all is well
        if finding.judge is not None:
            finding = finding.unanswered()
        first = finding.test.columns if finding.test else ()
        rows = rows_at(examples, split, places, first, sensitive) if places else ()
        anomalies.append(finding.anomaly(count, rows))
    return anomalies


def _duplicates(rule: Unique, examples: Examples, splits: Sequence[str], sensitive: Collection[str]) -> list[Anomaly]:
    found = find_duplicates(examples, splits, rule.columns)
    if not found.rows:
        return []
    rows = [
        row
        for split, places in found.places.items()
        for row in rows_at(examples, split, places, rule.columns, sensitive)
    ]
    severity = "error" if rule.severity == "fail" else "warning"
    finding = replace(unique_finding(rule, found.rows, found.keys), severity=severity)
    return [finding.anomaly(found.rows, tuple(rows[:SHOWN_ROWS]))]
