"""Check data: hold statistics against a schema, and close the gate on what does not fit."""

from __future__ import annotations

from levada.artifacts.anomalies import Anomalies, Anomaly
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.validation.schema_checks import find_anomalies

SHOWN_ANOMALIES = 3


@component
def check_data(
    ctx: Context, statistics: Statistics, schema: Schema, *, splits: list[str] | None = None, environment: str = ""
) -> Anomalies:
    """Hold every split (or `splits`) against a schema; the gate is open unless an anomaly is an error.

    Errors: a required column is missing, a type is another, values lie outside a domain or range, more is missing
    than allowed, a list has the wrong length, a split is empty. Warnings: a column that the schema does not know,
    whole numbers where it says FLOAT, missing values where it says nothing of them. `environment` leaves out columns
    that the schema excludes there (the label, in SERVING).

    Raises DataError if the schema is not one, or for an unknown split.
    """
    anomalies = find_anomalies(statistics, schema.proto(), splits, environment)
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
