"""Keras preprocessing whose state comes from statistics: nothing is adapted, nothing reads the data again.

    distance = keras.Input((), name="distance")                  # float32, NaN where missing
    carrier = keras.Input((), name="carrier", dtype="string")    # "" where missing

    deep = normalized(distance, statistics.column("distance"))
    wide = linear([
        bucketized(distance, statistics.column("distance"), bins=10),
        looked_up(carrier, statistics.column("carrier")),
    ])

All of it becomes part of the exported model, so what is served preprocesses as what was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics
from levada.errors import ModelError

if TYPE_CHECKING:
    Tensor = Any  # a KerasTensor of shape (rows,)


@dataclass(frozen=True)
class Indices:
    """A column as whole numbers: an int tensor of shape (rows,), with values below `size`."""

    tensor: Any
    size: int


def normalized(values: Tensor, column: ColumnStatistics) -> Tensor:
    """Return numbers of shape (rows,) with the column's mean 0 and variance 1; a missing one is 0, the mean."""
    import keras

    mean, variance = float(column.mean), float(column.variance)
    if not variance > 0:
        raise ModelError(
            f"the column has variance {variance:g}, so it cannot be normalized.",
            hint="A column that never changes tells a model nothing: leave it out.",
        )
    layer: Any = keras.layers.Normalization(axis=None, mean=mean, variance=variance)  # pyright: ignore[reportArgumentType]
    scaled = layer(values)
    return keras.ops.where(keras.ops.isnan(values), 0.0, scaled)


def bucketized(values: Tensor, column: ColumnStatistics, *, bins: int = 10) -> Indices:
    """Return which of `bins` equally full buckets each number of shape (rows,) is in; 0 means missing.

    Fewer buckets come back where quantiles coincide.
    """
    import keras

    cuts = sorted({float(cut) for cut in column.boundaries(bins)})
    if not cuts:
        raise ModelError(
            f"the column cannot be cut into {bins} buckets: nearly all of its values are the same.",
            hint="Take more bins, or normalize it.",
        )
    # NaN is in no bucket; before the layer sees it, it becomes a number, and after it bucket 0.
    absent = keras.ops.isnan(values)
    layer: Any = keras.layers.Discretization(bin_boundaries=cuts)
    bucket: Any = keras.ops.cast(layer(keras.ops.where(absent, cuts[0], values)), "int32")
    return Indices(keras.ops.where(absent, 0, bucket + 1), len(cuts) + 2)


def looked_up(words: Tensor, column: ColumnStatistics, *, top: int | None = None) -> Indices:
    """Return the place of each string of shape (rows,) in the vocabulary: 0 means missing, 1 a word not in it.

    `top` keeps the most frequent words only.
    """
    import keras

    vocabulary = [str(word) for word in column.vocabulary(top=top) if word not in ("", "[UNK]", None)]
    if not vocabulary:
        raise ModelError("the column has no words to look up.", hint="Leave it out.")
    layer: Any = keras.layers.StringLookup(vocabulary=vocabulary, num_oov_indices=1, mask_token="")
    return Indices(keras.ops.cast(layer(words), "int32"), len(vocabulary) + 2)


def crossed(first: Indices, second: Indices) -> Indices:
    """Return an index for every pair of two columns' indices."""
    return Indices(first.tensor * second.size + second.tensor, first.size * second.size)


def linear(columns: Sequence[Indices]) -> Tensor:
    """Return a linear model of indices, of shape (rows, 1): one weight for every value of every column.

    One embedding holds all weights, each column at its own offset: fewer variables, which is what the first
    training step costs.
    """
    import keras

    placed: list[Any] = []
    size = 0
    for column in columns:
        placed.append(column.tensor + size)
        size += column.size
    embedding: Any = keras.layers.Embedding(size, 1, embeddings_initializer="zeros")
    return keras.ops.sum(embedding(keras.ops.stack(placed, axis=1)), axis=1)
