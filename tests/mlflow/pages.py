"""What MLflow knows of a store's runs, read back through its client, in a form that tests compare."""

from __future__ import annotations

from typing import Any

NOTE = "mlflow.note.content"


def runs_of(client: Any, pipeline: str) -> list[Any]:
    """Return the runs of a pipeline itself (the parents), oldest first."""
    return _search(client, pipeline, "tags.`levada.kind` = 'pipeline'")


def nodes_of(client: Any, parent: Any) -> dict[str, Any]:
    """Return the child runs of a run by node."""
    experiment = client.get_experiment(parent.info.experiment_id)
    children = _search(client, experiment.name, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    by_node = {child.data.tags["levada.node"]: child for child in children}
    assert len(by_node) == len(children), "a node has two child runs"
    return by_node


def _search(client: Any, pipeline: str, wanted: str) -> list[Any]:
    experiment = client.get_experiment_by_name(pipeline)
    if experiment is None:
        return []
    return list(client.search_runs([experiment.experiment_id], wanted, order_by=["attributes.start_time ASC"]))


def first_line(run: Any) -> str:
    return str(run.data.tags[NOTE]).splitlines()[0]


def curve(client: Any, run: Any, name: str) -> list[tuple[int, float]]:
    history = client.get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in sorted(history, key=lambda point: (point.step, point.timestamp))]


def versions_of(client: Any, model: str = "flights") -> list[Any]:
    found = client.search_model_versions(f"name = '{model}'")
    return sorted(found, key=lambda version: int(version.version))


def alias(client: Any, name: str, model: str = "flights") -> int | None:
    aliases = client.get_registered_model(model).aliases
    return int(aliases[name]) if name in aliases else None


def everything(client: Any, pipeline: str = "flights") -> dict[str, Any]:
    """Return all that a delivery should have made, without ids and times: two deliveries of one journal are equal."""
    parents = runs_of(client, pipeline)
    versions = versions_of(client)
    experiment = client.get_experiment_by_name(pipeline)
    models = client.search_logged_models([experiment.experiment_id])
    return {
        "runs": [_shown(client, parent) for parent in parents],
        "nodes": [
            {node: _shown(client, child) for node, child in sorted(nodes_of(client, parent).items())}
            for parent in parents
        ],
        "versions": [(version.version, version.tags["levada.fingerprint"]) for version in versions],
        "aliases": {name: int(number) for name, number in client.get_registered_model("flights").aliases.items()},
        "models": [(model.name, str(model.status), sorted(_model_metrics(model))) for model in models],
        "outputs": [len(parent.outputs.model_outputs) for parent in parents],
    }


def _model_metrics(model: Any) -> set[tuple[str, float, str | None]]:
    return {(metric.key, metric.value, metric.dataset_name) for metric in model.metrics or []}


def _shown(client: Any, run: Any) -> dict[str, Any]:
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "curves": {name: curve(client, run, name) for name in run.data.metrics},
        "tags": sorted(run.data.tags),
        "data": sorted(item.dataset.digest for item in run.inputs.dataset_inputs),
        "ended": run.info.end_time is not None,
    }
