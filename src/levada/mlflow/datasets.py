"""Artifacts that are data, as MLflow's datasets: by name and digest, with rows and columns.

Made by hand from what the manifest says; MLflow's own constructors would read the data again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from levada.artifact import ArtifactRecord
from levada.mlflow.limits import DIGEST, cut
from levada.mlflow.story import NodeStory, Story

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

_NAME = 500
_MANY = 100
"""How many datasets a run has at most: a list artifact may have thousands."""
_SCHEMA = 1_000_000
_CONTEXT = "mlflow.data.context"

# From the beginning of an Arrow type's name to MLflow's column type; what is not here is a string.
_TYPES = (
    ("bool", "boolean"),
    ("int64", "long"),
    ("uint64", "long"),
    ("uint32", "long"),
    ("int", "integer"),
    ("uint", "integer"),
    ("float", "float"),
    ("halffloat", "float"),
    ("double", "double"),
    ("decimal", "double"),
    ("timestamp", "datetime"),
    ("date", "datetime"),
    ("large_binary", "binary"),
    ("binary", "binary"),
    ("fixed_size_binary", "binary"),
)


def short_digest(digest: str) -> str:
    """Return as much of a digest as MLflow takes for a dataset."""
    return digest[:DIGEST]


def is_data(record: ArtifactRecord) -> bool:
    """Whether an artifact is data in MLflow's sense: examples in splits."""
    return record.type.rsplit(":", 1)[-1] == "Examples" or isinstance(record.properties.get("splits"), dict)


def dataset_name(node: str, output: str) -> str:
    """Return the name of the data that a node makes: the node's, and the output's where it has several."""
    return node if output == "output" else f"{node}.{output}"


def data_read_by(story: Story, node: NodeStory) -> list[DatasetInput]:
    """Return the datasets that a node read, in the context of what it did with them (`train`)."""
    inputs: Mapping[str, Any] = (node.started or {}).get("inputs") or {}
    wanted = {
        fact.get("uri") for item in inputs.values() if item for fact in (item if isinstance(item, list) else [item])
    }
    context = node.node.component.rsplit(":", 1)[-1]
    return [
        _input(dataset_name(maker, output), record, context)
        for maker, output, record in story.records()
        if record.uri in wanted and is_data(record)
    ][:_MANY]


def data_of(story: Story) -> list[DatasetInput]:
    """Return the datasets of a run: what its nodes made or found, in the context of the component that did."""
    return [
        _input(dataset_name(maker, output), record, story.nodes[maker].node.component.rsplit(":", 1)[-1])
        for maker, output, record in story.records()
        if is_data(record)
    ][:_MANY]


def data_of_candidate(data: Iterable[Mapping[str, Any]]) -> list[DatasetInput]:
    """Return the datasets that a candidate names: `name`, `digest`, `uri`, `rows`, `context`."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(
                name=cut(str(item["name"]), _NAME),
                digest=short_digest(str(item["digest"])),
                source_type="local",
                source=json.dumps({"uri": item.get("uri", "")}),
                profile=json.dumps({"num_rows": item["rows"]}) if item.get("rows") is not None else None,
            ),
            [InputTag(_CONTEXT, cut(str(item.get("context") or "data"), 500))],
        )
        for item in data
    ]


def _input(name: str, record: ArtifactRecord, context: str) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    splits = record.properties.get("splits")
    rows = sum(value for value in splits.values() if isinstance(value, int)) if isinstance(splits, dict) else None
    profile: dict[str, Any] = {"num_rows": rows} if rows is not None else {}
    if isinstance(splits, dict):
        profile["splits"] = splits
    source = {"uri": record.uri}
    if isinstance(record.properties.get("source"), str):
        source["source"] = str(record.properties["source"])
    return DatasetInput(
        Dataset(
            name=cut(name, _NAME),
            digest=short_digest(record.digest),
            source_type="local" if record.uri.startswith("/") else record.uri.partition(":")[0],
            source=json.dumps(source),
            schema=_schema(record.properties.get("columns")),
            profile=json.dumps(profile) if profile else None,
        ),
        [InputTag(_CONTEXT, cut(context, 500))],
    )


def _schema(columns: Any) -> str | None:
    if not isinstance(columns, list):
        return None
    specs: list[dict[str, Any]] = []
    for column in columns:  # pyright: ignore[reportUnknownVariableType]
        match column:
            case [str(name), str(type_)]:
                specs.append({"name": name, "type": _column_type(type_), "required": False})
            case _:
                return None
    text = json.dumps({"mlflow_colspec": specs})
    return text if len(text) <= _SCHEMA else None


def _column_type(arrow: str) -> str:
    return next((ours for begin, ours in _TYPES if arrow.startswith(begin)), "string")
