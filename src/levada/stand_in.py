"""A component that is called in place of others: what a node of it has beside its own parameters is another's.

@stand_in
def study(ctx: Context, *, search: Search, **arguments: Any) -> Tuned:
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Concatenate, ParamSpec, TypeVar

from levada.component import Component
from levada.context import Context
from levada.errors import Position
from levada.options import Options
from levada.signature import Signature, read_signature
from levada.values import Json

P = ParamSpec("P")
R = TypeVar("R")


class StandIn(Component[P, R]):
    """A component that is called with the arguments of another; made by `stand_in`."""

    @cached_property
    def signature(self) -> Signature:
        """The inputs, parameters and outputs of its own."""
        return read_signature(self.function, is_open=True)

    def check_given(self, given: Mapping[str, Json], where: Position | None) -> None:
        """Say nothing: it takes anything, and holds it against the other component."""


def stand_in(function: Callable[Concatenate[Context, P], R]) -> Component[P, R]:
    """Make a component that nodes call which were drawn for another.

    It gets its own parameters, and by keyword whatever else the node has: inputs and parameters of the other.
    """
    return StandIn(function, Options())
