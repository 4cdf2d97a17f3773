"""What is asked of a metric: at least so much, or at most."""

from __future__ import annotations

from dataclasses import dataclass

from levada.errors import ParameterError


@dataclass(frozen=True)
class Threshold:
    """A bound on a metric; made by `at_least` and `at_most`."""

    least: float | None = None
    most: float | None = None

    def allows(self, value: float) -> bool:
        """Whether a value keeps within the bound."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        parts = [] if self.least is None else [f"at least {self.least:g}"]
        return " and ".join(parts if self.most is None else [*parts, f"at most {self.most:g}"])


def at_least(value: float) -> Threshold:
    """The metric must not be below `value`."""
    return Threshold(least=_number(value))


def at_most(value: float) -> Threshold:
    """The metric must not be above `value`."""
    return Threshold(most=_number(value))


def _number(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"a threshold is a number, got {value!r}.")
    return float(value)
