"""Drift and skew: hold statistics against a baseline, and close the gate on what changed."""

from __future__ import annotations

from typing import Literal

from levada.artifacts.annotations import sensitive_columns
from levada.artifacts.drift import ComparedRows, Drift, DriftReport
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.drift.comparators import left_out, limits_in
from levada.drift.judgement import MIN_ROWS, Rules
from levada.drift.limits import Limits
from levada.drift.sentences import short
from levada.drift.spans import Chosen, compare_statistics
from levada.errors import ComponentError, DataError, ParameterError, did_you_mean
from levada.externals import external

SHOWN_COLUMNS = 3
SEVERITIES = ("warn", "fail")


def previous_statistics(pipeline: str, node: str = "profile") -> Statistics:
    """Return the statistics that a node made in the last run of a pipeline, for the `baseline` of `drift`.

    They are looked up when a run starts: of the last run that finished with all its gates open, so that what a gate
    has stopped is not what the next is held against. They stand for nothing while there is no such run; and in a run
    on the same data as the last, for those of the last run on other data.
    """
    return external(Statistics, f"previous:{pipeline}/{node}:output")


@component
def drift(
    ctx: Context,
    statistics: Statistics,
    *,
    baseline: Statistics | None = None,
    schema: Schema | None = None,
    split: str | None = None,
    baseline_split: str | None = None,
    columns: list[str] | None = None,
    ignore: list[str] | None = None,
    limits: Limits | None = None,
    column_limits: dict[str, Limits] | None = None,
    severity: str = "fail",
    alpha: float = 0.05,
    min_rows: int = MIN_ROWS,
    slices: bool = True,
) -> DriftReport:
    """Hold the statistics of one span against those of another; the gate is open unless a column fails.

    A column warns or fails if one of its distances reaches a limit (`limits`, or its own in `column_limits`) *and*
    chance does not explain the difference: where nothing changed, the probability of any alarm in the whole report is
    at most `alpha`. A column that is gone or of another type fails, a new one warns. Dates and times, which move on
    from span to span, are judged only if named in `columns`. Fewer than `min_rows` rows are not judged. With
    `severity="warn"` nothing fails. A schema's `drift_comparator` sets its column's limits.

    `split` is of both sides unless `baseline_split` says another; without it, `train` or the first. Slices that both
    sides have are compared too. Without a baseline (the first run of a pipeline) the report is empty and the gate open.

    Raises DataError if a side has no rows or no column is in common, ParameterError for what cannot be meant.
    """
    chosen = _chosen(columns, ignore, schema, "", slices)
    rules = _rules("drift", limits, column_limits, schema, severity, alpha, min_rows, columns)
    return _compare(ctx, "drift", statistics, baseline, (split, baseline_split), rules, chosen)


@component
def skew(
    ctx: Context,
    statistics: Statistics,
    *,
    training: Statistics,
    schema: Schema | None = None,
    environment: str = "SERVING",
    split: str | None = None,
    training_split: str | None = None,
    columns: list[str] | None = None,
    ignore: list[str] | None = None,
    limits: Limits | None = None,
    column_limits: dict[str, Limits] | None = None,
    severity: str = "fail",
    alpha: float = 0.05,
    min_rows: int = MIN_ROWS,
    slices: bool = True,
) -> DriftReport:
    """Hold the statistics of logged requests, or other serving data, against those of the training data.

    As `drift`, but for what a schema says: columns that it leaves out in `environment` (the label, in SERVING) may be
    missing from the requests, and `skew_comparator` sets limits.
    """
    chosen = _chosen(columns, ignore, schema, environment, slices)
    rules = _rules("skew", limits, column_limits, schema, severity, alpha, min_rows, columns)
    return _compare(ctx, "skew", statistics, training, (split, training_split), rules, chosen)


def _chosen(
    columns: list[str] | None, ignore: list[str] | None, schema: Schema | None, environment: str, slices: bool
) -> Chosen:
    absent = left_out(schema.proto(), environment) if schema is not None else set[str]()
    return Chosen(None if columns is None else tuple(columns), frozenset(ignore or ()), frozenset(absent), slices)


def _rules(
    kind: Literal["drift", "skew"],
    limits: Limits | None,
    column_limits: dict[str, Limits] | None,
    schema: Schema | None,
    severity: str,
    alpha: float,
    min_rows: int,
    columns: list[str] | None,
) -> Rules:
    if severity not in SEVERITIES:
        raise ParameterError(
            f"{kind}(severity='{severity}'): wanted 'warn' or 'fail'.", hint=did_you_mean(severity, SEVERITIES)
        )
    if not 0 < alpha < 1:
        raise ParameterError(f"{kind}(alpha={alpha:g}): wanted the probability of a false alarm, between 0 and 1.")
    if min_rows < 1:
        raise ParameterError(f"{kind}(min_rows={min_rows}): wanted a whole number from 1 on.")
    by_column = limits_in(schema.proto(), kind) if schema is not None else {}
    return Rules(
        limits or Limits(),
        {**by_column, **(column_limits or {})},
        alpha,
        min_rows,
        frozenset(columns or ()),
        hidden=sensitive_columns(schema.proto()) if schema is not None else frozenset(),
        closes=severity == "fail",
    )


def _compare(
    ctx: Context,
    kind: Literal["drift", "skew"],
    statistics: Statistics,
    baseline: Statistics | None,
    splits: tuple[str | None, str | None],
    rules: Rules,
    chosen: Chosen,
) -> DriftReport:
    current = _rows(statistics, splits[0], "statistics")
    report = ctx.output(DriftReport)
    if baseline is None:
        report.write(Drift(kind, None, current, rules.alpha))
        ctx.summary("no baseline yet")
        return report
    was = _rows(baseline, splits[1] or splits[0], "baseline")
    found = compare_statistics(kind, (baseline, was), (statistics, current), rules, chosen)
    report.write(found)
    ctx.summary(summary(found))
    return report


def _rows(statistics: Statistics, split: str | None, name: str) -> ComparedRows:
    """Return one side as people know it: by the node that made it."""
    if not statistics.splits:
        raise DataError(f"the {name} have no splits.", hint="Profile data that has rows.")
    chosen = split or ("train" if "train" in statistics.splits else statistics.splits[0])
    return ComparedRows(_maker(statistics) or name, chosen, statistics.rows(chosen))


def _maker(statistics: Statistics) -> str:
    try:
        return statistics.record.producer.rpartition("/")[2]
    except ComponentError:  # called as a plain function, with what was not committed
        return ""


def summary(found: Drift) -> str:
    """Return a report in a line: how many columns failed and warned, and the worst of them."""
    failed, warned = found.with_verdict("fail"), found.with_verdict("warn")
    unjudged = sum(not column.judged for column in found.columns)
    number = len({column.column for column in found.columns})
    compared = f"{number} column{'s' * (number != 1)}"
    if not failed and not warned:
        return f"no {found.kind} in {compared}" + (f" · cannot tell of {unjudged}" if unjudged else "")
    counts = [f"{len(part)} {word}" for part, word in ((failed, "failed"), (warned, "warned")) if part]
    worst = [*failed, *warned]
    more = [f"{len(worst) - SHOWN_COLUMNS} more"] if len(worst) > SHOWN_COLUMNS else []
    shown = [short(column) for column in worst[:SHOWN_COLUMNS]]
    return f"{', '.join(counts)} of {compared}: {' · '.join(shown + more)}"
