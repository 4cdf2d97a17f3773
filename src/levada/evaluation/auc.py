"""The area under the ROC curve, in groups of rows: its interval, and how much worse one model's is than another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from levada.evaluation.groups import Groups
from levada.evaluation.intervals import Drops, NormalDrops, areas
from levada.evaluation.metrics import Found
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LEAST_OF_A_CLASS = 10
"""Rows of each class below which nothing is said of the uncertainty of an AUC."""


@dataclass(frozen=True)
class Auc:
    """The chance that a row of a class is scored higher for it than a row that is not, ties counting half.

    Of several classes the mean over those that occur, each against the rest. E. R. DeLong and others, Biometrics 44,
    1988, by what each row contributes to the variance; ranks as in X. Sun and W. Xu, IEEE Signal Processing Letters 21,
    2014. The interval of one model is never narrower than Newcombe's (`areas`).
    """

    name: str = "auc"
    lower_is_better: bool = False
    method: str = "DeLong, Newcombe"

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        placed = self._placed(rows, which, groups)
        value, error = placed.value, np.sqrt(groups.totals(placed.parts * placed.parts))
        ones = np.stack([groups.totals(column.astype(np.float64)) for column in _ones(rows).T], axis=1)
        return Found(value, *areas(value, error, ones, groups.sizes[:, None] - ones, z))

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
