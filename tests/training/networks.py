"""Small networks as authors write them, and the rows that they learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from levada.models import Tensor

INPUTS = (Tensor("x", "float32"), Tensor("word", "string"))


def rows(count: int = 300, **changed: Any) -> pa.Table:
    """Return rows whose label follows from a number and a word."""
    random = np.random.default_rng(5)
    x = random.normal(size=count).astype("float32")
    word = random.choice(np.array(["a", "b", None], object), count)
    late = (x + (word == "a") > 0.3).astype("int64")
    columns: dict[str, Any] = {"x": x, "word": word, "late": late, "kind": np.where(late == 1, "yes", "no")}
    return pa.table(columns | changed)


def compiled(score: Any, inputs: Any, rate: Any = 0.05, **options: Any) -> Any:
    import keras

    network = keras.Model(inputs, score)
    settings = {"loss": "binary_crossentropy", "metrics": ["accuracy"]} | options
    network.compile(keras.optimizers.Adam(rate), **settings)
    return network


def small(
    *, units: int = 3, rate: float = 0.05, dropout: float = 0.2, norm: bool = True, words: tuple[str, ...] = ("a", "b")
) -> Any:
    """Return a network of all that has state: weights, a vocabulary, batch norm, random numbers."""
    import keras

    inputs = {"x": keras.Input((), name="x"), "word": keras.Input((), name="word", dtype="string")}
    word = keras.layers.StringLookup(vocabulary=list(words))(inputs["word"])
    hidden: Any = keras.layers.Dense(units)(keras.ops.expand_dims(inputs["x"], 1))
    hidden = keras.layers.Dropout(dropout)(keras.layers.BatchNormalization()(hidden) if norm else hidden)
    both = keras.ops.concatenate([hidden, keras.layers.Embedding(3, 2, name="words")(word)], axis=1)
    return compiled(keras.layers.Dense(1, activation="sigmoid")(both), inputs, rate)


def plain(
    *, rate: Any = 0.05, units: int = 1, hidden: int = 0, activation: str | None = "sigmoid", **options: Any
) -> Any:
    """Return a linear model of one number, or with a layer in between."""
    import keras

    x = keras.Input((1,), name="x")
    inner: Any = keras.layers.Dense(hidden)(x) if hidden else x
    return compiled(keras.layers.Dense(units, activation=activation)(inner), x, rate, **options)


def falling() -> Any:
    """Return a linear model whose learning rate follows a schedule."""
    import keras

    return plain(rate=keras.optimizers.schedules.CosineDecay(0.1, decay_steps=15))


def noisy() -> Any:
    """Return a network with a layer that draws random numbers and has no seed of its own."""
    import keras

    class Noise(keras.layers.Layer):
        def call(self, values: Any, training: bool = False) -> Any:
            return values + keras.random.normal(keras.ops.shape(values)) if training else values

    x = keras.Input((1,), name="x")
    return compiled(keras.layers.Dense(1, activation="sigmoid")(Noise()(x)), x)


def with_lambda() -> Any:
    """Return a network with a Lambda layer and a layer that nothing registers."""
    import keras

    class Doubled(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            return values * 2

    x = keras.Input((1,), name="x")
    score = keras.layers.Dense(1, activation="sigmoid")(Doubled()(keras.layers.Lambda(lambda values: values + 1)(x)))
    return compiled(score, x)


def with_python() -> Any:
    """Return a network that calls Python for each batch."""
    import keras
    import tensorflow as tf

    def half(values: Any) -> Any:
        return tf.reshape(tf.numpy_function(lambda array: array / 2, [values], tf.float32), (-1, 1))

    x = keras.Input((1,), name="x")
    return compiled(keras.layers.Dense(1, activation="sigmoid")(keras.layers.Lambda(half)(x)), x)


def without_inputs() -> Any:
    """Return a network that knows its shapes only when it has seen rows."""
    import keras

    network = keras.Sequential([keras.layers.Reshape((1,)), keras.layers.Dense(1, activation="sigmoid")])
    network.compile("adam", loss="binary_crossentropy")
    return network


def huge() -> Any:
    """Return a network whose answers to a batch take 400 GB."""
    return plain(hidden=100_000_000, activation=None, loss="mse")


def of_two_outputs() -> Any:
    import keras

    x = keras.Input((1,), name="x")
    return compiled({"a": keras.layers.Dense(1)(x), "b": keras.layers.Dense(1)(x)}, x, loss="mse")


def of_arrays() -> Any:
    import keras

    x = keras.Input((1,), name="x")
    return compiled(keras.layers.Reshape((1, 1))(keras.layers.Dense(1)(x)), x, loss="mse")


def not_compiled() -> Any:
    import keras

    x = keras.Input((1,), name="x")
    return keras.Model(x, keras.layers.Dense(1)(x))


def nothing() -> Any:
    return None


def boom() -> list[Any]:
    """Return a callback that ends a training in its third epoch."""
    import keras

    class Boom(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.optimizer.iterations >= 2 * 5 + 2:
                raise RuntimeError("the power went")

    return [Boom()]
