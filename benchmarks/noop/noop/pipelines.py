"""Pipelines that do nothing, to see what the engine itself costs."""

from __future__ import annotations

import time

from levada import Artifact, Context, component, pipeline


class Number(Artifact):
    """A number in a property; no files."""


@component
def start(ctx: Context, *, value: int = 0) -> Number:
    """Give the first number."""
    out = ctx.output(Number)
    out.properties["value"] = value
    return out


@component
def step(ctx: Context, number: Number) -> Number:
    """Add one."""
    out = ctx.output(Number)
    out.properties["value"] = int(str(number.properties["value"])) + 1
    return out


@component
def wait(ctx: Context, number: Number, *, seconds: float, index: int) -> Number:
    """Sleep."""
    time.sleep(seconds)
    out = ctx.output(Number)
    out.properties["value"] = index
    return out


@component
def collect(ctx: Context, numbers: list[Number]) -> Number:
    """Count what came."""
    out = ctx.output(Number)
    out.properties["value"] = len(numbers)
    return out


@pipeline
def chain(*, length: int = 50) -> None:
    """One node after the other.

    Args:
        length: how many nodes.
    """
    number = start()
    for _ in range(length - 1):
        number = step(number)


@pipeline
def fan(*, width: int = 20, seconds: float = 1.0) -> None:
    """One node, then many that sleep, then one.

    Args:
        width: how many sleep.
        seconds: how long each sleeps.
    """
    first = start()
    collect([wait(first, seconds=seconds, index=index) for index in range(width)])
