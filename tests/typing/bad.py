"""Pipelines with a mistake on each marked line: the checker reports every one, there and nowhere else."""

# ruff: noqa: RUF059
from __future__ import annotations

from functools import partial
from typing import Any

from parts import Examples, Model, best, clean_up, compress, ensemble, ingest, profile, train

from levada import Context, component, each, gather, pipeline
from levada.components import between, maximize, tune


@pipeline
def bad(*, epochs: int = 5) -> None:
    """One mistake a line."""
    data = ingest()
    stats = profile(data)
    model = train(data)
    train(stats)  # wrong: reportArgumentType
    train("data.csv")  # wrong: reportArgumentType
    train(None)  # wrong: reportArgumentType
    train()  # wrong: reportCallIssue
    train(data, epoch=5)  # wrong: reportCallIssue
    train(data, 5)  # wrong: reportCallIssue
    train(data, epochs="five")  # wrong: reportArgumentType
    train(data, epochs=2.5)  # wrong: reportArgumentType
    train(data, kind="narrow")  # wrong: reportArgumentType
    train(data, epochs=data)  # wrong: reportArgumentType
    for _ in data:  # wrong: reportGeneralTypeIssues
        pass
    first, second = data  # wrong: reportGeneralTypeIssues
    len(data)  # wrong: reportArgumentType
    data[0]  # wrong: reportIndexIssue
    small = compress(model, data)
    train(small)  # wrong: reportArgumentType
    clean_up(small.modle)  # wrong: reportAttributeAccessIssue
    one, two, three = compress(model, data)  # wrong: reportAssignmentType
    ensemble(model)  # wrong: reportArgumentType
    ensemble([model, data])  # wrong: reportArgumentType
    best([model])  # wrong: reportArgumentType
    best(gather(ingest(path=each(["a.csv"]))))  # wrong: reportArgumentType
    gather("data.csv")  # wrong: reportArgumentType
    train(clean_up(model))  # wrong: reportArgumentType
    train.with_options(epochs=5)(data)  # wrong: reportCallIssue
    train.with_options(name=5)(data)  # wrong: reportArgumentType
    train.with_options(requires="check")(data)  # wrong: reportArgumentType
    train.with_options(requires=data)(data)  # wrong: reportArgumentType
    train.with_options(after=5)(data)  # wrong: reportArgumentType
    train.with_options(needs={"cpus"})(data)  # wrong: reportArgumentType
    train.with_options(data)  # wrong: reportCallIssue
    tune(train, space={"epochs": between("few", 2)}, goal=maximize("auc"))  # wrong: reportArgumentType
    tune(train, space={"epochs": [1, 2]}, goal=maximize("auc"))  # wrong: reportArgumentType
    tune(train, space={"epochs": between(1, 2)}, goal="auc")  # wrong: reportArgumentType
    tuned = tune(train, space={"epochs": between(1, 2)}, goal=maximize("auc"))(stats)  # wrong: reportArgumentType
    train.with_parameters(tuned)(data)  # wrong: reportArgumentType
    train.with_parameters(tuned.study)(data)  # wrong: reportArgumentType


bad.plan(epoch=3)  # wrong: reportCallIssue
bad.plan(epochs="three")  # wrong: reportArgumentType


@component  # wrong: reportArgumentType
def without_context(examples: Examples) -> Model:
    """The first parameter is not the context."""
    raise NotImplementedError


@component
def asks_for_what_it_does_not_make(ctx: Context) -> Model:
    """The output is of another type."""
    return ctx.output(Examples)  # wrong: reportReturnType


def network(features: list[str], *, units: int) -> Any:
    """What a training builds."""


@component
def fitted(ctx: Context, examples: Examples) -> Model:
    """What is given to the function that builds a network is held against its signature."""
    partial(network, ["x"], unit=3)  # wrong: reportCallIssue
    partial(network, ["x"], units="3")  # wrong: reportArgumentType
    partial(network, 3, units=3)  # wrong: reportArgumentType
    partial(network, ["x"], units=3)
    raise NotImplementedError
