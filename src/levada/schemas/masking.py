"""Masking: what may be shown of sensitive columns, in reports, logs and texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from levada.artifacts.statistics import ColumnStatistics

MASK = "•••"
"""What stands where a sensitive value would."""

SHOWN = ("name", "type", "kind", "rows", "missing", "values", "distinct", "exact")
"""What may be shown of a sensitive column's statistics: how many values there are, and nothing of what they are."""


def mask_column(column: ColumnStatistics) -> ColumnStatistics:
    """Return a column's statistics with its counts and nothing else: no value, extreme, mean, length or histogram."""
    return ColumnStatistics(**{name: getattr(column, name) for name in SHOWN})


def mask_columns(columns: Mapping[str, ColumnStatistics], sensitive: Collection[str]) -> dict[str, ColumnStatistics]:
    """Return the statistics of a split's columns, the sensitive ones masked."""
    return {name: mask_column(column) if name in sensitive else column for name, column in columns.items()}


def mask_row(row: Mapping[str, Any], sensitive: Collection[str]) -> dict[str, Any]:
    """Return a row with MASK in place of the sensitive values that it has; what is missing stays missing."""
    return {name: MASK if name in sensitive and value is not None else value for name, value in row.items()}


def mask_slice(name: str, sensitive: Collection[str]) -> str:
    """Return a slice's name (`origin=EWR`) with MASK in place of the value of a sensitive column."""
    column, _, value = name.partition("=")
    return f"{column}={MASK}" if value and column in sensitive else name
