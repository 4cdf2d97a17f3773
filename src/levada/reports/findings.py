"""Anomalies as a report shows them: grouped by severity, sensitive columns without any of their values."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from levada import html
from levada.artifacts.anomalies import Anomaly

MASK = "•••"
"""What stands for a value of a sensitive column."""


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
    rows: Sequence[Mapping[str, Any]] = anomaly.rows
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if anomaly.column in columns:  # what it is about is what one looks for
        columns = [anomaly.column, *(name for name in columns if name != anomaly.column)]
    return Finding(
        anomaly.severity,
        anomaly.column,
        anomaly.kind,
        anomaly.split,
        f"{anomaly.kind}; its values are not shown" if is_hidden else anomaly.description,
        anomaly.count,
        columns,
        [[MASK if name in sensitive else _cell(row.get(name)) for name in columns] for row in rows],
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)  # a row is shown as it is: with all digits
    return html.shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
