"""How the values of a column are spread: the share of them below any value, from whatever the statistics hold.

Three things tell it, the best first: the counts of all values where each was counted, a histogram, the quantiles.
Times are seconds since 1970 (or since midnight), so that they can be drawn like numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import accumulate, pairwise
from typing import Any, Literal

from levada.artifacts.statistics import ColumnStatistics
from levada.artifacts.summaries import Histogram

Axis = Literal["number", "time", "clock"]

MARGIN = 0.5
"""Half the distance of two whole numbers: bins of whole numbers begin between two of them."""


@dataclass(frozen=True)
class Spread:
    """A distribution function: `levels[i]` is the share of values up to `points[i]`; points rise, and may repeat."""

    points: tuple[float, ...]
    levels: tuple[float, ...]

    def below(self, value: float) -> float:
        """Return the share of values that are less than `value`; between two points values are spread evenly."""
        place = bisect_left(self.points, value)
        if place == 0:
            return 0.0
        if place == len(self.points):
            return 1.0
        right = self.points[place]
        if right == value:
            return self.levels[place]
        left, low, high = self.points[place - 1], self.levels[place - 1], self.levels[place]
        return low + (high - low) * (value - left) / (right - left)

    def value(self, share: float) -> float:
        """Return the value below which a share of all values lies."""
        place = bisect_left(self.levels, share)
        if place == 0:
            return self.points[0]
        if place == len(self.levels):
            return self.points[-1]
        low, high = self.levels[place - 1], self.levels[place]
        left, right = self.points[place - 1], self.points[place]
        return right if high == low else left + (right - left) * (share - low) / (high - low)

    def within(self, edges: list[float]) -> list[float]:
        """Return the share of values between each two neighbours of `edges`; the last bin has its upper edge."""
        levels = [self.below(edge) for edge in edges]
        if edges[-1] >= self.points[-1]:
            levels[-1] = 1.0
        return [high - low for low, high in pairwise(levels)]


def spread_of(column: ColumnStatistics) -> Spread | None:
    """Return how the numbers or times of a column are spread; None for a column that has neither."""
    if column.kind not in ("numeric", "timestamp", "list"):
        return None
    try:
        if is_counted(column):
            return _of_counts(sorted((_number(value), count) for value, count in column.top))
        tick = column.times.tick if column.times is not None else 1.0
        if column.histogram is not None and column.histogram.counts:
            greatest = _number(column.max) if column.is_integer and column.max is not None else None
            return of_histogram(column.histogram, tick, greatest)
        return _of_quantiles([_number(value) for value in column.quantiles])
    except (ValueError, TypeError, OverflowError):  # a time that the calendar does not know; items that are text
        return None


def is_counted(column: ColumnStatistics) -> bool:
    """Whether the most frequent values are all the values that there are."""
    return column.exact and bool(column.top) and column.distinct <= len(column.top) and not column.infinite


def of_histogram(histogram: Histogram, tick: float = 1.0, greatest: float | None = None) -> Spread | None:
    """Return the spread of a histogram whose edges are so many `tick`s; None if nothing was counted.

    With the `greatest` value it is one of whole numbers: they are spread around where they are, not up to the next.
    """
    total = sum(histogram.counts)
    if not total:
        return None
    levels = [0.0, *(part / total for part in accumulate(histogram.counts))]
    points = [edge * tick for edge in histogram.edges]
    if greatest is not None:
        last = points[-1] - MARGIN if points[-1] > greatest else greatest + MARGIN
        points = [*(point - MARGIN for point in points[:-1]), last]
    return Spread(tuple(points), (*levels[:-1], 1.0))


def _of_quantiles(points: list[float]) -> Spread | None:
    if not points:
        return None
    steps = max(len(points) - 1, 1)
    return Spread(tuple(points), tuple(place / steps for place in range(len(points))))


def _of_counts(counts: Iterable[tuple[float, int]]) -> Spread:
    pairs = list(counts)
    total = sum(count for _, count in pairs)
    points: list[float] = []
    levels: list[float] = []
    seen = 0
    for value, count in pairs:
        points += [value, value]
        levels += [seen / total, (seen + count) / total]
        seen += count
    return Spread(tuple(points), tuple(levels))


def axis_of(column: ColumnStatistics) -> Axis:
    """Return what the numbers of a column's spread are."""
    if column.kind != "timestamp":
        return "number"
    return "clock" if _is_clock(str(column.min)) else "time"


def _number(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if _is_clock(value):
        moment = time.fromisoformat(value)
        return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_clock(text: str) -> bool:
    return text[:1].isdigit() and text[2:3] == ":"
