"""Features as columns of a table: what the layers give for raw rows, to be stored. Needs TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levada.features.fitted import Fitted
from levada.models.feed import arrays_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 4096
"""Rows that go through the layers at a time: images and wide texts take memory."""


class Materialiser:
    """Turns batches of raw rows into tables of features; made once, used for many batches.

    The layers do it that a model has inside, so what is stored is what a model would compute.
    """

    def __init__(self, fitted: Fitted, names: Sequence[str], keep: Sequence[str] = ()) -> None:
        import keras
        import tensorflow as tf

        layers = fitted.layers()
        self._names = list(names)
        self._keep = list(keep)
        model = keras.Model(layers.inputs, {name: layers[name] for name in self._names})
        self._tensors = layers.tensors
        self._ask: Any = tf.function(lambda given: model(given, training=False), autograph=False, reduce_retracing=True)

    def tables(self, batch: pa.RecordBatch | pa.Table) -> list[pa.Table]:
        """Return the kept columns and the features of a batch's rows, in order, in tables of at most `ROWS` rows."""
        return [self._table(batch.slice(start, ROWS)) for start in range(0, batch.num_rows, ROWS)]

    def _table(self, batch: Any) -> pa.Table:
        import pyarrow as pa
        import tensorflow as tf

        arrays = arrays_of(self._tensors, batch)
        given = {tensor.name: tf.constant(arrays[tensor.name], tensor.dtype) for tensor in self._tensors}
        made = self._ask(given)
        columns = {name: batch.column(name) for name in self._keep}
        return pa.table(columns | {name: _column(made[name].numpy()) for name in self._names})


def _column(values: Any) -> pa.Array:
    """Return numbers `(rows,)` or `(rows, 1)` as they are, more a row as lists of one length."""
    import pyarrow as pa

    width = int(values[0].size) if len(values) else 1
    flat = pa.array(values.reshape(-1))
    return flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
