"""Input of a model: a split of examples as batches for Keras, read from Parquet while they are asked for.

Nothing is held but a window of rows, so a split may be larger than memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import DataError
from levada.models.tensors import columns_of, groups_of
from levada.models.windows import WINDOW, windows


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
    names = columns_of(tensors)
    examples.check_columns(names)
    groups = groups_of(tensors)
    epochs = itertools.count()

    def read() -> Iterator[tuple[Any, ...]]:
        random = None if seed is None else np.random.default_rng([seed, next(epochs)])
        for batch in windows(examples, split, names, random, window):
            yield tuple(part for group in groups for part in group.parts(batch))

    def named(*parts: Any) -> Any:
        waiting = list(parts)
        found: dict[str, Any] = {}
        for group in groups:
            found |= group.named(waiting)
        given = {tensor.name: found[tensor.name] for tensor in inputs}
        return given if target is None else (given, found[target.name])

    signature = tuple(spec for group in groups for spec in group.specs())
    data: Any = tf.data.Dataset.from_generator(read, output_signature=signature).map(named).rebatch(size)
    return data.apply(tf.data.experimental.assert_cardinality(-(-rows // size))).prefetch(4)
