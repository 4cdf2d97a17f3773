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
import typing
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

from levada import draw
from levada.artifact import Artifact
from levada.component import check_name
from levada.errors import ParameterError, WiringError, did_you_mean
from levada.plan import Plan
from levada.references import reference_of
from levada.signature import check_type
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
        arguments = self._bind(args, kwargs)
        with draw.drawing(root) as drawing:
            self.function(*args, **kwargs)
        return Plan(
            pipeline=self.name,
            reference=self.reference,
            arguments=arguments,
            nodes=drawing.ordered(),
            description=inspect.getdoc(self.function) or "",
        )

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Json]:
        """Check the arguments against the annotations and return their JSON forms, without artifacts."""
        where = draw.caller_position()
        signature = inspect.signature(self.function)
        hints = typing.get_type_hints(self.function)
        for keyword in kwargs:
            if keyword not in signature.parameters:
                known = list(signature.parameters)
                hint = did_you_mean(keyword, known) or f"It takes {', '.join(known) or 'nothing'}."
                raise WiringError(f"{self.name}(...) has no parameter '{keyword}'.", where=where, hint=hint)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise WiringError(f"{self.name}(...): {error}.", where=where) from None
        bound.apply_defaults()
        forms: dict[str, Json] = {}
        for name, value in bound.arguments.items():
            if isinstance(value, Artifact):
                continue
            if name in hints:
                check_type(f"{self.name}({name}=...)", hints[name], value, where)
            try:
                forms[name] = encode(value)
            except ParameterError as error:
                raise ParameterError(f"{self.name}({name}=...): {error.message}", where=where, hint=error.hint) from None
        return forms

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def pipeline(function: Callable[P, R]) -> Pipeline[P, R]:
    """Make a pipeline of a typed function that calls components."""
    return Pipeline(function)
