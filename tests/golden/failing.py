"""Components with a mistake each. The golden texts name lines of this file: add new ones at the end."""

# ruff: noqa: N818
from __future__ import annotations

import datetime
from typing import NamedTuple

from levada import Artifact, Context, component


class Examples(Artifact):
    """Rows."""


class Model(Artifact):
    """Weights."""


class Parts(NamedTuple):
    train: Examples
    test: Examples


@component
def ingest(ctx: Context) -> Examples:
    return ctx.output(Examples)


@component
def returns_the_wrong_type(ctx: Context) -> Model:
    return 3.14


@component
def returns_another_artifact(ctx: Context) -> Model:
    return Examples(ctx.output(Model)._state)


@component
def returns_none(ctx: Context) -> Model:
    ctx.output(Model)


@component
def forgets_one_of_two(ctx: Context) -> Parts:
    return Parts(ctx.output(Examples, "train"), None)


@component
def returns_one_of_two(ctx: Context) -> Parts:
    return ctx.output(Examples, "train")


@component
def returns_the_same_twice(ctx: Context) -> Parts:
    train = ctx.output(Examples, "train")
    return Parts(train, train)


@component
def returns_its_input(ctx: Context, examples: Examples) -> Examples:
    return examples


@component
def returns_what_it_did_not_promise(ctx: Context) -> None:
    return 1


@component
def makes_an_output_it_does_not_have(ctx: Context) -> Model:
    ctx.output(Examples)
    return ctx.output(Model)


@component
def does_not_say_which_of_two(ctx: Context) -> Parts:
    return Parts(ctx.output(Examples), ctx.output(Examples))


@component
def puts_an_object_into_properties(ctx: Context) -> Model:
    model = ctx.output(Model)
    model.properties["trained"] = datetime.date(2013, 1, 1)
    return model


@component
def asks_for_the_digest_too_early(ctx: Context) -> Model:
    model = ctx.output(Model)
    model.properties["digest"] = model.digest
    return model


@component
def calls_a_component(ctx: Context) -> Examples:
    return ingest()


@component
def loops_over_an_artifact(ctx: Context, examples: Examples) -> None:
    for _row in examples:
        pass


@component
def writes_to_its_input(ctx: Context, examples: Examples) -> None:
    examples.path.joinpath("no", "such", "folder").write_text("rows")


def divide(one: int, other: int) -> float:
    return one / other


@component
def divides_by_zero(ctx: Context, *, by: int = 0) -> None:
    divide(1, by)


@component
def exits(ctx: Context) -> None:
    raise SystemExit(4)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@component
def raises_the_unspeakable(ctx: Context) -> None:
    raise Unspeakable


@component
def raises_with_a_cause(ctx: Context) -> None:
    try:
        divide(1, 0)
    except ZeroDivisionError as error:
        raise ValueError("the ratio of late flights cannot be had") from error
