"""Collecting: first out of sight, then a look at who was there, then away. See docs/decisions/0014."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from levada.errors import StoreError
from levada.garbage.copies import copies_in_temporary_folder, remove_copies
from levada.garbage.heaps import (
    ARTIFACTS,
    ATTEMPTS,
    BACKUPS,
    CACHE,
    CANDIDATES,
    CODE,
    COPIES,
    CURSORS,
    FILES,
    KEPT_PLANS,
    RUNS,
    TEMPORARY,
    Heap,
    Heaps,
    heaps_of,
)
from levada.garbage.marking import Marks, mark, open_runs
from levada.garbage.policy import DAY, Policy
from levada.process import Identity, state_of, this_process
from levada.store import Store

CONDEMNED = "gc/condemned.json"
LOCK = "gc/lock.json"
TRASH = "trash"


@dataclass
class Collection:
    """What can go, or went.

    `kept` counts the runs that stay by reason, `waiting` says which artifacts wait for which runs to end before they
    can go, `deleted` whether anything was removed.
    """

    heaps: list[Heap]
    runs: list[str]
    kept: dict[str, int]
    deleted: bool = False
    waiting: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def size(self) -> int:
        """Bytes that are freed."""
        return sum(heap.size for heap in self.heaps)

    def to_json(self) -> dict[str, Any]:
        return {
            "deleted": self.deleted,
            "bytes": self.size,
            "runs": self.runs,
            "kept_runs": self.kept,
            "heaps": [heap.to_json() for heap in self.heaps],
            "waiting": self.waiting,
        }


def collect(
    store: Store, policy: Policy, delete: bool = False, step: Callable[[str], None] = lambda name: None
) -> Collection:
    """Find what nothing needs, and remove it if `delete` is said.

    Raises StoreError if a run that is named is not there, if what must stay cannot be told, or while another process
    collects in this store. `step` is told before each step, for those who want to see or to break in.
    """
    missing = [run for run in policy.runs if not store.list(f"runs/{run}")]
    if missing:
        raise StoreError(f"{store.uri} has no run {missing[0]}.", hint="`levada runs` lists those that it has.")
    if not delete:
        marks, heaps = _look(store, policy)
        return _told(marks, heaps, policy, _condemned(store))
    with _alone(store):
        _undo(store)
        return _Sweep(store, policy, step).run()


def _look(store: Store, policy: Policy) -> tuple[Marks, Heaps]:
    found = list(store.walk())
    marks = mark(store, found, policy)
    return marks, heaps_of(store, found, marks, policy)


def _told(marks: Marks, heaps: Heaps, policy: Policy, waiting: dict[str, list[str]]) -> Collection:
    kept: dict[str, int] = {}
    for run in marks.runs.values():
        if run.why:
            kept[run.why] = kept.get(run.why, 0) + 1
    found = list(heaps.by_kind.values())
    if not policy.is_narrow:
        copies = copies_in_temporary_folder(max(policy.keep_days, 1) * DAY)  # a process may be using them
        found += [copies] if copies.sizes else []
    return Collection(found, [run.id for run in marks.dropped], kept, waiting=waiting)


class _Sweep:
    """One collection that removes."""

    def __init__(self, store: Store, policy: Policy, step: Callable[[str], None]) -> None:
        self.store = store
        self.policy = policy
        self._step = step
        self._trash = f"{TRASH}/{secrets.token_hex(4)}"

    def run(self) -> Collection:
        store = self.store
        self._step("looking")
        marks, heaps = _look(store, self.policy)
        told = _told(marks, heaps, self.policy, {})
        told.deleted = True
        self._step("out of sight")
        for key in heaps.keys(CACHE):
            store.delete(key)  # from now on no run that begins is led to what is to go
        for key in heaps.keys(RUNS):
            self._drop_run(key)
        for kind in (FILES, CODE):
            for key in heaps.keys(kind):
                store.move(key, f"{self._trash}/{key}")
        # A run that saw one of these before held its lease before it looked: it is still open, or has ended and
        # written down what it uses.
        self._step("who was there")
        present = open_runs(store)
        again = mark(store, store.walk(), None)
        back = self._put_back(again, is_quiet=not present)
        self._step("away")
        told.waiting = self._remove_artifacts(heaps, again, present)
        for key in set(heaps.keys(CANDIDATES)).intersection(again.orphans):
            store.delete(key)
        for kind in (TEMPORARY, KEPT_PLANS, BACKUPS, CURSORS):
            for key in heaps.keys(kind):
                store.delete(key)
        for heap in told.heaps:
            if heap.kind == COPIES:
                remove_copies(heap)
            heap.sizes = {key: size for key, size in heap.sizes.items() if key not in told.waiting and key not in back}
        store.delete(self._trash)
        return told

    def _drop_run(self, key: str) -> None:
        if self.store.local is not None:
            self.store.move(key, f"{self._trash}/{key}")  # in one step: nobody sees half a run
            return
        for name in ("run.json", "plan.json", "resolved.json"):  # without these it is none
            self.store.delete(f"{key}/{name}")
        self.store.delete(key)

    def _put_back(self, marks: Marks, is_quiet: bool) -> set[str]:
        """Put back files and code that somebody needs after all, or may need: they are small, and wait better there."""
        back: set[str] = set()
        for item in list(self.store.walk(self._trash)):
            key = item.key.removeprefix(f"{self._trash}/")
            top, _, rest = key.partition("/")
            needed = rest.removesuffix(".zip") in marks.code or key.rsplit("/", 1)[0] in marks.files
            if top in ("files", "code") and (needed or not is_quiet):
                _restore(self.store, item.key, key)
                back |= {key, key.rsplit("/", 1)[0]}
        return back

    def _remove_artifacts(self, heaps: Heaps, again: Marks, present: frozenset[str]) -> dict[str, list[str]]:
        """Remove the artifacts that nobody needed before, or needs now; return those that wait, and for which runs."""
        known = _condemned(self.store)
        waiting: dict[str, list[str]] = {}
        for key in (*heaps.keys(ARTIFACTS), *heaps.keys(ATTEMPTS)):
            if again.needs_attempt(key):
                continue  # a run took it meanwhile
            waits = sorted(present.intersection(known.get(key, present)))
            if waits:
                waiting[key] = waits
            else:
                self.store.delete(key)
        if waiting or known:
            self.store.write(CONDEMNED, json.dumps(waiting).encode())
        return waiting


def _restore(store: Store, trashed: str, key: str) -> None:
    if store.exists(key):
        store.delete(trashed)  # the run that needs it wrote it anew
    else:
        store.move(trashed, key)


def _condemned(store: Store) -> dict[str, list[str]]:
    """Return the artifacts that wait to be removed, with the runs that were open when they went out of sight."""
    return store.read_json(CONDEMNED) or {}


def _undo(store: Store) -> None:
    """Clear up after a collection that was killed: files go back to be judged anew, what was decided is removed."""
    for item in list(store.walk(TRASH)):
        _, _, key = item.key.removeprefix(f"{TRASH}/").partition("/")
        if key.startswith(("files/", "code/")):
            _restore(store, item.key, key)
    store.delete(TRASH)


@contextlib.contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Keep other collections out. A lock whose process is gone, or that has been there for a day, counts no more."""
    claim = json.dumps({"process": this_process().to_json(), "time": time.time()}).encode()
    if not store.create(LOCK, claim):
        held: dict[str, Any] = store.read_json(LOCK) or json.loads(claim)
        holder = Identity.from_json(held["process"])
        is_over = state_of(holder) == "gone" or time.time() - float(held["time"]) > DAY
        if is_over:
            store.delete(LOCK)
        if not is_over or not store.create(LOCK, claim):
            raise StoreError(
                f"another process collects garbage in {store.uri}: {holder.pid} on {holder.host}.",
                hint="Wait for it, or stop it: one that was killed leaves nothing half done.",
            )
    try:
        yield
    finally:
        store.delete(LOCK)
