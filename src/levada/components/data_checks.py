"""Check data: hold it against a schema and rules, and close the gate on what does not fit."""

from __future__ import annotations

from levada.artifacts.anomalies import Anomalies, Anomaly
from levada.artifacts.examples import Examples
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.validation.checking import check as find_all
from levada.validation.rules import Rule

SHOWN_ANOMALIES = 3


@component
def check_data(
    ctx: Context,
    statistics: Statistics,
    schema: Schema,
    *,
    examples: Examples | None = None,
    previous: Statistics | None = None,
    serving: Statistics | None = None,
    splits: list[str] | None = None,
    environment: str = "",
    rules: list[Rule] | None = None,
) -> Anomalies:
    """Hold every split (or `splits`) against a schema and `rules`; the gate is open unless an anomaly is an error.

    What the schema asks is answered by statistics alone. Rules are made by `not_null`, `unique`, `fresh`, `row_count`,
    `rule` and `check`; one with `severity="warn"` leaves the gate open. With `examples`, those that the statistics were
    made from, what only rows can tell is asked of them in a second pass, and anomalies come with a count and ten rows;
    values of columns that the schema calls sensitive are masked. `previous` are statistics of an earlier span and
    `serving` those of what a model is asked: the schema's drift and skew comparators and `row_count(change=)` hold
    against them. `environment` leaves out columns that the schema excludes there (the label, in SERVING).

    Raises DataError if the schema is not one, for a split or a column that is not there, or if a rule needs rows and
    there are no examples.
    """
    total = sum(examples.rows(split) for split in splits or examples.splits) if examples is not None else 0
    done = 0

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        ctx.progress(done, total, "rows")

    anomalies = find_all(
        statistics,
        schema.proto(),
        examples=examples,
        previous=previous,
        serving=serving,
        splits=splits,
        environment=environment,
        rules=rules or [],
        progress=progress,
    )
    found = ctx.output(Anomalies)
    found.write(anomalies)
    ctx.summary(summary(anomalies))
    return found


def summary(anomalies: list[Anomaly]) -> str:
    """Return anomalies in a line: how many, and the first few."""
    if not anomalies:
        return "no anomalies"
    errors = sum(anomaly.severity == "error" for anomaly in anomalies)
    warnings = len(anomalies) - errors
    counts = [
        f"{count} {word}{'s' * (count > 1)}" for count, word in ((errors, "error"), (warnings, "warning")) if count
    ]
    shown = [anomaly.description for anomaly in anomalies[:SHOWN_ANOMALIES]]
    more = ["..."] if len(anomalies) > SHOWN_ANOMALIES else []
    return f"{', '.join(counts)}: {' · '.join(shown + more)}"
