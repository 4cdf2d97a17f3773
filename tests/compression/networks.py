"""Small networks as authors write them, and the rows that they learn from: which corner of a square is a point in?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from levada.models import Tensor

INPUTS = (Tensor("place", "float32", (-1, 8)),)
CORNERS = ("south", "west", "north")


def rows(count: int = 600, seed: int = 0) -> pa.Table:
    """Return points of eight numbers, the corner that follows from two of them, and where they were seen."""
    random = np.random.default_rng(seed)
    places = random.normal(size=(count, 8)).astype("float32")
    corner = np.array(CORNERS)[(places[:, 0] > 0).astype(int) + (places[:, 1] > 0.5)]
    seen = random.choice(["near", "far"], count)
    flat = pa.array(places.ravel())
    return pa.table({"place": pa.FixedSizeListArray.from_arrays(flat, 8), "corner": corner, "seen": seen})


def dense(*, units: int = 24, rate: float = 0.02) -> Any:
    """Return two hidden layers with a batch normalization between them."""
    import keras

    x = keras.Input((8,), name="place")
    hidden: Any = keras.layers.Dense(units)(x)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(units, activation="relu")(hidden))
    return _compiled(x, keras.layers.Dense(3, activation="softmax")(hidden), rate)


def student(*, units: int, places: int = 8) -> Any:
    """Return one hidden layer."""
    import keras

    x = keras.Input((places,), name="place")
    return _compiled(x, keras.layers.Dense(3, activation="softmax")(keras.layers.Dense(units)(x)), 0.02)


def convolutions() -> Any:
    """Return what channels can be taken out of, and what they cannot: a flattened layer, an addition."""
    import keras

    x = keras.Input((8,), name="place")
    seen: Any = keras.layers.Reshape((4, 2, 1))(x)
    seen = keras.layers.Conv2D(6, 2, padding="same", use_bias=False)(seen)
    seen = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(seen))
    seen = keras.layers.Flatten()(keras.layers.MaxPooling2D((2, 1))(seen))
    left: Any = keras.layers.Dense(5, activation="tanh")(seen)
    right: Any = keras.layers.Dense(5, activation="tanh")(seen)
    return _compiled(x, keras.layers.Dense(3, activation="softmax")(left + right), 0.02)


def without_kernels() -> Any:
    """Return a network that looks up and adds: nothing in it is dense."""
    import keras

    x = keras.Input((8,), name="place")
    found: Any = keras.layers.Embedding(4, 3)(keras.ops.cast(keras.ops.clip(x, 0, 3), "int32"))
    return _compiled(x, keras.layers.Softmax()(keras.ops.sum(found, axis=1)), 0.02)


def _compiled(x: Any, chances: Any, rate: float) -> Any:
    import keras

    network = keras.Model(x, chances)
    network.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
