"""What can go wrong, as one tree.

    LevadaError
    ├── WiringError       a pipeline whose parts do not fit together
    │   └── ParameterError    a parameter of the wrong type, or one that JSON cannot carry
    ├── PlanError         a plan document that is not one
    ├── ProjectError      settings, an unknown pipeline or component, code that does not load
    │   └── SecretError       a secret that is not where its reference says
    ├── StoreError        the store cannot be read or written, or an artifact in it is damaged
    ├── ComponentError    a component broke its contract (returned the wrong thing)
    ├── GateError         a closed gate stands before what was called in a notebook
    ├── ProcessError      a node's own process ended without a result: a crash, an exit, no memory left
    │   └── NodeTimeoutError  it took longer than its timeout and was stopped
    ├── DataError         data that cannot be read, with file and line
    ├── ModelError        a model that cannot be saved, loaded or asked
    │   └── SignatureError    a signature that is missing, wrong, or by a key that is not trusted
    ├── TrainingError     a training that cannot go on: its loss is no number, no memory is left
    ├── TuningError       a study of which nothing came: no trial worked, or none reported what it is judged by
    └── RegistryError     versions and aliases: the registry is away, or refuses

Each says what was wanted, what came, where in the user's own file, and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Position:
    """A line of the user's own code: the file as the user would name it, the line number, its text."""

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f"   {self.text}" if self.text else "")


class Stopped(BaseException):
    """Raised inside a component when its run is being stopped, so that it can clean up; not an error of anything."""


class LevadaError(Exception):
    """Base of all errors that Levada raises.

    `message` is one or a few lines; `where` the line of user code it is about; `hint` what to do next.
    """

    def __init__(self, message: str, *, where: Position | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.message]
        if self.where is not None:
            parts.append(f"  {self.where}")
        if self.hint:
            parts.append(self.hint)
        return "\n".join(parts)

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """What a notebook shows of an error that knows the user's line: the message, which says it, and no frames."""
        if self.where is None:
            raise AttributeError("_render_traceback_")
        return lambda: [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.where, self.hint))


def _rebuild(kind: type[LevadaError], message: str, where: Position | None, hint: str) -> LevadaError:
    return kind(message, where=where, hint=hint)


class WiringError(LevadaError):
    """A pipeline whose parts do not fit together."""


class ParameterError(WiringError):
    """A parameter of the wrong type, or a value that JSON cannot carry."""


class PlanError(LevadaError):
    """A plan document that is not one, or that names what does not exist."""


class ProjectError(LevadaError):
    """Settings, an unknown pipeline or component, or project code that does not load."""


class SecretError(ProjectError):
    """A secret that is not where its reference says."""


class StoreError(LevadaError):
    """The store cannot be read or written, or an artifact in it is missing or damaged."""


class ComponentError(LevadaError):
    """A component broke its contract, by returning the wrong thing for instance."""


class GateError(LevadaError):
    """A closed gate stands before a component that was called in a notebook; in a run it would be skipped."""


class ProcessError(LevadaError):
    """A node's own process ended without a result."""


class NodeTimeoutError(ProcessError, TimeoutError):
    """A node took longer than its timeout, and was stopped."""


class DataError(LevadaError):
    """Data that cannot be read or does not have the promised form."""


class ModelError(LevadaError):
    """A model that cannot be saved, loaded or asked for a prediction."""


class SignatureError(ModelError):
    """A model that cannot be signed, or whose signature is missing, wrong, or by a key that is not trusted."""


class TrainingError(LevadaError):
    """A training that cannot go on: its loss is no number, or there is no memory left."""


class TuningError(LevadaError):
    """A study of which nothing came: no trial worked, or none reported the metric that it is judged by."""


class RegistryError(LevadaError):
    """The registry of model versions is away, or refuses."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean x?" for the closest known word, or an empty string."""
    import difflib

    names = {name.casefold(): name for name in reversed(list(known))}
    close = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"Did you mean {names[close[0]]}?" if close else ""
