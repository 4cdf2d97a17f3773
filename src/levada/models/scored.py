"""A split, asked once: labels, the predictions of each model, and the columns to slice by.

Everything that is measured later (metrics, slices, comparisons) is numpy on what this holds.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from levada.artifacts.evaluation import Task
from levada.artifacts.examples import Examples
from levada.artifacts.model import ModelDocument, Tensor
from levada.errors import DataError, ModelError, did_you_mean
from levada.models.predictor import Predictor

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

PREFERRED = ("probabilities", "probability", "prediction", "predictions", "score")
"""Which of several outputs is the prediction, unless somebody says."""


@dataclass(frozen=True)
class Scored:
    """Rows with a label: `labels` and each of `predictions` in the forms of `levada.models.metrics`.

    `predictions` has one entry per model asked. `slices` gives, by column, a number per row and the values that the
    numbers stand for. `skipped` counts rows left out since they have no label.
    """

    task: Task
    output: str
    labels: Array
    predictions: tuple[Array, ...]
    slices: dict[str, tuple[Array, list[Any]]]
    skipped: int

    @property
    def rows(self) -> int:
        return len(self.labels)


def score(
    predictors: Sequence[Predictor],
    examples: Examples,
    *,
    split: str,
    label: str,
    slices: Sequence[str] = (),
    task: str | None = None,
    output: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scored:
    """Ask every model about every row of a split, in large batches.

    `task` and `output` are found from the first model's outputs and the labels unless given: probabilities of several
    classes mean `multiclass`; one number a row means `binary` where all labels are 0 or 1, else `regression`.
    Raises DataError for a split without labelled rows, ModelError for outputs that cannot be held against the labels.
    """
    outputs = [_output_of(predictor.document, output) for predictor in predictors]
    wanted = dict.fromkeys([label, *slices])
    for predictor in predictors:
        wanted |= dict.fromkeys(predictor.document.columns)
    parts: list[list[Array]] = [[] for _ in predictors]
    kept: list[pa.RecordBatch] = []
    skipped = done = 0
    total = examples.rows(split)
    for batch in examples.batches(split, list(wanted)):
        labelled = batch.filter(batch.column(label).is_valid())
        skipped += batch.num_rows - labelled.num_rows
        for part, predictor, tensor in zip(parts, predictors, outputs, strict=True):
            part.append(predictor.predict(labelled)[tensor.name])
        kept.append(labelled.select([label, *slices] if label not in slices else list(slices)))
        done += batch.num_rows
        if progress is not None:
            progress(done, total)
    if not sum(batch.num_rows for batch in kept):
        raise DataError(f"split '{split}' has no rows with a '{label}', so there is nothing to measure on.")
    return _assemble(kept, parts, outputs, label, slices, task, skipped)


def _assemble(
    kept: list[pa.RecordBatch],
    parts: list[list[Array]],
    outputs: list[Tensor],
    label: str,
    slices: Sequence[str],
    task: str | None,
    skipped: int,
) -> Scored:
    import numpy as np
    import pyarrow as pa

    table = pa.Table.from_batches(kept)
    column: Any = table.column(label).combine_chunks()
    chosen = _task(task, outputs[0], column)
    found = tuple(
        _predictions(chosen, tensor, np.concatenate(part)) for part, tensor in zip(parts, outputs, strict=True)
    )
    return Scored(
        task=chosen,
        output=outputs[0].name,
        labels=_labels(chosen, outputs[0], column, label),
        predictions=found,
        slices={name: _codes(table.column(name)) for name in slices},
        skipped=skipped,
    )


def _output_of(document: ModelDocument, wanted: str | None) -> Tensor:
    known = {tensor.name: tensor for tensor in document.outputs}
    if wanted is not None:
        if wanted not in known:
            hint = did_you_mean(wanted, known) or f"It gives {', '.join(known)}."
            raise ModelError(f"the model has no output '{wanted}'.", hint=hint)
        return known[wanted]
    if len(known) == 1:
        return document.outputs[0]
    for name in PREFERRED:
        if name in known:
            return known[name]
    raise ModelError(
        f"the model gives {', '.join(known)}, and nothing says which is the prediction.", hint="Say it with output=."
    )


def _task(wanted: str | None, tensor: Tensor, labels: Any) -> Task:
    if wanted is not None:
        if wanted not in get_args(Task):
            raise ModelError(f"there is no task '{wanted}'.", hint=f"Tasks are {', '.join(get_args(Task))}.")
        return cast("Task", wanted)
    if len(tensor.shape) == 2:
        return "binary" if tensor.shape[1] == 2 else "multiclass"
    if len(tensor.shape) > 2:
        raise ModelError(
            f"output '{tensor.name}' gives an array {list(tensor.shape[1:])} a row, which has no metrics here.",
            hint="Name another with output=.",
        )
    return "binary" if _is_zero_or_one(labels) else "regression"


def _is_zero_or_one(labels: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(labels.type):
        return True
    if not (pa.types.is_integer(labels.type) or pa.types.is_floating(labels.type)):
        return False
    return bool(pc.all(pc.is_in(labels, value_set=pa.array([0, 1], labels.type))).as_py())


def _labels(task: Task, tensor: Tensor, labels: Any, name: str) -> Array:
    """Return labels as metrics want them: 0 and 1, class numbers, or floats."""
    import numpy as np
    import pyarrow as pa

    if task == "regression":
        if not (pa.types.is_integer(labels.type) or pa.types.is_floating(labels.type)):
            raise ModelError(f"label '{name}' is {labels.type}, and a regression wants numbers.")
        return np.asarray(labels.cast(pa.float64()))
    if pa.types.is_boolean(labels.type):
        labels = labels.cast(pa.int64())
    if tensor.classes:
        return _class_numbers(tensor, labels, name)
    if task == "binary":
        if not _is_zero_or_one(labels):
            raise ModelError(
                f"label '{name}' of a binary task must be 0 or 1, and this {labels.type} column has other values.",
                hint="Save the model with classes=, or make a column of 0 and 1.",
            )
        return np.asarray(labels.cast(pa.int64()))
    if not pa.types.is_integer(labels.type):
        raise ModelError(
            f"label '{name}' is {labels.type}, and the model does not say which classes its probabilities are of.",
            hint="Save the model with classes=, in the order of its output.",
        )
    numbers = np.asarray(labels.cast(pa.int64()))
    return np.where(numbers < tensor.shape[1], numbers, -1)


def _class_numbers(tensor: Tensor, labels: Any, name: str) -> Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        classes = pa.array(list(tensor.classes)).cast(labels.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        raise ModelError(
            f"label '{name}' is {labels.type}, and the model's classes are {', '.join(map(repr, tensor.classes[:5]))}."
        ) from None
    found: Any = pc.fill_null(pc.index_in(labels, value_set=classes), -1)
    return np.asarray(found.cast(pa.int64()))


def _predictions(task: Task, tensor: Tensor, array: Array) -> Array:
    """Return an output as metrics want it; raises ModelError if it is not of the task."""
    width = tensor.shape[1] if len(tensor.shape) == 2 else 1
    array = array.astype("float64")
    if task == "binary" and width == 2:
        array = array[:, 1]
    elif (task == "multiclass") != (width > 1) or len(tensor.shape) > 2:
        raise ModelError(
            f"output '{tensor.name}' has the shape {list(tensor.shape)}, which does not fit the task {task}."
        )
    if task != "regression" and len(array) and not (array.min() >= -1e-6 and array.max() <= 1 + 1e-6):
        raise ModelError(
            f"output '{tensor.name}' goes from {array.min():.3g} to {array.max():.3g}, so it is not a probability.",
            hint="End the model with a sigmoid or softmax, or say task='regression'.",
        )
    return array


def _codes(column: Any) -> tuple[Array, list[Any]]:
    """Return a number per row and the values they stand for (None: missing), in the order of the values."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found: Any = pc.unique(column)
    values = sorted(found.to_pylist(), key=lambda value: (value is None, value))
    order = pa.array(values, column.type)
    return np.asarray(pc.index_in(column, value_set=order).combine_chunks()), values
