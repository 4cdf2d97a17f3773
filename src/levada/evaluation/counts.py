"""Metrics of three counts a class: how many rows were rightly answered as it, were answered so, are so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from levada.evaluation.groups import Cells, Groups
from levada.evaluation.metrics import Sums
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RAREST = 8
"""Classes that are asked for the largest move of one row: the rarest have it."""


def _classes(rows: Rows) -> int:
    """Return how many classes are counted: with one that the model does not know, where there are labels of it."""
    return rows.kept("classes", lambda: rows.number + int(rows.task == "multiclass" and bool((rows.labels < 0).any())))


def _counts(rows: Rows, which: int, cells: Cells) -> Array:
    """Return how many rows were rightly answered as each class, were answered so, are so: (3 * classes, cells)."""
    import numpy as np

    number, decided, labels = _classes(rows), rows.decisions(which), rows.labels
    if rows.task == "multilabel":
        columns = [decided[:, place] * labels[:, place] for place in range(number)]
        columns += [decided[:, place] for place in range(number)] + [labels[:, place] for place in range(number)]
        return np.stack([cells.total(column) for column in columns])
    right = (decided == labels).astype(np.float64)
    true = np.where(labels < 0, number - 1, labels)
    return np.concatenate(
        [cells.by_class(decided, number, right), cells.by_class(decided, number), cells.by_class(true, number)]
    )


def of_counts(name: str, of: Callable[[Array, Array, Array], Array], least: float = 0.0) -> Sums:
    """Return a metric of the three counts of each class, which come with the classes first."""

    def found(sums: Array) -> Array:
        hits, said, true = sums.reshape(3, len(sums) // 3, *sums.shape[1:])
        return of(hits, said, true)

    def move(rows: Rows, _groups: Groups, totals: Mapping[int, Array]) -> Array:
        import numpy as np

        return np.max([_moved(total, found, alone=rows.task == "multilabel") for total in totals.values()], axis=0)

    return Sums(name, False, lambda rows: 3 * _classes(rows), _counts, found, move, (least, 1.0))


def _moved(sums: Array, of: Callable[[Array], Array], *, alone: bool) -> Array:
    """Return by how much one answer more or less moves a metric of counts, at most, in each group.

    Of each of the rarest classes a row that was found is lost to the class that is answered most, one is found that
    that class had, and one of that class is lost to it. `alone` is whether classes are answered each on its own, so
    that nothing is lost to another.
    """
    import numpy as np

    counts = sums.reshape(3, len(sums) // 3, -1)
    groups = np.arange(counts.shape[2])
    largest = np.zeros(len(groups))

    def tried(place: Array, other: Array, change: int, *, claimed: bool) -> Array:
        hits, said, true = counts.copy()
        if claimed:  # a row of the other class is said to be of this one
            possible = 1.0 * (alone | (hits[other, groups] > 0))
            if not alone:
                hits[other, groups] -= possible
            said[place, groups] += possible
        else:
            left = true[place, groups] - hits[place, groups] if change > 0 else hits[place, groups]
            possible = change * (left > 0)
            hits[place, groups] += possible
            said[place, groups] += possible
        if not alone:
            said[other, groups] -= abs(possible) if claimed else possible
        return abs(of(np.concatenate([hits, said, true])) - before)

    with np.errstate(divide="ignore", invalid="ignore"):
        before = of(sums)
        for number, claimed in ((counts[2], False), (counts[1], True)):
            for place in np.argsort(np.where(number > 0, number, np.inf), axis=0, kind="stable")[:RAREST]:
                others = counts[1].copy()
                others[place, groups] = -1.0
                other = others.argmax(axis=0)
                for change in (1,) if claimed else (-1, 1):
                    largest = np.fmax(largest, tried(place, other, change, claimed=claimed))
    return largest


def _mean_of_occurring(values: Array, occurs: Array) -> Array:
    import numpy as np

    return np.where(occurs, np.nan_to_num(values), 0.0).sum(axis=0) / occurs.sum(axis=0)


def macro_f1(hits: Array, said: Array, true: Array) -> Array:
    """F1 of each class that occurs or is said, on average."""
    return _mean_of_occurring(2 * hits / (said + true), said + true > 0)


def weighted_f1(hits: Array, said: Array, true: Array) -> Array:
    """F1 of each class, weighted by its rows."""
    import numpy as np

    return (np.nan_to_num(2 * hits / (said + true)) * true).sum(axis=0) / true.sum(axis=0)


def balanced_accuracy(hits: Array, said: Array, true: Array) -> Array:
    """The share of each class that is found, on average over the classes that occur."""
    return _mean_of_occurring(hits / true, true > 0)


def macro_recall(hits: Array, said: Array, true: Array) -> Array:
    """The share of each class that is found; 0 for one that is said and does not occur."""
    return _mean_of_occurring(hits / true, said + true > 0)


def macro_precision(hits: Array, said: Array, true: Array) -> Array:
    """How often an answer is right, of each class; 0 for one that occurs and is never said."""
    return _mean_of_occurring(hits / said, said + true > 0)


def mcc(hits: Array, said: Array, true: Array) -> Array:
    """Matthews' correlation for any number of classes (J. Gorodkin, Computational Biology and Chemistry 28, 2004)."""
    import numpy as np

    total = said.sum(axis=0)
    shared = total * hits.sum(axis=0) - (said * true).sum(axis=0)
    return shared / np.sqrt((total**2 - (said**2).sum(axis=0)) * (total**2 - (true**2).sum(axis=0)))


def kappa(hits: Array, said: Array, true: Array) -> Array:
    """Agreement beyond chance (J. Cohen, Educational and Psychological Measurement 20, 1960)."""
    total = said.sum(axis=0)
    expected = (said * true).sum(axis=0) / total
    return (hits.sum(axis=0) - expected) / (total - expected)


def micro_f1(hits: Array, said: Array, true: Array) -> Array:
    """F1 of all answers together."""
    return 2 * hits.sum(axis=0) / (said.sum(axis=0) + true.sum(axis=0))
