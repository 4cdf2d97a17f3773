"""Metrics of predictions against labels, with intervals, on numpy arrays.

Three tasks. Labels and predictions are, for `binary`: 0 or 1, and the probability of 1, both of shape (rows,);
for `multiclass`: the number of the class, and probabilities of shape (rows, classes); for `regression`: numbers of
shape (rows,). A label of -1 in `multiclass` is a class that the model does not know: always wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from levada.artifacts.evaluation import LOWER_IS_BETTER, Task

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NAMES: dict[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "log_loss", "precision", "recall", "calibration_gap"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("mae", "rmse"),
}
"""The metrics of each task, the key one first."""

Z = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""

RESAMPLES = 200


def measure(task: Task, labels: Array, predictions: Array) -> dict[str, float]:
    """Return the metrics of a task by name, without those that cannot be said of these rows.

    `precision`, `recall` and `accuracy` of a binary task cut at 0.5; `calibration_gap` is the distance of the mean
    probability from the share of ones.
    """
    found = {name: _METRICS[task, name](labels, predictions) for name in NAMES[task]} if len(labels) else {}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def bounds(task: Task, labels: Array, predictions: Array) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of the metrics that have a cheap one.

    Wilson's score interval for rates, DeLong's for the AUC, the normal one for means over rows.
    """
    import numpy as np

    found: dict[str, tuple[float, float]] = {}
    count = len(labels)
    if not count:
        return found
    if task != "regression":
        right = _decided(task, predictions) == labels
        found["accuracy"] = wilson(int(right.sum()), count)
        found["log_loss"] = _mean_interval(_losses(task, labels, predictions))
    else:
        found["mae"] = _mean_interval(np.abs(labels - predictions))
    if task == "binary":
        said, true = predictions >= 0.5, labels == 1
        hits = int((said & true).sum())
        found |= {"precision": wilson(hits, int(said.sum())), "recall": wilson(hits, int(true.sum()))}
        found["auc"] = auc_interval(labels, predictions)
    return {name: (low, high) for name, (low, high) in found.items() if math.isfinite(low) and math.isfinite(high)}


def worsening(name: str, before: float, after: float) -> float:
    """Return by how much a metric got worse; negative if it got better."""
    return after - before if name in LOWER_IS_BETTER else before - after


def worsening_interval(
    task: Task, name: str, labels: Array, before: Array, after: Array, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the worsening from one model's predictions to another's on the same rows.

    DeLong's paired interval for the AUC, a paired bootstrap over rows (`RESAMPLES` of them) for the rest. NaN where
    it cannot be said.
    """
    import numpy as np

    if name == "auc":
        return _auc_drop(labels, before, after)
    metric = _METRICS[task, name]
    random = np.random.default_rng(seed)
    drops: list[float] = []
    for _ in range(RESAMPLES):
        rows = random.integers(0, len(labels), len(labels))
        drops.append(worsening(name, metric(labels[rows], before[rows]), metric(labels[rows], after[rows])))
    low, high = np.quantile(drops, [0.025, 0.975])
    return float(low), float(high)


# -- rates and means --------------------------------------------------------------------------------


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a rate (E. B. Wilson, JASA 22, 1927); NaN without trials."""
    if count == 0:
        return math.nan, math.nan
    rate, z2 = hits / count, Z * Z
    middle = (rate + z2 / (2 * count)) / (1 + z2 / count)
    half = Z / (1 + z2 / count) * math.sqrt(rate * (1 - rate) / count + z2 / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _mean_interval(values: Array) -> tuple[float, float]:
    if len(values) < 2:
        return math.nan, math.nan
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


# -- the area under the ROC curve -------------------------------------------------------------------


def auc(labels: Array, scores: Array) -> float:
    """Return the chance that a one has a higher score than a zero, ties counting half; NaN with one class."""
    ones = labels == 1
    count = int(ones.sum())
    zeros = len(labels) - count
    if not count or not zeros:
        return math.nan
    return float((_midranks(scores)[ones].sum() - count * (count + 1) / 2) / (count * zeros))


def _midranks(scores: Array) -> Array:
    """Return the rank of each score from 1, equal scores sharing their mean rank."""
    import numpy as np

    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def _placements(labels: Array, scores: Array) -> tuple[Array, Array]:
    """Return, for each one, the share of zeros below it, and for each zero, the share of ones above it.

    X. Sun and W. Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing Letters 21, 2014.
    """
    ones = labels == 1
    count, zeros = int(ones.sum()), int((~ones).sum())
    ranks = _midranks(scores)
    above = (ranks[ones] - _midranks(scores[ones])) / zeros
    below = 1 - (ranks[~ones] - _midranks(scores[~ones])) / count
    return above, below


def auc_interval(labels: Array, scores: Array) -> tuple[float, float]:
    """Return DeLong's 95 % interval of the AUC; NaN with fewer than two rows of a class."""
    return _placed_interval(labels, lambda: _placements(labels, scores), 0.0, 1.0)


def _auc_drop(labels: Array, before: Array, after: Array) -> tuple[float, float]:
    """DeLong's 95 % interval of the AUC before minus the AUC after, on the same rows."""

    def placed() -> tuple[Array, Array]:
        (above_1, below_1), (above_2, below_2) = _placements(labels, before), _placements(labels, after)
        return above_1 - above_2, below_1 - below_2

    return _placed_interval(labels, placed, -1.0, 1.0)


def _placed_interval(
    labels: Array, placed: Callable[[], tuple[Array, Array]], lowest: float, highest: float
) -> tuple[float, float]:
    count = int((labels == 1).sum())
    zeros = len(labels) - count
    if count < 2 or zeros < 2:
        return math.nan, math.nan
    above, below = placed()
    half = Z * math.sqrt(float(above.var(ddof=1)) / count + float(below.var(ddof=1)) / zeros)
    return max(lowest, float(above.mean()) - half), min(highest, float(above.mean()) + half)


# -- one function a metric --------------------------------------------------------------------------


def _decided(task: Task, predictions: Array) -> Array:
    return (predictions >= 0.5).astype("int64") if task == "binary" else predictions.argmax(axis=1)


def _losses(task: Task, labels: Array, predictions: Array) -> Array:
    import numpy as np

    if task == "binary":
        chance = np.where(labels == 1, predictions, 1 - predictions)
    else:
        known = np.where(labels < 0, 0, labels).astype("int64")
        chance = np.where(labels < 0, 0.0, predictions[np.arange(len(labels)), known])
    return -np.log(np.clip(chance.astype("float64"), 1e-7, 1.0))


def _precision(labels: Array, predictions: Array) -> float:
    said = predictions >= 0.5
    return float((labels[said] == 1).mean()) if said.any() else math.nan


def _recall(labels: Array, predictions: Array) -> float:
    true = labels == 1
    return float((predictions[true] >= 0.5).mean()) if true.any() else math.nan


def _macro_f1(labels: Array, predictions: Array) -> float:
    """The mean F1 over the classes that occur, as label or as prediction."""
    import numpy as np

    said = predictions.argmax(axis=1)
    scores: list[float] = []
    for number in np.union1d(labels, said):
        hits = int(((labels == number) & (said == number)).sum())
        scores.append(2 * hits / (int((labels == number).sum()) + int((said == number).sum())))
    return float(np.mean(scores))


def _mean(values: Array) -> float:
    return float(values.mean())


_METRICS: dict[tuple[Task, str], Callable[[Array, Array], float]] = {
    ("binary", "auc"): auc,
    ("binary", "accuracy"): lambda y, p: _mean(_decided("binary", p) == y),
    ("binary", "log_loss"): lambda y, p: _mean(_losses("binary", y, p)),
    ("binary", "precision"): _precision,
    ("binary", "recall"): _recall,
    ("binary", "calibration_gap"): lambda y, p: abs(_mean(p) - _mean(y)),
    ("multiclass", "accuracy"): lambda y, p: _mean(_decided("multiclass", p) == y),
    ("multiclass", "macro_f1"): _macro_f1,
    ("multiclass", "log_loss"): lambda y, p: _mean(_losses("multiclass", y, p)),
    ("regression", "mae"): lambda y, p: _mean(abs(y - p)),
    ("regression", "rmse"): lambda y, p: math.sqrt(_mean((y - p) ** 2)),
}
