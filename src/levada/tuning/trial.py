"""What came of one trial, as one value that JSON carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from levada.values import Json, decode, digest_of

State = Literal["done", "pruned", "failed"]

_TOLD = ("number", "state", "curves", "began", "seconds", "why", "pruned_at", "made_in")

Point = tuple[int, float, int]
"""A point of a curve: step, value, milliseconds since 1970."""


@dataclass(frozen=True)
class Trial:
    """One trial: the values that were tried, and what came of them.

    `searched` and `fixed` are parameters by name, as JSON forms. `metrics` are the last values of all that was reported
    and measured, `curves` their points. `began` is in milliseconds since 1970. A trial is `pruned` if it was
    stopped as hopeless, after step `pruned_at`; `why` says how it failed, `failure` in full. `made_in` is the run
    that it was made in.
    """

    number: int
    state: State
    searched: dict[str, Json]
    fixed: dict[str, Json] = field(default_factory=dict[str, Json])
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    curves: dict[str, list[Point]] = field(default_factory=dict[str, "list[Point]"])
    began: int = 0
    seconds: float = 0.0
    why: str = ""
    failure: dict[str, Any] | None = None
    pruned_at: int | None = None
    made_in: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The values that were tried, with their types."""
        return {name: decode(form) for name, form in self.searched.items()}

    @property
    def identity(self) -> str:
        """A digest over all parameters: two trials with the same are the same trial."""
        return identity_of({**self.fixed, **self.searched})

    def objectives(self, metrics: Sequence[str]) -> tuple[float, ...] | None:
        """Return the values of some metrics; None if one of them is missing."""
        if any(name not in self.metrics for name in metrics):
            return None
        return tuple(self.metrics[name] for name in metrics)

    def steps(self, metric: str) -> dict[int, float]:
        """Return the curve of a metric by step: of several values at a step, the last."""
        return {step: value for step, value, _ in self.curves.get(metric, [])}

    def event(self) -> dict[str, Any]:
        """Return what the journal says of it."""
        form = self.to_json()
        said = {name: form[name] for name in _TOLD if name in form}
        return {**said, "parameters": self.searched, "metrics": self.metrics}

    def to_json(self) -> dict[str, Any]:
        form = {name: getattr(self, name) for name in Trial.__dataclass_fields__}
        return {name: value for name, value in form.items() if value not in (None, "", {}, [])}

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Trial:
        known: dict[str, Any] = {name: form[name] for name in Trial.__dataclass_fields__ if name in form}
        points: Mapping[str, list[list[Any]]] = form.get("curves", {})
        known["curves"] = {name: [(step, value, at) for step, value, at in curve] for name, curve in points.items()}
        return Trial(**known)


def identity_of(parameters: Mapping[str, Json]) -> str:
    """Return the digest that names a trial by the JSON forms of all its parameters."""
    return digest_of(dict(sorted(parameters.items())))
