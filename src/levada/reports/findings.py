"""Anomalies as a report shows them: grouped by severity, sensitive columns without any of their values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from levada.artifacts.anomalies import Anomaly


@dataclass(frozen=True)
class Finding:
    """An anomaly in words: `examples` are rows that show it, a value a cell, under `columns`."""

    severity: Literal["error", "warning"]
    column: str
    kind: str
    split: str
    text: str
    count: int | None = None
    columns: list[str] = field(default_factory=list[str])
    examples: list[list[str]] = field(default_factory=list[list[str]])


def findings_of(anomalies: Sequence[Anomaly], sensitive: Collection[str] = ()) -> list[Finding]:
    """Return anomalies as findings, errors first; what is said of a sensitive column is only of which kind it is."""
    found = [_finding(anomaly, sensitive) for anomaly in anomalies]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _finding(anomaly: Anomaly, sensitive: Collection[str]) -> Finding:
    is_hidden = anomaly.column in sensitive
    text = f"{anomaly.kind} (the values of this column are not shown)" if is_hidden else anomaly.description
    return Finding(anomaly.severity, anomaly.column, anomaly.kind, anomaly.split, text)
