"""What a run would do now, node by node, and why: the engine's own decisions, with nothing written.

A node whose upstream would run is not decided: what it makes may come out the same.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from levada.history.changes import Change, NodeFacts, changes
from levada.history.inputs import inputs_of
from levada.history.run import RunRecord
from levada.history.runs import History
from levada.history.sources import Sources, SourcesThen
from levada.history.unwritten import Unwritten
from levada.node import RunView, open_node, settle_node
from levada.node.items import items_of
from levada.node.view import view_of
from levada.plan import External, Node, Output, Plan, leaves
from levada.resolved import Resolved
from levada.result import Result

MOST = 3
"""Labels of items named in a sentence."""

Fate = Literal["cached", "runs", "waits", "skipped"]


@dataclass(frozen=True)
class Expectation:
    """What would become of a node.

    "cached" comes with the result that it would have, "runs" with what changed since `since` or with `why` in words,
    "waits" with the upstream nodes (`behind`) that run before it can be said, and with what changed of its own.
    """

    node: str
    fate: Fate
    since: RunRecord | None = None
    changes: tuple[Change, ...] = ()
    why: str = ""
    result: Result | None = None
    behind: tuple[str, ...] = field(default=())

    @property
    def is_sure(self) -> bool:
        """Whether it is known that the node runs, whatever comes out before it."""
        return self.fate == "runs" or (self.fate == "waits" and bool(self.changes))

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "fate": "runs" if self.is_sure else self.fate,
            "since": self.since.id if self.since else None,
            "changes": [change.to_json() for change in self.changes],
            "why": self.why,
            "made_by": self.result.made_by if self.result else None,
            "behind": list(self.behind),
        }


class Forecast:
    """What running a plan would do now, against the runs of the same pipeline before."""

    def __init__(
        self, plan: Plan, resolved: Resolved, history: History, sources: Sources, since: RunRecord | None = None
    ) -> None:
        self.plan = plan
        self.resolved = resolved
        self._history = history
        self._sources = sources
        self._since = since
        self._store = Unwritten(history.store)
        self._run_id = f"forecast-{secrets.token_hex(6)}"
        self._store.write(f"runs/{self._run_id}/resolved.json", json.dumps(resolved.to_json()).encode())
        self._run = view_of(self._run_id, self._store)
        self.nodes: dict[str, Expectation] = {}
        for node in plan.nodes:
            self.nodes[node.id] = self._expect(node)

    def _expect(self, node: Node) -> Expectation:
        behind = tuple(name for name in node.upstream if self._run.result(name) is None)
        if behind:
            before = self._last(node.id)
            known = changes(facts_of(before, node.id), self.facts(node)) if before else []
            return Expectation(node.id, "waits", before, tuple(known), behind=behind)
        result = settle_node(self.plan, node.id, self._run_id, self._store)
        if result is not None and result.status == "failed":
            why = str(result.failure.message) if result.failure else ""
            return Expectation(node.id, "runs", why=f"it would fail: {why}", result=None)
        if result is not None and result.status == "skipped":
            return Expectation(node.id, "skipped", why=result.reason, result=result)
        if result is not None:
            return Expectation(node.id, "cached", result=result)
        before = self._last(node.id)
        if before is None:
            return Expectation(node.id, "runs", why="it has not run yet")
        found = changes(facts_of(before, node.id), self.facts(node))
        why = "" if found else self._items(node) or self._without_change(node, before)
        return Expectation(node.id, "runs", before, tuple(found), why)

    def _items(self, node: Node) -> str:
        """Say how many items of a mapped node run, empty for another node."""
        if not node.is_mapped:
            return ""
        waiting = open_node(self.plan, node.id, self._run_id, self._store, quietly=True)
        listed = list(items_of(self._run, node).items.values())
        labels = [item.label for item in listed if item.id in waiting]
        shown = ", ".join(labels[:MOST]) + (", ..." if len(labels) > MOST else "")
        return f"{len(waiting)} of {len(listed)} items run ({shown})" if len(waiting) < len(listed) else ""

    def _without_change(self, node: Node, before: RunRecord) -> str:
        """Say why a node runs that is what it was."""
        result = before.result(node.id)
        if not node.cache:
            return "it is declared with cache=False"
        if result is None:
            return f"run {self._history.short(before.id)} ended before it did"
        if result.status == "failed":
            why = f" ({result.failure.type}: {result.failure.message.splitlines()[0]})" if result.failure else ""
            return f"it failed in run {self._history.short(before.id)}{why}"
        if result.status == "skipped":
            return f"it was skipped in run {self._history.short(before.id)}: {result.reason}"
        store = self._history.store
        gone = [name for name, record in result.outputs.items() if not all(store.has(leaf) for leaf in record.leaves())]
        if gone:
            return f"its output {gone[0]} is no longer whole in the store"
        if result.effects:
            return f"what its {result.effects[0]} says is no longer so outside the store"
        return "the cache has no entry for it any more"

    def _last(self, node_id: str) -> RunRecord | None:
        """Return the run to compare with: the one asked for, else the newest in which the node ran or was cached.

        A run that failed at the node counts, one that skipped it only if there is no better.
        """
        candidates = [self._since] if self._since else self._history.newest(self.plan.pipeline)
        skipped: RunRecord | None = None
        for run in candidates:
            if node_id not in run.node_ids:
                continue
            result = run.result(node_id)
            if result is not None and result.status != "skipped":
                return run
            skipped = skipped or run
        return skipped

    def facts(self, node: Node) -> NodeFacts:
        """Return what a node is now, as far as it can be said."""
        return _facts(
            node, self._run, {name for name in node.upstream if self._run.result(name) is None}, self._sources
        )


def facts_of(run: RunRecord, node_id: str) -> NodeFacts:
    """Return what a node was in a run; inputs that were never made are unknown."""
    node = run.plan.node(node_id)
    results = {name: run.result(name) for name in node.upstream}
    missing = {name for name, result in results.items() if result is None or not result.ok}
    return _facts(node, run.view, missing, SourcesThen(run))


def _facts(node: Node, run: RunView, missing: set[str], sources: Sources) -> NodeFacts:
    unknown = {
        name
        for name, binding in node.inputs.items()
        if any(isinstance(leaf, Output) and leaf.node in missing for leaf in leaves(binding))
    }
    if not unknown:
        return NodeFacts(node, run.resolved, inputs_of(run, node), sources)
    externals = {name: binding for name, binding in node.inputs.items() if isinstance(binding, External)}
    inputs = {name: run.resolved.externals[binding.reference].record for name, binding in externals.items()}
    return NodeFacts(node, run.resolved, inputs, sources, frozenset(node.inputs.keys() - externals.keys()))
