"""The picture of a column across sides: curves over a common range, or bars of its most frequent values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from levada import html
from levada.artifacts.statistics import ColumnStatistics, Value
from levada.artifacts.summaries import Lengths
from levada.reports.shares import MARGIN, Axis, Spread, axis_of, is_counted, of_histogram, spread_of

FEW = 12
"""A column of so many different numbers is drawn value by value."""

_EDGE = 0.005  # the share of values at each end that a picture may leave out,
_FAR = 3.0  # if without them it is so many times narrower
_ROOM = 0.1  # and how far beyond them it still reaches

Columns = Sequence[ColumnStatistics | None]


@dataclass(frozen=True)
class Curves:
    """Histograms over the same bins: for each side the share of its values in each, None for a side without values.

    `below` and `above` are the shares of values that lie outside the edges. `whole` says that there are only whole
    numbers: then edges are in the middle between two of them.
    """

    axis: Axis
    edges: list[float]
    shares: list[list[float] | None]
    below: list[float]
    above: list[float]
    whole: bool = False


@dataclass(frozen=True)
class Bars:
    """The most frequent values with the share that each has of a side's values; `rest` is the share of all others.

    A share is None where a value is not among the most frequent of its side, and nobody knows how often it is there.
    """

    labels: list[str]
    shares: list[list[float | None] | None]
    rest: list[float]
    others: int

    @property
    def greatest(self) -> float:
        """The greatest share that a value has."""
        return max((share or 0.0 for part in self.shares for share in part or ()), default=0.0) or 1.0


Shape = Curves | Bars


def shape_of(columns: Columns, bins: int, values: int) -> Shape | None:
    """Return the picture of a column, of at most so many bins or values; None if there is nothing to draw."""
    present = [column for column in columns if column is not None and column.values]
    if not present:
        return None
    by_value = all(column.kind in ("string", "boolean", "bytes", "other", "empty") for column in present)
    few = all(is_counted(column) and column.distinct <= FEW for column in present)
    if not by_value and not few:
        return curves([spread_of(column) if column is not None else None for column in columns], present[0], bins)
    if all(is_unrepeated(column) for column in present):
        return lengths(columns, bins) or bars(columns, values)
    return bars(columns, values)


def is_unrepeated(column: ColumnStatistics) -> bool:
    """Whether almost every value of a column of text is another: which is the most frequent says nothing."""
    return column.kind == "string" and column.distinct > FEW and column.distinct > 0.9 * column.values


def lengths(columns: Columns, bins: int) -> Curves | None:
    """Return the picture of the lengths of texts, lists or binary values; None if all are of one length."""
    return of_lengths([column.lengths if column is not None else None for column in columns], bins)


def of_lengths(found: Sequence[Lengths | None], bins: int) -> Curves | None:
    """Return the picture of lengths; None if all are the same."""
    known = [each for each in found if each is not None]
    if len({size for each in known for size in (each.min, each.max)}) < 2:
        return None
    spreads = [of_histogram(each.histogram, 1.0, each.max) if each and each.histogram else None for each in found]
    return curves(spreads, None, bins, whole=True)


def curves(
    spreads: Sequence[Spread | None], column: ColumnStatistics | None, bins: int, *, whole: bool = False
) -> Curves | None:
    """Return histograms of spreads over the same bins; `whole` says that there are whole numbers only."""
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return None
    axis = axis_of(column) if column is not None else "number"
    whole = whole or (column is not None and column.is_integer)
    low, high = _range(known)
    edges = _whole_edges(low, high, bins) if whole else _edges(low, high, bins)
    shares = [spread.within(edges) if spread is not None else None for spread in spreads]
    below = [spread.below(edges[0]) if spread is not None else 0.0 for spread in spreads]
    above = [
        max(1 - below[place] - sum(part or []), 0.0) if part is not None else 0.0 for place, part in enumerate(shares)
    ]
    return Curves(axis, edges, shares, below, [part if part > 1e-9 else 0.0 for part in above], whole)


def _range(spreads: Sequence[Spread]) -> tuple[float, float]:
    """Return the range to draw: all of it, or without the ends where a few values lie far out."""
    low, high = min(spread.points[0] for spread in spreads), max(spread.points[-1] for spread in spreads)
    left = min(spread.value(_EDGE) for spread in spreads)
    right = max(spread.value(1 - _EDGE) for spread in spreads)
    inner = right - left
    if inner > 0 and high - low > _FAR * inner:
        return max(low, left - _ROOM * inner), min(high, right + _ROOM * inner)
    return low, high


def _edges(low: float, high: float, bins: int) -> list[float]:
    if not high > low:
        width = abs(low) * 1e-3 or 1.0
        return [low - width / 2, low + width / 2]
    step = (high - low) / bins
    return [low + step * place for place in range(bins)] + [high]


def _whole_edges(low: float, high: float, bins: int) -> list[float]:
    """Return edges between whole numbers, equally far apart: no bin has one number more than its neighbour."""
    first = math.ceil(low)
    last = max(math.floor(high), first)
    step = max(1, -(-(last - first + 1) // bins))
    count = -(-(last - first + 1) // step)
    return [first - MARGIN + step * place for place in range(count + 1)]


def bars(columns: Columns, most: int) -> Bars | None:
    """Return the most frequent values of all sides, by the largest share that a side has of them; numbers in order.

    Each side's most frequent one is among them, as far as there is room.
    """
    shares: dict[Value, list[float | None]] = {}
    for place, column in enumerate(columns):
        if column is not None and column.values:
            for value, count in column.top:
                shares.setdefault(value, [_otherwise(other) for other in columns])[place] = count / column.values
    if not shares:
        return None
    by_share = sorted(shares, key=lambda value: -max(share or 0.0 for share in shares[value]))
    firsts = {column.top[0][0] for column in columns if column is not None and column.values and column.top}
    chosen = sorted(by_share, key=lambda value: value not in firsts)[:most]
    chosen.sort(key=by_share.index)
    if len(shares) <= most and all(isinstance(value, int | float) for value in shares):
        chosen = sorted(shares)  # pyright: ignore[reportArgumentType]
    drawn = [
        [shares[value][place] for value in chosen] if column is not None and column.values else None
        for place, column in enumerate(columns)
    ]
    rest = [max(1 - sum(share or 0.0 for share in part), 0.0) if part is not None else 0.0 for part in drawn]
    distinct = max(column.distinct for column in columns if column is not None)
    return Bars([_label(value) for value in chosen], drawn, rest, max(distinct - len(chosen), 0))


def _otherwise(column: ColumnStatistics | None) -> float | None:
    """Return the share of a value that is not among a column's most frequent ones."""
    return 0.0 if column is not None and (is_counted(column) or not column.values) else None


def _label(value: Any) -> str:
    if value == "":
        return "(empty)"
    return html.shown(value) if isinstance(value, float | bool) else html.shown(str(value))
