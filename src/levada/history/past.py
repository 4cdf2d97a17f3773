"""Why the nodes of a run ran in it, or did not: the run held against the ones before it."""

from __future__ import annotations

from levada.history.changes import changes
from levada.history.forecast import Expectation, facts_of
from levada.history.run import RunRecord
from levada.history.runs import History
from levada.result import Result


def past(history: History, run: RunRecord, node: str | None = None) -> dict[str, Expectation]:
    """Return what became of a node of a run, or of all, and why; raises PlanError if the run has no such node."""
    nodes = [run.plan.node(node).id] if node is not None else [one.id for one in run.plan.nodes]
    return {name: _of(history, run, name) for name in nodes}


def _of(history: History, run: RunRecord, node: str) -> Expectation:
    result = run.result(node)
    if result is None:
        return Expectation(node, "waits", behind=tuple(run.plan.node(node).upstream))
    if result.status == "cached":
        return Expectation(node, "cached", result=result)
    if result.status == "skipped":
        return Expectation(node, "skipped", why=result.reason, result=result)
    before = next((earlier for earlier in history.before(run) if _has_run(earlier.result(node))), None)
    if before is None:
        return Expectation(node, "runs", why="it had not run before", result=result)
    found = tuple(changes(facts_of(before, node), facts_of(run, node)))
    why = "" if found else _without_change(history, run, before, node)
    return Expectation(node, "runs", before, found, why, result)


def _has_run(result: Result | None) -> bool:
    return result is not None and result.status != "skipped"


def _without_change(history: History, run: RunRecord, before: RunRecord, node: str) -> str:
    if node in run.resolved.fresh:
        return f"--fresh {node} was asked for"
    if not run.resolved.use_cache:
        return "--no-cache was asked for"
    if not run.plan.node(node).cache:
        return "it is declared with cache=False"
    result = before.result(node)
    if result is not None and result.status == "failed":
        return f"it had failed in run {history.short(before.id)}"
    return "the cache had no entry for it that still stood"
