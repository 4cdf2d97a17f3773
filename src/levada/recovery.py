"""Runs whose process was killed: the next command notices, says how they ended and clears up after them.

No daemon watches. A run has a lease (`levada.lease`); if its process is gone, whoever looks first ends the run as
killed. What its nodes had committed stays, and is what the next run starts from.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from levada.errors import LevadaError
from levada.journal import Journal, Tail, now
from levada.lease import End, Lease, end, ended, give_up, open_leases
from levada.node.view import cache_key
from levada.plan import Plan
from levada.result import Result
from levada.run import KILLED, counts_of, results_of, say_end, tell_what_is_missing
from levada.store import Store
from levada.values import utf8


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
        store.delete(f"open/{run_id}.json")
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
    seconds = round(max(0.0, lease.renewed - began), 3)
    how = End("killed", KILLED, seconds, now(), counts_of(results), platform.node())
    was_first = end(store, run_id, how)
    _complete_journal(store, run_id, results, how)
    leftovers = list(leftovers_of(store, run_id, plan, results))
    for key in leftovers:
        store.delete(key)
    give_up(store, run_id)
    finished = tuple(result.node for result in results.values() if result.ok)
    return Killed(run_id, plan.pipeline, facts["time"], finished, len(leftovers)) if was_first else None


def _complete_journal(store: Store, run_id: str, results: dict[str, Result], how: End) -> None:
    """Journal the ends of nodes and of the run that its process did not live to tell."""
    journal = Journal(store, run_id)
    tell_what_is_missing(journal, store, results)
    if not any(event["kind"] == "run_finished" for event in Tail(store, run_id).poll()):
        say_end(journal, ended(store, run_id) or how)


def _restore_cache(store: Store, run_id: str, plan: Plan, results: dict[str, Result]) -> None:
    """Write the cache entries that a process did not live to write: a commit comes first, its entry second."""
    for result in [*results.values(), *_items(store, run_id, plan)]:
        if result.status == "done" and result.items is None and not store.exists(cache_key(result.key)):
            store.write(cache_key(result.key), utf8(json.dumps(result.to_json(), ensure_ascii=False)))


def _items(store: Store, run_id: str, plan: Plan) -> Iterator[Result]:
    for node in plan.nodes:
        if node.is_mapped:
            for key in store.list(f"runs/{run_id}/items/{node.id}"):
                form = store.read_json(key) if key.endswith(".json") else None
                if form is not None:
                    yield Result.from_json(form)


def leftovers_of(store: Store, run_id: str, plan: Plan, results: dict[str, Result]) -> Iterator[str]:
    """Yield the keys of folders that attempts of a run made and no commit names."""
    committed = {result.attempt for result in [*results.values(), *_items(store, run_id, plan)]}
    for node in plan.nodes:
        for key in store.list(f"artifacts/{plan.pipeline}/{node.id}"):
            attempt = key.rsplit("/", 1)[1]
            if attempt.startswith(f"{run_id}-") and attempt not in committed:
                yield key
