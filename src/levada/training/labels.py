"""Labels and the weights of rows: what a column says becomes what a loss takes, after a look at all of it."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import ComponentError, DataError, did_you_mean
from levada.models.feed import arrays_of
from levada.models.tensors import columns_of
from levada.tables.types import kind_of
from levada.training.description import Training, Weights

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SHOWN = 6


@dataclass(frozen=True)
class Target:
    """What a network learns from each row: the label, and how much the row counts.

    `counts` has the rows by value of the label, where it is one number or word a row; `weights` the weight of each
    value. `lowest` and `highest` are the label's bounds as a loss sees it (NaN for one that is a matrix).
    """

    label: Tensor | None
    classes: tuple[str | int, ...] = ()
    weight: str = ""
    weights: Mapping[Any, float] = field(default_factory=dict[Any, float])
    counts: Mapping[Any, int] = field(default_factory=dict[Any, int])
    lowest: float = float("nan")
    highest: float = float("nan")

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return () if self.label is None else (self.label,)

    @property
    def columns(self) -> list[str]:
        return [*columns_of(self.tensors), *([self.weight] if self.weight else [])]

    @property
    def is_weighted(self) -> bool:
        return bool(self.weight or self.weights)

    def arrays(self, batch: pa.RecordBatch) -> list[np.ndarray[Any, Any]]:
        """Return the label of each row, and its weight (float32) where rows have one."""
        import numpy as np

        if self.label is None:
            return []
        label = self._labels(batch)
        if not self.is_weighted:
            return [label]
        weights: Any = np.ones(batch.num_rows, np.float32)
        if self.weight:
            weights = arrays_of((Tensor(self.weight, "float32"),), batch)[self.weight]
        if self.weights:
            places = {value: place for place, value in enumerate(self.classes)}
            known = sorted((places.get(value, value), weight) for value, weight in self.weights.items())
            values = np.array([value for value, _ in known], label.dtype)
            at = np.minimum(np.searchsorted(values, label), len(values) - 1)
            factors = np.array([weight for _, weight in known], np.float32)
            weights = weights * np.where(values[at] == label, factors[at], np.float32(1))
        return [label, weights]

    def _labels(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        assert self.label is not None
        if not self.classes:
            return arrays_of((self.label,), batch)[self.label.name]
        return _places(batch.column(self.label.name), self.classes).to_numpy(zero_copy_only=False).astype("int64")


def target_of(training: Training) -> Target:
    """Return what a training's network learns from, after a look at all labels of the split.

    Raises DataError for labels that are missing, of one value, not among `classes` or no numbers; for weights that are
    negative or missing.
    """
    examples = training.rows.examples()
    _check_rows(examples, training)
    examples.check_columns(columns_of(training.inputs))
    label = training.label
    if training.weight:
        check_weight(examples, training.split, training.weight)
    if label is None:
        return Target(None)
    if training.classes:
        label = Tensor(label.name, "int64")
    target = Target(label, training.classes, training.weight)
    examples.check_columns(target.columns)
    counts, lowest, highest = look_at(examples, training.split, target)
    if training.validation:  # a class that only it has is measured too
        _, least, most = look_at(examples, training.validation, target, trains=False)
        lowest, highest = min(lowest, least), max(highest, most)
    weights = weights_of(training.class_weights, counts, training.split)
    return Target(label, training.classes, training.weight, weights, counts, lowest, highest)


def _check_rows(examples: Examples, training: Training) -> None:
    for split in filter(None, (training.split, training.validation)):
        if not examples.rows(split):
            raise DataError(f"split '{split}' has no rows to {'train on' if split == training.split else 'measure'}.")


def look_at(
    examples: Examples, split: str, target: Target, *, trains: bool = True, words: bool = False
) -> tuple[dict[Any, int], float, float]:
    """Return how often each value of the label comes, and its bounds (NaN for words and for labels of several values).

    Raises DataError for what cannot be learnt; `trains` is whether the split has to tell values apart, `words` whether
    text is a label as good as numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    label = target.label
    assert label is not None
    table = examples.table(split, columns_of((label,)))
    for name in table.column_names:
        column = table[name]
        if column.null_count:
            raise DataError(
                f"label '{name}' misses {column.null_count:,} of {table.num_rows:,} values in split '{split}'.",
                hint=f"Leave these rows out where the examples are made, or put them aside: "
                f"quarantine(examples, rules=[not_null('{name}')]).kept is the rest.",
            )
        if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py():
            wrong = pc.sum(pc.invert(pc.is_finite(column))).as_py()
            raise DataError(f"label '{name}' is NaN or infinite in {wrong:,} rows of split '{split}'.")
    nothing = float("nan")
    if len(table.column_names) != 1 or label.row_size != 1:
        return {}, nothing, nothing
    column = table.column(0)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if target.classes:
        _check_classes(column, target.classes, split, label.name)
    elif kind_of(column.type) == "string" and not words:
        some = pc.value_counts(column).field("values").slice(0, SHOWN).to_pylist()
        raise DataError(
            f"label '{label.name}' is text ({', '.join(map(str, some))}), and a loss takes numbers.",
            hint=f"Say which number each word is, by its place: classes={sorted(map(str, some))!r}.",
        )
    counted = pc.value_counts(column.combine_chunks() if hasattr(column, "combine_chunks") else column)
    counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
    if trains and len(counts) == 1:
        (value,) = counts
        raise DataError(
            f"label '{label.name}' is {value} in all {table.num_rows:,} rows of split '{split}': "
            "there is nothing to tell apart.",
            hint="Look at how the label is made, and how rows are divided: a split by time may hold one kind only.",
        )
    if target.classes:
        return counts, 0.0, len(target.classes) - 1.0
    if kind_of(column.type) == "string":
        return counts, nothing, nothing
    bounds = pc.min_max(column.cast(pa.int64()) if pa.types.is_boolean(column.type) else column).as_py()
    return counts, float(bounds["min"]), float(bounds["max"])


def _check_classes(column: Any, classes: tuple[str | int, ...], split: str, name: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = kind_of(column.type) == "string"
    if is_text != isinstance(classes[0], str):
        raise DataError(f"label '{name}' is {column.type}, and classes are {type(classes[0]).__name__}.")
    strange = pc.filter(column, pc.is_null(_places(column, classes)))
    if len(strange):
        value = strange[0].as_py()
        raise DataError(
            f"label '{name}' is {value!r} in split '{split}', which is none of the classes "
            f"({', '.join(map(str, classes[:SHOWN]))}{', ...' if len(classes) > SHOWN else ''}).",
            hint=did_you_mean(str(value), map(str, classes)) or f"{len(pa.array(strange)):,} rows have no class.",
        )


def _places(column: Any, classes: tuple[str | int, ...]) -> Any:
    """Return the place of each value among the classes, null where it is none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.index_in(column, value_set=pa.array(classes, column.type))


def check_weight(examples: Examples, split: str, name: str) -> None:
    """Raise DataError unless a column has a number from 0 on in every row of a split."""
    import pyarrow.compute as pc

    column = examples.table(split, [name]).column(0)
    if kind_of(column.type) != "numeric":
        raise DataError(f"weight '{name}' is {column.type}: wanted numbers.")
    bounds: Any = pc.min_max(column).as_py()
    lowest, highest = bounds["min"], bounds["max"]
    if column.null_count or lowest is None or not lowest >= 0 or not 0 < highest < math.inf:
        raise DataError(
            f"weight '{name}' misses {column.null_count:,} values, and is {lowest} to {highest}.",
            hint="How much a row counts is a number from 0 on, in every row, and not 0 in all.",
        )


def weights_of(wanted: Weights | None, counts: Mapping[Any, int], split: str) -> dict[Any, float]:
    """Return the weight of each value; "balanced" gives every value the same total, as scikit-learn does."""
    if not wanted:
        return {}
    if not counts:
        raise ComponentError("class_weights= is for a label of one value a row.", hint="weight= names a column.")
    if wanted == "balanced":
        total = sum(counts.values())
        return {value: total / (len(counts) * count) for value, count in counts.items()}
    if not isinstance(wanted, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        hint = did_you_mean(str(wanted), ["balanced"]) or 'class_weights="balanced", or {value: weight}.'
        raise ComponentError(f"class_weights={wanted!r}: wanted 'balanced', or a weight by value.", hint=hint)
    given: Mapping[Any, float] = wanted
    unknown = [value for value in given if value not in counts]
    if unknown:
        raise DataError(
            f"class_weights= names {unknown[0]!r}, which the label never is in split '{split}'.",
            hint=f"It is {', '.join(map(str, list(counts)[:SHOWN]))}.",
        )
    for value, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ComponentError(f"class_weights={{{value!r}: {weight!r}}}: wanted a number, 0 or more.")
    if not any(given.get(value, 1.0) for value in counts):
        raise ComponentError("class_weights= are 0 for all values: nothing would be learnt.")
    return dict(given)
