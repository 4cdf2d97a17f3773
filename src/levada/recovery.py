"""Runs whose process was killed: the next command notices, says how they ended and clears up after them.

No daemon watches. A run has a lease (`levada.lease`); if its process is gone, whoever looks first ends the run as
killed. What its nodes had committed stays, and is what the next run starts from.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from levada.ending import KILLED, counts_of, end_run, items_of, results_of
from levada.errors import LevadaError
from levada.journal import now
from levada.lease import End, Lease, forget, open_leases
from levada.node.view import cache_key
from levada.plan import Plan
from levada.result import Result
from levada.store import Store
from levada.values import json_bytes


@dataclass(frozen=True)
class Killed:
    """A run that was found dead: when it began, which nodes it had finished, how much it left behind."""

    run_id: str
    pipeline: str
    time: str
    finished: tuple[str, ...]
    leftovers: int


def close_killed_runs(store: Store) -> list[Killed]:
    """End every run whose process is gone, and remove what its unfinished nodes left; return those runs.

    It costs one listing where all is well. Runs of other machines are left alone until they have long been silent.
    """
    found: list[Killed] = []
    for lease in open_leases(store):
        if lease.state == "gone":
            closed = _close(store, lease)
            if closed is not None:
                found.append(closed)
    return found


def _close(store: Store, lease: Lease) -> Killed | None:
    run_id = lease.run_id
    facts: dict[str, Any] | None = store.read_json(f"runs/{run_id}/run.json")
    form = store.read_json(f"runs/{run_id}/plan.json")
    if facts is None or form is None:  # it died before it had begun
        forget(store, run_id)
        return None
    try:
        plan = Plan.from_json(form)
    except LevadaError:
        return None  # of another version of Levada
    results = results_of(plan, run_id, store)
    resolved = store.read_json(f"runs/{run_id}/resolved.json")
    if resolved and resolved["write_cache"]:
        _restore_cache(store, run_id, plan, results)
    began = datetime.fromisoformat(facts["time"]).timestamp()
    seen = max((item.modified for item in store.walk(f"runs/{run_id}")), default=0.0)
    seconds = round(max(0.0, lease.renewed - began, seen - began), 3)  # at least: the process cannot be asked
    how = End("killed", KILLED, seconds, now(), counts_of(results), platform.node())
    was_first, leftovers = end_run(store, run_id, plan, results, how)
    finished = tuple(result.node for result in results.values() if result.ok)
    return Killed(run_id, plan.pipeline, facts["time"], finished, leftovers) if was_first else None


def _restore_cache(store: Store, run_id: str, plan: Plan, results: dict[str, Result]) -> None:
    """Write the cache entries that a process did not live to write: a commit comes first, its entry second."""
    for result in [*results.values(), *items_of(plan, run_id, store)]:
        if result.status == "done" and result.items is None and not store.exists(cache_key(result.key)):
            store.write(cache_key(result.key), json_bytes(result.to_json()))
