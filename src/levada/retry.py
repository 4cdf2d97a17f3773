"""When a failed attempt is followed by another."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from levada.errors import Position, WiringError
from levada.failure import Failure, kinds_of
from levada.values import Json


@dataclass(frozen=True)
class Retry:
    """How often a node is tried, after which errors, and how long is waited in between.

        fetch.with_options(retry=Retry(3, on=(OSError,), wait=2))

    `attempts` counts the first one. `on` are the exception classes that count, with those that inherit from them; what
    else is raised fails the node at once. The first wait takes `wait` seconds, each further one `factor` times the one
    before, none more than `longest`; each is varied by up to a tenth, so that nodes that failed together do not
    come back together.
    """

    attempts: int = 3
    on: tuple[type[BaseException], ...] = (Exception,)
    wait: float = 1.0
    factor: float = 2.0
    longest: float = 60.0


@dataclass(frozen=True)
class Policy:
    """A retry as the plan has it: exceptions by their full names, so that nothing must be imported to read it."""

    attempts: int
    on: tuple[str, ...]
    wait: float
    factor: float
    longest: float

    @staticmethod
    def of(form: dict[str, Json]) -> Policy:
        """Return the policy of a plan's node; without a form there is one attempt."""
        given: Any = form
        if not form:
            return Policy(1, (), 0, 1, 0)
        return Policy(given["attempts"], tuple(given["on"]), given["wait"], given["factor"], given["longest"])

    def goes_on(self, number: int, failure: Failure) -> bool:
        """Whether attempt `number` (the first is 1), which ended in `failure`, is followed by another."""
        return number < self.attempts and not set(self.on).isdisjoint(failure.kinds)

    def pause(self, number: int) -> float:
        """Return how many seconds to wait after attempt `number`."""
        pause = min(self.longest, self.wait * self.factor ** (number - 1))
        return round(pause * random.uniform(0.9, 1.1), 3)  # noqa: S311  nobody guards anything with it


def retry_form(retry: Retry | int, position: Position | None) -> dict[str, Json]:
    """Return what the plan says of a retry; raises WiringError for numbers that make no sense."""
    chosen = Retry(retry) if isinstance(retry, int) else retry
    wrong = (
        f"attempts={chosen.attempts}: wanted at least 1"
        if chosen.attempts < 1
        else f"wait={chosen.wait}: wanted 0 or more seconds"
        if chosen.wait < 0 or chosen.longest < 0
        else f"factor={chosen.factor}: wanted at least 1"
        if chosen.factor < 1
        else ""
    )
    if wrong:
        raise WiringError(f"retry: {wrong}.", where=position)
    for kind in chosen.on:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise WiringError(f"retry on={kind!r}: wanted exception classes.", where=position)
    return {
        "attempts": chosen.attempts,
        "on": [kinds_of(kind)[0] for kind in chosen.on],
        "wait": chosen.wait,
        "factor": chosen.factor,
        "longest": chosen.longest,
    }
