"""How far apart two sides are, column by column: the order in which a comparison shows them.

A drift report says what was tested, with limits and chance allowed for. Without one this is a distance alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from levada.artifacts.drift import ColumnDrift, Drift, Verdict
from levada.artifacts.statistics import ColumnStatistics
from levada.reports.shapes import Bars, Curves, Shape, is_unrepeated, lengths, shape_of
from levada.reports.sides import Side, column_names

MEASURES = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
    "wasserstein": "Wasserstein",
    "l_infinity": "L-infinity",
}
"""Distances by the names that people know."""

BINS = 32
VALUES = 200


@dataclass(frozen=True)
class Difference:
    """How far a column moved: `apart` from 0 (not at all) on, in words `text`, and the verdict on it.

    `sentence` says more, where somebody judged it. `slice` names the rows if they are only some (`origin=EWR`).
    """

    column: str
    apart: float
    text: str
    verdict: Verdict = "none"
    sentence: str = ""
    slice: str = ""

    @property
    def label(self) -> str:
        """The column, and the slice where it is one of a slice."""
        return f"{self.column} in {self.slice}" if self.slice else self.column


def of_drift(drift: Drift, sensitive: Collection[str] = ()) -> list[Difference]:
    """Return what a drift report found, the worst first.

    Of a sensitive column without the sentence on its values; slices by such a column, which name one, are left out.
    """
    shown = [found for found in drift.columns if not any(f"{name}=" in found.slice for name in sensitive)]
    return [_of_column(found, found.column in sensitive) for found in shown]


def _of_column(found: ColumnDrift, is_hidden: bool) -> Difference:
    distance = found.distances.get(found.measure)
    measure = MEASURES.get(found.measure, found.measure.replace("_", " "))
    text = f"{measure} {distance:.3f}" if distance is not None else ""
    if not found.judged:
        text = "not judged"
    sentence = "" if is_hidden else found.sentence.removeprefix(f"{found.label}: ")
    return Difference(found.column, found.effect, text or found.verdict, found.verdict, sentence, found.slice)


def by_distance(left: Side, right: Side) -> list[Difference]:
    """Return how far each column moved from one side to the other as a Jensen-Shannon distance, the farthest first."""
    return sorted(_by_distance(left, right), key=lambda found: -found.apart)


def by_column(found: Collection[Difference]) -> Mapping[str, Difference]:
    """Return the difference of each column, in all rows."""
    return {each.column: each for each in found if not each.slice}


def _by_distance(left: Side, right: Side) -> Iterator[Difference]:
    for name in column_names([left, right]):
        before, after = left.columns.get(name), right.columns.get(name)
        if before is None or after is None:
            yield Difference(name, 1.0, "on one side only")
        else:
            distance = _distance(before, after)
            yield Difference(name, distance, f"distance {distance:.3f}")


def _distance(before: ColumnStatistics, after: ColumnStatistics) -> float:
    """Return the Jensen-Shannon distance of two columns, from 0 to 1, over the same bins or values.

    The square root of the divergence in bits (Endres and Schindelin 2003); what is missing counts as a value.
    """
    if not before.rows or not after.rows:
        return 0.0 if before.rows == after.rows else 1.0
    shape = _comparable(before, after)
    parts: list[list[float]] = []
    for place, column in enumerate((before, after)):
        shares = [share or 0.0 for share in shape.shares[place] or ()] + _beyond(shape, place) if shape else []
        present = 1 - column.missing_share
        parts.append([column.missing_share, *(share * present for share in shares)])
    longest = max(map(len, parts))
    parts = [part + [0.0] * (longest - len(part)) for part in parts]  # a side without values is in no bin
    return math.sqrt(sum(_divergence(p, q) for p, q in zip(*parts, strict=True)))


def _comparable(before: ColumnStatistics, after: ColumnStatistics) -> Shape | None:
    """Return what both columns have: of identifiers and free text the lengths, of words those counted on both sides."""
    if is_unrepeated(before) and is_unrepeated(after):
        return lengths([before, after], BINS)
    shape = shape_of([before, after], BINS, VALUES)
    if not isinstance(shape, Bars) or any(part is None for part in shape.shares):
        return shape
    sides = [part or [] for part in shape.shares]
    known = [pair for pair in zip(*sides, strict=True) if None not in pair]
    shares = [[pair[place] for pair in known] for place in (0, 1)]
    rest = [1 - sum(share or 0.0 for share in part) for part in shares]
    return Bars([], [*shares], rest, 0)


def _beyond(shape: Shape, place: int) -> list[float]:
    return [shape.below[place], shape.above[place]] if isinstance(shape, Curves) else [shape.rest[place]]


def _divergence(p: float, q: float) -> float:
    middle = (p + q) / 2
    return max(sum(part / 2 * math.log2(part / middle) for part in (p, q) if part > 0), 0.0)
