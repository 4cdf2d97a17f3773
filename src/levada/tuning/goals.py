"""What is better, and which of several good trials is chosen.

With several goals no trial may be best in all: the front are those that none beats. Of them one is chosen: of those
whose first goal is within its `within` of the best, the one that is best in the next goal, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from levada.errors import ParameterError, WiringError


@dataclass(frozen=True)
class Goal:
    """A metric that should be as high, or as low, as can be; made by `maximize` and `minimize`.

    `within` is how much of it may be given up for the goals behind it.
    """

    metric: str
    higher: bool
    within: float = 0.0

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.higher else value < other

    def best(self, values: Sequence[float]) -> float:
        """Return the best of some values."""
        return max(values) if self.higher else min(values)

    def loss(self, value: float) -> float:
        """Return a number that is lower for what is better."""
        return -value if self.higher else value

    def __str__(self) -> str:
        within = f", within {self.within:g}" if self.within else ""
        return f"{'highest' if self.higher else 'lowest'} {self.metric}{within}"


def maximize(metric: str, *, within: float = 0.0) -> Goal:
    """The metric, one that the component reports, should be as high as can be.

    `within`: with several goals, what is this close to the best is as good as the best, and the next goal decides.
    Raises ParameterError for a name that is none, or a `within` below 0.
    """
    return _goal("maximize", metric, True, within)


def minimize(metric: str, *, within: float = 0.0) -> Goal:
    """The metric should be as low as can be: one that the component reports, or one of every trial.

    Of every trial there are `size` (bytes of what it made), `seconds` (how long it took) and `latency` (milliseconds
    that its model needs for one row, the median). `within` as for `maximize`.
    """
    return _goal("minimize", metric, False, within)


def _goal(verb: str, metric: str, higher: bool, within: float) -> Goal:
    if not isinstance(metric, str) or not metric.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{verb}({metric!r}): wanted the name of a metric, as in {verb}('val_auc').")
    if isinstance(within, bool) or not (isinstance(within, int | float) and math.isfinite(within) and within >= 0):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{verb}('{metric}', within={within!r}): wanted a number, 0 or more.")
    return Goal(metric, higher, float(within))


def as_goals(given: Any) -> tuple[Goal, ...]:
    """Return goals; raises WiringError for what are none, or for two of one metric."""
    goals: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    for goal in goals:
        if not isinstance(goal, Goal):
            said = f"{goal!r}" if isinstance(goal, str) else type(goal).__name__
            hint = f'goal=maximize("{goal}"), or minimize("{goal}")' if isinstance(goal, str) else ""
            raise WiringError(f"goal= wants maximize(...) or minimize(...), got {said}.", hint=hint)
    names = [goal.metric for goal in goals]
    if not goals or len(set(names)) < len(names):
        raise WiringError(f"goal= wants one goal or several, each of another metric, got {', '.join(names) or 'none'}.")
    return tuple(goals)


K = TypeVar("K")


def front(values: Mapping[K, Sequence[float]], goals: Sequence[Goal]) -> list[K]:
    """Return those that none beats: no other is as good in all goals and better in one. In the order that they had."""
    losses = {
        key: tuple(goal.loss(value) for goal, value in zip(goals, found, strict=True)) for key, found in values.items()
    }
    kept: list[K] = []
    for key, mine in losses.items():
        beaten = any(
            other != mine and all(theirs <= own for theirs, own in zip(other, mine, strict=True))
            for other in losses.values()
        )
        if not beaten:
            kept.append(key)
    return kept


def chosen(values: Mapping[K, Sequence[float]], goals: Sequence[Goal]) -> K:
    """Return the one that is best, goal by goal within what each allows; the first of equal ones."""
    left = dict(values)
    for place, goal in enumerate(goals):
        best = goal.best([found[place] for found in left.values()])
        left = {key: found for key, found in left.items() if abs(found[place] - best) <= goal.within}
    return min(
        left,
        key=lambda key: [goal.loss(value) for goal, value in zip(reversed(goals), reversed(left[key]), strict=True)],
    )
