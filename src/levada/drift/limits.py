"""Limits: from which distance on a difference matters, whatever its significance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from levada.errors import ParameterError

Limit = tuple[float, float]
"""From which distance on to warn, and from which on to fail."""


MISSING: Limit = (0.02, 0.1)
INFINITE: Limit = (0.001, 0.01)


@dataclass(frozen=True)
class Limits:
    """From which distance on a column warns and fails, by distance; None leaves a distance out of the verdict.

    A distance over its limit counts only if chance does not explain it. `missing` is the change of the share of missing
    values, `infinite` that of infinite ones. Raises ParameterError for a limit that is not a pair of
    numbers from 0 on, the first not above the second.
    """

    psi: Limit | None = (0.1, 0.25)
    jensen_shannon: Limit | None = (0.1, 0.2)
    kolmogorov_smirnov: Limit | None = (0.1, 0.25)
    wasserstein: Limit | None = (0.15, 0.5)
    l_infinity: Limit | None = (0.1, 0.25)
    missing: Limit | None = MISSING
    infinite: Limit | None = INFINITE

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.name, getattr(self, item.name))

    @staticmethod
    def only(**limits: Limit) -> Limits:
        """Return limits for the named distances and for no others. Raises ParameterError for an unknown one."""
        unknown = [name for name in limits if name not in NAMES]
        if unknown:
            raise ParameterError(f"there is no distance '{unknown[0]}'.", hint=f"There are: {', '.join(NAMES)}.")
        return Limits(**{name: limits.get(name) for name in NAMES})

    def given(self) -> Iterator[tuple[str, Limit]]:
        """Yield the distances that count, with their limits."""
        for item in fields(self):
            limit = getattr(self, item.name)
            if limit is not None:
                yield item.name, limit


NAMES = tuple(item.name for item in fields(Limits))


def _check(name: str, limit: Any) -> None:
    if limit is None:
        return
    numbers = (
        isinstance(limit, tuple)
        and len(limit) == 2
        and all(
            isinstance(bound, int | float) and not isinstance(bound, bool) and math.isfinite(bound) for bound in limit
        )
    )
    if not numbers or not 0 <= limit[0] <= limit[1]:
        raise ParameterError(
            f"Limits({name}={limit!r}): wanted from where on to warn and to fail.",
            hint=f"As in Limits({name}=(0.1, 0.25)); None leaves the distance out.",
        )
