"""Names for code: `python:components.train:train` is the object `train` in the module `components.train`.

`cell:5c19e2...:train` is a `train` that was defined in a notebook's cell (or in a script that is being run), by the
digest of its source and of all that it reaches there; only that session has it.

A plan names components, artifact types and parameter classes by such references, so that it holds no pickles. The
scheme before the first colon says how the rest is looked up.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from levada.errors import ProjectError, did_you_mean
from levada.extensions import installed, load_one

SEPARATOR = ":"
PYTHON = "python"
CELL = "cell"

NAMERS: list[Callable[[Any], str]] = []
"""What gives a reference to a function or class of `__main__`, which no other process can import."""


def reference_of(thing: Any) -> str:
    """Return the `python:` reference of a class or function defined at the top level of a module.

    One of `__main__` gets a `cell:` reference. Raises ProjectError for one defined inside a function, which no other
    process could find.
    """
    name: str = thing.__qualname__
    if "<locals>" in name:
        raise ProjectError(
            f"{name.replace('.<locals>', '')} is defined inside a function, so other processes cannot import it.",
            hint=f"Move {thing.__name__} to the top level of its module.",
        )
    if thing.__module__ == "__main__" and NAMERS:
        return NAMERS[0](thing)
    return f"python:{thing.__module__}:{name}"


def split(reference: str) -> tuple[str, str, str]:
    """Split `scheme:module:name` into its three parts; raises ProjectError if it has other parts."""
    parts = reference.split(SEPARATOR)
    if len(parts) != 3:
        raise ProjectError(f"'{reference}' is not a code reference: wanted scheme:module:name.")
    return parts[0], parts[1], parts[2]


def short_name(reference: str) -> str:
    """Return the part of a reference that people recognise: `train` of `python:components.train:train`."""
    return split(reference)[2]


def load(reference: str) -> Any:
    """Import and return what a reference names; raises ProjectError if it is not there."""
    scheme, module, name = split(reference)
    if scheme == PYTHON:
        return _load_python(module, name)
    return _load_cell(module, name) if scheme == CELL else scheme_of(reference).load(module, name)


class Scheme(Protocol):
    """Another way to find code, which an installed package brings: an entry point of the group `levada.references`."""

    def load(self, module: str, name: str) -> Any:
        """Return the component, class or function that `scheme:module:name` means."""
        ...

    def digest(self, module: str, name: str) -> str:
        """Return what names its code: it counts in cache keys."""
        ...


def scheme_of(reference: str) -> Scheme:
    """Return what finds the code of a reference that is not Python's; raises ProjectError for an unknown scheme."""
    scheme, _, _ = split(reference)
    found: Scheme | None = load_one("levada.references", scheme)
    if found is None:
        known = ", ".join((PYTHON, *installed("levada.references")))
        raise ProjectError(f"'{reference}' has the unknown scheme '{scheme}'.", hint=f"Known schemes: {known}.")
    return found


def _load_python(module_name: str, name: str) -> Any:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ProjectError(
                f"There is no module {module_name} (wanted for {name}).",
                hint="Run from the project's folder, or name the folder with --project.",
            ) from error
        raise
    thing: Any = module
    for part in name.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            known = [known for known in vars(module) if not known.startswith("_")]
            raise ProjectError(f"{module_name} has no {name}.", hint=did_you_mean(name, known)) from None
    return thing


def is_cell(reference: str) -> bool:
    """Whether a reference names something that only the session that defined it has."""
    return reference.startswith(f"{CELL}{SEPARATOR}")


def _load_cell(digest: str, name: str) -> Any:
    found = CELLS.get(f"{CELL}{SEPARATOR}{digest}{SEPARATOR}{name}")
    if found is None:
        raise ProjectError(
            f"{name} was defined in a notebook's cell, which only its own session can run.",
            hint=f"Save {name} in a file of the project's code, below components/ say, and import it from there.",
        )
    return found


CELLS: dict[str, Any] = {}
"""What this process defined in cells, by reference."""

LIVE: dict[str, dict[str, str]] = {}
"""What those of them reach that has no digest, by name, so that they are not cached."""
