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
        max_drop={"accuracy": 0.01},
    )
    if not compressed:
        return _serve(model, examples, verdict.blessing)
    narrow = prune_channels(0.5, epochs=max(epochs // 4, 1))
    # A point of 10,000 images cannot be shown to have stayed (of 1,017 less so), so it is asked of the value itself.
    small = compress(
        model,
        examples,
        baseline=verdict.blessing,
        label=LABEL,
        recipes=[
            quantize("dynamic"),
            quantize("int8"),
            narrow >> quantize("dynamic"),
            narrow >> quantize("int8"),
            narrow >> prune(0.7, epochs=max(epochs // 8, 1)) >> quantize("int8"),
        ],
        max_drop={"accuracy": 0.01},
        bound="point",
        timeout=600.0,
    )
    return _serve(small.model, examples, small.blessing)


def _serve(model: Model, examples: Examples, blessing: Blessing) -> None:
    """Serve a model if it is good enough, and loads and answers as it should."""
    checked = validate_serving(model, examples, max_load="60s", max_p99="1s", max_memory="4GB")
    push(model, blessing, to="serving/cifar10", checked=checked)
