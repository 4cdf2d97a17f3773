"""Numbers in order: quantiles, histograms and the most frequent, of counted values or of a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.summaries import Histogram, Lengths
from levada.profiling.accumulators import Extent, Sample
from levada.profiling.arrays import arrow_of, numpy_of
from levada.profiling.distinct import Distinct, rank

if TYPE_CHECKING:
    import numpy as np

STEPS = (10, 20, 50, 100, 200, 500, 1000)
BINS = 50
WIDE = ((20_000, 10), (2_000, 50), (200, 200), (0, 1000))
"""With more columns than the first, at most so many quantile steps: wide tables stay small."""
TAIL = 0.01
WHOLE_BELOW = 2.0**53


@dataclass(frozen=True)
class Ordered:
    """Different finite numbers, rising, how often each was seen, and how many values of the column that stands for."""

    values: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]
    scale: float = 1.0

    @staticmethod
    def of(values: Any, counts: Any, scale: float = 1.0) -> Ordered:
        """Return different values with their counts in order, without infinities."""
        import numpy as np

        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            values, counts = values[finite], counts[finite]
        order = np.argsort(values)
        return Ordered(values[order], counts[order], scale)

    @staticmethod
    def of_sample(sample: Sample, total: int) -> Ordered:
        """Return what a sample of `total` values holds."""
        import numpy as np

        if not len(sample):
            return Ordered(np.empty(0), np.empty(0, np.int64))
        ordered = np.sort(np.concatenate(sample.parts))
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        counts = np.diff(np.append(starts, len(ordered)))
        return Ordered(ordered[starts], counts, total / len(ordered))

    def quantiles(self, steps: int, extent: Extent) -> list[Any]:
        """Return the values at 0, 1/n, ... 1: the least value that at least this share of values does not exceed.

        This is definition 1 of R. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American
        Statistician 50 (1996). The first and the last are the true extremes.
        """
        import numpy as np

        if not len(self.values):
            return []
        ends = np.cumsum(self.counts)
        shares = np.arange(steps + 1) / steps
        places = np.searchsorted(ends, np.maximum(np.ceil(shares * ends[-1] - 1e-9), 1))
        found = self.values[places].tolist()
        return [extent.min, *found[1:-1], extent.max]

    def histogram(self, extent: Extent, is_whole: bool) -> Histogram | None:
        """Return a histogram; `is_whole` makes whole numbers of its edges.

        It has about 2 n^(1/3) bins (Rice's rule), at most 50. They divide what lies between the quantiles 0.01 and 0.99
        and half as much again on either side; the first and the last reach out to what lies beyond.
        """
        import numpy as np

        if not len(self.values):
            return None
        ends = np.cumsum(self.counts)
        total = int(ends[-1])
        bins = max(1, min(BINS, math.ceil(2 * (total * self.scale) ** (1 / 3))))
        low, high = (
            float(self.values[np.searchsorted(ends, max(math.ceil(share * total), 1))]) for share in (TAIL, 1 - TAIL)
        )
        edges = _edges(low, high, float(extent.min), float(extent.max), bins, is_whole)
        places = np.searchsorted(self.values, np.asarray(edges[1:-1]))
        below = np.concatenate([[0], ends])[np.concatenate([[0], places, [len(ends)]])]
        counts = np.diff(below)
        return Histogram(tuple(edges), tuple(_scaled(count, self.scale) for count in counts.tolist()))

    def top(self, number: int) -> list[tuple[Any, int]]:
        """Return the most frequent values of a sample (seen twice or more), with counts scaled to the column."""
        often = self.counts > 1
        ranked = rank(arrow_of(self.values[often]), self.counts[often], number)
        return [(value, round(count * self.scale)) for value, count in ranked]


def ordered(distinct: Distinct, sample: Sample, total: int) -> Ordered:
    """Return the numbers of a column in order: those counted each, else its sample of `total` values."""
    if distinct.is_exact and distinct.values is not None:
        return Ordered.of(numpy_of(distinct.values), distinct.counts)
    return Ordered.of_sample(sample, total)


def steps_for(values: int, columns: int) -> int:
    """Return how many steps the quantiles of so many values should have, in a table of so many columns."""
    most = next(steps for more, steps in WIDE if columns > more)
    return min(most, next((steps for steps in STEPS if steps >= values), STEPS[-1]))


def lengths_of(ordered: Ordered, extent: Extent) -> Lengths | None:
    """Return lengths, with their histogram."""
    if not extent.count:
        return None
    return Lengths(extent.min, extent.max, extent.sum / extent.count, ordered.histogram(extent, is_whole=True))


def _scaled(count: int, scale: float) -> float:
    return count if scale == 1 else round(count * scale, 2)


def _edges(low: float, high: float, least: float, greatest: float, bins: int, is_whole: bool) -> list[float]:
    """Return edges that rise strictly from `least` to `greatest` (or just above, where they are whole numbers)."""
    margin = high / 2 - low / 2
    start, stop = max(least, low - margin), min(greatest, high + margin)
    if not start < stop:
        start, stop = least, greatest
    if is_whole and abs(least) < WHOLE_BELOW and abs(greatest) < WHOLE_BELOW:
        start = math.floor(start)
        width = max(math.ceil((stop - start + 1) / bins), 1)
        bins = max(math.ceil((stop - start + 1) / width), 1)
        inner = [float(start + width * number) for number in range(bins + 1)]
        # What lies beyond belongs to the first and the last bin.
        inner[0], inner[-1] = min(inner[0], least), max(inner[-1], greatest)
        return inner
    share = stop / bins - start / bins  # not (stop - start) / bins, which may overflow
    cuts = [start + share * number for number in range(1, bins)]
    rising = [least]
    for cut in cuts:
        if rising[-1] < cut < greatest:
            rising.append(cut)
    if greatest > least:
        return [*rising, greatest]
    return [least, least + 1] if least + 1 > least else sorted([least, math.nextafter(least, 0.0)])
