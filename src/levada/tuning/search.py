"""What is searched, as one value that a plan holds: a component, values to try, what is better, how many trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from levada.component import Component
from levada.errors import LevadaError, ParameterError, WiringError, did_you_mean
from levada.signature import Signature, check_type
from levada.tuning.goals import Goal, as_goals
from levada.tuning.space import Between, Range, as_space

RESERVED = "search"
"""The parameter of a study's node that holds the search; beside it stand those of the component that is tuned."""


@dataclass(frozen=True)
class Search:
    """A search: `component` is run with other values of its parameters, out of `space`, in `trials` trials.

    With `prune` a trial is stopped when, at a step of the goal's metric, it is worse than the median of the others
    there: not one of the first five, and not if there are several goals.
    """

    component: Component[..., Any]
    space: dict[str, Range]
    goals: tuple[Goal, ...]
    trials: int
    prune: bool = True

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the goals, in their order."""
        return tuple(goal.metric for goal in self.goals)

    @property
    def prunes(self) -> bool:
        return self.prune and len(self.goals) == 1


def search_of(component: Any, space: Any, goal: Any, trials: Any, prune: bool) -> Search:
    """Return a search, its values held against the component's annotations; raises WiringError or ParameterError."""
    if not isinstance(component, Component):
        raise WiringError(
            f"tune(...) wants a component, got {type(component).__name__}.",
            hint="Pass it itself, and its inputs to what comes back: tune(train, space=..., goal=...)(data).",
        )
    component = cast("Component[..., Any]", component)
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ParameterError(f"tune(..., trials={trials!r}): wanted a number of trials, 1 or more.")
    try:
        found, goals = as_space(space), as_goals(goal)
    except LevadaError as error:
        raise type(error)(f"tune({component.name}, ...): {error.message}", hint=error.hint) from None
    check_space(component.name, component.signature, found)
    wanted = component.signature.parameters
    return Search(component, {name: each.as_wanted(wanted[name]) for name, each in found.items()}, goals, trials, prune)


def check_space(name: str, signature: Signature, space: Mapping[str, Range]) -> None:
    """Raise WiringError for what is no parameter of a component, ParameterError for values that one cannot have."""
    for parameter, found in space.items():
        if parameter in signature.inputs:
            raise WiringError(
                f"tune({name}, space={{'{parameter}': ...}}): {parameter} is an input, and only parameters are tried.",
                hint="An artifact is passed to what tune(...) returns.",
            )
        if parameter not in signature.parameters:
            known = ", ".join(signature.parameters) or "none"
            hint = did_you_mean(parameter, signature.parameters) or f"Its parameters: {known}."
            raise WiringError(f"tune({name}, space=...): {name} has no parameter '{parameter}'.", hint=hint)
        label = f"tune({name}, space={{'{parameter}': ...}})"
        wanted = signature.parameters[parameter]
        for value in found.ends():
            check_type(label, wanted, value, None)
        kind = found.as_wanted(wanted)
        if isinstance(kind, Between) and kind.step is not None and kind.is_whole:
            check_type(label, int, kind.step, None)


def ensure_named(component: Component[..., Any]) -> str:
    """Return a component's address; raises WiringError for one that worker processes could not import."""
    from levada.references import is_cell

    reference = component.reference
    if is_cell(reference):
        raise WiringError(
            f"{component.name} was defined in a notebook's cell, and trials run in processes of their own.",
            hint=f"Save {component.name} in a file of the project's code, below components/ say, and import it.",
        )
    if RESERVED in component.signature.parameters or RESERVED in component.signature.inputs:
        raise WiringError(
            f"{component.name} cannot be tuned: its parameter '{RESERVED}' would stand for the search itself.",
            hint="Give it another name.",
        )
    return reference
