"""Where other packages add to Levada: through entry points that they declare, found when they are needed.

    [project.entry-points."levada.readers"]
    slack = "levada_slack:reader"

A package that is installed is enough; nothing is registered at run time. An extension that does not load is passed over
with a warning that names its distribution, unless a run cannot do without it.

Two kinds of extension need no entry point, only an import: an artifact type (a subclass of `levada.Artifact`) and a
source (a frozen dataclass over `levada.components.Source`). Plans name both by module, and their code counts in cache
keys.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from levada.errors import ProjectError

POINTS = {
    "levada.readers": "Follows the journal of each run: a function from the run's `levada.run.Request` to a "
    "`levada.run.Reader`, or to None if it has nothing to do with the run.",
    "levada.references": "Finds code by another scheme than `python:`, the entry point's name: an object with "
    "`load(module, name)`, and `digest(module, name)` for what counts in cache keys (`levada.references.Scheme`).",
    "levada.externals": "Finds artifacts outside the plan by another scheme than `file:`, `champion:` and "
    "`previous:`, the entry point's name: a function `(rest, type, store, root)` that gives a `levada.externals.Resolution`.",
}
"""The groups of entry points, and what an entry of each is."""


@dataclass(frozen=True)
class Extension:
    """One entry point of an installed distribution: its name in its group, and `module:object`."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Import and return what it names; raises ProjectError, naming the distribution, if that fails."""
        from importlib.metadata import EntryPoint

        try:
            return EntryPoint(self.name, self.value, self.group).load()
        except Exception as error:
            raise ProjectError(
                f"the extension '{self.name}' ({self.group}) of {self} does not load: {type(error).__name__}: {error}",
                hint=f"Mend or uninstall {self.distribution}. `levada extensions` lists all that are installed.",
            ) from error

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


def warn(message: str) -> None:
    """Say what is wrong with an extension that is done without; on standard error, unless logging is set up."""
    logging.getLogger("levada.extensions").warning("levada: %s", message)


@lru_cache
def installed(group: str) -> dict[str, Extension]:
    """Return the extensions of a group by name, importing none; of two with one name, the first distribution's."""
    from importlib.metadata import entry_points

    found: dict[str, Extension] = {}
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.dist.name if point.dist else ""))
    for point in points:
        name, version = (point.dist.name, point.dist.version) if point.dist else ("an unknown distribution", "")
        extension = Extension(group, point.name, point.value, name, version)
        taken = found.setdefault(point.name, extension)
        if taken.distribution != extension.distribution:
            warn(f"{taken} and {name} both bring '{point.name}' ({group}): the former is used.")
    return found


def load_all(group: str) -> Iterator[tuple[Extension, Any]]:
    """Yield the extensions of a group with what they name; one that does not load is passed over with a warning."""
    for extension in installed(group).values():
        try:
            loaded = extension.load()
        except ProjectError as error:
            warn(error.message)
            continue
        yield extension, loaded


def load_one(group: str, name: str) -> Any:
    """Return what the extension of that name is, None if there is none; raises ProjectError if it does not load."""
    extension = installed(group).get(name)
    return extension.load() if extension is not None else None
