"""What a run takes over from the one before it, if that one was killed or failed, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from levada.lease import ended
from levada.plan import Plan
from levada.resolved import Resolved
from levada.store import Store

_LOOKED_AT = 50
"""How many runs are looked at for the last one of a pipeline."""


@dataclass(frozen=True)
class Resumption:
    """A run that was cut short, `before`, and the one that goes on from it.

    `reused` are nodes that it had finished and that need not run again, `changed` the pieces of code, by node, that are
    why a node that it had finished runs again.
    """

    before: str
    status: str
    reused: tuple[str, ...] = ()
    changed: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reused": list(self.reused)}


def cut_short(store: Store, pipeline: str) -> tuple[str, str] | None:
    """Return id and status of a pipeline's last run if it was killed or failed, else None."""
    for key in reversed(store.list("runs")[-_LOOKED_AT:]):
        facts = store.read_json(f"{key}/run.json")
        if facts and facts["pipeline"] == pipeline:
            run_id = key.rsplit("/", 1)[1]
            how = ended(store, run_id)
            return (run_id, how.status) if how and how.status in ("killed", "failed") else None
    return None


def resumption(
    store: Store, before: tuple[str, str], plan: Plan, resolved: Resolved, pending: Iterable[str]
) -> Resumption | None:
    """Say what a run that is about to run `pending` takes over from `before`; None if nothing was finished there."""
    run_id, status = before
    form = store.read_json(f"runs/{run_id}/resolved.json")
    waiting = set(pending)
    finished = [node for node in plan.nodes if _was_finished(store, run_id, node.id)]
    if form is None or not finished:
        return None
    known = Resolved.from_json(form)
    changed = {
        node.id: pieces
        for node in finished
        if node.id in waiting and (pieces := _differences(known.pieces, resolved.pieces, node.component))
    }
    return Resumption(run_id, status, tuple(node.id for node in finished if node.id not in waiting), changed)


def _was_finished(store: Store, run_id: str, node_id: str) -> bool:
    form = store.read_json(f"runs/{run_id}/nodes/{node_id}.json")
    return form is not None and form["status"] in ("done", "cached")


def _differences(before: dict[str, dict[str, str]], now: dict[str, dict[str, str]], component: str) -> list[str]:
    """Return the pieces of code that a component reaches and that are not what they were."""
    was, is_now = before.get(component, {}), now.get(component, {})
    return sorted(piece for piece in was.keys() | is_now.keys() if was.get(piece) != is_now.get(piece))
