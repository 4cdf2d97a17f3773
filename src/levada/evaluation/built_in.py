"""The metrics that come with Levada, by task: each with a cheap interval, in any number of slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from levada.artifacts.measured import Task
from levada.evaluation.groups import Cells
from levada.evaluation.metrics import Auc, Mean, Metric, Rate, Sums
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 10
"""Equally wide bins of a probability, for the calibration error."""

USUAL: dict[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "log_loss", "precision", "recall", "calibration_gap"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "multilabel": ("micro_f1", "macro_f1", "exact_match", "hamming_loss"),
    "regression": ("mae", "rmse", "r2"),
}
"""What is measured where nothing else is named, the key metric first."""


def built_in(task: Task) -> dict[str, Metric]:
    """Return the metrics of a task by name."""
    return {metric.name: metric for metric in _OF_TASK[task]()}


# -- values of a row --------------------------------------------------------------------------------


def _losses(rows: Rows, which: int) -> Array:
    import numpy as np

    predictions = rows.predictions[which]
    if rows.task == "multiclass":
        known = np.where(rows.labels < 0, 0, rows.labels)
        chance = np.where(rows.labels < 0, 0.0, predictions[np.arange(len(rows)), known])
    else:
        chance = np.where(rows.labels == 1, predictions, 1 - predictions)
    losses = -np.log(np.clip(chance, 1e-7, 1.0))
    return losses if losses.ndim == 1 else losses.mean(axis=1)


def _squares(rows: Rows, which: int) -> Array:
    """The squared distance of the probabilities from the truth (G. W. Brier, 1950), summed over several classes."""
    import numpy as np

    predictions = rows.predictions[which]
    if rows.task == "binary":
        return (predictions - rows.labels) ** 2
    true = rows.labels[:, None] == np.arange(rows.number)[None, :]
    return ((predictions - true) ** 2).sum(axis=1)


def _errors(rows: Rows, which: int) -> Array:
    return rows.predictions[which] - rows.labels


def _right(rows: Rows, which: int) -> Array:
    return rows.decisions(which) == rows.labels


def _all_right(rows: Rows, which: int) -> Array:
    import numpy as np

    return np.asarray(_right(rows, which).all(axis=1))


def _wrong_share(rows: Rows, which: int) -> Array:
    import numpy as np

    return np.asarray((~_right(rows, which)).mean(axis=1))


def _all_rows(_rows: Rows, _which: int) -> None:
    return None


# -- sums -------------------------------------------------------------------------------------------


def _counts(rows: Rows, which: int, cells: Cells) -> Array:
    """Return how many rows were rightly answered as each class, were answered so, are so: (3 * classes, cells)."""
    import numpy as np

    number, decided, labels = rows.number, rows.decisions(which), rows.labels
    if rows.task == "multilabel":
        columns = [decided[:, place] * labels[:, place] for place in range(number)]
        columns += [decided[:, place] for place in range(number)] + [labels[:, place] for place in range(number)]
        return np.stack([cells.total(column) for column in columns])
    right = (decided == labels).astype(np.float64)
    true = np.where(labels < 0, number, labels)
    return np.concatenate(
        [
            cells.by_class(decided, number, right),
            cells.by_class(decided, number),
            cells.by_class(true, number + 1)[:number],
        ]
    )


def _of_counts(name: str, of: Callable[[Array, Array, Array], Array]) -> Sums:
    """Return a metric of the three counts of each class, which come with the classes first."""

    def found(sums: Array) -> Array:
        hits, said, true = sums.reshape(3, len(sums) // 3, *sums.shape[1:])
        return of(hits, said, true)

    return Sums(name, False, lambda rows: 3 * rows.number, _counts, found)


def _mean_of_occurring(values: Array, occurs: Array) -> Array:
    import numpy as np

    return np.where(occurs, np.nan_to_num(values), 0.0).sum(axis=0) / occurs.sum(axis=0)


def _macro_f1(hits: Array, said: Array, true: Array) -> Array:
    return _mean_of_occurring(2 * hits / (said + true), said + true > 0)


def _weighted_f1(hits: Array, said: Array, true: Array) -> Array:
    import numpy as np

    return (np.nan_to_num(2 * hits / (said + true)) * true).sum(axis=0) / true.sum(axis=0)


def _macro_recall(hits: Array, said: Array, true: Array) -> Array:
    return _mean_of_occurring(hits / true, true > 0)


def _macro_precision(hits: Array, said: Array, true: Array) -> Array:
    return _mean_of_occurring(hits / said, said > 0)


def _mcc(hits: Array, said: Array, true: Array) -> Array:
    """Matthews' correlation for any number of classes (J. Gorodkin, Computational Biology and Chemistry 28, 2004)."""
    import numpy as np

    total = said.sum(axis=0)
    shared = total * hits.sum(axis=0) - (said * true).sum(axis=0)
    return shared / np.sqrt((total**2 - (said**2).sum(axis=0)) * (total**2 - (true**2).sum(axis=0)))


def _kappa(hits: Array, said: Array, true: Array) -> Array:
    """Agreement beyond chance (J. Cohen, Educational and Psychological Measurement 20, 1960)."""
    total = said.sum(axis=0)
    expected = (said * true).sum(axis=0) / total
    return (hits.sum(axis=0) - expected) / (total - expected)


def _micro_f1(hits: Array, said: Array, true: Array) -> Array:
    return 2 * hits.sum(axis=0) / (said.sum(axis=0) + true.sum(axis=0))


def _confidence(rows: Rows, which: int) -> tuple[Array, Array]:
    """Return what a model says the chance of its answer is, and whether it is right (of two classes: of a one)."""
    if rows.task == "binary":
        return rows.predictions[which], rows.labels.astype("float64")
    return rows.predictions[which].max(axis=1), _right(rows, which).astype("float64")


def _gap() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        said, true = _confidence(rows, which)
        return np.stack([cells.total(said - true), cells.total(np.ones(len(rows)))])

    return Sums("calibration_gap", True, lambda _: 2, sums, lambda found: abs(found[0]) / found[1])


def _calibration_error() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        said, true = _confidence(rows, which)
        bins = np.clip((said * BINS).astype(np.int64), 0, BINS - 1)
        return np.concatenate([cells.by_class(bins, BINS, said - true), cells.by_class(bins, BINS)])

    def of(found: Array) -> Array:
        return abs(found[:BINS]).sum(axis=0) / found[BINS:].sum(axis=0)

    return Sums("calibration_error", True, lambda _: 2 * BINS, sums, of)


def _root_mean_square() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        return np.stack([cells.total(_errors(rows, which) ** 2), cells.total(np.ones(len(rows)))])

    return Sums("rmse", True, lambda _: 2, sums, lambda found: np.sqrt(found[0] / found[1]))


def _bias() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        return np.stack([cells.total(_errors(rows, which)), cells.total(np.ones(len(rows)))])

    return Sums("bias", True, lambda _: 2, sums, lambda found: abs(found[0]) / found[1])


def _r2() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        apart = rows.labels - rows.labels.mean()  # around the mean, so that squares lose no digits
        columns = (_errors(rows, which) ** 2, apart, apart * apart, np.ones(len(rows)))
        return np.stack([cells.total(column) for column in columns])

    return Sums("r2", False, lambda _: 4, sums, lambda found: 1 - found[0] / (found[2] - found[1] ** 2 / found[3]))


# -- by task ----------------------------------------------------------------------------------------


def _binary() -> list[Metric]:
    metrics: list[Metric] = [
        Auc(),
        Rate("accuracy", False, _right, _all_rows),
        Mean("log_loss", True, _losses),
        Rate(
            "precision",
            False,
            lambda rows, which: rows.labels == 1,
            lambda rows, which: rows.decisions(which) == 1,
            of_rows=False,
        ),
        Rate("recall", False, lambda rows, which: rows.decisions(which) == 1, lambda rows, _: rows.labels == 1),
        Rate("specificity", False, lambda rows, which: rows.decisions(which) == 0, lambda rows, _: rows.labels == 0),
        _gap(),
        _calibration_error(),
        Mean("brier", True, _squares),
        _of_counts("f1", lambda hits, said, true: 2 * hits[1] / (said[1] + true[1])),
        _of_counts("balanced_accuracy", _macro_recall),
        _of_counts("macro_f1", _macro_f1),
        _of_counts("mcc", _mcc),
        _of_counts("kappa", _kappa),
    ]
    return metrics


def _multiclass() -> list[Metric]:
    metrics: list[Metric] = [
        Rate("accuracy", False, _right, _all_rows),
        _of_counts("macro_f1", _macro_f1),
        Mean("log_loss", True, _losses),
        Auc(),
        _of_counts("balanced_accuracy", _macro_recall),
        _of_counts("macro_precision", _macro_precision),
        _of_counts("macro_recall", _macro_recall),
        _of_counts("weighted_f1", _weighted_f1),
        _of_counts("mcc", _mcc),
        _of_counts("kappa", _kappa),
        Mean("brier", True, _squares),
        _gap(),
        _calibration_error(),
    ]
    return metrics


def _multilabel() -> list[Metric]:
    metrics: list[Metric] = [
        _of_counts("micro_f1", _micro_f1),
        _of_counts("macro_f1", _macro_f1),
        Rate("exact_match", False, _all_right, _all_rows),
        Mean("hamming_loss", True, _wrong_share),
        _of_counts("micro_precision", lambda hits, said, true: hits.sum(axis=0) / said.sum(axis=0)),
        _of_counts("micro_recall", lambda hits, said, true: hits.sum(axis=0) / true.sum(axis=0)),
        _of_counts("macro_precision", _macro_precision),
        _of_counts("macro_recall", _macro_recall),
        Auc(),
        Mean("log_loss", True, _losses),
    ]
    return metrics


def _regression() -> list[Metric]:
    metrics: list[Metric] = [
        Mean("mae", True, lambda rows, which: abs(_errors(rows, which))),
        _root_mean_square(),
        _r2(),
        Mean("mse", True, lambda rows, which: _errors(rows, which) ** 2),
        Mean("mape", True, lambda rows, which: abs(_errors(rows, which)) / abs(rows.labels).clip(1e-12)),
        _bias(),
    ]
    return metrics


_OF_TASK: dict[Task, Callable[[], list[Metric]]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
}
