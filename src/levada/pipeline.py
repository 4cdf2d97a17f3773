"""Pipelines: functions that call components, and so draw a graph.

@pipeline
def flights(*, months: int = 3) -> None:
    \"\"\"Will a flight arrive late?

    Args:
        months: how many months to train on.
    \"\"\"
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

from levada import draw
from levada.artifact import Artifact
from levada.errors import ParameterError, WiringError
from levada.options import check_name
from levada.plan import Plan
from levada.references import reference_of
from levada.signature import bind_arguments, bind_input, check_type, definition, hints_of, read_input
from levada.values import Json, encode

P = ParamSpec("P")
R = TypeVar("R")


class Pipeline(Generic[P, R]):
    """A function that draws a graph. Made by `@pipeline`."""

    def __init__(self, function: Callable[P, R], name: str | None = None) -> None:
        self.function = function
        self._explicit = name
        update_wrapper(cast("Any", self), function)

    @property
    def name(self) -> str:
        return self._explicit or self.function.__name__

    @property
    def reference(self) -> str:
        return reference_of(self.function)

    def with_options(self, *, name: str) -> Pipeline[P, R]:
        """Return the pipeline under another name: its nodes are then `name/...` in an outer pipeline."""
        return Pipeline(self.function, check_name(name, draw.caller_position()))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        drawing = draw.current()
        if drawing is None:
            session = draw.caller()
            if session is not None:
                __tracebackhide__ = True  # a notebook shows the user's own frames
                return cast("R", session.call_pipeline(self, args, kwargs))
            raise WiringError(
                f"{self.function.__name__}(...) was called outside a pipeline.",
                where=draw.caller_position(),
                hint=f"Run it with `levada run {self.name}`, or draw it with {self.function.__name__}.plan(...).",
            )
        position = draw.caller_position()
        self._bind(args, kwargs)
        with drawing.within(drawing.claim(self.name, self._explicit is not None, position)):
            return self.function(*args, **kwargs)

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan:
        """Draw the pipeline with these arguments and return its plan.

        Raises WiringError, at the line of the pipeline, for parts that do not fit together.
        """
        return self.plan_from(Path.cwd(), *args, **kwargs)

    def plan_from(self, root: Path, *args: P.args, **kwargs: P.kwargs) -> Plan:
        """Like `plan`, naming source files from `root`."""
        return self.drawn(root, args, kwargs)[0]

    def drawn(self, root: Path, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Plan, Any]:
        """Return the plan, and what the function returned: artifacts that stand for outputs of its nodes."""
        given = self._bind(args, kwargs)
        arguments = self._encode({name: value for name, value in given.items() if not isinstance(value, Artifact)})
        with draw.drawing(root) as drawing:
            returned = self.function(*args, **kwargs)
        nodes = drawing.ordered()
        if not nodes:
            raise WiringError(
                f"pipeline {self.name} calls no component with these arguments, so there is nothing to run.",
                where=definition(self.function),
            )
        plan = Plan(
            pipeline=self.name,
            reference=self.reference,
            arguments=arguments,
            nodes=nodes,
            description=inspect.getdoc(self.function) or "",
        )
        return plan, returned

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return every argument by name, held against the annotations; raises WiringError where one does not fit."""
        where = draw.caller_position()
        taken = inspect.signature(self.function)
        hints = hints_of(self.function, f"pipeline {self.name}", definition(self.function))
        annotated = {name: read_input(name, hints[name]) for name in taken.parameters if name in hints}
        inputs = {name: wanted for name, wanted in annotated.items() if wanted is not None}
        arguments = bind_arguments(self.name, taken, inputs, args, kwargs, where)
        for name, value in arguments.items():
            if name in inputs:
                bind_input(self.name, inputs[name], value, where)
            elif name in hints:
                check_type(f"{self.name}({name}=...)", hints[name], value, where)
        return arguments

    def _encode(self, arguments: dict[str, Any]) -> dict[str, Json]:
        """Return the JSON forms of the arguments; raises ParameterError for one that JSON cannot carry."""
        forms: dict[str, Json] = {}
        for name, value in arguments.items():
            try:
                forms[name] = encode(value)
            except ParameterError as error:
                raise ParameterError(
                    f"{self.name}({name}=...): {error.message}", where=draw.caller_position(), hint=error.hint
                ) from None
        return forms

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def pipeline(function: Callable[P, R]) -> Pipeline[P, R]:
    """Make a pipeline of a typed function that calls components."""
    return Pipeline(function)
