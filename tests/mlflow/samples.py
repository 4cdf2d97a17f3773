"""Small components that do what MLflow should hear of: data, curves, candidates, gates, failures, promotions."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from levada import Artifact, Context, Gate, component
from levada.draw import drawing
from levada.mlflow.delivery import MlflowReader
from levada.plan import Plan
from levada.registry import Registry, Release
from levada.run import Outcome, Request, run
from levada.store import Store

COLUMNS = [["distance", "double"], ["carrier", "string"], ["late", "int64"]]
SLICES = {"columns": ["slice", "rows", "auc"], "data": [["carrier = EV", 812, 0.6521111], ["carrier = UA", 900, 0.7]]}


class Examples(Artifact):
    """Rows, or so it says."""


class Model(Artifact):
    """A model folder with `model.json`."""


class Verdict(Gate):
    """A gate."""


class Evaluated(NamedTuple):
    verdict: Verdict


@component
def ingest(ctx: Context, *, rows: int = 100) -> Examples:
    made = ctx.output(Examples)
    (made.path / "data.txt").write_text("x" * rows)
    made.properties.update({"splits": {"train": rows, "eval": 20}, "columns": COLUMNS, "source": "data/*.csv"})
    ctx.summary(f"{rows} rows | 3 columns")
    return made


@component
def train(ctx: Context, examples: Examples, *, epochs: int = 3, rate: float = 0.1, seconds: float = 0) -> Model:
    for step in range(epochs):
        ctx.metric("loss", 0.5 / (step + 1) + 1e-17, step=step)
        time.sleep(seconds / epochs)
    ctx.metric("odd", float("nan"))
    ctx.metric("accuracy", 0.8500000000000001)
    model = ctx.output(Model)
    fingerprint = write_onnx(model.path, seed=epochs)
    model.properties["fingerprint"] = fingerprint
    ctx.summary("loss fell")
    return model


@component
def train_saved_model(ctx: Context, examples: Examples, *, weight: float = 2.0) -> Model:
    model = ctx.output(Model)
    model.properties["fingerprint"] = write_saved_model(model.path, weight)
    return model


@component
def train_of_unknown_format(ctx: Context, examples: Examples) -> Model:
    model = ctx.output(Model)
    model.properties["fingerprint"] = "pickled"
    write_model_json(model.path, "pickle", "model.pkl", [], [], "pickled")
    return model


@component
def evaluate(
    ctx: Context, model: Model, examples: Examples, *, auc: float = 0.681, blessed: bool = True, baseline: bool = True
) -> Verdict:
    verdict = ctx.output(Verdict)
    reasons = [f"auc {auc} is at least 0.6"] if blessed else [f"auc {auc} is below 0.7", "accuracy 0.9 is at least 0.8"]
    verdict.set_verdict(blessed, reasons)
    candidate: dict[str, Any] = {
        "model": "flights",
        "fingerprint": model.properties["fingerprint"],
        "record": model.record.to_json(),
        "blessed": blessed,
        "reasons": reasons,
        "metrics": {"auc": auc, "accuracy": 0.9},
        "baseline": {"version": 3, "fingerprint": "f3", "metrics": {"auc": 0.674}} if baseline else None,
        "slices": SLICES,
        "data": [
            {"name": "ingest", "digest": examples.digest, "uri": examples.uri, "rows": 20, "context": "evaluation"}
        ],
    }
    ctx.registry.propose("flights", candidate["fingerprint"], candidate)
    ctx.emit("candidate", **candidate)
    ctx.metric("auc", auc)
    ctx.summary(f"AUC {auc}")
    return verdict


@component(requires="verdict")
def push(ctx: Context, model: Model, verdict: Verdict, *, to: str = "serving", patience: float = 20) -> None:
    fingerprint = str(model.properties["fingerprint"])
    version = ctx.registry.await_version("flights", fingerprint, seconds=patience)
    assert version is not None
    promotion = ctx.registry.promote(Release(version, model.record, None, "not worse than before", ctx.run_id), to)
    if promotion is not None:
        ctx.emit(
            "promoted",
            model="flights",
            version=version.version,
            fingerprint=fingerprint,
            alias="champion",
            destination=to,
            before=promotion.before,
            reason="not worse than before",
        )
    ctx.summary(f"{to}/{version.version}")


@component
def stumble(ctx: Context, examples: Examples) -> Model:
    raise ValueError("column 'dep_dealy' is not | in the examples\nThe examples have: dep_delay")


@component
def link_in_chain(ctx: Context, before: Examples | None = None, *, size: int = 1) -> Examples:
    return ctx.output(Examples)


def write_onnx(folder: Path, seed: int = 0) -> str:
    """Write a logistic regression on a number and a text as ONNX, with its `model.json`; return its fingerprint."""
    import numpy as np
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    distance = np.linspace(0, 1, 40, dtype=np.float32)
    frame = pd.DataFrame({"distance": distance, "carrier": ["EV", "UA"] * 20})
    late = (distance + 0.2 * seed * (frame["carrier"] == "EV") > 0.5).astype(int)
    columns = ColumnTransformer([("n", StandardScaler(), ["distance"]), ("t", OneHotEncoder(), ["carrier"])])
    fitted = make_pipeline(columns, LogisticRegression()).fit(frame, late)
    types = [("distance", FloatTensorType([None, 1])), ("carrier", StringTensorType([None, 1]))]
    graph = to_onnx(fitted, initial_types=types, options={"zipmap": False})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    fingerprint = f"fp{seed}"
    inputs = [
        {"name": "distance", "dtype": "float32", "shape": [-1, 1]},
        {"name": "carrier", "dtype": "string", "shape": [-1, 1]},
    ]
    outputs = [
        {"name": "label", "dtype": "int64", "shape": [-1]},
        {"name": "probabilities", "dtype": "float32", "shape": [-1, 2]},
    ]
    write_model_json(folder, "onnx", "model.onnx", inputs, outputs, fingerprint)
    return fingerprint


def write_saved_model(folder: Path, weight: float) -> str:
    """Write `y = weight * distance + matrix sum, carrier in capitals` as a SavedModel; return its fingerprint."""
    import tensorflow as tf

    class Scaled(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(weight)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.float32, "distance"),
                tf.TensorSpec([None], tf.string, "carrier"),
                tf.TensorSpec([None, 2], tf.float64, "weather"),
            ]
        )
        def __call__(self, distance: Any, carrier: Any, weather: Any) -> dict[str, Any]:
            total = self.weight * distance + tf.cast(tf.reduce_sum(weather, 1), tf.float32)
            return {"y": total[:, None], "name": tf.strings.upper(carrier)}

    module = Scaled()
    tf.saved_model.save(module, str(folder / "saved_model"), signatures={"serving_default": module.__call__})
    inputs = [
        {"name": "distance", "dtype": "float32", "shape": [-1]},
        {"name": "carrier", "dtype": "string", "shape": [-1]},
        {"name": "weather", "dtype": "float64", "shape": [-1, 2], "columns": ["wind", "rain"]},
    ]
    outputs = [
        {"name": "y", "dtype": "float32", "shape": [-1, 1]},
        {"name": "name", "dtype": "string", "shape": [-1]},
    ]
    write_model_json(folder, "saved_model", "saved_model", inputs, outputs, f"sm{weight}")
    return f"sm{weight}"


def write_model_json(
    folder: Path, format_: str, entry: str, inputs: list[Any], outputs: list[Any], fingerprint: str
) -> None:
    form = {"format": format_, "entry": entry, "inputs": inputs, "outputs": outputs, "fingerprint": fingerprint}
    (folder / "model.json").write_text(json.dumps({**form, "framework": "test"}))


# -- pipelines, and running them ----------------------------------------------------------------------


def flights(
    *, epochs: int = 3, auc: float = 0.681, blessed: bool = True, seconds: float = 0, pushed: bool = True
) -> None:
    data = ingest()
    model = train(data, epochs=epochs, seconds=seconds)
    verdict = evaluate(model, data, auc=auc, blessed=blessed)
    if pushed:
        push(model, verdict)


def broken() -> None:
    data = ingest()
    verdict = evaluate(stumble(data), data)
    push(stumble.with_options(name="again")(data), verdict)


def chain(*, length: int = 50) -> None:
    made = link_in_chain()
    for _ in range(length - 1):
        made = link_in_chain(made)


def plan_of(graph: Any, **arguments: Any) -> Plan:
    with drawing(Path.cwd()) as drawn:
        graph(**arguments)
    name = graph.__name__
    return Plan(name, f"python:{graph.__module__}:{name}", arguments, drawn.ordered(), f"The {name} pipeline.")


def run_plan(plan: Plan, store: Store, uri: str | None, **options: Any) -> tuple[Outcome, MlflowReader | None]:
    """Run a plan as `levada run` does, told to MLflow live unless the address is None; an empty one names none."""
    reader = MlflowReader(store, uri) if uri is not None else None
    request = Request(
        plan=plan,
        store=store,
        root=Path.cwd(),
        code_digest=lambda reference: ("code", {}),
        packages={},
        readers=[reader] if reader else [],
        command=f"levada run {plan.pipeline}",
        **options,
    )
    return run(request), reader


def when_shown(uri: str, act: Callable[[], object]) -> None:
    """Do something as soon as MLflow's database has a point of a curve of a node that runs."""

    def watch() -> None:
        with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
            while not connection.execute("SELECT 1 FROM metrics WHERE key = 'loss'").fetchone():
                time.sleep(0.1)
        act()

    threading.Thread(target=watch, daemon=True).start()


def number_of(store: Store, fingerprint: str) -> int | None:
    version = Registry(store).version("flights", fingerprint)
    return version.version if version else None
