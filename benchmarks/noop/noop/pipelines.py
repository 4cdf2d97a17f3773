"""Pipelines that do nothing, to see what the engine itself costs."""

from __future__ import annotations

import subprocess
import sys
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


@component
def parent(ctx: Context, number: Number, *, seconds: float, index: int) -> Number:
    """Start a child, sleep, and let the child go on."""
    out = ctx.output(Number)
    (out.path / "half.bin").write_bytes(b"x" * 1000)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
    for _ in range(int(seconds * 10)):
        ctx.progress(0, None, "")  # here a stopped run is noticed
        time.sleep(0.1)
    out.properties["value"] = index
    return out


@pipeline
def families(*, width: int = 2, seconds: float = 1.0) -> None:
    """One node, then some in processes of their own that start children, then one.

    Args:
        width: how many have children.
        seconds: how long each sleeps.
    """
    first = start()
    own = parent.with_options(process="own")
    collect([own(first, seconds=seconds, index=index) for index in range(width)])


@pipeline
def isolated(*, length: int = 5) -> None:
    """A chain whose nodes have processes of their own.

    Args:
        length: how many nodes.
    """
    number = start()
    for _ in range(length):
        number = step.with_options(process="own")(number)
