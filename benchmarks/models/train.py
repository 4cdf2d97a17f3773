"""An epoch of training, side by side: `.venv/bin/python benchmarks/models/train.py [EPOCHS [TIMES]]`

The network of flights on the flights of January to March 2013 (78,000 rows, 12 columns, batches of 1024): `fit_keras`
as the pipeline calls it, with checkpoints, curves in a journal and everything else, once with the split in memory and
once read from Parquet in every epoch; and plain `keras.Model.fit` of the same network on tensors in memory, shuffled by
Keras. Each in processes of its own, in turns. A line each: what; CPU seconds of an epoch, all threads, the median of
all epochs after the first; its ratio to plain Keras with the same determinism; wall seconds; input alone: CPU seconds
to make all batches of an epoch.
"""

from __future__ import annotations

import json
import os
import statistics as numbers
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.measure import once
from components.flights import FEATURES, LABEL, Weather, join_weather, nycflights, wide_and_deep
from levada.artifact import ArtifactRecord, made
from levada.artifacts import Examples, Model, Statistics
from levada.components import profile
from levada.journal import Journal
from tests.models.workshop import Workshop

EPOCHS, TIMES, BATCH = 8, 3, 1024
AS_IN_THE_PIPELINE = {"learning_rate": 0.005, "units": 32, "dropout": 0.2}
WAYS = {
    "Keras, deterministic": ("keras", True),
    "Levada, deterministic": ("memory", True),
    "Levada from Parquet, deterministic": ("files", True),
    "Keras": ("keras", False),
    "Levada": ("memory", False),
}


class Clock:
    """CPU and wall seconds of each epoch, from one call to the next."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float]] = []

    def tick(self) -> None:
        self.at.append((time.process_time(), time.monotonic()))

    def epochs(self) -> list[tuple[float, float]]:
        """Return CPU and wall seconds of all epochs after the first."""
        pairs = zip(self.at, self.at[1:], strict=False)
        return [(after[0] - before[0], after[1] - before[1]) for before, after in pairs]


def prepare(folder: Path) -> None:
    """Write rows and statistics, as the pipeline makes them."""
    workshop = Workshop(folder)
    flights = workshop.make(Examples, lambda out: out.write("train", nycflights([1, 2, 3]).table(Path())))
    weather = workshop.make(Examples, lambda out: out.write("all", Weather().table(Path())))
    examples = workshop.call(join_weather, flights, weather)
    records = {"examples": examples.record, "statistics": workshop.call(profile, examples).record}
    (folder / "made.json").write_text(json.dumps({name: record.to_json() for name, record in records.items()}))


def by_levada(workshop: Workshop, examples: Examples, fitted: Any, epochs: int, clock: Clock, **options: Any) -> None:
    from levada.training import fit_keras

    journal = Journal(workshop.store, "20261126-100000-abcd")

    def emit(kind: str, **fields: Any) -> None:
        journal.append(kind, **fields)
        if kind == "metric" and fields["name"] == "loss":
            clock.tick()

    context = workshop.context({"output": Model}, "train")
    context.emit = emit
    fit_keras(
        context,
        partial(wide_and_deep, fitted, **AS_IN_THE_PIPELINE),
        examples,
        inputs=fitted.tensors,
        label=LABEL,
        batch_size=BATCH,
        epochs=epochs,
        output="probability",
        **options,
    )


def by_keras(examples: Examples, fitted: Any, epochs: int, clock: Clock) -> None:
    import keras
    import tensorflow as tf

    from levada.models.feed import arrays_of

    keras.utils.set_random_seed(1)
    table = examples.table("train")
    arrays = {name: tf.constant(array) for name, array in arrays_of(fitted.tensors, table).items()}
    labels = tf.constant(table[LABEL].to_numpy().astype("float32"))
    network = wide_and_deep(fitted, **AS_IN_THE_PIPELINE)
    network.optimizer.build(network.trainable_variables)
    ticks = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.tick())
    network.fit(arrays, labels, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[ticks])


def input_alone(examples: Examples, fitted: Any, memory: int) -> float:
    """Return the CPU seconds that making all batches of an epoch takes, the least of three."""
    from levada.models import Tensor
    from levada.training.data import Feed
    from levada.training.description import Network, Rows, Training
    from levada.training.labels import target_of
    from levada.training.sharing import Share

    label = Tensor(LABEL, "float32")
    what = Training(Network(wide_and_deep), Rows.of(examples), fitted.tensors, label, batch_size=BATCH, memory=memory)
    feed = Feed(what, target_of(what), Share(), "train")
    seconds: list[float] = []
    data = iter(feed.batches())
    for _ in range(4):
        begun = time.process_time()
        for _ in range(feed.steps):
            next(data)
        seconds.append(time.process_time() - begun)
    return min(seconds)


def measure(folder: Path, way: str, epochs: int) -> None:
    """Train once in one way; print seconds of its epochs."""
    import tensorflow as tf

    how, deterministic = WAYS[way]
    workshop = Workshop(folder)
    form = json.loads((folder / "made.json").read_text())
    examples: Any = made(ArtifactRecord.from_json(form["examples"]), workshop.store)
    statistics: Any = made(ArtifactRecord.from_json(form["statistics"]), workshop.store)
    assert isinstance(examples, Examples) and isinstance(statistics, Statistics)
    fitted, clock, alone = FEATURES.fitted(statistics), Clock(), None
    if how == "keras":
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        by_keras(examples, fitted, epochs, clock)
    else:
        memory = 1 << 30 if how == "memory" else 0
        by_levada(workshop, examples, fitted, epochs, clock, deterministic=deterministic, memory=memory)
        alone = input_alone(examples, fitted, memory)
    print(json.dumps({"epochs": clock.epochs(), "alone": alone}), flush=True)


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS
    times = int(sys.argv[2]) if len(sys.argv) > 2 else TIMES
    found: dict[str, list[Any]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="train-of-levada-") as name:
        prepare(Path(name))
        for _ in range(times):
            for way in WAYS:
                said = once([sys.executable, __file__, "--measure", way, name, str(epochs)]).output.splitlines()[-1]
                found[way].append(json.loads(said))
    plain: dict[bool, float] = {}
    for way, (how, deterministic) in WAYS.items():
        timed = [epoch for one in found[way] for epoch in one["epochs"]]
        cpu, wall = (numbers.median(values) for values in zip(*timed, strict=True))
        if how == "keras":
            plain[deterministic] = cpu
        alone = min((one["alone"] for one in found[way] if one["alone"] is not None), default=None)
        shown = "" if alone is None else f"{alone:.3f}"
        print(f"{way};{cpu:.3f};{cpu / plain[deterministic]:.3f};{wall:.3f};{shown}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[3]), sys.argv[2], int(sys.argv[4]))
    else:
        main()
