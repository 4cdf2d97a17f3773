"""Which runs go on, and how each began and ended.

    open/<run>.json        the lease: the process that drives the run; taken away when the run ends
    runs/<run>/run.json    what is known when it starts
    runs/<run>/end.json    how it ended: created once, so that of two that want to end a run one does

A run with a lease whose process is gone was killed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from levada.errors import StoreError
from levada.journal import now
from levada.process import Identity, State, state_of, this_process
from levada.store import Store
from levada.values import json_bytes

RENEWAL = 60.0
"""Seconds between signs of life, for those on other machines who cannot see the process."""

SILENCE = 24 * 3600.0
"""Seconds without a sign of life after which the run of another machine is taken for dead."""

REBOOT = 3 * RENEWAL
"""The same for a machine with this one's name and another boot: this one before it was started anew, most likely.

Not at once, for containers on several machines may have one name.
"""


@dataclass(frozen=True)
class Lease:
    """Who drives a run, and when it last said so (seconds since 1970, by its own clock)."""

    run_id: str
    process: Identity
    renewed: float

    @property
    def state(self) -> State:
        """Whether the process still runs; where it cannot be seen only its silence tells."""
        known = state_of(self.process)
        if known != "unknown":
            return known
        patience = REBOOT if self.process.host == this_process().host else SILENCE
        return "gone" if time.time() - self.renewed > patience else "unknown"


@dataclass(frozen=True)
class End:
    """How a run ended. `closed_by` is empty if it said so itself, else the host that found it dead."""

    status: str
    exit_code: int
    seconds: float
    time: str
    counts: dict[str, int] = field(default_factory=dict[str, int])
    closed_by: str = ""


def take(store: Store, run_id: str) -> None:
    """Take, or renew, the lease of a run: before anything else of it is written, so that all of it can be found."""
    lease = {"run": run_id, "process": this_process().to_json(), "renewed": time.time(), "time": now()}
    store.write(f"open/{run_id}.json", json.dumps(lease).encode())


def begin(store: Store, run_id: str, facts: dict[str, Any]) -> None:
    """Write down what is known of a run that begins."""
    store.write(f"runs/{run_id}/run.json", json_bytes(facts))


def forget(store: Store, run_id: str) -> None:
    """Remove what there is of a run that never began."""
    store.delete(f"runs/{run_id}")
    give_up(store, run_id)


def end(store: Store, run_id: str, how: End) -> bool:
    """Write down how a run ended; False if somebody else was first. Its journal comes next, then `give_up`."""
    return store.create(f"runs/{run_id}/end.json", json.dumps(asdict(how)).encode())


def give_up(store: Store, run_id: str) -> None:
    """Take the lease of a run away: it has ended, and its journal says so."""
    store.delete(f"open/{run_id}.json")


def ended(store: Store, run_id: str) -> End | None:
    """Return how a run ended, None while it goes on."""
    form = store.read_json(f"runs/{run_id}/end.json")
    return End(**form) if form else None


def newest_runs(store: Store) -> Iterator[str]:
    """Yield the ids of all runs, newest first: an id starts with its second, and within one the records tell."""

    def began(run_id: str) -> str:
        facts: dict[str, Any] = store.read_json(f"runs/{run_id}/run.json") or {}
        return str(facts.get("time", ""))

    listed = [key.rsplit("/", 1)[1] for key in reversed(store.list("runs"))]
    for _, together in groupby(listed, key=lambda run_id: run_id.rpartition("-")[0]):
        ids = list(together)
        yield from sorted(ids, key=began, reverse=True) if len(ids) > 1 else ids


def open_leases(store: Store) -> list[Lease]:
    """Return the leases of all runs that have not ended, oldest first."""
    found: list[Lease] = []
    for key in store.list("open"):
        form = store.read_json(key)
        if form is not None:  # it may have ended since it was listed
            found.append(Lease(form["run"], Identity.from_json(form["process"]), form["renewed"]))
    return found


@contextmanager
def kept_alive(store: Store, run_id: str) -> Iterator[None]:
    """Renew a run's lease now and then while the block runs."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWAL):
            with suppress(StoreError):  # the run itself will say so
                take(store, run_id)

    thread = threading.Thread(target=renew, name="levada-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
