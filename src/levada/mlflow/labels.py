"""What MLflow's runs are labelled with, out of the story: tags, parameters, metrics. No calls are made here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from levada.journal import Event
from levada.mlflow.connection import VIEW
from levada.mlflow.description import counted_items, node_description, run_description, verdict
from levada.mlflow.limits import TAG, cut, finite, flattened, name, rounded
from levada.mlflow.reports import report_files, report_links
from levada.mlflow.story import NodeStory, Story, millis
from levada.values import digest_of

if TYPE_CHECKING:
    from mlflow.entities import Metric

NOTE = "mlflow.note.content"
KILLED = "**killed** · the run ended before it did"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"

_COLORS = ("#077a9d", "#8b5cf6", "#d97706", "#15803d", "#be185d", "#475569", "#b45309", "#0e7490", "#7c3aed", "#4d7c0f")
_METRICS_OF_A_RUN = 100
_PARAMS_OF_A_RUN = 300
_METRICS_OF_A_LIST = 3
_POINTS = 1000
"""How many points a metric of a mapped node's items has at most."""


def facts(story: Story) -> Mapping[str, Any]:
    """Return the first event of a run: who, where, from which commit."""
    return story.started or {}


def actor(story: Story) -> str:
    """Return who ran it and where: `ana@laptop`."""
    return f"{facts(story).get('user', '?')}@{facts(story).get('host', '?')}"


def origin_tags(story: Story) -> dict[str, str]:
    """Return who, where and which commit, as both runs and models carry it."""
    said = facts(story)
    git: Mapping[str, Any] = said.get("git") or {}
    return _texts(
        {
            "mlflow.user": said.get("user"),
            "mlflow.source.name": said.get("command") or story.plan.reference.removeprefix("python:"),
            "mlflow.source.type": "NOTEBOOK" if said.get("session") else "LOCAL",
            "mlflow.source.git.commit": git.get("commit"),
            "mlflow.source.git.branch": git.get("branch"),
            "levada.git.dirty": str(git["dirty"]).lower() if "dirty" in git else None,
            "levada.host": said.get("host"),
        }
    )


def run_tags(story: Story) -> dict[str, str]:
    """Return the tags that the run's own (parent) run starts with."""
    said = facts(story)
    code: Mapping[str, Any] = said.get("code") or {}
    packages: Mapping[str, Any] = {**(said.get("versions") or {}), **(said.get("packages") or {})}
    return _texts(
        {
            "levada.kind": "pipeline",
            "levada.run": story.run_id,
            "levada.plan": story.plan.digest,
            "levada.code": digest_of(sorted(code.items()))[:16] if code else None,
            "levada.versions": ", ".join(f"{package} {version}" for package, version in packages.items()),
            "levada.verdict": "running",
            NOTE: run_description(story, {}, ""),
            **origin_tags(story),
        }
    )


def run_end_tags(story: Story, children: Mapping[str, str], experiment: str, tables: list[str]) -> dict[str, str]:
    """Return the tags that say how a run ended; `children` are the ids of the nodes' runs."""
    shown = json.dumps([{"path": path, "type": "table"} for path in tables]) if tables else None
    return _texts(
        {
            NOTE: run_description(story, children, experiment),
            "levada.verdict": cut(verdict(story), 500),
            "levada.promoted": _promoted(story),
            "mlflow.loggedArtifacts": shown,
        }
    )


def _promoted(story: Story) -> str | None:
    if not story.promotions:
        return None
    event = story.promotions[-1]
    before = f"v{event['before']}" if event.get("before") else "nothing"
    return f"{event['model']} v{event['version']} is {event['alias']} · before: {before}"


def run_params(story: Story) -> dict[str, str]:
    """Return the pipeline's arguments by name and what its nodes were given as `train/epochs`, flat.

    Those that are empty are left to the nodes' own runs, those that are None are left out.
    """
    flat = flattened(story.plan.arguments)
    for node in story.plan.nodes:
        for key, value in flattened(node.parameters, f"{node.id}/").items():
            if value not in ("", "null"):
                flat.setdefault(key, value)
    return dict(list(flat.items())[:_PARAMS_OF_A_RUN])


def node_params(node: NodeStory) -> dict[str, str]:
    """Return what a node was given, by an artifact too, flat; what it was not given (None) is left out."""
    given = (node.started or {}).get("given") or {}
    return {key: value for key, value in flattened({**node.node.parameters, **given}).items() if value != "null"}


def run_metrics(story: Story) -> list[Metric]:
    """Return the final metrics of all nodes as the run's: `train/loss`. Candidates give theirs plain names.

    Those of this run's own candidates are logged with their versions.
    """
    from mlflow.entities import Metric

    found = {
        name(f"{node_id}/{key}"): value
        for node_id, node in story.nodes.items()
        for key, value in finite(node.final_metrics).items()
    }
    plain = {name(key): value for event in story.judged_before for key, value in finite(event["metrics"]).items()}
    shown = [*plain.items(), *found.items()][:_METRICS_OF_A_RUN]
    return [Metric(key, value, story.ended_at, 0) for key, value in shown]


def artifacts_document(story: Story) -> list[dict[str, Any]]:
    """Return every artifact of a run, made or found, as a document for the run's artifacts."""
    return [
        {
            "node": node,
            "output": output,
            "type": record.type,
            "uri": record.uri,
            "digest": record.digest,
            "bytes": record.size,
            "made_by": record.producer,
            "properties": record.properties,
        }
        for node, output, record in story.records()
    ]


def view_of_runs(story: Story) -> str:
    """Return the state of MLflow's runs list that shows runs by verdict, data and the candidate's metrics."""
    numbers = dict.fromkeys(key for _, event in story.candidates() for key in finite(event.get("metrics") or {}))
    shown = [f"metrics.`{key}`" for key in list(numbers)[:_METRICS_OF_A_LIST]]
    columns = ["tags.`levada.verdict`", *shown, "attributes.`Models`", "attributes.`Dataset`"]
    return json.dumps(
        {
            "searchFilter": "tags.`levada.kind` = 'pipeline'",
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": {**dict.fromkeys(columns, 100), columns[0]: 360, columns[-2]: 150, columns[-1]: 160},
        }
    )


def node_tags(story: Story, node: NodeStory, parent: str) -> dict[str, str]:
    """Return the tags that a node's (child) run starts with, the last ones too if it has ended."""
    node_id = node.node.id
    return _texts(
        {
            "mlflow.parentRunId": parent,
            "mlflow.runColor": _COLORS[list(story.nodes).index(node_id) % len(_COLORS)],
            "mlflow.source.name": node.node.component.removeprefix("python:"),
            "mlflow.source.type": "LOCAL",
            "mlflow.user": facts(story).get("user"),
            "levada.kind": "node",
            "levada.run": story.run_id,
            "levada.node": node_id,
            "levada.code": str((facts(story).get("code") or {}).get(node.node.component, ""))[:16],
            "levada.key": (node.started or {}).get("key"),
            NOTE: "running",
            **node_end_tags(node),
        }
    )


def node_note(node: NodeStory, run: str, experiment: str, more: str = "") -> str:
    """Return what a node's page says, with links to its reports and what else it links to."""
    links = report_links(report_files(node.outputs), run, experiment)
    return cut(f"{node_description(node)}\n\n{' · '.join(filter(None, [links, more]))}", TAG)


def node_end_tags(node: NodeStory) -> dict[str, str]:
    """Return the tags that say what came of a node; only the attempt while it runs."""
    if node.finished is None:
        return _texts({"levada.attempt": node.attempt})
    outputs = {f"levada.output.{output}": record.uri for output, record in node.outputs.items()}
    return _texts(
        {
            "levada.attempt": node.attempt,
            "levada.attempts": len(node.failed_attempts) + 1 if node.failed_attempts and not node.is_mapped else None,
            "levada.failed_attempts": len(node.failed_attempts) or None,
            "levada.items": counted_items(node) if node.is_mapped else None,
            NOTE: node_description(node),
            **outputs,
        }
    )


def curve_points(node: NodeStory, skip: int) -> list[Metric]:
    """Return the points (metrics with a step) of the attempt that counts, without its first `skip` reports."""
    return points_of(node.metrics.get(node.attempt, [])[skip:])


def points_of(events: list[Event]) -> list[Metric]:
    """Return the metric events that are points of curves as MLflow takes them."""
    from mlflow.entities import Metric

    return [
        Metric(name(event["name"]), rounded(event["value"]), millis(event["time"]), int(event["step"]))
        for event in events
        if event.get("step") is not None and finite({"": event["value"]})
    ]


def final_metrics(node: NodeStory) -> list[Metric]:
    """Return the final metrics that are not the end of a curve, at its last step, of which MLflow shows the latest."""
    from mlflow.entities import Metric

    if node.is_mapped:
        return _metrics_of_items(node)
    last: dict[str, tuple[int, float]] = {}
    for event in node.metrics.get(node.attempt, []):
        if event.get("step") is not None and int(event["step"]) >= last.get(event["name"], (0, 0.0))[0]:
            last[event["name"]] = (int(event["step"]), event["value"])
    return [
        Metric(name(key), rounded(float(value)), node.ended_at, last[key][0] if key in last else 0)
        for key, value in node.final_metrics.items()
        if finite({key: value}) and (key not in last or last[key][1] != value)
    ]


def _metrics_of_items(node: NodeStory) -> list[Metric]:
    """Return a mapped node's metrics: how many items there are, and what they reported, over their places."""
    from mlflow.entities import Metric

    counts = [
        Metric(f"items/{what}", float(count), node.ended_at, 0)
        for what, count in node.counts.items()
        if what in ("total", "done", "cached", "failed", "skipped")
    ]
    curves: dict[str, list[tuple[int, float]]] = {}
    for place, item in enumerate(node.items_in_place()):
        for key, value in finite(item.last_metrics).items():
            curves.setdefault(key, []).append((place, value))
    points = [
        Metric(key, value, node.ended_at, place)
        for key, curve in list(curves.items())[:_METRICS_OF_A_RUN]
        for place, value in _thinned(curve)
    ]
    own = [
        Metric(name(key), rounded(float(value)), node.ended_at, 0)
        for key, value in node.final_metrics.items()
        if finite({key: value}) and name(key) not in curves
    ]
    return [*counts, *points, *own]


def _thinned(curve: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return at most 1,000 points of a curve, evenly spread, the first and the last among them."""
    if len(curve) <= _POINTS:
        return curve
    return [curve[round(index * (len(curve) - 1) / (_POINTS - 1))] for index in range(_POINTS)]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: cut(str(value), TAG) for key, value in values.items() if value not in (None, "")}
