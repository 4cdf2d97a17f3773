"""Rows in groups: each row in one of them or in none, and what is summed over them.

Sums are over cells: the groups themselves, or the blocks of rows within each that a bootstrap draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RESAMPLES = 400
BLOCKS = 2_048
"""How many random blocks of rows are drawn from; the standard error of so many is exact to 1.6 %."""

_CELLS = 1 << 22
"""Numbers that a table of sums may have at a time."""


@dataclass(frozen=True)
class Cells:
    """Some rows (their places), the cell of each, and how many cells there are."""

    rows: Array | slice
    cell: Array
    count: int

    def total(self, values: Array) -> Array:
        """Return the sum of a value a row (an array over all rows, not only these) in each cell."""
        import numpy as np

        return np.bincount(self.cell, weights=values[self.rows], minlength=self.count)

    def by_class(self, classes: Array, number: int, weights: Array | None = None) -> Array:
        """Return how many rows of each class (0 to `number` - 1) are in each cell, of shape (number, cells)."""
        import numpy as np

        places = self.cell * number + classes[self.rows]
        found = np.bincount(
            places, weights=None if weights is None else weights[self.rows], minlength=self.count * number
        )
        return found.reshape(self.count, number).T.astype(np.float64)


_SERIALS = itertools.count()


class Groups:
    """Rows in `count` groups: `codes` has the group of each row, -1 for none. `serial` tells them from all others."""

    def __init__(self, codes: Array, count: int) -> None:
        self.codes = codes
        self.count = count
        self.serial = next(_SERIALS)

    @staticmethod
    def whole(rows: int) -> Groups:
        """Return all rows as one group."""
        import numpy as np

        return Groups(np.zeros(rows, np.int64), 1)

    @cached_property
    def sizes(self) -> Array:
        """How many rows each group has."""
        import numpy as np

        return np.bincount(self.codes[self.codes >= 0], minlength=self.count)

    @cached_property
    def _order(self) -> tuple[Array, Array]:
        """The rows that are in a group, group by group, and where each group begins (and the last ends)."""
        import numpy as np

        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(self.sizes)
        outside = len(self.codes) - int(ends[-1]) if len(ends) else 0
        return order[outside:], np.concatenate([[0], ends])

    def rows_of(self, group: int) -> Array:
        """Return the places of a group's rows, in order."""
        order, begins = self._order
        return order[begins[group] : begins[group + 1]]

    def cells(self) -> Cells:
        """Return the groups as cells."""
        if self.count == 1 and int(self.sizes[0]) == len(self.codes):
            return Cells(slice(None), self.codes, 1)
        order, _ = self._order
        return Cells(order, self.codes[order], self.count)

    def totals(self, values: Array) -> Array:
        """Return the sum of a value a row in each group."""
        return self.cells().total(values)


class Bootstrap:
    """A Poisson bootstrap over random blocks of rows: the same blocks, drawn equally often, for all that is measured.

    With no more rows than `BLOCKS` a block is a row. With more, sums over blocks of equal chance vary as sums over rows
    do (the variance of a mean over blocks estimates that over rows without bias), and cost a matrix product instead of
    a pass a resample. Drawing a block as often as a Poisson number of mean 1 is drawing with replacement where nothing
    but ratios of sums is looked at (J. A. Hanley and B. MacGibbon, Computer Methods and Programs in Biomedicine 83,
    2006).
    """

    def __init__(self, rows: int, seed: int = 0) -> None:
        import numpy as np

        random = np.random.default_rng(seed)
        self._blocks = min(rows, BLOCKS)
        few = rows <= BLOCKS
        self._block = np.arange(rows) if few else random.integers(0, BLOCKS, rows, dtype=np.int64)
        self._drawn = random.poisson(1.0, (RESAMPLES, self._blocks)).astype(np.float64)

    def replicates(
        self, groups: Groups, parts: int, sums: Callable[[Cells], Array], of: Callable[[Array], Array]
    ) -> Array:
        """Return a statistic of each group in each resample, of shape (resamples, groups).

        `sums` gives what the statistic is made of, `parts` numbers a cell, as (parts, cells), and `of` the statistic of
        such sums, over all further axes.
        """
        import numpy as np

        found: list[Array] = []
        for first, cells in self._cells(groups, parts):
            count = min(first + self._at_once(parts), groups.count) - first
            table = sums(cells).reshape(parts * count, self._blocks)
            drawn = (self._drawn @ table.T).reshape(RESAMPLES, parts, count)
            found.append(of(np.moveaxis(drawn, 1, 0)))
        return np.concatenate(found, axis=1)

    def _at_once(self, parts: int) -> int:
        return max(1, _CELLS // (parts * max(self._blocks, 1)))

    def _cells(self, groups: Groups, parts: int) -> Iterator[tuple[int, Cells]]:
        """Yield the blocks of so many groups at a time as cells, each with its first group."""
        at_once = self._at_once(parts)
        cells = groups.cells()
        if groups.count <= at_once:
            yield 0, Cells(cells.rows, cells.cell * self._blocks + self._block[cells.rows], groups.count * self._blocks)
            return
        order, begins = groups._order  # pyright: ignore[reportPrivateUsage]
        for first in range(0, groups.count, at_once):
            last = min(first + at_once, groups.count)
            rows = order[begins[first] : begins[last]]
            cell = (groups.codes[rows] - first) * self._blocks + self._block[rows]
            yield first, Cells(rows, cell, (last - first) * self._blocks)
