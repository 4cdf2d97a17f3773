"""What a recipe is: steps that a network takes, one after another, and at last how it is exported.

prune(0.8) >> cluster(16) >> quantize("dynamic")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING

from levada.errors import ParameterError

if TYPE_CHECKING:
    from levada.compression.bench import Bench, Live


@dataclass(frozen=True)
class Recipe:
    """A way to make a model smaller: one step, or several joined by `>>`."""

    def __rshift__(self, then: Recipe) -> Chain:
        """Return this recipe with another one behind it. Raises ParameterError for steps that cannot follow."""
        return Chain((*self.steps, *then.steps))

    @property
    def steps(self) -> tuple[Recipe, ...]:
        """The steps that it has."""
        return (self,)

    @property
    def is_export(self) -> bool:
        """Whether it is about how a network is exported, and not about the network: it wants no training."""
        return False


def names_of(recipes: Sequence[Recipe]) -> list[str]:
    """Return what recipes are called: what they do, and what else they set where that alone names several."""
    short = [str(recipe) for recipe in recipes]
    whole = [
        name if short.count(name) == 1 else " → ".join(map(_whole, recipe.steps))
        for name, recipe in zip(short, recipes, strict=True)
    ]
    # Students of one name may be functions of two modules.
    return [
        name if whole.count(name) == 1 else f"{name} #{whole[: place + 1].count(name)}"
        for place, name in enumerate(whole)
    ]


def _whole(step: Recipe) -> str:
    """Return a step with all that it sets otherwise than by default and does not say: `prune 80 % (epochs=3)`."""
    told = {field.name: getattr(step, field.name) for field in fields(step) if field.default is not MISSING}
    other = [f"{name}={value!r}" for name, value in told.items() if value != step.__dataclass_fields__[name].default]
    shown = [each for each in other if not each.startswith("alone=")]
    return f"{step} ({', '.join(shown)})" if shown else str(step)


@dataclass(frozen=True)
class NetworkStep(Recipe):
    """A step that trains: it takes a live network, and gives another one."""

    def apply(self, live: Live, bench: Bench) -> Live:
        """Return the network that comes of another. Raises ModelError where there is nothing to do in it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Chain(Recipe):
    """Several steps, one after another; made by `>>`."""

    parts: tuple[Recipe, ...]

    def __post_init__(self) -> None:
        exporting = [place for place, part in enumerate(self.parts) if part.is_export]
        if exporting and exporting != [len(self.parts) - 1]:
            first = self.parts[exporting[0]]
            raise ParameterError(
                f"{self}: {first} is how a network is exported, and nothing can be done to it afterwards.",
                hint="Put it last, and once: prune(0.8) >> quantize('dynamic').",
            )

    @property
    def steps(self) -> tuple[Recipe, ...]:
        return self.parts

    def __str__(self) -> str:
        return " → ".join(map(str, self.parts))


def joined(steps: Sequence[Recipe]) -> Recipe:
    """Return steps as one recipe."""
    return Chain(tuple(steps)) if len(steps) > 1 else steps[0]


def share(call: str, value: float) -> float:
    """Return a share that is taken away. Raises ParameterError unless it lies between 0 and 1, both left out."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{call}: wanted the share that goes, between 0 and 1, as in 0.8 for 80 %.")
    return float(value)


def epochs(call: str, value: int) -> int:
    """Return a number of epochs. Raises ParameterError unless it is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{call}: wanted epochs=1 or more, since weights must get used to what is missing.")
    return value


def rate(call: str, value: float | None) -> float | None:
    """Return a learning rate. Raises ParameterError unless it is above 0."""
    if value is not None and not value > 0:
        raise ParameterError(f"{call}: wanted a rate= above 0, or none for the one that the network was compiled with.")
    return value
