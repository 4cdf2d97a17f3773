"""The trials of a study as MLflow's runs: children of the run of the study's node, each told when it has ended.

They have the searched values as parameters and what was reported as metrics and curves, so that MLflow's own pages
compare them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from levada.journal import Event
from levada.markdown import escaped
from levada.mlflow.cursor import Cursor
from levada.mlflow.limits import TAG, cut, finite, flattened, name, not_finite, rounded
from levada.mlflow.story import NodeStory, Story
from levada.mlflow.transaction import one_transaction

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

STATUS = {"done": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
BEST = "levada.best"

_BATCH = 1000
"""Metrics that MLflow takes in one call."""

_COMPARED = 100
"""Trials that a page compares, the latest."""

_NOTE = "mlflow.note.content"


def put_trial(client: MlflowClient, cursor: Cursor, story: Story, node: NodeStory, event: Event, parent: str) -> None:
    """Make the run of a trial, whole or not at all; `parent` is the run of its node. One that is there stays."""
    from mlflow.entities import Param

    key = _key(event)
    if key in cursor.children:
        return
    began = int(event.get("began") or 0)
    params = [Param(key, value) for key, value in flattened(event["parameters"]).items()]
    first, *others = list(_batches(_metrics(event, began))) or [[]]
    with one_transaction(client):
        made = client.create_run(
            cursor.experiment,
            start_time=began or None,
            run_name=_label(node, event),
            tags=_tags(story, node, event, parent),
        )
        run = made.info.run_id
        client.log_batch(run, metrics=first, params=params)
        for more in others:
            client.log_batch(run, metrics=more)
        client.set_terminated(run, STATUS.get(event["state"], "FINISHED"), began + int(event.get("seconds", 0) * 1000))
    cursor.children[key] = run


def settle_trials(client: MlflowClient, cursor: Cursor, node: NodeStory) -> None:
    """Mark the trial that was chosen, and take away those of attempts that did not count."""
    counted = {item.attempt for item in node.items.values()} if node.is_mapped else {node.attempt}
    ours = [key for key in cursor.children if key.startswith(f"{node.node.id}#")]
    for key in ours:
        if key.split("#")[1] not in counted:
            client.delete_run(cursor.children.pop(key))
    for record in node.outputs.values():
        for leaf in record.leaves():
            best, attempt = leaf.properties.get("best"), leaf.uri.rsplit("/", 2)[-2]
            run = cursor.children.get(f"{node.node.id}#{attempt}#{best}")
            if leaf.type.endswith(":Study") and run is not None:
                client.set_tag(run, BEST, "true")


def trials_links(node: NodeStory, story: Story, cursor: Cursor) -> str:
    """Return Markdown links to the trials of a node, compared and as a list of runs; empty if it has none."""
    runs = [run for key, run in cursor.children.items() if key.startswith(f"{node.node.id}#")]
    if not runs:
        return ""
    ours, home = quote(json.dumps(runs[-_COMPARED:]), safe=""), quote(json.dumps([cursor.experiment]), safe="")
    wanted = quote(f"tags.`levada.study` = '{_study(story, node)}'", safe="")
    return (
        f"[its trials, compared](#/compare-runs?runs={ours}&experiments={home}) · "
        f"[as a list](#/experiments/{cursor.experiment}/runs?searchFilter={wanted})"
    )


def _key(event: Event) -> str:
    return f"{event['node']}#{event['attempt']}#{event['number']}"


def _study(story: Story, node: NodeStory) -> str:
    return f"{story.run_id}/{node.node.id}"


def _label(node: NodeStory, event: Event) -> str:
    item = node.items.get(str(event.get("item") or ""))
    return f"{node.node.id}{f' {item.label}' if item else ''} #{event['number']}"


def _tags(story: Story, node: NodeStory, event: Event, parent: str) -> dict[str, str]:
    search: Any = node.node.parameters.get("search")
    component = search["fields"]["component"]["$function"] if search else node.node.component
    tags: dict[str, Any] = {
        "mlflow.parentRunId": parent,
        "mlflow.source.name": str(component).removeprefix("python:"),
        "mlflow.user": (story.started or {}).get("user"),
        "levada.kind": "trial",
        "levada.run": story.run_id,
        "levada.study": _study(story, node),
        "levada.trial": _key(event),
        "levada.made_in": event.get("made_in") if event.get("made_in") != story.run_id else None,
        _NOTE: _note(event),
    }
    return {key: cut(str(value), TAG) for key, value in tags.items() if value not in (None, "")}


def _note(event: Event) -> str:
    said = {
        "pruned": f"**pruned** after step {event.get('pruned_at')}: worse than the median of the others there",
        "failed": f"**failed** · {escaped(str(event.get('why', '')))}",
    }.get(str(event["state"]), "")
    strange = not_finite(event.get("metrics") or {})
    more = ", ".join(f"{escaped(key)} = {value}" for key, value in strange.items())
    return "\n\n".join(filter(None, [said, more and f"Not a finite number: {more}"]))


def _metrics(event: Event, began: int) -> list[Metric]:
    """Return the points of a trial's curves, and its other metrics."""
    from mlflow.entities import Metric

    curves: dict[str, list[list[float]]] = event.get("curves") or {}
    ended = began + int(event.get("seconds", 0) * 1000)
    points = [
        Metric(name(key), rounded(value), int(at), int(step))
        for key, curve in curves.items()
        for step, value, at in curve
        if finite({"": value})
    ]
    last = {key: curve[-1][1] for key, curve in curves.items() if curve}
    steps = {key: int(curve[-1][0]) for key, curve in curves.items() if curve}
    finals = [
        Metric(key, value, ended, steps.get(key, 0))
        for key, value in finite(event.get("metrics") or {}).items()
        if key not in last or rounded(last[key]) != value
    ]
    return [*points, *finals]


def _batches(metrics: list[Metric]) -> Iterator[list[Metric]]:
    for start in range(0, len(metrics), _BATCH):
        yield metrics[start : start + _BATCH]
