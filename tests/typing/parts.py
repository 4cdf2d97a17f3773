"""Components and artifact types that good.py and bad.py wire together."""

from __future__ import annotations

from typing import Literal, NamedTuple

from levada import Artifact, Context, Gate, Many, component


class Examples(Artifact):
    """Rows."""


class Statistics(Artifact):
    """Numbers about rows."""


class Model(Artifact):
    """Weights."""


class Verdict(Gate):
    """A gate."""


class Small(NamedTuple):
    model: Model
    verdict: Verdict


@component
def ingest(ctx: Context, *, path: str = "data.csv") -> Examples:
    """Read rows."""
    return ctx.output(Examples)


@component
def profile(ctx: Context, examples: Examples) -> Statistics:
    """Count."""
    return ctx.output(Statistics)


@component(packages=("tensorflow",), needs={"cpus": 2})
def train(ctx: Context, examples: Examples, *, epochs: int = 5, kind: Literal["wide", "deep"] = "wide") -> Model:
    """Fit."""
    return ctx.output(Model)


@component(requires="verdict")
def compress(ctx: Context, model: Model, examples: Examples, verdict: Verdict | None = None) -> Small:
    """Two outputs."""
    return Small(ctx.output(Model), ctx.output(Verdict))


@component
def ensemble(ctx: Context, models: list[Model]) -> Model:
    """A list of inputs."""
    return ctx.output(Model)


@component
def best(ctx: Context, models: Many[Model]) -> Model:
    """What a fan-out gathered."""
    return ctx.output(Model)


@component
def clean_up(ctx: Context, model: Model) -> None:
    """No output."""
