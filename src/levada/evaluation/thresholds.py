"""What is asked of a metric: at least so much, or at most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from levada.artifacts.measured import Estimate
from levada.errors import ParameterError, did_you_mean

By = Literal["value", "interval"]
WAYS = ("value", "interval")


@dataclass(frozen=True)
class Threshold:
    """A bound on a metric; made by `at_least` and `at_most`. `by` says what must keep it, value or interval."""

    least: float | None = None
    most: float | None = None
    by: By = "value"

    def allows(self, found: Estimate) -> bool:
        """Whether a metric keeps within the bound; by its interval it does not where it has none."""
        low, high = (found.low, found.high) if self.by == "interval" else (found.value, found.value)
        if low is None or high is None:
            return False
        return (self.least is None or low >= self.least) and (self.most is None or high <= self.most)

    @property
    def limit(self) -> float | None:
        """The bound itself; the lower of two."""
        return self.least if self.least is not None else self.most

    def __str__(self) -> str:
        parts = [] if self.least is None else [f"at least {self.least:g}"]
        return " and ".join(parts if self.most is None else [*parts, f"at most {self.most:g}"])


def at_least(value: float, *, by: By = "value") -> Threshold:
    """The metric must not be below `value`; with `by="interval"` not even the lower end of its interval may."""
    return Threshold(least=_number(value), by=_way(by))


def at_most(value: float, *, by: By = "value") -> Threshold:
    """The metric must not be above `value`; with `by="interval"` not even the upper end of its interval may."""
    return Threshold(most=_number(value), by=_way(by))


def check_direction(name: str, threshold: Threshold, *, lower_is_better: bool, by_name: bool) -> None:
    """Raise ParameterError for a bound that a worse model keeps more easily; one on both sides is a range, and may be.

    `by_name` is whether the direction is that of Levada's own metric, so that nobody can have meant another.
    """
    if threshold.least is not None and threshold.most is not None:
        return
    limit = threshold.least if lower_is_better else threshold.most
    if limit is None:
        return
    wrong, right = ("at_least", "at_most") if lower_is_better else ("at_most", "at_least")
    way = f', by="{threshold.by}"' if threshold.by != "value" else ""
    better, other = ("lower", "higher") if lower_is_better else ("higher", "lower")
    hint = f'Write thresholds={{"{name}": {right}({limit:g}{way})}}.'
    if not by_name:
        hint += f" If a {other} {name} is better, say so: metrics=[metric(..., lower_is_better={not lower_is_better})]."
    raise ParameterError(
        f'evaluate(thresholds={{"{name}": {wrong}({limit:g}{way})}}): a {better} {name} is better, so this bound keeps '
        "out the better models and lets the worse ones pass.",
        hint=hint,
    )


def _number(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"a threshold is a number, and not infinite: got {value!r}.")
    return float(value)


def _way(by: By) -> By:
    if by not in WAYS:
        raise ParameterError(f"by='{by}': wanted 'value' or 'interval'.", hint=did_you_mean(str(by), WAYS))
    return by
