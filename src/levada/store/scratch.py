"""A corner of a store in which workers leave what a node waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from levada.secret import revealed
from levada.store.artifacts import Store


@dataclass(frozen=True)
class Scratch:
    """Where the workers of a Beam job, perhaps on other machines, leave results: a store, and a key in it.

    It travels to them, so it is an address and not an open store.
    """

    uri: str
    options: tuple[tuple[str, Any], ...]
    key: str

    def store(self) -> Store:
        """Return the store, opened."""
        return Store(self.uri, dict(self.options))

    def below(self, name: str) -> str:
        """Return the key of a result by its name."""
        return f"{self.key}/{name}"

    def file_system_options(self) -> dict[str, Any]:
        """Return what fsspec is told for files that lie where the store does."""
        return revealed(dict(self.options))
