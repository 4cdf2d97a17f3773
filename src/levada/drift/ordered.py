"""Distributions of numbers and times, known exactly or within bounds.

A stored profile has quantiles, not rows: of K steps, the i-th is the least value x with F(x) >= i/K. That bounds the
distribution function F within 1/K at every x, and all that is said here of F comes with those bounds. Where
every value is counted, or rows are given, the bounds meet and F is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from levada.artifacts.summaries import Histogram

    Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Heights:
    """What is known of a distribution function at some places: at least `low`, at most `high`, about `likely`."""

    low: Floats
    high: Floats
    likely: Floats


@dataclass(frozen=True)
class Ordered:
    """The distribution function F of a column: what is known of it at rising `points`, float64.

    `before` is F just below each point, `at` is F there. `values` is the number of values that it rests on.
    """

    points: Floats
    before: Heights
    at: Heights
    values: int

    @staticmethod
    def of_quantiles(quantiles: Floats, values: int) -> Ordered:
        """Return what K + 1 quantiles (the values at 0, 1/K, ... 1) say: F within 1/K."""
        import numpy as np

        steps = max(len(quantiles) - 1, 1)
        points, first = np.unique(quantiles, return_index=True)
        last = np.append(first[1:], len(quantiles)) - 1
        repeated = last > first
        before_high, at_low = first / steps, last / steps
        before_low, at_high = np.maximum(first - 1, 0) / steps, np.minimum(last + 1, steps) / steps
        # A value that fills several steps begins within the step before and ends within the one after.
        before = np.where(repeated, (before_low + before_high) / 2, before_high)
        at = np.where(repeated, (at_low + at_high) / 2, at_low)
        return Ordered(
            points, Heights(before_low, before_high, before), Heights(at_low, at_high, np.append(at[:-1], 1.0)), values
        )

    @staticmethod
    def of_counts(points: Floats, counts: Floats) -> Ordered:
        """Return the exact distribution of rising values that were counted."""
        import numpy as np

        ends = np.cumsum(counts)
        at = ends / ends[-1]
        before = np.append(0.0, at[:-1])
        return Ordered(points, Heights(before, before, before), Heights(at, at, at), int(ends[-1]))

    @staticmethod
    def of_values(values: Floats) -> Ordered:
        """Return the exact distribution of finite values, in any order; there is at least one."""
        import numpy as np

        ordered = np.sort(values)
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        return Ordered.of_counts(ordered[first], np.diff(np.append(first, len(ordered))).astype(np.float64))

    @staticmethod
    def of_histogram(histogram: Histogram, values: int) -> Ordered:
        """Return what a histogram says: F is exact just below each edge, and between two edges within their bin."""
        import numpy as np

        edges = np.asarray(histogram.edges, np.float64)
        ends = np.append(0.0, np.cumsum(np.asarray(histogram.counts, np.float64)))
        below = ends / ends[-1] if ends[-1] else np.linspace(0.0, 1.0, len(ends))
        above = np.append(below[1:], 1.0)
        before = np.append(below[:-1], below[-2] if len(below) > 1 else 0.0)  # the last bin holds its upper edge
        at = np.append(below[:-1], 1.0)
        return Ordered(edges, Heights(before, below, np.append(below[:-1], 1.0)), Heights(at, above, at), values)

    def over(self, places: Floats) -> tuple[Heights, Heights]:
        """Return F at rising places and just below them; all points are among the places."""
        import numpy as np

        if self.at.low is not self.at.high:
            return self.at_places(places), self.before_places(places)
        at = np.zeros(len(places))
        at[np.searchsorted(places, self.points)] = self.at.likely
        at = np.maximum.accumulate(at)  # exact: nothing happens between points
        before = np.append(0.0, at[:-1])
        return Heights(at, at, at), Heights(before, before, before)

    def at_places(self, places: Floats) -> Heights:
        """Return F at any places."""
        import numpy as np

        below = np.searchsorted(self.points, places, "right") - 1
        on = (below >= 0) & (self.points[np.maximum(below, 0)] == places)
        return self._chosen(places, below, on, self.at, below)

    def before_places(self, places: Floats) -> Heights:
        """Return F just below any places."""
        import numpy as np

        below = np.searchsorted(self.points, places, "left") - 1
        above = np.minimum(below + 1, len(self.points) - 1)
        return self._chosen(places, below, self.points[above] == places, self.before, above)

    def _chosen(self, places: Floats, below: Any, on: Any, there: Heights, index: Any) -> Heights:
        """Return the heights of points where places are `on` one, else what the points on either side leave open."""
        import numpy as np

        above, last = np.minimum(below + 1, len(self.points) - 1), len(self.points) - 1
        low = np.where(below < 0, 0.0, self.at.low[below])
        high = np.where(below == last, 1.0, self.before.high[above])
        start = np.where(below < 0, 0.0, self.at.likely[below])
        end = np.where(below == last, 1.0, self.before.likely[above])
        left, right = self.points[below] / 2, self.points[above] / 2  # halves: their difference is finite
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(right > left, np.clip((places / 2 - left) / (right - left), 0.0, 1.0), 0.0)
        inside = (below >= 0) & (below < last)
        between = np.where(inside, start + (end - start) * part, np.where(below < 0, 0.0, 1.0))
        return Heights(
            np.where(on, there.low[index], low),
            np.where(on, there.high[index], high),
            np.where(on, there.likely[index], between),
        )

    def cuts(self, parts: int) -> Floats:
        """Return the values that cut the column into about equal `parts`; fewer where one value fills more than one."""
        import numpy as np

        shares = np.arange(1, parts) / parts
        places = np.searchsorted(self.at.likely, shares - 1e-9)
        return np.unique(self.points[np.minimum(places, len(self.points) - 1)])

    @property
    def spread(self) -> float:
        """The standard deviation, roughly: of the points, each with its share."""
        import numpy as np

        weights = np.maximum(np.diff(np.append(0.0, self.at.likely)), 0.0)
        size = max(float(np.abs(self.points).max()), 1e-300)
        scaled = self.points / size
        mean = float(np.average(scaled, weights=weights))
        return size * float(np.sqrt(np.average((scaled - mean) ** 2, weights=weights)))
