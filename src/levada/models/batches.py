"""Training input: a split of examples as batches for Keras, read from Parquet while training goes on.

Nothing is held but a window of rows, so a split may be larger than memory; and no Python runs for a row: columns are
shuffled as arrays, and a text column travels as numbers with its distinct values.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import DataError
from levada.models.feed import arrays_of
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

WINDOW = 262_144
CHUNK = 16_384
"""Rows that go from Python to TensorFlow at a time; TensorFlow cuts them into batches."""
FEW = 4096
"""Up to so many distinct texts in a window travel once a chunk; else each row's text does."""


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
    everywhere (NaN, ""). The label is float32 `(size,)`, unless it is given as a `Tensor`. The last batch may be smaller.

    With a `seed` rows are shuffled, anew in every epoch: row groups are drawn in random order, and the rows of about
    `window` at a time are mixed. The order follows from the seed and the number of the epoch; `ctx.seed` is recorded
    with the run. Without a seed rows come in the order they were written.

    Raises DataError if there is no such split or column, or the split has no rows; ModelError for columns that do not
    fit the inputs.
    """
    import tensorflow as tf

    rows = examples.rows(split)
    if not rows:
        raise DataError(f"split '{split}' has no rows to train on.")
    target = Tensor(label, "float32") if isinstance(label, str) else label
    tensors = (*inputs, target) if target else tuple(inputs)
    _check_columns(examples, tensors)
    epochs = itertools.count()

    def chunks() -> Iterator[tuple[Any, ...]]:
        for columns in _windows(examples, split, tensors, seed, next(epochs), window):
            count = len(columns[0].values)
            for start in range(0, count, CHUNK):
                yield tuple(part for column in columns for part in column.chunk(start, start + CHUNK))

    def joined(*parts: Any) -> Any:
        found: dict[str, Any] = {}
        waiting = iter(parts)
        for tensor in tensors:
            value = next(waiting)
            if tensor.dtype == "string":
                value = tf.gather(next(waiting), value)
            found[tensor.name] = value
        if target is None:
            return found
        return {tensor.name: found[tensor.name] for tensor in inputs}, found[target.name]

    signature = tuple(spec for tensor in tensors for spec in _specs(tensor))
    data: Any = tf.data.Dataset.from_generator(chunks, output_signature=signature)
    data = data.map(joined, deterministic=True).rebatch(size)
    return data.apply(tf.data.experimental.assert_cardinality(-(-rows // size))).prefetch(4)


def _check_columns(examples: Examples, tensors: Sequence[Tensor]) -> None:
    wanted = [name for tensor in tensors for name in tensor.takes]

    examples._chosen(wanted)  # pyright: ignore[reportPrivateUsage]


def _specs(tensor: Tensor) -> list[Any]:
    import tensorflow as tf

    shape = (None, *tensor.shape[1:])
    if tensor.dtype == "string":
        return [tf.TensorSpec(shape, tf.int32), tf.TensorSpec((None,), tf.string)]
    return [tf.TensorSpec(shape, tf.as_dtype(tensor.dtype))]


class _Column:
    """An input's values in a window, `(rows, *shape)`; of texts `values` has the places in `words`."""

    def __init__(self, values: np.ndarray[Any, Any], words: pa.Array | None = None) -> None:
        self.values = values
        self._words = words
        self._few = words.to_numpy(zero_copy_only=False) if words is not None and len(words) <= FEW else None

    def chunk(self, start: int, stop: int) -> Iterator[np.ndarray[Any, Any]]:
        import numpy as np
        import pyarrow as pa

        values = self.values[start:stop]
        if self._words is None:
            yield values
        elif self._few is not None:
            yield values
            yield self._few
        else:
            yield np.arange(values.size, dtype=np.int32).reshape(values.shape)
            yield self._words.take(pa.array(values.ravel())).to_numpy(zero_copy_only=False)


def _windows(
    examples: Examples, split: str, tensors: Sequence[Tensor], seed: int | None, epoch: int, window: int
) -> Iterator[list[_Column]]:
    """Yield the columns of about `window` rows at a time."""
    import numpy as np
    import pyarrow as pa

    names = list(dict.fromkeys(name for tensor in tensors for name in tensor.takes))
    if seed is None:
        for batch in examples.batches(split, names):
            yield [_column(tensor, batch) for tensor in tensors]
        return
    random = np.random.default_rng([seed, epoch])
    for table in _drawn(examples, split, names, random, window):
        batch = table.combine_chunks().to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], table.schema)
        order = random.permutation(batch.num_rows)
        columns = [_column(tensor, batch) for tensor in tensors]
        for column in columns:
            column.values = column.values[order]
        yield columns


def _drawn(examples: Examples, split: str, names: list[str], random: Any, window: int) -> Iterator[pa.Table]:
    """Yield row groups in random order, as many together as fill a window."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    groups = [
        (file, group) for file in examples.files(split) for group in range(pq.read_metadata(file).num_row_groups)
    ]
    waiting: list[pa.Table] = []
    for place in random.permutation(len(groups)):
        file, group = groups[place]
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            waiting.append(parquet.read_row_group(group, columns=names).select(names))
        if sum(table.num_rows for table in waiting) >= window:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _column(tensor: Tensor, batch: Any) -> _Column:
    import numpy as np
    import pyarrow as pa

    if tensor.dtype != "string" or tensor.columns or tensor.padded or len(tensor.shape) > 1:
        array = arrays_of((tensor,), batch)[tensor.name]
        if tensor.dtype != "string":
            return _Column(array)
        return _Column(np.arange(array.size, dtype=np.int32).reshape(array.shape), pa.array(array.ravel()))
    column = batch.column(tensor.name)
    if kind_of(column.type) != "string":
        array = arrays_of((tensor,), batch)[tensor.name]  # bytes; what does not fit is refused there
        return _Column(np.arange(len(array), dtype=np.int32), pa.array(array, pa.large_binary()))
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = column.dictionary.cast(pa.large_string())
    places = column.indices.cast(pa.int32())
    if column.null_count:
        words = pa.concat_arrays([words, pa.array([""], pa.large_string())])
        places = places.fill_null(len(words) - 1)
    return _Column(places.to_numpy(zero_copy_only=False), words)
