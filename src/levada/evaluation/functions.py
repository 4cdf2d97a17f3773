"""Metrics that are somebody's function: of scikit-learn, of Keras, of the project.

Nothing is known of them but what they return, so their intervals cost many calls: of a sample of the rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.errors import ComponentError, LevadaError
from levada.evaluation.groups import Groups
from levada.evaluation.intervals import Drops, ScoreDrops, chance_beyond, widened
from levada.evaluation.metrics import Found, Mean, signed
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

CALLS = 100
SAMPLE = 4_000
"""Rows of a resample: of more, so many are drawn, and the interval is narrowed by the root of the ratio."""

TRIED = 4
"""Other answers that a function is asked about, or somewhat more, for what one row moves."""

LEAST = 20
"""Rows below which a function's uncertainty is not asked for."""

_PROBABILITIES = frozenset({"log_loss", "d2_log_loss_score"})  # whose `y_pred` are probabilities
_LOWER = ("_loss", "_error", "_deviance")
_LOWER_OF_KERAS = (
    "Error",
    "Crossentropy",
    "Loss",
    "Hinge",
    "Divergence",
    "Poisson",
    "LogCosh",
    "FalsePositives",
    "FalseNegatives",
)


@dataclass(frozen=True)
class Function:
    """A metric by a function of rows and of which model: a number, or an array with a value a row, whose mean it is."""

    name: str
    lower_is_better: bool
    call: Callable[[Rows, int], Any]

    @property
    def method(self) -> str:
        return f"bootstrap, {CALLS} resamples of at most {SAMPLE:,} rows"

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        mean = self._as_mean(rows)
        if mean is not None:
            return mean.find(rows, which, groups, z)
        value, drawn = self._drawn(rows, which, groups)
        tail = chance_beyond(z)
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        move = self._moved(rows, (which,), groups)
        below, above = (widened(np.maximum(half, 0.0), move, z) for half in (-low, high))
        return Found(value, value - below, value + above)

    def drops(self, rows: Rows, groups: Groups) -> Drops:
        mean = self._as_mean(rows)
        if mean is not None:
            return mean.drops(rows, groups)
        (new, apart), (old, others) = (self._drawn(rows, which, groups) for which in (0, 1))
        move = self._moved(rows, (0, 1), groups)
        return ScoreDrops(signed(self.lower_is_better, new, old), (apart - others).std(axis=0, ddof=1), move)

    def _moved(self, rows: Rows, models: tuple[int, ...], groups: Groups) -> Array:
        """Return by how much one answer moves the metric, at most, in each group: other answers are tried."""

        def look() -> Array:
            import numpy as np

            found = np.zeros(groups.count)
            for group in range(groups.count):
                some = rows.take(groups.rows_of(group))
                for which in models if len(some) >= LEAST else ():
                    before = self._or_nan(some, which)
                    others = [some.answering(which, changed) for changed in changes(some, which, models)]
                    moves = [abs(self._or_nan(other, which) - before) for other in others]
                    found[group] = np.fmax(found[group], np.nanmax(moves) if np.isfinite(moves).any() else 0.0)
            return found

        return rows.kept(("moved", self.name, models, groups.serial), look)

    def _as_mean(self, rows: Rows) -> Mean | None:
        """Return the metric as a mean over rows, if its function gives a value a row."""

        def look() -> Mean | None:
            found = self._called(rows, 0)
            if getattr(found, "ndim", 0) != 1:
                return None
            return Mean(self.name, self.lower_is_better, self._called)

        return rows.kept(("as mean", self.name), look)

    def _called(self, rows: Rows, which: int) -> Any:
        """Return what the function says: a float, or an array of floats with one a row."""
        import numpy as np

        try:
            found = np.asarray(self.call(rows, which), dtype=np.float64)
        except LevadaError:
            raise
        except Exception as error:
            lines = str(error).splitlines() or [""]
            raise ComponentError(
                f"metric {self.name} cannot be computed: {type(error).__name__}: {lines[0]}",
                hint='What it needs can be given: metric("precision_score", average="macro").',
            ) from error
        if found.ndim == 0:
            return float(found)
        if found.shape == (1,):
            return float(found[0])
        if found.shape != (len(rows),):
            raise ComponentError(
                f"metric {self.name} gives an array {list(found.shape)}: wanted a number, or one for each of "
                f"{len(rows):,} rows.",
                hint='Say how classes are put together, as in metric("keras.F1Score", average="macro").',
            )
        return found

    def _drawn(self, rows: Rows, which: int, groups: Groups) -> tuple[Array, Array]:
        """Return the metric of each group, and how far resamples lie from their mean: (groups,), (calls, groups)."""
        return rows.kept(("drawn", self.name, which, groups.serial), lambda: self._draw(rows, which, groups))

    def _draw(self, rows: Rows, which: int, groups: Groups) -> tuple[Array, Array]:
        import numpy as np

        values = np.full(groups.count, np.nan)
        apart = np.full((CALLS, groups.count), np.nan)
        for group in range(groups.count):
            places = groups.rows_of(group)
            if not len(places):
                continue
            values[group] = self._or_nan(rows.take(places), which)
            if len(places) < LEAST or values[group] != values[group]:
                continue
            random = np.random.default_rng([rows.seed, group])  # the same rows for both models
            size = min(len(places), SAMPLE)
            samples = (places[random.integers(0, len(places), size)] for _ in range(CALLS))
            drawn = np.array([self._or_nan(rows.take(sample), which) for sample in samples])
            if np.isfinite(drawn).mean() > 0.5:
                drawn = np.where(np.isfinite(drawn), drawn, np.nanmean(drawn))
                apart[:, group] = (drawn - drawn.mean()) * np.sqrt(size / len(places))
        return values, apart

    def _or_nan(self, rows: Rows, which: int) -> float:
        """Return the metric of some rows; NaN where only these cannot be measured (one class, say)."""
        try:
            return float(self._called(rows, which))
        except ComponentError:
            return float("nan")


# -- one answer that is another ---------------------------------------------------------------------


def changes(rows: Rows, which: int, models: tuple[int, ...]) -> Iterator[Array]:
    """Yield what a model would have answered had it answered one row otherwise.

    Of two models of numbers, as the other one does; of classes, a row of a rare class like one of another, and the
    other way round: such a row moves a metric the most.
    """
    import numpy as np

    answers = rows.predictions[which]
    if rows.task == "regression":
        random = np.random.default_rng(rows.seed)
        others = rows.predictions[1 - which] if len(models) > 1 else random.permutation(answers)
        differ = np.flatnonzero(others != answers)
        if len(differ) < TRIED:  # nothing that tells how far apart they may be
            others = random.permutation(answers)
            differ = np.flatnonzero(others != answers)
        for place in random.permutation(differ)[:TRIED]:
            changed = answers.copy()
            changed[place] = others[place]
            yield changed
        return
    decided = rows.decisions(which).reshape(len(rows), -1)
    right = decided == rows.labels.reshape(len(rows), -1)
    if rows.task == "multilabel":
        sizes = rows.labels.sum(axis=0)
        for label in np.argsort(np.where(sizes > 0, sizes, len(rows)), kind="stable")[:TRIED]:
            for value in (0, 1):
                for place in np.flatnonzero(right[:, label] & (rows.labels[:, label] == value))[:1]:
                    changed = answers.copy()
                    changed[place, label] = 1 - changed[place, label]
                    yield changed
        return
    found = [np.flatnonzero(right[:, 0] & (rows.labels == number)) for number in range(rows.number)]
    having = sorted((places for places in found if len(places)), key=len)
    if len(having) < 2:
        if having and rows.task == "binary":  # nobody of the other class to answer like
            changed = answers.copy()
            changed[having[0][0]] = 1 - changed[having[0][0]]
            yield changed
        return
    for places in having[: max(TRIED // 2, 1)]:
        other = having[-1] if places is not having[-1] else having[0]
        for lost, like in ((places[0], other[0]), (other[0], places[0])):
            changed = answers.copy()
            changed[lost] = answers[like]
            yield changed


# -- the project's own --------------------------------------------------------------------------------


def of_project(
    function: Callable[..., Any], name: str, lower_is_better: bool, columns: tuple[str, ...], options: Mapping[str, Any]
) -> Function:
    """Return a function `(labels, predictions, **columns, **options)` of the project as a metric."""

    def call(rows: Rows, which: int) -> Any:
        given = {column: rows.column(column) for column in columns}
        return function(rows.labels, rows.predictions[which], **given, **options)

    return Function(name, lower_is_better, call)


# -- scikit-learn -------------------------------------------------------------------------------------


def sklearn_names() -> list[str]:
    """Return the names of scikit-learn's scorers and metric functions."""
    import sklearn.metrics

    functions = [name for name in sklearn.metrics.__all__ if name.endswith(("_score", *_LOWER, "_corrcoef"))]
    return [*sklearn.metrics.get_scorer_names(), *functions]


def of_sklearn(known: str, name: str, lower_is_better: bool | None, options: Mapping[str, Any]) -> Function:
    """Return a scorer (greater is better, always) or a metric function of scikit-learn as a metric."""
    import sklearn.metrics

    if known in sklearn.metrics.get_scorer_names() and not options:
        scorer = sklearn.metrics.get_scorer(known)
        return Function(
            name, False, lambda rows, which: scorer(_Answered(rows, which), rows.predictions[which], rows.labels)
        )
    function: Callable[..., Any] = getattr(sklearn.metrics, known)
    lower = known.endswith(_LOWER) if lower_is_better is None else lower_is_better
    taken = list(inspect.signature(function).parameters)
    decided = taken[1] == "y_pred" and known not in _PROBABILITIES

    def call(rows: Rows, which: int) -> Any:
        answers = rows.decisions(which) if decided and rows.task != "regression" else rows.predictions[which]
        given = dict(options)
        if not decided and rows.task == "multiclass" and "labels" in taken:
            given.setdefault("labels", list(range(rows.number)))
        return function(rows.labels, answers, **given)

    return Function(name, lower, call)


class _Answered:
    """What stands for a fitted estimator where a scorer wants one: it gives the answers that it was asked about."""

    def __init__(self, rows: Rows, which: int) -> None:
        import numpy as np

        self._rows = rows
        self._which = which
        self.classes_ = np.arange(rows.number)
        self._estimator_type = "regressor" if rows.task == "regression" else "classifier"

    def __sklearn_tags__(self) -> Any:
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

        mixin: Any = RegressorMixin if self._rows.task == "regression" else ClassifierMixin
        return type("Tags", (mixin, BaseEstimator), {})().__sklearn_tags__()

    def fit(self, *_: Any) -> Any:
        """Be an estimator; it has learnt already."""
        return self

    def predict(self, _: Any) -> Any:
        if self._rows.task == "regression":
            return self._rows.predictions[self._which]
        return self._rows.decisions(self._which)

    def predict_proba(self, _: Any) -> Any:
        import numpy as np

        predictions = self._rows.predictions[self._which]
        return np.stack([1 - predictions, predictions], axis=1) if self._rows.task == "binary" else predictions


# -- Keras --------------------------------------------------------------------------------------------


def has_keras(name: str) -> bool:
    """Whether Keras, which is imported to know, has a metric of this name."""
    return name in keras_names()


def keras_names() -> list[str]:
    """Return the names of Keras's metrics; none where it is not installed."""
    try:
        import keras
    except ImportError:
        return []
    return [name for name in dir(keras.metrics) if name[0].isupper() and name != "Metric"]


def of_keras(known: str, name: str, lower_is_better: bool | None, options: Mapping[str, Any]) -> Function:
    """Return a metric class of Keras as a metric; it is asked with one batch."""
    import keras

    kind = getattr(keras.metrics, known)
    lower = known.endswith(_LOWER_OF_KERAS) if lower_is_better is None else lower_is_better

    def call(rows: Rows, which: int) -> Any:
        metric: Any = kind(**options)
        metric.update_state(_keras_labels(rows, known), _keras_answers(rows, which, known))
        return metric.result().numpy()

    return Function(name, lower, call)


def _keras_labels(rows: Rows, known: str) -> Array:
    import numpy as np

    if rows.task != "multiclass":
        return rows.labels.reshape(len(rows), -1).astype(np.float32)
    if known.startswith("Sparse") or known == "Accuracy":
        return rows.labels.astype(np.float32)
    return (rows.labels[:, None] == np.arange(rows.number)[None, :]).astype(np.float32)


def _keras_answers(rows: Rows, which: int, known: str) -> Array:
    import numpy as np

    if known == "Accuracy":  # the only one that compares what is equal
        return rows.decisions(which).astype(np.float32)
    return rows.predictions[which].reshape(len(rows), -1).astype(np.float32)
