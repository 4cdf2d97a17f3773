"""A run and its nodes as JSON documents, for scripts."""

from __future__ import annotations

from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import LevadaError
from levada.history.inputs import inputs_of
from levada.history.outline import run_form
from levada.history.run import RunRecord
from levada.history.runs import History
from levada.store import Store


def run_document(run: RunRecord, history: History) -> dict[str, Any]:
    """Return what `levada show RUN --json` says: the run, and each of its nodes."""
    return {**run_form(run, history), "nodes": [node_form(run, node.id) for node in run.plan.nodes]}


def node_form(run: RunRecord, node_id: str) -> dict[str, Any]:
    """Return all that is known of a node in a run."""
    node = run.plan.node(node_id)
    result = run.result(node_id)
    form: dict[str, Any] = node.to_json() | {"status": node_status(run, node_id)}
    if result is not None:
        form |= {"result": result.to_json()}
    if inputs := given(run, node_id):
        form["input_records"] = {
            name: [_fact(record, run.store) for record in item]
            if isinstance(item, list)
            else _fact(item, run.store)
            if item
            else None
            for name, item in inputs.items()
        }
    if key := key_of(run, node_id):
        form["key"] = key
    form["versions"] = {name: run.resolved.packages.get(name) for name in node.packages}
    form["logs"] = [{"attempt": log.attempt, "item": log.item, "key": log.key} for log in run.all_logs(node_id)]
    if items := run.items(node_id):
        form["item_results"] = {name: item.to_json() for name, item in items.items()}
    return form


def node_status(run: RunRecord, node_id: str) -> str:
    """Return done, cached, failed, closed, skipped; running, killed or waiting for a node without a result."""
    result = run.result(node_id)
    if result is not None:
        shut = result.ok and not all(record.open for record in result.outputs.values())
        return "closed" if shut else result.status
    if node_id not in run.started_nodes():
        return "waiting"
    return "running" if run.end is None else "killed"


def given(run: RunRecord, node_id: str) -> dict[str, ArtifactRecord | list[ArtifactRecord] | None]:
    """Return the records that a node was given; empty where what should have made them did not."""
    node = run.plan.node(node_id)
    if any((result := run.result(name)) is None or not (result.ok or result.items) for name in node.upstream):
        return {}
    try:
        return inputs_of(run.view, node)
    except (LevadaError, KeyError):  # a part of it was never made
        return {}


def key_of(run: RunRecord, node_id: str) -> str:
    """Return a node's cache key, empty if its inputs were never made."""
    result = run.result(node_id)
    if result is not None and result.key:
        return result.key
    started = run.started_nodes().get(node_id)
    return str(started.get("key", "")) if started else ""


def _fact(record: ArtifactRecord, store: Store) -> dict[str, Any]:
    return {"type": record.type, "digest": record.digest, "producer": record.producer, "uri": store.address(record.uri)}
