"""From Arrow to TensorFlow: columns of rows as a few arrays, and these as the tensors that a model takes by name.

No Python runs for a row: inputs of one dtype and shape travel side by side as one array, and a text column as numbers
with its distinct values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from levada.artifacts.model import Tensor
from levada.models.feed import arrays_of
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa


class Group(Protocol):
    """Some inputs: how they are passed on, and how they are told apart again.

    `parts` gives arrays of a batch of rows; `by_row` says of each whether it has a row for each row, or belongs to all.
    """

    @property
    def by_row(self) -> tuple[bool, ...]: ...

    def specs(self) -> list[Any]: ...

    def parts(self, batch: pa.RecordBatch) -> list[Any]: ...

    def named(self, waiting: list[Any]) -> dict[str, Any]:
        """Take its parts from the beginning of a list of tensors, and return the inputs by name."""
        ...


@dataclass(frozen=True)
class Numbers:
    """Inputs of one dtype and shape, side by side: what is passed on is one array."""

    tensors: tuple[Tensor, ...]
    by_row = (True,)

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
class Text:
    """An input of text or bytes: what is passed on is its distinct values, and for each row the place among them."""

    tensor: Tensor
    by_row = (True, False)

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


def groups_of(tensors: Sequence[Tensor]) -> list[Group]:
    """Return the inputs in groups, each passed on together."""
    numbers: dict[Any, list[Tensor]] = {}
    texts: list[Text] = []
    for tensor in tensors:
        if tensor.dtype == "string":
            texts.append(Text(tensor))
        else:
            numbers.setdefault((tensor.dtype, tensor.shape), []).append(tensor)
    together: list[Group] = [Numbers(tuple(group)) for group in numbers.values()]
    return [*together, *texts]


def columns_of(tensors: Sequence[Tensor]) -> list[str]:
    """Return the columns that tensors are made of, each once, in order."""
    return list(dict.fromkeys(name for tensor in tensors for name in tensor.takes))
