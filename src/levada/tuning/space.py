"""Which values of parameters are tried.

space={
    "learning_rate": between(1e-4, 1e-1, log=True),
    "units": between(8, 64, step=8),
    "activation": one_of("relu", "gelu"),
}
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

from levada.errors import ParameterError, WiringError

MOST = 10_000
"""Combinations up to which a space is counted out."""


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`, both included; made by `between`.

    Whole numbers if both ends are, as for a parameter that is an `int`; `as_wanted` gives those of another one.
    `step` is how far they are apart (None: any, or 1 for whole numbers); with `log` each order of magnitude is as
    likely as the next.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether these are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def has(self, value: Any) -> bool:
        """Whether a value is one of these."""
        if isinstance(value, bool) or not isinstance(value, int | float) or (self.is_whole and value != int(value)):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return math.isclose(steps, round(steps), abs_tol=1e-9)

    def as_wanted(self, annotation: Any) -> Between:
        """Return these as the numbers of a parameter: with fractions, where it is a `float`."""
        kinds = (annotation, *get_args(annotation))
        return (
            replace(self, low=float(self.low), high=float(self.high)) if float in kinds and int not in kinds else self
        )

    def ends(self) -> tuple[Any, ...]:
        """Return values that stand for all, to be held against an annotation."""
        return (self.low, self.high)

    def values(self) -> list[Any] | None:
        """Return all values, None if there are too many."""
        if not self.is_whole and self.step is None:
            return None
        step = self.step or 1
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.low + place * step for place in range(count)] if count <= MOST else None

    def __str__(self) -> str:
        how = [f"in steps of {self.step:g}" if self.step else "", "log" if self.log else ""]
        said = ", ".join(filter(None, how))
        return f"{_number(self.low)} to {_number(self.high)}" + (f" ({said})" if said else "")


@dataclass(frozen=True)
class OneOf:
    """One of some values, of any type that a parameter can have; made by `one_of`."""

    choices: tuple[Any, ...]

    def has(self, value: Any) -> bool:
        """Whether a value is one of these."""
        return any(type(choice) is type(value) and choice == value for choice in self.choices)

    def as_wanted(self, annotation: Any) -> OneOf:
        """Return these: choices are what was said."""
        return self

    def ends(self) -> tuple[Any, ...]:
        """Return values that stand for all, to be held against an annotation."""
        return self.choices

    def values(self) -> list[Any] | None:
        """Return all values."""
        return list(self.choices)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(shown_value, self.choices))


Range = Between | OneOf
"""Values that a parameter may have."""


def between(low: float, high: float, *, step: float | None = None, log: bool = False) -> Between:
    """Numbers from `low` to `high`, both included: whole ones for an `int` parameter, others for a `float`.

    `step` is how far they are apart. With `log` small and large ones are tried alike: for a learning rate, say. Raises
    ParameterError for ends in the wrong order, for `log` from 0 or below, and for `log` with a `step`.
    """
    said = f"between({low!r}, {high!r}{f', step={step!r}' if step is not None else ''}{', log=True' if log else ''})"
    for value in (low, high, *(() if step is None else (step,))):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(f"{said}: wanted numbers, got {value!r}.", hint="Other values: one_of(...).")
    if not low < high:
        raise ParameterError(f"{said}: the first number must be below the second.")
    if step is not None and not 0 < step <= high - low:
        raise ParameterError(f"{said}: the step must be above 0, and at most {high - low:g}.")
    if log and low <= 0:
        raise ParameterError(f"{said}: log=True wants numbers above 0.", hint="Begin above 0: 1e-6, say.")
    if log and step is not None:
        raise ParameterError(
            f"{said}: log=True and step= do not go together.", hint="Use one_of(...) for a few values."
        )
    return Between(low, high, step, log)


def one_of(*choices: Any) -> OneOf:
    """One of these values: words, members of an enum, numbers, tuples. Raises ParameterError for fewer than two."""
    found = OneOf(choices)
    if len(choices) < 2 or any(OneOf(choices[:place]).has(choice) for place, choice in enumerate(choices)):
        raise ParameterError(
            f"one_of({', '.join(map(repr, choices))}): wanted two values or more, each once.",
            hint="A value that is always the same is said in the call: tune(...)(..., name=value).",
        )
    return found


def combinations(space: Mapping[str, Range]) -> list[dict[str, Any]] | None:
    """Return every combination of values of a space, None if there are more than 10,000."""
    count, every = 1, list[list[Any]]()
    for values in (found.values() for found in space.values()):
        count *= len(values) if values is not None else MOST + 1
        if values is None or count > MOST:
            return None
        every.append(values)
    return [dict(zip(space, values, strict=True)) for values in product(*every)]


def lies_in(space: Mapping[str, Range], values: Mapping[str, Any]) -> bool:
    """Whether values lie in a space: each of its parameters has one that may be tried."""
    return all(name in values and space[name].has(values[name]) for name in space)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return in words how one space, its ranges as text, differs from another."""
    said: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            said.append(f"{name} is not searched any more")
        elif name not in before:
            said.append(f"{name} was not searched, and is {after[name]}")
        elif before[name] != after[name]:
            said.append(f"{name} was {before[name]}, and is {after[name]}")
    return said


def as_space(given: Any) -> dict[str, Range]:
    """Return a space; raises WiringError for anything else."""
    if not isinstance(given, Mapping) or not given:
        raise WiringError(
            f"space= wants the values to try by parameter, got {_kind(given)}.",
            hint='space={"learning_rate": between(0.0001, 0.1, log=True)}',
        )
    for name, found in given.items():
        if not isinstance(found, Between | OneOf):
            hint = "one_of(" + ", ".join(map(repr, found)) + ")" if isinstance(found, list | tuple) else ""
            raise WiringError(
                f"space={{'{name}': ...}} wants between(low, high) or one_of(...), got {_kind(found)}.",
                hint=f"Write {hint}." if hint else "",
            )
    return dict(given)


def _kind(value: Any) -> str:
    plain = isinstance(value, bool | int | float | str | list | tuple)
    return f"{type(value).__name__} {value!r}" if plain else type(value).__name__


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def shown(values: Iterable[tuple[str, Any]]) -> str:
    """Return values by name as people read them: `learning_rate 0.0043, units 32`."""
    return ", ".join(f"{name} {shown_value(value)}" for name, value in values)


def shown_value(value: Any) -> str:
    """Return a value as people read it: numbers in four digits, large ones in full, members of an enum by name."""
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    return str(getattr(value, "name", value))
