"""Handwritten digits: a scikit-learn model and a Keras network from one data set, each judged and served."""

from __future__ import annotations

from components.digits import LABEL, Digits, train_digits, train_digits_network
from levada import pipeline
from levada.artifacts import Examples, Model
from levada.components import at_least, champion, evaluate, ingest, push


@pipeline
def digits(*, strength: float = 0.1, units: int = 64) -> None:
    """Which digit is it? From 8x8 pixels to served models, one of scikit-learn and one of Keras.

    Args:
        strength: the inverse of the linear classifier's regularisation; larger fits closer.
        units: neurons in the network's hidden layer.
    """
    data = ingest(Digits(), splits={"train": 7, "valid": 1, "eval": 2})
    linear = train_digits.with_options(name="train")(data, strength=strength)
    network = train_digits_network.with_options(name="train_network")(data, units=units)
    _judge(linear, data, "digits")
    _judge(network, data, "digits-network", "_network")


def _judge(model: Model, data: Examples, name: str, suffix: str = "") -> None:
    """Hold a model against the champion of its name, and serve it if it is good enough."""
    verdict = evaluate.with_options(name=f"evaluate{suffix}")(
        model,
        data,
        champion=champion(name),
        label=LABEL,
        name=name,
        thresholds={"accuracy": at_least(0.93)},
        max_drop={"accuracy": 0.03},  # what 360 digits can show of a model that is as good
    )
    push.with_options(name=f"push{suffix}")(model, verdict.blessing, to=f"serving/{name}")
