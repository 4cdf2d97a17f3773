"""A network that is fitted in a moment, to be tuned."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from levada import Context, component
from levada.artifacts import Examples, Model, Tensor
from levada.training import fit_keras

if TYPE_CHECKING:
    import keras


@component
def points(ctx: Context, *, rows: int = 256) -> Examples:
    """Give numbers, and whether they are large."""
    import numpy as np
    import pyarrow as pa

    made = ctx.output(Examples)
    with made.writer() as writer:
        for seed, split in enumerate(("train", "valid")):
            draw = np.random.default_rng(seed)
            x = draw.normal(size=(rows, 2)).astype("float32")
            late = (x[:, 0] + x[:, 1] * 0.5 + draw.normal(size=rows) * 0.3 > 0).astype("int64")
            writer.write(split, pa.table({"a": x[:, 0], "b": x[:, 1], "late": late}))
    return made


@component(packages=("tensorflow", "keras"))
def fit(ctx: Context, examples: Examples, *, units: int = 2, rate: float = 0.01, epochs: int = 2) -> Model:
    """Fit a network, and say in which process."""
    print(f"in process {os.getpid()}")
    return fit_keras(
        ctx,
        partial(network, units=units, rate=rate),
        examples,
        inputs=[Tensor("a", "float32"), Tensor("b", "float32")],
        label="late",
        validation="valid",
        batch_size=64,
        epochs=epochs,
    )


def network(*, units: int, rate: float) -> keras.Model:
    """Return a small network with dropout, whose masks come from the seed."""
    import keras

    inputs = [keras.Input((), name=name) for name in ("a", "b")]
    both: Any = keras.ops.stack(inputs, axis=-1)
    hidden = keras.layers.Dropout(0.2)(keras.layers.Dense(units, activation="relu")(both))
    chance = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model(inputs, chance)
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    return model
