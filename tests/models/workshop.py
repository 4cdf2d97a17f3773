"""Artifacts and components for tests without a run: what the engine does around a component, by hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from levada.artifact import Artifact, made
from levada.artifacts import Examples, Model
from levada.component import Component
from levada.context import Context
from levada.models import ModelDocument, Tensor
from levada.models.fingerprint import of_onnx
from levada.store import Store

A = TypeVar("A", bound=Artifact)


class Workshop:
    """A store below `root`, and components called in it as plain functions; what they make is sealed, as in a run.

    `said` holds the contexts, newest last, and `events` what they emitted.
    """

    def __init__(self, root: Path, name: str = "store") -> None:
        self.root = root
        self.store = Store(root / name)
        self.said: list[Context] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._numbers = itertools.count(1)

    def context(self, outputs: dict[str, type[Artifact]], node: str = "node") -> Context:
        context = Context(
            run_id="run-1",
            node_id=node,
            pipeline="tested",
            attempt=f"attempt-{next(self._numbers)}",
            store=self.store,
            root=self.root,
            output_types=outputs,
            emit=lambda kind, **fields: self.events.append((kind, json.loads(json.dumps(fields)))),
        )
        self.said.append(context)
        return context

    def call(self, component: Component[..., Any], *args: Any, node: str = "", **kwargs: Any) -> Any:
        """Run a component's function and return its outputs as later nodes would get them."""
        signature = component.signature
        context = self.context(signature.outputs, node or component.name)
        component.function(context, *args, **kwargs)
        sealed = {name: self.sealed(context, name, artifact) for name, artifact in context.outputs.items()}
        return signature.returned(sealed)

    def make(self, kind: type[A], write: Callable[[A], Any], node: str = "maker") -> A:
        """Return an artifact that `write` has filled."""
        context = self.context({"output": kind}, node)
        artifact = context.output(kind)
        write(artifact)
        return self.sealed(context, "output", artifact)

    def sealed(self, context: Context, name: str, artifact: Any) -> Any:
        """Return an output of a context as later nodes would get it."""
        key = f"artifacts/tested/{context.node_id}/{context.attempt}/{name}"
        properties = json.loads(json.dumps(artifact.properties))
        producer = f"run-1/{context.node_id}"
        record = self.store.seal(key, artifact.path, type(artifact).type_reference(), properties, producer)
        return made(record, self.store)

    # -- what most tests need -----------------------------------------------------------------------

    def examples(self, table: dict[str, Any] | pa.Table, split: str = "eval") -> Examples:
        table = table if isinstance(table, pa.Table) else pa.table(table)
        return self.make(Examples, lambda examples: examples.write(split, table), "ingest")

    def echo(self, column: str, *, output: str = "probability", add: float = 0.0) -> Model:
        """Return an ONNX model that answers with one float column of the rows (plus `add`): metrics as wanted."""
        return self.make(Model, lambda model: write_echo(model, column, output, add), "train")

    @property
    def line(self) -> str:
        return self.said[-1].line


def write_echo(model: Model, column: str, output: str = "probability", add: float = 0.0) -> None:
    from onnx import TensorProto, helper

    rows = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in dict.fromkeys((column, output))
    }
    constant = helper.make_tensor("add", TensorProto.FLOAT, [1], [add])
    node = helper.make_node("Add", [column, "add"], [output])
    graph = helper.make_graph([node], "echo", [rows[column]], [rows[output]], [constant])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (model.path / "model.onnx").write_bytes(proto.SerializeToString())
    inputs, outputs = (Tensor(column, "float32"),), (Tensor(output, "float32"),)
    model.describe(
        ModelDocument("onnx", "model.onnx", inputs, outputs, of_onnx(proto, inputs, outputs), "onnx, by hand")
    )


def zero_one(count: int, ones: int) -> list[int]:
    """Return labels: zeros, then `ones` ones."""
    return [0] * (count - ones) + [1] * ones
