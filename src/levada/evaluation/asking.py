"""A split, asked once: labels, what each model answers (or has answered), the columns to slice by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import ModelDocument, Tensor
from levada.artifacts.predictions import Predictions
from levada.errors import DataError, ModelError, did_you_mean
from levada.evaluation.rows import Rows
from levada.evaluation.truth import (
    aligned,
    check_classes,
    check_sums,
    classes_of,
    labels_of,
    output_of,
    predictions_of,
    task_of,
)
from levada.models.predictor import Predictor

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

SUSPECTS = 3
"""Columns that are named where a model answers NaN."""


@dataclass(frozen=True)
class Asked:
    """A model whose answers are wanted: what it takes and gives, and what it has answered, where that is stored.

    `who` is how sentences call it.
    """

    who: str
    document: ModelDocument
    load: Callable[[], Predictor]
    stored: Predictions | None = None


@dataclass(frozen=True)
class Labelled:
    """Rows that have a label, and what is to be said of the others. `unknown` counts labels that are no class."""

    rows: Rows
    output: str
    skipped: int
    unknown: dict[str, int]
    notes: tuple[str, ...] = ()


def ask(
    models: Sequence[Asked],
    examples: Examples,
    *,
    split: str,
    label: str,
    columns: Sequence[str] = (),
    task: str | None = None,
    output: str | None = None,
    cut: float = 0.5,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Labelled:
    """Return a split's labelled rows with the answers of every model, the judged one first.

    Raises DataError for a split without labelled rows or a column that is not there, ModelError for a model that cannot
    take the examples, answers NaN, or gives what cannot be held against the labels.
    """
    import pyarrow as pa

    tensors = [output_of(model.document, output) for model in models]
    for model, tensor in zip(models, tensors, strict=True):
        check_classes(tensor, model.who)
    examples.check_columns([label, *columns])
    for model in models:
        if model.stored is None:
            check_takes(model.document, examples, model.who)
    table = examples.table(split, dict.fromkeys([label, *columns]))
    present: Any = table[label].is_valid()
    skipped = table.num_rows - int(pa.compute.sum(present).as_py() or 0)  # pyright: ignore[reportAttributeAccessIssue]
    if skipped == table.num_rows:
        raise DataError(
            f"split '{split}' has no rows with a '{label}', so there is nothing to measure on.",
            hint=f"It has {table.num_rows:,} rows, and the label is missing in all of them." if table.num_rows else "",
        )
    answers = _answers(models, tensors, examples, split, present, progress)
    kept = table.filter(present)
    labels: Any = kept[label].combine_chunks()
    labels = pa.concat_arrays(labels.chunks) if isinstance(labels, pa.ChunkedArray) else labels
    chosen = task_of(task, tensors[0], labels)
    for model, tensor, array in zip(models, tensors, answers, strict=True):
        _check_finite(model, tensor, array, examples, split, present)
    for model, tensor in zip(models[1:], tensors[1:], strict=True):
        _check_comparable(tensors[0], tensor, model.who)
    if chosen in ("binary", "multiclass"):
        for tensor, array in zip(tensors, answers, strict=True):
            check_sums(tensor, array)
    found: list[Array] = []
    notes: list[str] = []
    for model, tensor, array in zip(models, tensors, answers, strict=True):
        ordered, note = (array, "") if chosen == "regression" else aligned(tensor, array, tensors[0], model.who)
        found.append(predictions_of(chosen, tensors[0], ordered))
        notes += [note] * bool(note)
    truth, unknown = labels_of(chosen, tensors[0], labels, label)
    rows = Rows(chosen, classes_of(chosen, tensors[0]), truth, tuple(found), kept.select(list(columns)), cut, seed)
    return Labelled(rows, tensors[0].name, skipped, unknown, tuple(notes))


def check_takes(document: ModelDocument, examples: Examples, who: str) -> None:
    """Raise ModelError if examples lack a column that a model takes."""
    missing = [column for column in document.columns if column not in examples.columns]
    if missing:
        close = did_you_mean(missing[0], examples.columns)
        have = f"They have {', '.join(examples.columns[:12])}{', ...' * (len(examples.columns) > 12)}."
        raise ModelError(
            f"{who} takes {', '.join(missing)}, which these examples do not have, so it cannot be asked.",
            hint=close or have,
        )


def _answers(
    models: Sequence[Asked],
    tensors: Sequence[Tensor],
    examples: Examples,
    split: str,
    present: Any,
    progress: Callable[[int, int], None] | None,
) -> list[Array]:
    """Return what each model answers to the rows that have a label."""
    import numpy as np

    mask = np.asarray(present.combine_chunks(), dtype=bool)
    asked = [(place, model.load()) for place, model in enumerate(models) if model.stored is None]
    parts: dict[int, list[Array]] = {place: [] for place, _ in asked}
    wanted = dict.fromkeys(column for _, predictor in asked for column in predictor.document.columns)
    done, total = 0, examples.rows(split)
    for batch in examples.batches(split, wanted) if asked else ():
        labelled = batch.filter(_arrow(mask[done : done + batch.num_rows]))
        for place, predictor in asked:
            parts[place].append(_predicted(predictor, labelled, models[place].who)[tensors[place].name])
        done += batch.num_rows
        if progress is not None:
            progress(done, total)
    found: list[Array] = []
    for place, (model, tensor) in enumerate(zip(models, tensors, strict=True)):
        if model.stored is not None:
            found.append(_stored(model.stored, split, tensor, model.who, total)[mask])
        else:
            found.append(np.concatenate(parts[place]))
    return found


def _arrow(mask: Array) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def _predicted(predictor: Predictor, batch: pa.RecordBatch, who: str) -> dict[str, Array]:
    try:
        return predictor.predict(batch)
    except ModelError as error:
        raise ModelError(f"{who} cannot take these examples: {error.message}", hint=error.hint) from error


def _stored(predictions: Predictions, split: str, tensor: Tensor, who: str, rows: int) -> Array:
    if predictions.rows(split) != rows:
        raise DataError(
            f"the predictions of {who} have {predictions.rows(split):,} rows of split '{split}', "
            f"and the examples {rows:,}.",
            hint="Predict the very examples that are evaluated.",
        )
    return predictions.answers(split, tensor.name)


def _check_finite(model: Asked, tensor: Tensor, array: Array, examples: Examples, split: str, present: Any) -> None:
    """Raise ModelError where a model answers NaN or infinity, with the inputs that are strange in such rows."""
    import numpy as np

    wrong = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if not wrong.any():
        return
    at = np.flatnonzero(np.asarray(present.combine_chunks(), dtype=bool))[wrong]
    suspects = _suspects(model.document, examples, split, at)
    because = f" In these rows {suspects}." if suspects else ""
    raise ModelError(
        f"output '{tensor.name}' of {model.who} is NaN or infinite in {len(at):,} of {len(array):,} rows, "
        f"first in row {int(at[0]):,} of split '{split}'.{because}",
        hint="A model must answer every row: fill what is missing inside it, or look for a loss that became NaN.",
    )


def _suspects(document: ModelDocument, examples: Examples, split: str, at: Array) -> str:
    """Say which inputs are missing, NaN or infinite in all of some rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = [column for column in document.columns if column in examples.columns]
    table = examples.table(split, known).take(pa.array(at))
    found: list[str] = []
    for name in known:
        column: Any = table[name]
        strange = pc.is_null(column, nan_is_null=True)  # pyright: ignore[reportAttributeAccessIssue]
        if pa.types.is_floating(column.type):
            strange = pc.or_(strange, pc.is_inf(column).fill_null(False))  # pyright: ignore[reportAttributeAccessIssue]
        if pc.all(strange).as_py():  # pyright: ignore[reportAttributeAccessIssue]
            found.append(name)
    if not found:
        return ""
    verb = "is" if len(found) == 1 else "are"
    more = f" and {len(found) - SUSPECTS} more" if len(found) > SUSPECTS else ""
    return f"{', '.join(found[:SUSPECTS])}{more} {verb} missing or infinite"


def _check_comparable(mine: Tensor, theirs: Tensor, who: str) -> None:
    """Raise ModelError where two outputs are of different widths, and nothing says which class is which."""
    if {mine.row_size, theirs.row_size} == {1, 2}:  # the probability of one of two classes, or of both
        return
    if mine.row_size != theirs.row_size and not (mine.classes and theirs.classes):
        raise ModelError(
            f"the model gives {mine.row_size} numbers a row, and {who} {theirs.row_size}: they cannot be compared.",
            hint="Save both with classes=; or leave out champion= once, and let the thresholds decide.",
        )
