"""Photographs: CIFAR-10 and VGG16, trained by several workers that share every batch."""

from __future__ import annotations

from components.cifar10 import LABEL, cifar10_images, train_cifar10
from levada import pipeline
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
        compressed: serve the smallest network that loses no more than a point of accuracy.
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
        push(model, verdict.blessing, to="serving/cifar10")
        return
    small = compress(
        model,
        examples,
        baseline=verdict.blessing,
        label=LABEL,
        # The network decodes its images itself, which LiteRT has no operation for.
        runtime="saved_model",
        recipes=[
            prune_channels(0.5, epochs=8),
            prune_channels(0.5, epochs=8) >> prune(0.7, epochs=4),
            prune_channels(0.7, epochs=8),
        ],
        max_drop={"accuracy": 0.01},
        bound="point",
        timeout=600.0,
    )
    push(small.model, small.blessing, to="serving/cifar10")
