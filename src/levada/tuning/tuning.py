"""A component that is being tuned: it is called as the component itself would be, which draws the node of a study."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from levada.component import Component
from levada.draw import Drawing, caller_position
from levada.errors import WiringError
from levada.options import Options
from levada.signature import Signature
from levada.tuning.search import RESERVED, Search
from levada.values import Json, encode

P = ParamSpec("P")
R = TypeVar("R")


class Tuning(Component[P, R]):
    """A component that is being tuned; made by `tune`. `study` is the component that its nodes call."""

    def __init__(
        self, component: Component[P, Any], search: Search, study: Component[..., R], options: Options | None = None
    ) -> None:
        super().__init__(component.function, options or _options_of(component.options))
        self._component = component
        self._search = search
        self._study = study

    @cached_property
    def signature(self) -> Signature:
        """What the component takes, but for what is searched; what comes of it is what the study gives."""
        own, mine = self._component.signature, self._study.signature
        rest = [parameter for name, parameter in own.bound.parameters.items() if name not in self._search.space]
        return replace(
            mine,
            inputs=own.inputs,
            parameters={name: kind for name, kind in own.parameters.items() if name not in self._search.space},
            bound=own.bound.replace(parameters=rest),
        )

    @property
    def reference(self) -> str:
        return self._study.reference

    def _with(self, options: Options) -> Component[P, R]:
        return Tuning(self._component, self._search, self._study, options)

    def draw(self, drawing: Drawing, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add the node of a study; raises WiringError for a value that is searched and said as well."""
        for name in kwargs:
            if name in self._search.space:
                raise WiringError(
                    f"tune({self._component.name}, ...)({name}=...): {name} is searched, and cannot be said as well.",
                    where=caller_position(),
                    hint=f"Take it out of space= to have the same {name} in every trial.",
                )
        return super().draw(drawing, args, kwargs)

    def _arranged(self, parameters: dict[str, Json]) -> dict[str, Json]:
        """Put the search beside the parameters that stay the same."""
        form: Any = encode(replace(self._search, component=None))  # pyright: ignore[reportArgumentType]
        form["fields"]["component"] = {"$function": self._component.reference}
        return {**parameters, RESERVED: form}


def _options_of(own: Options) -> Options:
    """Return what a study's node is told by its component: what it needs and waits for, not how it is run."""
    return Options(name="tune", after=own.after, requires=own.requires, needs=own.needs, packages=own.packages)
