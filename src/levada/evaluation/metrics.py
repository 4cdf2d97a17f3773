"""Metrics: what they are of rows in groups, with intervals, and how much worse one model is than another.

A metric is one of a few kinds, by how its uncertainty is known:

    Rate        a share of rows          Wilson; paired: Tango
    Mean        a mean over rows         normal; paired: normal, of the differences
    Sums        a function of sums       bootstrap; paired: bootstrap, both models on the same resamples
    Absolute    sums without their sign  bootstrap, of what lies beneath (`levada.evaluation.absolute`)
    Auc         pairs of rows            DeLong, both (`levada.evaluation.auc`)
    Function    anything else            bootstrap of a sample of rows (`levada.evaluation.functions`)

None of these knows of rows that happen not to be there, so each has room for what one further row would move
(`levada.evaluation.intervals`): a model that is never wrong in 20 rows, or that differs from another in none, is not
known to be perfect, or equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from levada.evaluation.groups import Cells, Groups
from levada.evaluation.intervals import Drops, RateDrops, ScoreDrops, chance_beyond, widened, wilson
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Found(NamedTuple):
    """A metric of each group, and the ends of its interval; NaN for what cannot be said."""

    value: Array
    low: Array
    high: Array


class Metric(Protocol):
    """A metric of a task, ready to be measured."""

    @property
    def name(self) -> str: ...

    @property
    def lower_is_better(self) -> bool: ...

    @property
    def method(self) -> str:
        """Where its intervals come from, for people."""
        ...

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        """Return the metric of a model in each group, with the interval whose normal quantile is `z`."""
        ...

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        """Return how much worse the first model is than the second, in each group."""
        ...


def signed(lower_is_better: bool, new: Array, old: Array) -> Array:
    """Return how much worse `new` is than `old`."""
    return new - old if lower_is_better else old - new


@dataclass(frozen=True)
class Sums:
    """A function of sums over rows.

    `sums` gives `parts` numbers for each cell, of shape (parts, cells), and `of` the metric, over all further axes.
    `move` says by how much one row more or less may move it in each group, from the sums of the models that are
    measured or compared. It lies within `ends`.
    """

    name: str
    lower_is_better: bool
    parts: Callable[[Rows], int]
    sums: Callable[[Rows, int, Cells], Array]
    of: Callable[[Array], Array]
    move: Callable[[Rows, Groups, Mapping[int, Array]], Array]
    ends: tuple[float, float] = (0.0, float("inf"))
    method: str = "bootstrap"

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        tail = chance_beyond(z)
        value, drawn, enough = self._resampled(rows, which, groups)
        low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
        known = np.where(enough, 0.0, np.nan)
        return self.within(rows, which, groups, z, Found(value, low + known, high + known))

    def within(self, rows: Rows, which: int, groups: Groups, z: float, found: Found) -> Found:
        """Return a metric with room for rows that are not there, and no more than there can be."""
        import numpy as np

        move = self.move(rows, groups, {which: self._totals(rows, which, groups)})
        below = widened(np.maximum(found.value - found.low, 0.0), move, z)
        above = widened(np.maximum(found.high - found.value, 0.0), move, z)
        least, most = self.ends
        return Found(found.value, np.maximum(found.value - below, least), np.minimum(found.value + above, most))

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        import numpy as np

        (value, new, some), (before, old, others) = (self._resampled(rows, which, groups) for which in (0, 1))
        error = np.nanstd(np.where(some & others, new - old, 0.0), axis=0, ddof=1)
        return ScoreDrops(
            signed(self.lower_is_better, value, before),
            np.where(some & others, error, np.nan),
            self.move(rows, groups, {which: self._totals(rows, which, groups) for which in (0, 1)}),
            self.ends[1] - self.ends[0],
        )

    def _totals(self, rows: Rows, which: int, groups: Groups) -> Array:
        """Return the sums of each group, of shape (parts, groups)."""
        return rows.kept(("totals", self.sums, which, groups.serial), lambda: self.sums(rows, which, groups.cells))

    def _resampled(self, rows: Rows, which: int, groups: Groups) -> tuple[Array, Array, Array]:
        """Return the metric of each group, that of each resample, and of which groups most resamples can say it."""
        import numpy as np

        def draw() -> tuple[Array, Array, Array]:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = [
                    (self.of(table.sum(axis=2)), self.of(rows.bootstrap.draw(table)))
                    for table in self._tables(rows, which, groups)
                ]
            value = np.concatenate([one for one, _ in found])
            drawn = np.concatenate([each for _, each in found], axis=1)
            enough = np.isfinite(drawn).mean(axis=0) > 0.5
            return value, np.where(enough, drawn, 0.0), enough

        return rows.kept(("resampled", self.name, which, groups.serial), draw)

    def _tables(self, rows: Rows, which: int, groups: Groups) -> Sequence[Array] | Iterator[Array]:
        """Return the sums over blocks; kept for metrics of the same sums, where they are one table."""
        parts = self.parts(rows)
        tables = rows.bootstrap.tables(groups, parts, lambda cells: self.sums(rows, which, cells))
        if not rows.bootstrap.is_one(groups, parts):
            return tables
        return rows.kept(("tables", self.sums, which, groups.serial), lambda: list(tables))


def ratio(name: str, sums: Callable[[Rows, int, Cells], Array], *, lower_is_better: bool = False) -> Sums:
    """Return a share of rows as a metric, by sums of those that count and of those that they are among."""

    def move(_rows: Rows, _groups: Groups, totals: Mapping[int, Array]) -> Array:
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):
            moves = [
                np.maximum(hits / count - hits / (count + 1), np.nan_to_num(hits / count - (hits - 1) / (count - 1)))
                for hits, count in totals.values()
            ]
        return np.max(moves, axis=0)

    return Sums(name, lower_is_better, lambda _: 2, sums, lambda found: found[0] / found[1], move, (0.0, 1.0))


@dataclass(frozen=True)
class Mean:
    """The mean over rows of a value a row. `most` is the most that a row may have, if that is known."""

    name: str
    lower_is_better: bool
    values: Callable[[Rows, int], Array]
    most: float = float("nan")
    method: str = "normal, of a mean over rows"

    def _values(self, rows: Rows, which: int) -> Array:
        return rows.kept(("values", self.name, which), lambda: self.values(rows, which).astype("float64"))

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        values = self._values(rows, which)
        mean, error = _mean(values, groups)
        half = widened(z * error, self._move([values], groups), z)
        return Found(mean, mean - half, mean + half)

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        new, old = self._values(rows, 0), self._values(rows, 1)
        value, error = _mean(signed(self.lower_is_better, new, old), groups)
        return ScoreDrops(value, error, self._move([new, old], groups))

    def _move(self, values: Sequence[Array], groups: Groups) -> Array:
        import numpy as np

        size = typical(values, groups)
        return np.where(np.isnan(size), self.most, size) / np.maximum(groups.sizes, 1)


def typical(values: Sequence[Array], groups: Groups) -> Array:
    """Return how large a row's value (of two models: the change of it) is where a sum of them comes from.

    The mean of sizes, weighted by size; of two models' values the size of a value counts as one change, which is what
    is known where they nowhere differ. NaN for a group without any.
    """
    import numpy as np

    sizes = [abs(one) for one in values]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = sum(groups.totals(one * one) for one in sizes) / sum(groups.totals(one) for one in sizes)
        if len(values) == 1:
            return np.asarray(own)
        moved = abs(values[0] - values[1])
        return np.asarray((groups.totals(moved * moved) + own * own) / (groups.totals(moved) + own))


@dataclass(frozen=True)
class Rate:
    """A share of rows: those that `hits`, among those that `among` says (all, where it says None).

    `of_rows` is whether these are the same rows whatever a model answers: then two models are compared row by row.
    """

    name: str
    lower_is_better: bool
    hits: Callable[[Rows, int], Array]
    among: Callable[[Rows, int], Array | None]
    of_rows: bool = True
    method: str = "Wilson"

    def _columns(self, rows: Rows, which: int) -> tuple[Array, Array | None]:
        def make() -> tuple[Array, Array | None]:
            among = self.among(rows, which)
            hits = self.hits(rows, which)
            return (hits if among is None else hits & among).astype("float64"), among

        return rows.kept(("hits", self.name, which), make)

    def _counts(self, rows: Rows, which: int, cells: Cells) -> Array:
        import numpy as np

        hits, among = self._columns(rows, which)
        total = (
            np.bincount(cells.cell, minlength=cells.count) if among is None else cells.total(among.astype("float64"))
        )
        return np.stack([cells.total(hits), total])

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        hits, count = self._counts(rows, which, groups.cells)
        with np.errstate(divide="ignore", invalid="ignore"):
            return Found(hits / count, *wilson(hits, count, z))

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        if not self.of_rows:
            return ratio(self.name, self._counts, lower_is_better=self.lower_is_better).drops(rows, groups)
        (new, among), (old, _) = self._columns(rows, 0), self._columns(rows, 1)
        cells = groups.cells
        count = cells.total(among.astype("float64")) if among is not None else groups.sizes.astype("float64")
        better, worse = (old, new) if self.lower_is_better else (new, old)
        return RateDrops(cells.total(worse * (1 - better)), cells.total(better * (1 - worse)), count)


def _mean(values: Array, groups: Groups) -> tuple[Array, Array]:
    """Return the mean of each group, and its standard error; NaN for that of fewer than two rows."""
    import numpy as np

    count = groups.sizes.astype(np.float64)
    middle = float(values.mean()) if len(values) else 0.0  # around which squares lose no digits
    apart = values - middle
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = groups.totals(apart) / count
        variance = np.maximum(groups.totals(apart * apart) - count * mean * mean, 0.0) / (count - 1)
        error = np.sqrt(np.where(count > 1, variance, np.nan) / count)
    return mean + middle, error
