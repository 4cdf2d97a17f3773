"""Putting damaged files back: the same bytes often lie elsewhere, in what a node made again or where a model is served.

A file is known by its sha256, so a copy needs no trust: it is read before it is taken, and what is put in its place is
what the record names. Nothing else of an artifact is changed; files that no node made are left for people to judge.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from levada.artifact import ArtifactRecord, FileEntry
from levada.artifacts.pushed import ServingFolder
from levada.errors import LevadaError
from levada.registry import Promotion
from levada.store import Store
from levada.store.inspection import Damage
from levada.store.objects import Objects


class Copies:
    """Where files of a store's artifacts lie a second time: in other artifacts, and at the places models went to."""

    def __init__(self, store: Store, records: Iterable[ArtifactRecord], promotions: Iterable[Promotion]) -> None:
        self._store = store
        self._records = records
        self._promotions = promotions

    def of(self, damage: Damage) -> str:
        """Return the address of a whole copy of a damaged file, empty if there is none."""
        entry = self._entry(damage)
        if entry is None:
            return ""
        for address in (*self._inside[entry.sha256], *self._served(entry.size)):
            folder, _, name = address.rpartition("/")
            if address != damage.address:
                with suppress(LevadaError, OSError):
                    if Objects(folder, self._store.options).digest(name) == entry.sha256:
                        return address
        return ""

    def put_back(self, damage: Damage, copy: str) -> bool:
        """Bring a copy to where a damaged file was; whether it is whole now. Raises StoreError if it cannot be."""
        folder, _, name = damage.address.rpartition("/")
        home = Objects(folder, self._store.options)
        try:
            _carry(copy, home, name)
        except home.errors as error:
            raise home.broken("write", name, error) from error
        entry = self._entry(damage)
        return entry is not None and home.digest(name) == entry.sha256

    def _entry(self, damage: Damage) -> FileEntry | None:
        """Return what the record says of the file, None for one that it does not name."""
        home = self._store.address(damage.record.uri)
        return next((entry for entry in damage.record.files if f"{home}/{entry.path}" == damage.address), None)

    @cached_property
    def _inside(self) -> dict[str, list[str]]:
        """Addresses of the files of all artifacts by the sha256 that they should have."""
        found: dict[str, list[str]] = defaultdict(list)
        for record in self._records:
            home = self._store.address(record.uri)
            for entry in record.files:
                found[entry.sha256].append(f"{home}/{entry.path}")
        return found

    def _served(self, size: int) -> Iterator[str]:
        """Yield the files of that size at the places that models were pushed to."""
        for location in sorted({promotion.destination for promotion in self._promotions} - {""}):
            with suppress(LevadaError, OSError):
                folder = ServingFolder(location).store
                yield from [folder.uri_of(found.key) for found in folder.walk() if found.size == size]


def _carry(copy: str, home: Objects, name: str) -> None:
    """Copy a file; readers of a local one see the old or the new, never a part.

    But for one that has other names: MLflow's is a hard link to a model's file, and what damaged one damaged both.
    """
    folder, _, inside = copy.rpartition("/")
    source = Objects(folder, home.options)
    with (source.local / inside).open("rb") if source.local is not None else source.fs.open(copy) as read:
        if home.local is None:
            with home.fs.open(home.uri_of(name), "wb") as write:
                shutil.copyfileobj(read, write)
            return
        target = Path(home.local) / name
        if target.is_file() and target.stat().st_nlink > 1:
            with target.open("r+b") as write:
                shutil.copyfileobj(read, write)
                write.truncate()
            return
        partial = Path(home.local) / f"{name}.tmp"
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as write:
            shutil.copyfileobj(read, write)
        partial.replace(target)
