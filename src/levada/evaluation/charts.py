"""Pictures of a model's answers, as numbers: calibration, confusion, what other thresholds would give, errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from levada.artifacts.measured import CalibrationBin, Charts, Confusion, Estimate, ThresholdCurve
from levada.evaluation.intervals import wilson
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 10
"""Bins of a calibration, with about equally many rows."""

CLASSES = 20
"""Classes that a confusion matrix has a place for."""

STEPS = 100
"""Thresholds that are tried, equally far apart."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def charts_of(rows: Rows, which: int, z: float) -> Charts:
    """Return the pictures of a model's answers that its task has."""
    if rows.task == "regression":
        return Charts(calibration=_means(rows, which, z), errors=_errors(rows, which))
    if rows.task == "multilabel":
        return Charts(calibration=_shares(rows.predictions[which].ravel(), rows.labels.ravel() == 1, z))
    confusion = _confusion(rows, which)
    if rows.task == "multiclass":
        said = rows.predictions[which].max(axis=1)
        return Charts(calibration=_shares(said, rows.decisions(which) == rows.labels, z), confusion=confusion)
    predictions, true = rows.predictions[which], rows.labels == 1
    return Charts(_shares(predictions, true, z), confusion, _thresholds(predictions, true))


def _bins(values: Array) -> tuple[Array, int]:
    """Return the bin of each value, and how many there are: as many rows in each as ties allow."""
    import numpy as np

    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    return np.searchsorted(edges, values, side="left"), len(edges) + 1


def _shares(predicted: Array, true: Array, z: float) -> list[CalibrationBin]:
    import numpy as np

    places, count = _bins(predicted)
    rows = np.bincount(places, minlength=count).astype(np.float64)
    hits = np.bincount(places, weights=true.astype(np.float64), minlength=count)
    sums = np.bincount(places, weights=predicted, minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = wilson(hits, rows, z)
        return _listed(sums / rows, rows, hits / rows, low, high)


def _means(rows: Rows, which: int, z: float) -> list[CalibrationBin]:
    """Return the mean true value by prediction, of a regression."""
    import numpy as np

    predicted = rows.predictions[which]
    places, bins = _bins(predicted)
    count = np.bincount(places, minlength=bins).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(places, weights=rows.labels, minlength=bins) / count
        apart = rows.labels - mean[places]
        error = np.sqrt(np.bincount(places, weights=apart * apart, minlength=bins) / (count - 1) / count)
        said = np.bincount(places, weights=predicted, minlength=bins) / count
    return _listed(said, count, mean, mean - z * error, mean + z * error)


def _listed(predicted: Array, rows: Array, observed: Array, low: Array, high: Array) -> list[CalibrationBin]:
    return [
        CalibrationBin(_digits(said), int(count), Estimate(_digits(seen), _maybe(least), _maybe(most)))
        for said, count, seen, least, most in zip(
            predicted.tolist(), rows.tolist(), observed.tolist(), low.tolist(), high.tolist(), strict=True
        )
        if count
    ]


def _maybe(value: float) -> float | None:
    return _digits(value) if math.isfinite(value) else None


def _digits(value: float) -> float:
    return float(f"{value:.6g}")


def _confusion(rows: Rows, which: int) -> Confusion:
    import numpy as np

    number, decided, labels = rows.number, rows.decisions(which), rows.labels
    known = labels >= 0
    found = np.bincount(labels[known] * number + decided[known], minlength=number * number).reshape(number, number)
    sizes = found.sum(axis=0) + found.sum(axis=1)
    kept = np.sort(np.argsort(-sizes, kind="stable")[:CLASSES])
    shown = found[np.ix_(kept, kept)]
    return Confusion([rows.classes[place] for place in kept.tolist()], shown.tolist(), len(rows) - int(shown.sum()))


def _thresholds(predictions: Array, true: Array) -> ThresholdCurve:
    import numpy as np

    at = np.arange(STEPS + 1) / STEPS
    # A prediction in [k / STEPS, (k + 1) / STEPS) is said to be a one at every threshold up to k / STEPS.
    places = np.clip(np.floor(predictions * STEPS + 1e-9).astype(np.int64), 0, STEPS)
    ones = np.bincount(places[true], minlength=STEPS + 1)[::-1].cumsum()[::-1].astype(np.float64)
    zeros = np.bincount(places[~true], minlength=STEPS + 1)[::-1].cumsum()[::-1].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall, false = ones / (ones + zeros), ones / ones[0], zeros / zeros[0]
    said = (ones + zeros) / len(predictions)
    return ThresholdCurve(
        at=at.tolist(),
        precision=_shares_of(precision),
        recall=_shares_of(recall),
        false_positives=_shares_of(false),
        said=[_digits(value) for value in said.tolist()],
    )


def _shares_of(values: Array) -> list[float | None]:
    return [_maybe(value) for value in values.tolist()]


def _errors(rows: Rows, which: int) -> dict[str, float]:
    import numpy as np

    found = np.quantile(rows.predictions[which] - rows.labels, QUANTILES)
    return {f"{share:g}": _digits(value) for share, value in zip(QUANTILES, found.tolist(), strict=True)}
