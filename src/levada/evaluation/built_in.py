"""The metrics that come with Levada, by task: each with a cheap interval, in any number of slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from levada.artifacts.measured import Task
from levada.evaluation.absolute import Absolute
from levada.evaluation.auc import Auc
from levada.evaluation.counts import (
    balanced_accuracy,
    kappa,
    macro_f1,
    macro_precision,
    macro_recall,
    mcc,
    micro_f1,
    of_counts,
    weighted_f1,
)
from levada.evaluation.groups import Cells, Groups
from levada.evaluation.metrics import Mean, Metric, Rate, Sums, typical
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 10
"""Equally wide bins of a probability, for the calibration error."""

ROUNDING = 1e-12
"""The share of a sum of squares below which what is left of it is nothing."""

LEAST_CHANCE = 1e-7
"""A smaller chance of what is true counts as this: the logarithm of 0 is infinite."""

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
        chance = chance / np.maximum(predictions.sum(axis=1), 1.0)  # nobody may bet more than everything
    else:
        chance = np.where(rows.labels == 1, predictions, 1 - predictions)
    losses = -np.log(np.clip(chance, LEAST_CHANCE, 1.0))
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


# -- how far off ------------------------------------------------------------------------------------


def _confidence(rows: Rows, which: int) -> tuple[Array, Array]:
    """Return what a model says the chance of its answer is, and whether it is right (of two classes: of a one)."""
    if rows.task == "binary":
        return rows.predictions[which], rows.labels.astype("float64")
    return rows.predictions[which].max(axis=1), _right(rows, which).astype("float64")


def _off(found: Array) -> Array:
    """Return how far bins are off, a row, from the sums of each, and then the rows of each."""
    bins = len(found) // 2
    return abs(found[:bins]).sum(axis=0) / found[bins:].sum(axis=0)


def _a_row(_rows: Rows, groups: Groups, _totals: Mapping[int, Array]) -> Array:
    """By how much a row moves a mean of what is 0 or 1."""
    import numpy as np

    return 1 / np.maximum(groups.sizes, 1)


def _gap() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        said, true = _confidence(rows, which)
        return np.stack([cells.total(said - true), cells.total(np.ones(len(rows)))])

    return Absolute("calibration_gap", True, lambda _: 2, sums, _off, _a_row, (0.0, 1.0))


def _calibration_error() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        said, true = _confidence(rows, which)
        bins = np.clip((said * BINS).astype(np.int64), 0, BINS - 1)
        return np.concatenate([cells.by_class(bins, BINS, said - true), cells.by_class(bins, BINS)])

    return Absolute("calibration_error", True, lambda _: 2 * BINS, sums, _off, _a_row, (0.0, 1.0))


def _squared(rows: Rows, which: int) -> Array:
    return rows.kept(("squared errors", which), lambda: _errors(rows, which) ** 2)


def _root_mean_square() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        return np.stack([cells.total(_squared(rows, which)), cells.total(np.ones(len(rows)))])

    def of(found: Array) -> Array:
        return np.sqrt(found[0] / found[1])

    def move(rows: Rows, groups: Groups, totals: Mapping[int, Array]) -> Array:
        size = typical([_squared(rows, which) for which in totals], groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.mean([of(total) for total in totals.values()], axis=0)
            return np.sqrt(root * root + size / groups.sizes) - root

    return Sums("rmse", True, lambda _: 2, sums, of, move)


def _bias() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        return np.stack([cells.total(_errors(rows, which)), cells.total(np.ones(len(rows)))])

    def move(rows: Rows, groups: Groups, totals: Mapping[int, Array]) -> Array:
        return typical([_errors(rows, which) for which in totals], groups) / np.maximum(groups.sizes, 1)

    return Absolute("bias", True, lambda _: 2, sums, _off, move)


def _r2() -> Sums:
    import numpy as np

    def sums(rows: Rows, which: int, cells: Cells) -> Array:
        apart = cells.centred(rows.labels)  # group by group: one may lie far from all others
        columns = (_squared(rows, which), apart, apart * apart, np.ones(len(rows)))
        return np.stack([cells.total(column) for column in columns])

    def spread(found: Array) -> Array:
        left = found[2] - found[1] ** 2 / found[3]
        return np.where(left > ROUNDING * found[2], left, np.nan)

    def move(rows: Rows, groups: Groups, totals: Mapping[int, Array]) -> Array:
        size = typical([_squared(rows, which) for which in totals], groups)
        return size / np.min([spread(total) for total in totals.values()], axis=0)

    return Sums("r2", False, lambda _: 4, sums, lambda found: 1 - found[0] / spread(found), move, (-np.inf, 1.0))


# -- by task ----------------------------------------------------------------------------------------


def _binary() -> list[Metric]:
    metrics: list[Metric] = [
        Auc(),
        Rate("accuracy", False, _right, _all_rows),
        Mean("log_loss", True, _losses, -math.log(LEAST_CHANCE)),
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
        Mean("brier", True, _squares, 1.0),
        of_counts("f1", lambda hits, said, true: 2 * hits[1] / (said[1] + true[1])),
        of_counts("balanced_accuracy", balanced_accuracy),
        of_counts("macro_f1", macro_f1),
        of_counts("mcc", mcc, -1.0),
        of_counts("kappa", kappa, -1.0),
    ]
    return metrics


def _multiclass() -> list[Metric]:
    metrics: list[Metric] = [
        Rate("accuracy", False, _right, _all_rows),
        of_counts("macro_f1", macro_f1),
        Mean("log_loss", True, _losses, -math.log(LEAST_CHANCE)),
        Auc(),
        of_counts("balanced_accuracy", balanced_accuracy),
        of_counts("macro_precision", macro_precision),
        of_counts("macro_recall", macro_recall),
        of_counts("weighted_f1", weighted_f1),
        of_counts("mcc", mcc, -1.0),
        of_counts("kappa", kappa, -1.0),
        Mean("brier", True, _squares, 2.0),
        _gap(),
        _calibration_error(),
    ]
    return metrics


def _multilabel() -> list[Metric]:
    metrics: list[Metric] = [
        of_counts("micro_f1", micro_f1),
        of_counts("macro_f1", macro_f1),
        Rate("exact_match", False, _all_right, _all_rows),
        Mean("hamming_loss", True, _wrong_share, 1.0),
        of_counts("micro_precision", lambda hits, said, true: hits.sum(axis=0) / said.sum(axis=0)),
        of_counts("micro_recall", lambda hits, said, true: hits.sum(axis=0) / true.sum(axis=0)),
        of_counts("macro_precision", macro_precision),
        of_counts("macro_recall", macro_recall),
        Auc(),
        Mean("log_loss", True, _losses, -math.log(LEAST_CHANCE)),
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
