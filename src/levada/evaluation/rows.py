"""What is measured on: labels, what each model answered, and the columns of the rows.

In the form that metrics want. `binary`: labels 0 or 1, predictions the probability of 1, both of shape (rows,).
`multiclass`: labels the number of the class, predictions of shape (rows, classes). `multilabel`: labels and predictions
of shape (rows, classes), 0 or 1 and a probability each. `regression`: numbers of shape (rows,). A label of -1 in
`multiclass` is a class that the model does not know: always wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from levada.artifacts.measured import Task
from levada.evaluation.groups import Bootstrap, Groups

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """Rows with a label. `predictions` has an entry for each model: the one that is judged, then the champion.

    `classes` names the classes, empty for a regression. `columns` are those of the examples that slices and metrics
    want. `cut` is the probability from which a class (of two, or of many labels) is decided for.
    """

    task: Task
    classes: tuple[str, ...]
    labels: Array
    predictions: tuple[Array, ...]
    columns: pa.Table
    cut: float = 0.5
    seed: int = 0
    _of: tuple[Rows, Array] | None = None
    _kept: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def number(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @cached_property
    def groups(self) -> Groups:
        """All rows, as one group."""
        return Groups.whole(len(self))

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """What draws resamples of these rows: the same for all metrics, so that they compare."""
        return Bootstrap(len(self), self.seed)

    def decisions(self, which: int) -> Array:
        """Return what a model decided: 0 or 1, a class number, or 0 or 1 for each label."""
        return self.kept(("decisions", which), lambda: self._decided(self.predictions[which]))

    def _decided(self, predictions: Array) -> Array:
        import numpy as np

        if self.task == "multiclass":
            return predictions.argmax(axis=1)
        return (predictions >= self.cut).astype(np.int64)

    def column(self, name: str) -> Array:
        """Return a column of the examples as an array; what is missing is NaN, or None for text."""
        if self._of is not None:
            rows, places = self._of
            return rows.column(name)[places]
        return self.kept(("column", name), lambda: self.columns[name].to_pandas().to_numpy())

    def kept(self, key: Any, make: Callable[[], T]) -> T:
        """Return what was made under a key before, or make it."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast("T", self._kept[key])

    def take(self, places: Array) -> Rows:
        """Return some of the rows, in this order; `columns` stays as it is, for `column` to read."""
        return Rows(
            self.task,
            self.classes,
            self.labels[places],
            tuple(part[places] for part in self.predictions),
            self.columns,
            self.cut,
            self.seed,
            (self, places),
        )

    def answering(self, which: int, predictions: Array) -> Rows:
        """Return the same rows with other answers of a model."""
        answers = (*self.predictions[:which], predictions, *self.predictions[which + 1 :])
        return replace(self, predictions=answers, _kept={})
