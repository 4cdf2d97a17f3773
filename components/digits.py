"""Handwritten digits, 8x8 pixels: scikit-learn's data set, a classifier that becomes ONNX, and a Keras network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada import Context, component
from levada.artifacts import Examples, Model, Tensor
from levada.components import Source
from levada.training import Plateau, StopEarly, fit_keras, fit_sklearn

if TYPE_CHECKING:
    import keras
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

LABEL = "digit"
PIXELS = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
MATRIX = Tensor("pixels", "float32", (-1, len(PIXELS)), columns=tuple(PIXELS))


@dataclass(frozen=True)
class Digits(Source):
    """The 1,797 digits that come with scikit-learn: 64 columns of grey values (0 to 16) and `digit`."""

    def __str__(self) -> str:
        return "scikit-learn digits"

    def digest(self) -> str:
        return "1"  # these 1,797 digits are what they are since 1998

    def table(self, root: Path) -> pa.Table:
        import pyarrow as pa
        from sklearn.datasets import load_digits

        data: Any = load_digits()
        columns = {name: data.data[:, place].astype("float32") for place, name in enumerate(PIXELS)}
        return pa.table({**columns, LABEL: data.target.astype("int64")})


@component(packages=("scikit-learn", "skl2onnx"))
def train_digits(ctx: Context, examples: Examples, *, strength: float = 0.1) -> Model:
    """Fit a logistic regression on the split `train`; `strength` is the inverse of its regularisation.

    The model is kept as ONNX, which answers the training rows exactly as scikit-learn does.
    """
    return fit_sklearn(ctx, partial(logistic_regression, strength), examples, inputs=[MATRIX], label=LABEL)


def logistic_regression(strength: float) -> Pipeline:
    """Return a classifier of scaled pixels, not fitted yet."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))


@component(packages=("tensorflow", "keras"))
def train_digits_network(
    ctx: Context, examples: Examples, *, units: int = 64, epochs: int = 40, learning_rate: float = 0.01
) -> Model:
    """Fit a perceptron with one hidden layer, and keep the epoch that did best on the split `valid`."""
    return fit_keras(
        ctx,
        partial(perceptron, units=units, learning_rate=learning_rate),
        examples,
        inputs=[MATRIX],
        label=LABEL,
        classes=range(10),
        validation="valid",
        batch_size=64,
        epochs=epochs,
        stop_early=StopEarly(patience=5),
        plateau=Plateau(patience=2),
        output="probabilities",
    )


def perceptron(*, units: int, learning_rate: float) -> keras.Model:
    """Return an untrained network: a hidden layer between pixels and a probability for each digit."""
    import keras

    pixels = keras.Input((len(PIXELS),), name=MATRIX.name)
    hidden: Any = keras.layers.Dense(units, activation="relu")(keras.layers.Rescaling(1 / 16)(pixels))
    chances = keras.layers.Dense(10, activation="softmax")(keras.layers.Dropout(0.2)(hidden))
    network = keras.Model(pixels, chances)
    network.compile(keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
