"""Handwritten digits: a scikit-learn model and a Keras network from one data set, each judged and served."""

from __future__ import annotations

from components.digits import LABEL, Digits, train_digits, train_digits_network
from levada import pipeline
from levada.artifacts import Blessing, Examples, Model
from levada.components import (
    at_least,
    champion,
    compress,
    distill,
    evaluate,
    ingest,
    prune,
    prune_channels,
    push,
    quantize,
    validate_serving,
)


@pipeline
def digits(*, strength: float = 0.1, units: int = 64, compressed: bool = False) -> None:
    """Which digit is it? From 8x8 pixels to served models, one of scikit-learn and one of Keras.

    Args:
        strength: the inverse of the linear classifier's regularisation; larger fits closer.
        units: neurons in the network's hidden layer.
        compressed: serve the network as the smallest LiteRT file that loses no more than half a point of accuracy.
    """
    data = ingest(Digits(), splits={"train": 7, "valid": 1, "eval": 2})
    linear = train_digits.with_options(name="train")(data, strength=strength)
    network = train_digits_network.with_options(name="train_network")(data, units=units)
    _serve(linear, _judge(linear, data, "digits"), data, "digits")
    verdict = _judge(network, data, "digits-network", "_network")
    if not compressed:
        return _serve(network, verdict, data, "digits-network", "_network")
    # 360 digits cannot show that a model loses no more than half a point, so it is asked of the value itself.
    small = compress(
        network,
        data,
        baseline=verdict,
        label=LABEL,
        recipes=[
            quantize("dynamic"),
            prune(0.8) >> quantize("dynamic"),
            prune_channels(0.5) >> quantize("dynamic"),
            distill(units=max(units // 4, 1)) >> quantize("dynamic"),
        ],
        max_drop={"accuracy": 0.005},
        bound="point",
    )
    return _serve(small.model, small.blessing, data, "digits-network", "_network")


def _judge(model: Model, data: Examples, name: str, suffix: str = "") -> Blessing:
    """Hold a model against the champion of its name."""
    verdict = evaluate.with_options(name=f"evaluate{suffix}")(
        model,
        data,
        champion=champion(name),
        label=LABEL,
        name=name,
        thresholds={"accuracy": at_least(0.93)},
        max_drop={"accuracy": 0.03},  # what 360 digits can show of a model that is as good
    )
    return verdict.blessing


def _serve(model: Model, blessing: Blessing, data: Examples, name: str, suffix: str = "") -> None:
    """Serve a model if it is good enough, and answers in the runtime that will serve it."""
    checks = validate_serving.with_options(name=f"validate_serving{suffix}", requires=blessing)
    checked = checks(model, data, max_load="60s", max_memory="2GB")
    push.with_options(name=f"push{suffix}")(model, blessing, to=f"serving/{name}", checked=checked)
