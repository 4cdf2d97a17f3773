"""What compressing costs and saves: `.venv/bin/python benchmarks/models/compress.py digits|flights|cifar10 [OPTIONS]`

Each trains its model, tries recipes on it, measures every candidate in a fresh process, and prints the table, the
choice in a sentence, and CPU seconds of all processes.

    digits    a perceptron of 167,178 weights; accuracy may drop half a point, by the value (540 rows cannot show it)
    flights   wide and deep, January to March; AUC may drop by 0.01 on April, by the upper end of its interval, in every
              slice by airport, carrier and hour
    cifar10   VGG16 (`--width`, `--epochs`, `--rows` to train on), data from LEVADA_DATA; a point of accuracy may go

`--keep FOLDER` keeps `compression.json` and the report.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.path.insert(0, str(Path(__file__).parents[2]))

from components.cifar10 import CLASSES, cifar10_images, vgg16
from components.cifar10 import FEATURES as IMAGES
from components.cifar10 import LABEL as KIND
from components.digits import LABEL as DIGIT
from components.digits import MATRIX, Digits
from components.flights import FEATURES, LABEL, Weather, join_weather, nycflights, wide_and_deep
from levada.artifacts import Examples, Model
from levada.components import cluster, compress, distill, profile, prune, prune_channels, quantize
from levada.reports import CompressionReport, page_of
from levada.terminal.reports import report_text
from levada.training import fit_keras
from pipelines.flights import SLICES
from tests.models.workshop import Workshop


def perceptron(*, units: int = 512, learning_rate: float = 0.001) -> Any:
    """Return two hidden layers: 167,178 weights with 512 units and half of them."""
    import keras

    pixels = keras.Input((64,), name=MATRIX.name)
    seen: Any = keras.layers.Dense(units, activation="relu")(keras.layers.Rescaling(1 / 16)(pixels))
    seen = keras.layers.Dense(units // 2, activation="relu")(seen)
    network = keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(seen))
    network.compile(keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def fitted(workshop: Workshop, network: Any, examples: Examples, **options: Any) -> Model:
    context = workshop.context({"output": Model}, "train")
    fit_keras(context, network, examples, **options)
    return workshop.sealed(context, "output", context.outputs["output"])


def digits(workshop: Workshop, asked: argparse.Namespace) -> Any:
    import numpy as np

    table = Digits().table(Path())
    order = np.random.default_rng(0).permutation(table.num_rows)

    def write(made: Examples) -> None:
        made.write("train", table.take(order[:1257]))
        made.write("eval", table.take(order[1257:]))

    examples = workshop.make(Examples, write, "ingest")
    model = fitted(
        workshop,
        partial(perceptron, units=512),
        examples,
        inputs=[MATRIX],
        label=DIGIT,
        classes=range(10),
        batch_size=64,
        epochs=asked.epochs or 20,
        output="probabilities",
    )
    small = quantize("dynamic")
    recipes = [
        quantize("float16"),
        small,
        quantize("int8"),
        prune(0.8) >> small,
        prune(0.8) >> cluster(16) >> small,
        prune_channels(0.5) >> small,
        prune_channels(0.5) >> prune(0.5) >> small,
        distill(units=128) >> small,
    ]
    return workshop.call(
        compress, model, examples, recipes=recipes, label=DIGIT, max_drop={"accuracy": 0.005}, bound="point"
    )


def flights(workshop: Workshop, asked: argparse.Namespace) -> Any:
    def write(made: Examples) -> None:
        made.write("train", nycflights([1, 2, 3]).table(Path()))
        made.write("eval", nycflights([4]).table(Path()))

    weather = workshop.make(Examples, lambda made: made.write("all", Weather().table(Path())))
    examples = workshop.call(join_weather, workshop.make(Examples, write), weather)
    features = FEATURES.fitted(workshop.call(profile, examples))
    model = fitted(
        workshop,
        partial(wide_and_deep, features, learning_rate=0.005, units=32, dropout=0.2),
        examples,
        inputs=features.tensors,
        label=LABEL,
        batch_size=1024,
        epochs=asked.epochs or 4,
        output="probability",
    )
    small = quantize("dynamic")
    recipes = [
        quantize("float16"),
        small,
        quantize("int8"),
        prune(0.6, epochs=2) >> small,
        prune_channels(0.5, epochs=2) >> small,
        distill(units=16) >> small,
    ]
    return workshop.call(compress, model, examples, recipes=recipes, label=LABEL, max_drop={"auc": 0.01}, slices=SLICES)


def cifar10(workshop: Workshop, asked: argparse.Namespace) -> Any:
    sources = cifar10_images(str(Path(os.environ["LEVADA_DATA"]) / "cifar10"))

    def write(made: Examples) -> None:
        for split, source in sources.items():
            table = source.table(Path())
            made.write(split, table.slice(0, asked.rows) if split == "train" and asked.rows else table)

    examples = workshop.make(Examples, write, "ingest")
    features = IMAGES.fitted(workshop.call(profile, examples))
    model = fitted(
        workshop,
        partial(vgg16, features, width=asked.width),
        examples,
        inputs=features.tensors,
        label=KIND,
        classes=CLASSES,
        output="probabilities",
        batch_size=128,
        epochs=asked.epochs or 30,
    )
    small, narrow = quantize("int8"), prune_channels(0.3, epochs=asked.tuning)
    recipes = [
        quantize("float16"),
        quantize("dynamic"),
        small,
        prune(0.6, epochs=asked.tuning) >> small,
        narrow >> small,
        narrow >> prune(0.5, epochs=asked.tuning) >> small,
        prune_channels(0.5, epochs=asked.tuning) >> small,
    ]
    return workshop.call(
        compress,
        model,
        examples,
        recipes=recipes,
        label=KIND,
        max_drop={"accuracy": 0.01},
        bound="point",
        timeout=600.0,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("digits", "flights", "cifar10"))
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--tuning", type=int, default=8, help="epochs of each step that trains VGG16 further")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        made = globals()[asked.work](workshop, asked)
        document = made.compression.document
        report = CompressionReport(f"{asked.work} · compress", [], document, (), document.chosen is not None)
        print(report_text(report, 150))
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(made.compression.path / "compression.json", asked.keep / f"{asked.work}.json")
            (asked.keep / f"{asked.work}.html").write_text(page_of(report))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{sum(each.ru_utime + each.ru_stime for each in used):.0f} CPU-s")


if __name__ == "__main__":
    main()
