"""What a report puts side by side: the splits of one data set, or the same split of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levada.artifacts.statistics import ColumnStatistics, Statistics


@dataclass(frozen=True)
class Side:
    """Some rows under a label that people read, with the statistics of their columns."""

    label: str
    rows: int
    columns: Mapping[str, ColumnStatistics]


def side_of(statistics: Statistics, split: str, label: str = "", slice: str | None = None) -> Side:
    """Return a split, or a slice of it, as a side, called so unless there is another label.

    Raises DataError if there is no such split or slice.
    """
    return Side(label or slice or split, statistics.rows(split, slice), statistics.columns(split, slice))


def sides_of(statistics: Statistics, splits: Sequence[str] | None = None) -> list[Side]:
    """Return the splits of statistics (all of them if none are named) as sides. Raises DataError for an unknown one."""
    return [side_of(statistics, split) for split in (statistics.splits if splits is None else splits)]


def column_names(sides: Sequence[Side]) -> list[str]:
    """Return the names of all columns: in the first side's order, then those that only others have."""
    return list(dict.fromkeys(name for side in sides for name in side.columns))
