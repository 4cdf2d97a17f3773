"""The verdict on each column: does the difference matter, and does chance explain it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from levada.artifacts.drift import SEVERITY, ColumnDrift, Verdict
from levada.drift.comparison import Comparison, compare
from levada.drift.distribution import Distribution
from levada.drift.limits import Limits
from levada.drift.sentences import what_became
from levada.drift.significance import false_discovery

MIN_ROWS = 50
"""Rows without which nothing is said of a column."""

Pair = tuple[Distribution | None, Distribution | None]
"""The baseline's and the current distribution of a column; None on a side that does not have it."""


@dataclass(frozen=True)
class Rules:
    """How to judge: limits, by column where they differ, and the probability of a false alarm that is allowed.

    Times are judged only if named in `judge_times`; values of `hidden` columns are not told; unless the
    report `closes` its gate, what would fail warns.
    """

    limits: Limits
    by_column: Mapping[str, Limits]
    alpha: float
    min_rows: int = MIN_ROWS
    judge_times: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    closes: bool = True

    def of(self, column: str) -> Limits:
        return self.by_column.get(column, self.limits)


@dataclass(frozen=True)
class _Measured:
    """A column that was measured, before it is known what chance explains."""

    drift: ColumnDrift
    pair: tuple[Distribution, Distribution]
    comparison: Comparison


def judge(pairs: Mapping[tuple[str, str], Pair], rules: Rules) -> tuple[ColumnDrift, ...]:
    """Return the verdict on every (slice, column), the worst first.

    The p-values of all of them, for shape, missing and infinite values, are corrected together (Benjamini-Hochberg), so
    that without any true difference the probability of any alarm is at most `alpha`, whatever the number of columns.
    """
    settled: list[ColumnDrift] = []
    measured: list[_Measured] = []
    for (slice_, name), pair in pairs.items():
        found = _measure(name, slice_, pair, rules)
        if isinstance(found, _Measured):
            measured.append(found)
        else:
            settled.append(found)
    p_values = [
        value
        for item in measured
        for value in (item.comparison.shape_p, item.comparison.missing_p, item.comparison.infinite_p)
        if value is not None
    ]
    q_values = iter(false_discovery(p_values))
    for item in measured:
        compared = item.comparison
        shape = next(q_values) if compared.shape_p is not None else None
        missing = next(q_values)
        infinite = next(q_values) if compared.infinite_p is not None else None
        settled.append(_settle(item, shape, missing, infinite, rules))
    if not rules.closes:
        settled = [replace(found, verdict="warn") if found.verdict == "fail" else found for found in settled]
    return tuple(sorted(settled, key=lambda found: (-SEVERITY[found.verdict], not found.judged, -found.effect)))


def _measure(name: str, slice_: str, pair: Pair, rules: Rules) -> ColumnDrift | _Measured:
    baseline, current = pair
    one = current or baseline
    assert one is not None
    drift = ColumnDrift(
        column=name,
        kind=current.family if current else "",
        verdict="none",
        sentence="",
        baseline_kind=baseline.family if baseline else "",
        baseline_type=baseline.type if baseline else "",
        type=current.type if current else "",
        baseline_rows=baseline.rows if baseline else 0,
        rows=current.rows if current else 0,
        baseline_missing=baseline.missing_share if baseline else 0.0,
        missing=current.missing_share if current else 0.0,
        slice=slice_,
    )
    if baseline is None:
        return _said(drift, "warn", f"a new column ({one.type}), the baseline does not have it")
    if current is None:
        return _said(drift, "fail", f"the column is gone, the baseline has it ({one.type})")
    if baseline.family != current.family and "empty" not in (baseline.family, current.family):
        return _said(drift, "fail", f"{current.family} ({current.type}), it was {baseline.family} ({baseline.type})")
    if min(baseline.rows, current.rows) < rules.min_rows:
        few, whose = (current, "") if current.rows < rules.min_rows else (baseline, "the baseline has ")
        rows = f"{few.rows:,} {'row' if few.rows == 1 else 'rows'}"
        return replace(_said(drift, "none", f"cannot tell: {whose}{rows}, fewer than {rules.min_rows}"), judged=False)
    return _Measured(drift, (baseline, current), compare(baseline, current))


def _said(drift: ColumnDrift, verdict: Verdict, what: str) -> ColumnDrift:
    return replace(drift, verdict=verdict, sentence=f"{drift.label}: {what}")


def _settle(item: _Measured, shape: float | None, missing: float, infinite: float | None, rules: Rules) -> ColumnDrift:
    """Return the verdict of a column whose q-values are known."""
    drift, compared = item.drift, item.comparison
    verdict: Verdict = "none"
    effect, measure = 0.0, ""
    only_measured = drift.kind.endswith("timestamp") and drift.column not in rules.judge_times
    for name, (warn, fail) in rules.of(drift.column).given():
        if name not in compared.distances:
            continue
        distance, is_share = compared.distances[name], name in ("missing", "infinite")
        q_value = {"missing": missing, "infinite": infinite}.get(name, shape)
        multiple = _multiple(distance, warn)
        reached: Verdict = "none"
        if q_value is not None and q_value <= rules.alpha and distance > 0 and (is_share or not only_measured):
            reached = "fail" if distance >= fail else "warn" if distance >= warn else "none"
        if (SEVERITY[reached], multiple) > (SEVERITY[verdict], effect):
            verdict, effect, measure = reached, multiple, name
    told = shape is not None or compared.missing_p < 1
    drift = replace(
        drift,
        verdict=verdict,
        judged=told or drift.kind == "empty",
        effect=effect,
        measure=measure,
        distances=compared.distances,
        p_value=compared.shape_p,
        q_value=shape,
        missing_p_value=compared.missing_p,
        missing_q_value=missing,
    )
    sentence = what_became(drift, *item.pair, compared, hidden=drift.column in rules.hidden)
    return replace(drift, sentence=f"{drift.label}: {sentence}")


def _multiple(distance: float, warn: float) -> float:
    return min(distance / warn, 1e9) if warn > 0 else (1e9 if distance > 0 else 0.0)
