"""How far apart two sides are, column by column: the order in which a comparison shows them.

What was tested, with thresholds, is said by whoever tested it (a drift report); without one this is a distance alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from levada.artifacts.statistics import ColumnStatistics
from levada.reports.shapes import Curves, Shape, shape_of
from levada.reports.sides import Side, column_names

BINS = 32
VALUES = 200


@dataclass(frozen=True)
class Difference:
    """How far a column moved: `apart` from 0 (not at all) on, what to say of it, and whether it is an alarm."""

    apart: float
    text: str
    alarm: bool = False


def differences(left: Side, right: Side) -> Mapping[str, Difference]:
    """Return how far each column moved from one side to the other, as a Jensen-Shannon distance."""
    found: dict[str, Difference] = {}
    for name in column_names([left, right]):
        before, after = left.columns.get(name), right.columns.get(name)
        if before is None or after is None:
            found[name] = Difference(1.0, "on one side only")
        else:
            distance = _distance(before, after)
            found[name] = Difference(distance, f"distance {distance:.3f}")
    return found


def _distance(before: ColumnStatistics, after: ColumnStatistics) -> float:
    """Return the Jensen-Shannon distance of two columns, from 0 to 1, over the same bins or values.

    The square root of the divergence in bits (Endres and Schindelin 2003); what is missing counts as a value.
    """
    if not before.rows or not after.rows:
        return 0.0 if before.rows == after.rows else 1.0
    shape = shape_of([before, after], BINS, VALUES)
    parts: list[list[float]] = []
    for place, column in enumerate((before, after)):
        shares = [share or 0.0 for share in shape.shares[place] or ()] + _beyond(shape, place) if shape else []
        present = 1 - column.missing_share
        parts.append([column.missing_share, *(share * present for share in shares)])
    longest = max(map(len, parts))
    parts = [part + [0.0] * (longest - len(part)) for part in parts]  # a side without values is in no bin
    return math.sqrt(sum(_divergence(p, q) for p, q in zip(*parts, strict=True)))


def _beyond(shape: Shape, place: int) -> list[float]:
    return [shape.below[place], shape.above[place]] if isinstance(shape, Curves) else [shape.rest[place]]


def _divergence(p: float, q: float) -> float:
    middle = (p + q) / 2
    return max(sum(part / 2 * math.log2(part / middle) for part in (p, q) if part > 0), 0.0)
