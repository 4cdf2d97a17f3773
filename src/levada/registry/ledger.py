"""A ledger in a store: entries with numbers, each written once, and never changed.

    <folder>/000001.json         an entry
    <folder>-open/000001.json    that the end of it is not known yet
    <folder>-ended/000001.json   what became of it, written once

Whoever looks for open entries lists what is open, and nothing of the past. An entry is written before it is marked as
open: one whose writer ended between the two never counted, and its writer never heard of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from levada.journal import now
from levada.store import Store


class Entry(Protocol):
    """What a ledger keeps."""

    @property
    def number(self) -> int: ...

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Self: ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Ledger(Generic[E]):
    """The entries of one `kind` in a folder of a store; those of a ledger that `ends` are open until they end."""

    store: Store
    folder: str
    kind: type[E]
    ends: bool = False

    @overload
    def append(self, make: Callable[[int], E]) -> E: ...

    @overload
    def append(self, make: Callable[[int], E | None]) -> E | None: ...

    def append(self, make: Callable[[int], E | None]) -> E | None:
        """Write the entry that `make` gives for the next number, which it is asked for again where another was first.

        It returns None, and so does this, where there is nothing to write after all.
        """
        while True:
            names = self._names(self.folder)
            number = int(names[-1]) + 1 if names else 1
            entry = make(number)
            if entry is None:
                return None
            content = json.dumps(entry.to_json(), ensure_ascii=False).encode()
            if self.store.create(_key(self.folder, number), content):
                if self.ends:
                    self.store.create(_key(f"{self.folder}-open", number), json.dumps({"number": number}).encode())
                return entry

    def end(self, entry: E, status: str, why: str = "") -> bool:
        """Write down what became of an entry; False if somebody else did before."""
        content = json.dumps({"status": status, "why": why, "time": now()}, ensure_ascii=False).encode()
        first = self.store.create(_key(f"{self.folder}-ended", entry.number), content)
        self.store.delete(_key(f"{self.folder}-open", entry.number))
        return first

    def count(self) -> int:
        """Return how many entries there are."""
        return len(self._names(self.folder))

    def all(self) -> list[E]:
        """Return every entry, oldest first."""
        return [self._read(name) for name in self._names(self.folder)]

    def last(self) -> E | None:
        """Return the newest entry."""
        return next((self._read(name) for name in reversed(self._names(self.folder))), None)

    def get(self, number: int) -> E | None:
        """Return the entry with a number."""
        form = self.store.read_json(_key(self.folder, number))
        return self.kind.from_json(form) if form else None

    def open(self) -> list[E]:
        """Return the entries whose end is not known, oldest first."""
        found: list[E] = []
        for name in self._names(f"{self.folder}-open"):
            if self.store.read_json(_key(f"{self.folder}-ended", int(name))) is None:
                found.append(self._read(name))
            else:  # whoever ended it was ended before it could say so
                self.store.delete(_key(f"{self.folder}-open", int(name)))
        return found

    def ended(self) -> list[E]:
        """Return the entries whose end is known, oldest first."""
        return [self._read(name) for name in self._names(f"{self.folder}-ended")]

    def _names(self, folder: str) -> list[str]:
        return [key.rsplit("/", 1)[1].removesuffix(".json") for key in self.store.list(folder)]

    def _read(self, name: str) -> E:
        return self.kind.from_json(self.store.read_json(f"{self.folder}/{name}.json"))


def is_ended(key: str, keys: Container[str]) -> bool:
    """Whether an entry's end stands among the keys of a store's documents."""
    folder, _, name = key.rpartition("/")
    return f"{folder}-ended/{name}" in keys


def _key(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.json"
