"""How far a store's journals have been delivered to one MLflow.

    delivery/mlflow/<target>/<run>.json              one run: its ids in MLflow, how many events of each writer are done
    delivery/mlflow/<target>/done.json               the runs that need no further look; a shortcut, rebuilt when lost
    delivery/mlflow/<target>/promotions/<model>.json how many promotions were told, where the alias stood then
    delivery/mlflow/<target>/rebuilding.json         that an empty MLflow is being filled, and how far that has come

A cursor is written before the first call for a run, so a run without one was never started there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from levada.journal import Event
from levada.lease import newest_runs
from levada.mlflow.connection import name_of
from levada.store import Store

_NEWEST = 3


@dataclass
class Cursor:
    """One run's delivery. `done` counts the events of each writer, `refused` says what MLflow would not take."""

    run: str
    experiment: str = ""
    parent: str = ""
    children: dict[str, str] = field(default_factory=dict[str, str])
    done: dict[str, int] = field(default_factory=dict[str, int])
    finished: bool = False
    refused: list[str] = field(default_factory=list[str])

    def has(self, event: Event) -> bool:
        """Whether an event was delivered."""
        writer, number = _place(event)
        return number < self.done.get(writer, 0)

    def count(self, event: Event) -> None:
        """Take an event as delivered; those of its writer before it were."""
        writer, number = _place(event)
        self.done[writer] = max(self.done.get(writer, 0), number + 1)


@dataclass
class Told:
    """How many promotions of a model were told, and the version (as text) that `champion` pointed to then.

    `orders` are the pushes that waited and of whose end the runs' pages were told.
    """

    promotions: int = 0
    alias: str = ""
    orders: list[int] = field(default_factory=list[int])


def _place(event: Event) -> tuple[str, int]:
    writer, _, number = event["id"].rpartition(":")
    return writer, int(number)


class Cursors:
    """The cursors of all runs of a store for one MLflow."""

    def __init__(self, store: Store, tracking_uri: str) -> None:
        self._store = store
        self._folder = f"delivery/mlflow/{name_of(tracking_uri)}"

    def load(self, run_id: str) -> Cursor | None:
        """Return the cursor of a run, None if nothing of it was ever delivered."""
        form: dict[str, Any] | None = self._store.read_json(f"{self._folder}/{run_id}.json")
        return Cursor(**form) if form else None

    def save(self, cursor: Cursor) -> None:
        self._store.write(f"{self._folder}/{cursor.run}.json", json.dumps(asdict(cursor)).encode())

    def told(self, model: str) -> Told:
        """Return how far a model's promotions were told."""
        form = self._store.read_json(f"{self._folder}/promotions/{model}.json")
        return Told(**form) if form else Told()

    def save_told(self, model: str, told: Told) -> None:
        self._store.write(f"{self._folder}/promotions/{model}.json", json.dumps(asdict(told)).encode())

    def newest(self) -> list[Cursor]:
        """Return the cursors of runs that MLflow was told of, newest first; one is read at a time by who iterates."""
        names = [key.rsplit("/", 1)[1] for key in self._store.list(self._folder)]
        runs = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        own = ("done", "rebuilding")
        found = (self.load(run) for run in sorted(runs, reverse=True)[: _NEWEST + len(own)] if run not in own)
        return [cursor for cursor in found if cursor is not None and cursor.parent][:_NEWEST]

    def is_new(self) -> bool:
        """Whether nothing was ever told to this MLflow."""
        return not any(key.endswith(".json") for key in self._store.list(self._folder))

    def forget(self) -> None:
        """Take MLflow for one that was told nothing; the locks stay."""
        for key in self._store.list(self._folder):
            if not key.endswith("/locks"):
                self._store.delete(key)

    def rebuilding(self) -> dict[str, Any] | None:
        """Return how far filling an empty MLflow has come, None if that is not being done."""
        return self._store.read_json(f"{self._folder}/rebuilding.json")

    def save_rebuilding(self, form: dict[str, Any] | None) -> None:
        if form is None:
            self._store.delete(f"{self._folder}/rebuilding.json")
        else:
            self._store.write(f"{self._folder}/rebuilding.json", json.dumps(form).encode())

    def close(self, runs: list[str]) -> None:
        """Note runs that are delivered whole, so that nobody reads their cursors again."""
        known = self._closed()
        if not known.issuperset(runs):
            self._store.write(f"{self._folder}/done.json", json.dumps(sorted(known.union(runs))).encode())

    def _closed(self) -> set[str]:
        return set(self._store.read_json(f"{self._folder}/done.json") or ())

    def pending(self) -> list[str]:
        """Return the runs that are not delivered whole, oldest first."""
        closed = self._closed()
        unsure = [run for run in newest_runs(self._store) if run not in closed][::-1]
        found: list[str] = []
        finished: list[str] = []
        for run in unsure:
            cursor = self.load(run)
            (finished if cursor is not None and cursor.finished else found).append(run)
        if finished:
            self.close(finished)
        return found

    @contextlib.contextmanager
    def lock(self, name: str, seconds: float = 0) -> Iterator[bool]:
        """Hold a lock that keeps other processes from the same work; yields whether it was had in time.

        A store elsewhere has no locks: two deliverers of one run find each other's work by its tags.
        """
        if self._store.local is None:
            yield True
            return
        from filelock import FileLock, Timeout

        path = self._store.local / self._folder / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=seconds)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            # Held while it is removed: who waits for it finds the file gone and makes a new one.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()
