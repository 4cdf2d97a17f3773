"""Training input: a split of examples as batches for Keras, read from Parquet while training goes on.

Nothing is held but a window of rows, so a split may be larger than memory; and no Python runs for a row: columns are
shuffled as arrays, and a text column travels as numbers with its distinct values.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import DataError
from levada.models.feed import arrays_of
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

WINDOW = 262_144
WINDOW_BYTES = 256 << 20


def batches(
    examples: Examples,
    split: str,
    inputs: Sequence[Tensor],
    *,
    label: str | Tensor | None = None,
    size: int = 1024,
    seed: int | None = None,
    window: int = WINDOW,
) -> Any:
    """Return a `tf.data.Dataset` of a split: a dict of tensors by input, and the label where one is named.

    `inputs` says what a batch has, as for a model (`layers.tensors`): `(size, *shape)` each, with missing values as
    everywhere (NaN, ""). The label is float32 `(size,)`, unless it is given as a `Tensor`. The last batch may be
    smaller.

    With a `seed` rows are shuffled, anew in every epoch: row groups are drawn in random order, and the rows of about
    `window` at a time are mixed. The order follows from the seed and the number of the epoch; `ctx.seed` is recorded
    with the run. Without a seed rows come in the order they were written.

    Raises DataError if there is no such split or column, or the split has no rows; ModelError for columns that do not
    fit the inputs.
    """
    import numpy as np
    import tensorflow as tf

    rows = examples.rows(split)
    if not rows:
        raise DataError(f"split '{split}' has no rows to train on.")
    target = Tensor(label, "float32") if isinstance(label, str) else label
    tensors = (*inputs, target) if target else tuple(inputs)
    names = list(dict.fromkeys(name for tensor in tensors for name in tensor.takes))
    examples.check_columns(names)
    groups = _groups(tensors)
    epochs = itertools.count()

    def windows() -> Iterator[tuple[Any, ...]]:
        random = None if seed is None else np.random.default_rng([seed, next(epochs)])
        for batch in _windows(examples, split, names, random, window):
            yield tuple(part for group in groups for part in group.parts(batch))

    def named(*parts: Any) -> Any:
        waiting = list(parts)
        found: dict[str, Any] = {}
        for group in groups:
            found |= group.named(waiting)
        given = {tensor.name: found[tensor.name] for tensor in inputs}
        return given if target is None else (given, found[target.name])

    signature = tuple(spec for group in groups for spec in group.specs())
    data: Any = tf.data.Dataset.from_generator(windows, output_signature=signature).map(named).rebatch(size)
    return data.apply(tf.data.experimental.assert_cardinality(-(-rows // size))).prefetch(4)


def _windows(examples: Examples, split: str, names: list[str], random: Any, window: int) -> Iterator[pa.RecordBatch]:
    """Yield rows in order, or mixed, if there is a source of random numbers."""
    if random is None:
        yield from examples.batches(split, names)
        return
    for table in _drawn(examples, split, names, random, window):
        batch = _joined(table)
        yield batch.take(random.permutation(batch.num_rows))


def _drawn(examples: Examples, split: str, names: list[str], random: Any, window: int) -> Iterator[pa.Table]:
    """Yield row groups drawn at random, as many together as fill a window."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    groups = [(file, group) for file in examples.files(split) for group in range(pq.read_metadata(file).num_row_groups)]
    waiting: list[pa.Table] = []
    for place in random.permutation(len(groups)):
        file, group = groups[place]
        # Texts are numbers with their distinct values in the file already: they are read as that.
        texts = [field.name for field in pq.read_schema(file) if kind_of(field.type) == "string"]
        with pq.ParquetFile(file, pre_buffer=False, read_dictionary=texts) as parquet:
            waiting.append(parquet.read_row_group(group, columns=names).select(names))
        rows, size = sum(table.num_rows for table in waiting), sum(table.nbytes for table in waiting)
        if rows >= window or size >= WINDOW_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _joined(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    table = table.unify_dictionaries()
    columns = [
        column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) for column in table.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


# -- from Arrow to TensorFlow ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Numbers:
    """Inputs of one dtype and shape, side by side: what is passed on is one array."""

    tensors: tuple[Tensor, ...]

    def specs(self) -> list[Any]:
        import tensorflow as tf

        first = self.tensors[0]
        return [tf.TensorSpec((None, len(self.tensors), *first.shape[1:]), tf.as_dtype(first.dtype))]

    def parts(self, batch: pa.RecordBatch) -> list[Any]:
        import numpy as np

        arrays = arrays_of(self.tensors, batch)
        return [np.stack([arrays[tensor.name] for tensor in self.tensors], axis=1)]

    def named(self, waiting: list[Any]) -> dict[str, Any]:
        import tensorflow as tf

        stacked = waiting.pop(0)
        values: list[Any] = tf.unstack(stacked, num=len(self.tensors), axis=1)
        return {tensor.name: value for tensor, value in zip(self.tensors, values, strict=True)}


@dataclass(frozen=True)
class _Text:
    """An input of text or bytes: what is passed on is its distinct values, and for each row the place among them."""

    tensor: Tensor

    def specs(self) -> list[Any]:
        import tensorflow as tf

        return [tf.TensorSpec((None, *self.tensor.shape[1:]), tf.int32), tf.TensorSpec((None,), tf.string)]

    def parts(self, batch: pa.RecordBatch) -> list[Any]:
        import numpy as np
        import pyarrow as pa

        plain = not self.tensor.columns and len(self.tensor.shape) == 1
        column: Any = batch.column(self.tensor.name) if plain else None
        if column is None or kind_of(column.type) != "string":
            array = arrays_of((self.tensor,), batch)[self.tensor.name]
            return [np.arange(array.size, dtype=np.int32).reshape(array.shape), array.ravel()]
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        words, places = coded.dictionary.to_numpy(zero_copy_only=False), coded.indices.cast(pa.int32())
        if column.null_count:
            places = places.fill_null(len(words))
            words = np.append(words, "")
        return [places.to_numpy(zero_copy_only=False), words]

    def named(self, waiting: list[Any]) -> dict[str, Any]:
        import tensorflow as tf

        places, words = waiting.pop(0), waiting.pop(0)
        return {self.tensor.name: tf.gather(words, places)}


def _groups(tensors: Sequence[Tensor]) -> list[_Numbers | _Text]:
    numbers: dict[Any, list[Tensor]] = {}
    texts: list[_Numbers | _Text] = []
    for tensor in tensors:
        if tensor.dtype == "string":
            texts.append(_Text(tensor))
        else:
            numbers.setdefault((tensor.dtype, tensor.shape), []).append(tensor)
    return [*(_Numbers(tuple(group)) for group in numbers.values()), *texts]
