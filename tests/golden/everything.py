"""A pipeline with one of everything that a plan can say. Its golden plan names lines of this file."""

from __future__ import annotations

import datetime
from enum import Enum
from pathlib import Path
from zoneinfo import ZoneInfo

from levada import Context, component, each, gather, pipeline
from levada.components import between, maximize, one_of, tune
from levada.externals import file_artifact
from tests.golden.wrong import Examples, Model, best, ensemble, evaluate, ingest, profile, split, train


class Color(Enum):
    RED = "red"


@component(packages=("hypothesis",), needs={"cpus": 2, "memory": "1GB"}, cache=False)
def refine(
    ctx: Context,
    model: Model,
    schema: Examples | None = None,
    *,
    color: Color = Color.RED,
    path: Path = Path("a/b.csv"),
    sizes: tuple[int, ...] = (1, 2),
    by_number: dict[int, float] | None = None,
) -> Model:
    """Take parameters of many kinds."""
    return ctx.output(Model)


@pipeline
def inner(data: Examples, *, epochs: int) -> Model:
    """A pipeline in a pipeline."""
    return train(data, epochs=epochs)


@pipeline
def everything(*, epochs: int = 3) -> None:
    """One of everything."""
    data = ingest()
    parts = split.with_options(name="halves")(data)
    model = inner(parts.train, epochs=epochs)
    verdict = evaluate(model, data)
    refined = refine.with_options(requires=verdict, after=profile(data))(
        model, file_artifact(Examples, "schemas/x.pbtxt"), by_number={1: float("inf"), 2: 0.5}
    )
    train.with_options(after="ensemble")(
        data, until=datetime.datetime(2013, 4, 1, 12, tzinfo=ZoneInfo("Europe/Lisbon"))
    )
    ensemble([model, refined])
    best(gather(train(each([data, parts.train]))))
    ingest(path=each(["a.csv", "b.csv"]))
    tuned = tune(train, space={"epochs": between(1, 9), "kind": one_of("wide", "deep")}, goal=maximize("auc"))(data)
    train.with_parameters(tuned.parameters)(data, epochs=epochs)
