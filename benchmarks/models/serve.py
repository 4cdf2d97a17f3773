"""Exports: what flights and digits cost in the runtimes that serve them, and what the gate before a push costs.

    .venv/bin/python benchmarks/models/serve.py            sizes, latency, throughput, memory, largest differences
    .venv/bin/python benchmarks/models/serve.py --gate     `validate_serving`: CPU seconds over importing the runtime

Flights: the wide and deep network of components/flights.py, fitted for an epoch on a month of 2013, with its lookups.
Digits: a perceptron 64-392-350-10 (166,540 weights). Every line is one fresh process with one thread: p50 and p99 of
1,000 calls with one row (fewer where they take longer than 2 s), throughput at 1,024 rows a call. The gate asks about
256 rows of `eval` and makes 300 calls; its CPU is that of the component and its process together.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components import digits, flights
from levada.artifacts import Examples, Model
from levada.components import ingest, profile, validate_serving
from levada.measurement import measure
from levada.models import batches, export_keras
from tests.models.workshop import Workshop

FORMS: list[dict[str, Any]] = [
    {"format": "saved_model"},
    {"format": "onnx"},
    {"format": "litert"},
    {"format": "litert", "quantize": "float16"},
    {"format": "litert", "quantize": "dynamic_int8"},
    {"format": "litert", "quantize": "int8"},
]


@dataclass(frozen=True)
class Case:
    name: str
    network: Any
    data: Examples
    options: dict[str, Any]


def cases(workshop: Workshop) -> Iterator[Case]:
    import keras

    keras.utils.set_random_seed(1)
    flown = workshop.call(ingest, flights.nycflights([3]), splits={"train": 8, "eval": 2}, node="flown")
    weather = workshop.call(ingest, flights.Weather(), splits={"all": 1}, node="weather")
    data = workshop.call(flights.join_weather, flown, weather)
    fitted = flights.FEATURES.fitted(workshop.call(profile, data, label=flights.LABEL))
    network = flights.wide_and_deep(fitted, learning_rate=0.005, units=32, dropout=0.2)
    network.fit(batches(data, "train", fitted.tensors, label=flights.LABEL, seed=1), verbose=0)
    yield Case("flights", network, data, {"inputs": fitted.tensors, "output": "probability"})

    data = workshop.call(ingest, digits.Digits(), splits={"train": 8, "eval": 2}, node="digits")
    pixels: Any = keras.Input((64,), name=digits.MATRIX.name)
    hidden: Any = keras.layers.Rescaling(1 / 16)(pixels)
    for width in (392, 350):
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    network = keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(hidden))
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(batches(data, "train", [digits.MATRIX], label=digits.LABEL, seed=1, size=64), epochs=5, verbose=0)
    yield Case("digits", network, data, {"inputs": [digits.MATRIX], "output": "probabilities", "classes": range(10)})


def exported(workshop: Workshop, case: Case, form: dict[str, Any]) -> Model:
    options = {**case.options, **form}
    if form.get("quantize") == "int8":
        options["representative"] = case.data.table("train").slice(0, 500)
    rows = case.data.table("eval")
    return workshop.make(Model, partial(export_keras, case.network, rows=rows, **options))


def table(workshop: Workshop) -> None:
    measured = "kB | kB gzipped | p50 us | p99 us | rows/s | peak MB | ready ms | largest difference"
    print(f"| model | runtime | weights | {measured} |", "|---" * 11 + "|", sep="\n")
    for case in cases(workshop):
        for form in FORMS:
            model = exported(workshop, case, form)
            cost = measure(model.path, case.data.table("eval")).cost
            print(
                f"| {case.name} | {cost.runtime} | {form.get('quantize', 'float32')} | {cost.size / 1e3:,.0f} "
                f"| {cost.gzipped / 1e3:,.0f} | {cost.p50 * 1e6:,.1f} | {cost.p99 * 1e6:,.1f} | {cost.throughput:,.0f} "
                f"| {cost.peak_memory / 1e6:,.0f} | {cost.ready_seconds * 1e3:,.1f} "
                f"| {max(model.document.differences.values()):.1g} |",
                flush=True,
            )


def gate(workshop: Workshop) -> None:
    print("| model | runtime | CPU s | of these importing the runtime | the rest |", "|---|---|---|---|---|", sep="\n")
    for case in cases(workshop):
        for form in FORMS[:3]:
            model = exported(workshop, case, form)
            before, here = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
            check = workshop.call(validate_serving, model, case.data)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + time.process_time() - here
            assert check.open, check.reasons
            importing = check.cost["import_cpu"]
            print(
                f"| {case.name} | {check.cost['runtime']} | {spent:.2f} | {importing:.2f} | {spent - importing:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        (gate if chosen.gate else table)(Workshop(Path(home)))
