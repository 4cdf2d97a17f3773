"""How a run ends, whoever ends it: the process that drove it, or the one that finds it dead.

In this order, so that what was cut off can be done again from the start: `end.json`, of which there is one; the rest of
the journal; what attempts made and no commit names is removed; the lease is given up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from levada.failure import Failure
from levada.journal import Journal, Tail
from levada.lease import End, end, ended, give_up
from levada.plan import Plan
from levada.result import Result
from levada.store import Store

OK, FAILED, CLOSED, KILLED, TERMINATED = 0, 1, 3, 130, 143
STATUS = {OK: "finished", FAILED: "failed", CLOSED: "closed", KILLED: "killed", TERMINATED: "killed"}


def end_run(
    store: Store,
    run_id: str,
    plan: Plan,
    results: Mapping[str, Result],
    how: End,
    error: Failure | None = None,
    journal: Journal | None = None,
) -> tuple[bool, int]:
    """End a run; return whether nobody had done so before, and how many leftovers of its attempts were removed."""
    was_first = end(store, run_id, how)
    events = Tail(store, run_id).poll()
    journal = journal or Journal(store, run_id, after=max((event["time"] for event in events), default=""))
    told = {event["node"] for event in events if event["kind"] == "node_finished"}
    for result in results.values():
        if result.node not in told:  # its worker died between committing and saying so
            journal.append("node_finished", **result.to_json())
    if not any(event["kind"] == "run_finished" for event in events):
        _say_end(journal, how if was_first else ended(store, run_id) or how, error)
    cut_off = how.status == "killed" or error is not None
    leftovers = list(leftovers_of(store, run_id, plan, results)) if cut_off else []
    for key in leftovers:
        store.delete(key)
    give_up(store, run_id)
    return was_first, len(leftovers)


def _say_end(journal: Journal, how: End, error: Failure | None) -> None:
    more: dict[str, Any] = {"closed_by": how.closed_by} if how.closed_by else {}
    if error is not None:
        more["error"] = error.to_json()
    journal.append("run_finished", status=how.status, exit_code=how.exit_code, seconds=how.seconds, **more)


def results_of(plan: Plan, run_id: str, store: Store) -> dict[str, Result]:
    """Return the committed results of a run by node, in the plan's order."""
    found: dict[str, Result] = {}
    for node in plan.nodes:
        form = store.read_json(f"runs/{run_id}/nodes/{node.id}.json")
        if form is not None:
            found[node.id] = Result.from_json(form)
    return found


def items_of(plan: Plan, run_id: str, store: Store) -> Iterator[Result]:
    """Yield the committed results of the items of a run's mapped nodes."""
    for node in plan.nodes:
        if node.is_mapped:
            for key in store.list(f"runs/{run_id}/items/{node.id}"):
                form = store.read_json(key) if key.endswith(".json") else None
                if form is not None:
                    yield Result.from_json(form)


def counts_of(results: Mapping[str, Result]) -> dict[str, int]:
    """Return how many nodes ended how."""
    return dict(Counter(result.status for result in results.values()))


def leftovers_of(store: Store, run_id: str, plan: Plan, results: Mapping[str, Result]) -> Iterator[str]:
    """Yield the keys of folders that attempts of a run made and no commit names."""
    committed = {result.attempt for result in [*results.values(), *items_of(plan, run_id, store)]}
    for node in plan.nodes:
        for key in store.list(f"artifacts/{plan.pipeline}/{node.id}"):
            attempt = key.rsplit("/", 1)[1]
            if attempt.startswith(f"{run_id}-") and attempt not in committed:
                yield key
