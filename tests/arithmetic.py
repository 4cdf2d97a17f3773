"""Components on numbers, for tests and for the processes they start."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from levada import Artifact, Context, Gate, component


class Number(Artifact):
    """One number, as `number.json`."""

    def value(self) -> Any:
        return json.loads((self.path / "number.json").read_text())

    def put(self, value: Any) -> None:
        (self.path / "number.json").write_text(json.dumps(value))


class Verdict(Gate):
    """A verdict and nothing else."""


class Two(NamedTuple):
    small: Number
    large: Number


def number(ctx: Context, value: Any) -> Number:
    """Make the component's only number."""
    out = ctx.output(Number)
    out.put(value)
    return out


@component
def make(ctx: Context, *, n: float = 0) -> Number:
    """Write down a number."""
    return number(ctx, n)


@component
def read(ctx: Context, a: Number) -> None:
    """Look at a number."""
    ctx.metric("value", a.value())


@component
def add(ctx: Context, a: Number, b: Number) -> Number:
    """Add two numbers."""
    return number(ctx, a.value() + b.value())


@component
def total(ctx: Context, numbers: list[Number]) -> Number:
    """Add a list of numbers."""
    return number(ctx, sum(item.value() for item in numbers))


@component
def both(ctx: Context, a: Number) -> Two:
    """Half of a number and twice the number."""
    small, large = ctx.output(Number, "small"), ctx.output(Number, "large")
    small.put(a.value() / 2)
    large.put(a.value() * 2)
    return Two(small, large)


@component
def positive(ctx: Context, a: Number) -> Verdict:
    """Let positive numbers pass."""
    gate = ctx.output(Verdict)
    is_open = a.value() > 0
    gate.set_verdict(is_open, [f"{a.value()} is {'above' if is_open else 'not above'} 0"])
    return gate


@component
def fail(ctx: Context, a: Number | None = None) -> Number:
    """Break."""
    raise ValueError("this one always fails")


@component
def wait(ctx: Context, a: Number | None = None, *, seconds: float = 0.1) -> Number:
    """Sleep, and write down when it was and where."""
    started = time.monotonic()
    time.sleep(seconds)
    return number(ctx, {"started": started, "ended": time.monotonic(), "pid": os.getpid(), "cwd": str(Path.cwd())})
