"""Metrics: what they are of rows in groups, with intervals, and how much worse one model is than another.

A metric is one of a few kinds, by how its uncertainty is known:

    Rate        a share of rows          Wilson; paired: Tango
    Mean        a mean over rows         normal; paired: normal, of the differences
    Sums        a function of sums       bootstrap; paired: bootstrap, both models on the same resamples
    Auc         pairs of rows            DeLong, both
    Function    anything else            bootstrap of a sample of rows (`levada.evaluation.functions`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from levada.evaluation.groups import Cells, Groups
from levada.evaluation.intervals import Drops, NormalDrops, RateDrops, chance_beyond, wilson
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LEAST_OF_A_CLASS = 10
"""Rows of each class below which nothing is said of the uncertainty of an AUC."""


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
    """

    name: str
    lower_is_better: bool
    parts: Callable[[Rows], int]
    sums: Callable[[Rows, int, Cells], Array]
    of: Callable[[Array], Array]
    method: str = "bootstrap"

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        tail = chance_beyond(z)
        value, drawn, enough = self._resampled(rows, which, groups)
        low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
        low, high = np.minimum(low, value), np.maximum(high, value)
        return Found(value, np.where(enough, low, np.nan), np.where(enough, high, np.nan))

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        import numpy as np

        (value, new, some), (before, old, others) = (self._resampled(rows, which, groups) for which in (0, 1))
        error = np.nanstd(np.where(some & others, new - old, 0.0), axis=0, ddof=1)
        return NormalDrops(signed(self.lower_is_better, value, before), np.where(some & others, error, np.nan))

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
    """Return the quotient of two sums as a metric."""
    return Sums(name, lower_is_better, lambda _: 2, sums, lambda found: found[0] / found[1])


@dataclass(frozen=True)
class Mean:
    """The mean over rows of a value a row."""

    name: str
    lower_is_better: bool
    values: Callable[[Rows, int], Array]
    method: str = "normal, of a mean over rows"

    def _values(self, rows: Rows, which: int) -> Array:
        return rows.kept(("values", self.name, which), lambda: self.values(rows, which).astype("float64"))

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        mean, error = _mean(self._values(rows, which), groups)
        return Found(mean, mean - z * error, mean + z * error)

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        new, old = self._values(rows, 0), self._values(rows, 1)
        return NormalDrops(*_mean(signed(self.lower_is_better, new, old), groups))


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


@dataclass(frozen=True)
class Auc:
    """The chance that a row of a class is scored higher for it than a row that is not, ties counting half.

    Of several classes the mean over those that occur, each against the rest. E. R. DeLong and others, Biometrics 44,
    1988, by what each row contributes to the variance; ranks as in X. Sun and W. Xu, IEEE Signal Processing Letters 21,
    2014.
    """

    name: str = "auc"
    lower_is_better: bool = False
    method: str = "DeLong"

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        placed = self._placed(rows, which, groups)
        value, error = placed.value, np.sqrt(groups.totals(placed.parts * placed.parts))
        return Found(value, np.maximum(value - z * error, 0.0), np.minimum(value + z * error, 1.0))

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        import numpy as np

        new, old = (self._placed(rows, which, groups) for which in (0, 1))
        apart = new.parts - old.parts
        error = np.sqrt(groups.totals(apart * apart))
        return NormalDrops(old.value - new.value, error, _growth(new, old, groups))

    def _placed(self, rows: Rows, which: int, groups: Groups) -> Placed:
        return rows.kept(("placed", self.name, which, groups.serial), lambda: self._place(rows, which, groups))

    def _place(self, rows: Rows, which: int, groups: Groups) -> Placed:
        import numpy as np

        scores = rows.predictions[which].reshape(len(rows), -1)
        ones = _ones(rows)
        placed = Placed(
            value=np.full(groups.count, np.nan),
            parts=np.zeros(len(rows)),
            shares=np.zeros(len(rows)),
            least=np.full(groups.count, np.nan),
        )
        for group in range(groups.count):
            places = groups.rows_of(group)
            each = [placements(ones[places, number], scores[places, number]) for number in range(scores.shape[1])]
            found = [one for one in each if one is not None]
            if found:
                placed.value[group] = np.mean([one[0] for one in found])
                placed.parts[places] = np.mean([one[1] for one in found], axis=0)
                placed.shares[places] = np.mean([one[2] for one in found], axis=0)
                placed.least[group] = len(found) * min(one[3] for one in found)
        return placed


class Placed(NamedTuple):
    """Where scores put rows: the AUC of each group, and what each row adds to it.

    `parts` are what rows add to the root of its variance, `shares` how much of the other class each is on the right
    side of, `least` the rows of the smaller class (times the classes).
    """

    value: Array
    parts: Array
    shares: Array
    least: Array


def _growth(new: Placed, old: Placed, groups: Groups) -> Array:
    """Return by how much the variance of a drop grows with the drop: see `NormalDrops`.

    A further drop comes from further rows that one model misplaces and the other does not, each by about as much as
    those that are there, or as rows are misplaced at all where there are none (one row half misplaced is taken for
    granted).
    """
    import numpy as np

    mine, theirs = 1 - new.shares, 1 - old.shares
    own = (groups.totals(mine * mine + theirs * theirs) + 0.25) / (groups.totals(mine + theirs) + 0.5)
    moved = abs(new.shares - old.shares)
    typical = (groups.totals(moved * moved) + own * own) / (groups.totals(moved) + own)
    return np.where(new.least > 0, typical / np.maximum(new.least, 1), 0.0)


def placements(ones: Array, scores: Array) -> tuple[float, Array, Array, int] | None:
    """Return the AUC of scores, what each row adds to the root of its variance, its share, the smaller class.

    The share of a one is that of the zeros below it, of a zero that of the ones above it. The squares of the second add
    up to DeLong's variance; they are NaN with few rows of a class. None if all rows are ones, or none is.
    """
    import numpy as np

    count = int(ones.sum())
    zeros = len(ones) - count
    if not count or not zeros:
        return None
    order = np.argsort(scores)
    ranked, sorted_ones = scores[order], ones[order]
    begins = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    tie = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(ranked))))
    ones_in = np.add.reduceat(sorted_ones.astype(np.float64), begins)
    zeros_in = np.diff(np.append(begins, len(ranked))) - ones_in
    zeros_below = (np.cumsum(zeros_in) - zeros_in / 2)[tie] / zeros
    ones_above = (count - np.cumsum(ones_in) + ones_in / 2)[tie] / count
    share = np.empty(len(ones))
    share[order] = np.where(sorted_ones, zeros_below, ones_above)
    value = float(share[ones].mean())
    least = min(count, zeros)
    if least < LEAST_OF_A_CLASS:
        return value, np.full(len(ones), np.nan), share, least
    scale = np.where(ones, np.sqrt(count * (count - 1.0)), np.sqrt(zeros * (zeros - 1.0)))
    return value, (share - value) / scale, share, least


def _ones(rows: Rows) -> Array:
    """Return, for each row and each column of scores, whether the row is of that class."""
    import numpy as np

    if rows.task == "binary":
        return (rows.labels == 1)[:, None]
    if rows.task == "multilabel":
        return rows.labels == 1
    return rows.labels[:, None] == np.arange(rows.number)[None, :]


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
