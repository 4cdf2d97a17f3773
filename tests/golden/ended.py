"""Nodes that end in ways that are not exceptions. The golden texts name lines here: add new ones at the end."""

from __future__ import annotations

from levada import Context, Many, Values, component, each, gather
from tests.arithmetic import Number, make, number
from tests.hazards import end_with, sleep


@component
def nothing_to_do(ctx: Context) -> Values[int]:
    out = ctx.output(Values)
    out.put([])
    return out


@component
def picky(ctx: Context, *, n: int) -> Number:
    if n == 2:
        raise ValueError("not this one")
    return number(ctx, n)


@component
def count(ctx: Context, numbers: Many[Number]) -> Number:
    return number(ctx, len(numbers))


def timeout() -> None:
    sleep.with_options(timeout=1)()


def segfault() -> None:
    end_with.with_options(process="own")(how="segfault")


def exit_code() -> None:
    end_with.with_options(process="own")(how="exit 3")


def memory() -> None:
    end_with.with_options(process="own", needs={"memory": "512MB"})(how="memory")


def empty_list() -> None:
    make(n=each(nothing_to_do()))


def gather_of_failed() -> None:
    count(gather(picky(n=each([1, 2, 3]))))
