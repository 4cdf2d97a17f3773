"""Photographs: CIFAR-10 and VGG16, trained by several workers that share every batch."""

from __future__ import annotations

from components.cifar10 import LABEL, cifar10_images, train_cifar10
from levada import pipeline
from levada.artifacts import Blessing, Examples, Model
from levada.components import (
    at_least,
    champion,
    compress,
    evaluate,
    ingest,
    profile,
    prune,
    prune_channels,
    push,
    quantize,
    validate_serving,
)


@pipeline
def cifar10(
    *,
    data: str = "",
    width: float = 1.0,
    epochs: int = 40,
    batch_size: int = 128,
    workers: int = 2,
    accuracy: float = 0.85,
    drop: float = 0.01,
    compressed: bool = False,
) -> None:
    """What is on a small photograph?

    Trains VGG16 on CIFAR-10, on several workers, judges it on the 10,000 test images, and serves what is good enough.

    Args:
        data: a folder that has CIFAR-10; without it Keras fetches the data.
        width: the filters of each layer as a share of VGG16's; 0.125 trains in minutes on two cores.
        epochs: how often training sees every image.
        batch_size: images a step, over all workers.
        workers: processes on this machine that train together.
        accuracy: the least that a model must reach to be served.
        drop: how much less than the champion's it may be, which is to be shown: 10,000 images can, 1,000 show 0.03.
        compressed: serve the network as the smallest LiteRT file that loses no more than a point of accuracy.
    """
    examples = ingest(cifar10_images(data))
    statistics = profile(examples)
    model = train_cifar10.with_options(name="train")(
        examples, statistics, width=width, epochs=epochs, batch_size=batch_size, workers=workers
    )
    verdict = evaluate(
        model,
        examples,
        champion=champion("cifar10"),
        label=LABEL,
        name="cifar10",
        thresholds={"accuracy": at_least(accuracy)},
        max_drop={"accuracy": drop},
    )
    if not compressed:
        return _serve(model, examples, verdict.blessing)
    small, tuning = quantize("int8"), max(epochs // 2, 1)
    # A point of 10,000 images cannot be shown to have stayed (of 1,017 less so), so it is asked of the value itself.
    chosen = compress(
        model,
        examples,
        baseline=verdict.blessing,
        label=LABEL,
        recipes=[
            quantize("dynamic"),
            small,
            prune(0.5, epochs=tuning) >> small,
            prune_channels(0.3, epochs=tuning) >> small,
            prune_channels(0.3, epochs=tuning) >> prune(0.5, epochs=tuning) >> small,
        ],
        max_drop={"accuracy": 0.01},
        bound="point",
        timeout=600.0,
    )
    return _serve(chosen.model, examples, chosen.blessing)


def _serve(model: Model, examples: Examples, blessing: Blessing) -> None:
    """Serve a model if it is good enough, and loads and answers as it should."""
    checked = validate_serving(model, examples, max_load="60s", max_p99="1s", max_memory="4GB")
    push(model, blessing, to="serving/cifar10", checked=checked)
