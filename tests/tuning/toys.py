"""Components to be tuned that cost nothing: a parabola, and ways for a trial to go wrong."""

from __future__ import annotations

import math
import os
import signal
import time
from enum import Enum

from levada import Artifact, Context, component
from levada.artifacts import Parameters


class Curve(Artifact):
    """What a trial makes: as many bytes as its `size`."""


class Shape(Enum):
    FLAT = 0.0
    STEEP = 1.0


@component
def bend(
    ctx: Context,
    *,
    x: float = 3.0,
    units: int = 2,
    shape: Shape = Shape.FLAT,
    size: int = 10,
    steps: int = 4,
    fails: str = "",
) -> Curve:
    """Report `score`, which is best (0) where x is 1 and the shape flat, at every step a quarter more of the truth."""
    score = -((x - 1) ** 2) - shape.value
    for step in range(1, steps + 1):
        _go_wrong(fails if x > 2.5 or fails.startswith("always") else "")
        ctx.metric("score", score - (steps - step), step=step)
    ctx.metric("units", units)
    made = ctx.output(Curve)
    (made.path / "curve").write_bytes(b"x" * size)
    print(f"bent at {x:.3f}")
    return made


def _go_wrong(how: str) -> None:
    match how.removeprefix("always "):
        case "raise":
            raise ValueError("x is too large\nby far")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "nan":
            raise ArithmeticError(str(math.nan))
        case "sleep":
            time.sleep(60)
        case _:
            pass


@component
def reports(ctx: Context, *, x: int = 0, late: bool = False) -> None:
    """Report a number that is none: at the end, or on the way."""
    for step in range(3):
        ctx.metric("score", float("nan") if x and late and step == 1 else 1.0, step=step)
    ctx.metric("score", float("nan") if x else 1.0)


@component
def give(ctx: Context, *, name: str = "x", value: float | str = 1.0) -> Parameters:
    """Give the value of one parameter."""
    made = ctx.output(Parameters)
    made.put({name: value})
    return made
