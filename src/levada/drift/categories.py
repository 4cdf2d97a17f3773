"""Distributions over categories: shares of values, some of which may not be listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

LISTED = 1000
"""Of a larger vocabulary, the values that are compared one by one; the others count as one."""
CELLS = 50
"""Cells into which categories are put for PSI, Jensen-Shannon and chi-squared: the largest, and one for all others."""
EXPECTED = 20
"""Rows that a cell of the chi-squared test must have in expectation on either side."""
SEEN_TWICE = 5.0
"""Rows of a sample that a value not seen twice in it may stand for."""


@dataclass(frozen=True)
class Categories:
    """Shares of the listed values, and how many values they rest on; `complete` if there are no others."""

    shares: Mapping[Any, float]
    values: int
    complete: bool

    @staticmethod
    def of_counts(counts: list[tuple[Any, int]], total: int, values: int) -> Categories:
        """Return the distribution of values counted most frequent first; `total` counts those not listed too."""
        listed = counts[:LISTED]
        complete = len(listed) == len(counts) and sum(count for _, count in counts) >= total
        return Categories({value: count / total for value, count in listed}, values, complete)

    @property
    def floor(self) -> float:
        """The share that a value which is not listed can have at most."""
        if self.complete:
            return 0.0
        return min(self.shares.values(), default=min(1.0, SEEN_TWICE / self.values))


@dataclass(frozen=True)
class Paired:
    """The shares of the same categories on two sides, float64; what is left of either is its rest.

    A value that one side lists and the other may have without listing it gets the same share there, up to what it can
    have at most: differences are never overstated.
    """

    categories: list[Any]
    baseline: Floats
    current: Floats

    @staticmethod
    def of(baseline: Categories, current: Categories) -> Paired:
        import numpy as np

        categories = list(dict.fromkeys([*baseline.shares, *current.shares]))
        sides: list[list[float]] = []
        for one, other in ((baseline, current), (current, baseline)):
            floor = one.floor
            sides.append(
                [one.shares[value] if value in one.shares else min(other.shares[value], floor) for value in categories]
            )
        return Paired(categories, np.asarray(sides[0], np.float64), np.asarray(sides[1], np.float64))

    def cells(self) -> tuple[Floats, Floats]:
        """Return the shares of the largest categories and, in a last cell, of all others."""
        import numpy as np

        order = np.argsort(-(self.baseline + self.current), kind="stable")[: CELLS - 1]
        return _with_rest(self.baseline[order]), _with_rest(self.current[order])

    def tested_cells(self, baseline_values: int, current_values: int) -> tuple[Floats, Floats]:
        """Return counts in cells that all have at least `EXPECTED` in expectation; rare categories are pooled.

        The pooling looks at both sides together, never at how they differ, so that it does not bias the test.
        """
        import numpy as np

        both = baseline_values + current_values
        pooled = (self.baseline * baseline_values + self.current * current_values) / both
        smaller = min(baseline_values, current_values)
        order = np.argsort(-pooled, kind="stable")[: CELLS - 1]
        kept = order[pooled[order] * smaller >= EXPECTED]
        base, now = _with_rest(self.baseline[kept]), _with_rest(self.current[kept])
        rest = (base[-1] * baseline_values + now[-1] * current_values) / both
        if rest * smaller < EXPECTED and len(kept):
            base, now = _merged(base), _merged(now)
        return base * baseline_values, now * current_values


def _with_rest(shares: Floats) -> Floats:
    import numpy as np

    return np.append(shares, max(0.0, 1.0 - float(shares.sum())))


def _merged(shares: Floats) -> Floats:
    """Return shares with the last two cells as one."""
    import numpy as np

    return np.append(shares[:-2], shares[-2] + shares[-1])
