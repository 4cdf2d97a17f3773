"""What a run takes over from the one before it, if that one was killed or failed, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from levada.lease import ended, newest_runs
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


@dataclass(frozen=True)
class CutShort:
    """A run that was killed or failed, and the arguments that it had."""

    run_id: str
    status: str
    arguments: dict[str, Any]


def cut_short(store: Store, pipeline: str) -> CutShort | None:
    """Return a pipeline's last run if it was killed or failed, else None."""
    for run_id in islice(newest_runs(store), _LOOKED_AT):
        facts = store.read_json(f"runs/{run_id}/run.json")
        if facts and facts["pipeline"] == pipeline:
            how = ended(store, run_id)
            if how and how.status in ("killed", "failed"):
                return CutShort(run_id, how.status, facts.get("arguments") or {})
            return None
    return None


def resumption(
    store: Store, before: CutShort, plan: Plan, resolved: Resolved, pending: Iterable[str]
) -> Resumption | None:
    """Say what a run that is about to run `pending` takes over from `before`.

    None if nothing was finished there, or nothing is left to run, and for another run of the same pipeline: one with
    other arguments that does not say that it resumes.
    """
    run_id, status = before.run_id, before.status
    waiting = set(pending)
    if not waiting or (before.arguments != plan.arguments and not resolved.resumes):
        return None
    form = store.read_json(f"runs/{run_id}/resolved.json")
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
