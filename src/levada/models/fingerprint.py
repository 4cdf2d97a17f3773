"""What makes two models the same: weights, architecture, preprocessing state; not the bytes of their files.

The architecture is what was traced or converted: operations, their attributes and constants, and how they
hang together. Names that libraries number as they go (`dense_3`) do not count, so a second training in
the same process gives the same fingerprint as one in a fresh process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Tensor
from levada.store import file_digest

if TYPE_CHECKING:
    import numpy as np


class Fingerprint:
    """A sha256 over labelled parts, each with its length, so that no two sequences of parts run together."""

    def __init__(self, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> None:
        self._hash = hashlib.sha256()
        self.add("inputs", json.dumps([tensor.to_json() for tensor in inputs]).encode())
        self.add("outputs", json.dumps([tensor.to_json() for tensor in outputs]).encode())

    def add(self, label: str, content: bytes) -> None:
        self._hash.update(f"{label}:{len(content)};".encode())
        self._hash.update(content)

    def add_array(self, label: str, array: np.ndarray[Any, Any]) -> None:
        """Add an array's dtype, shape and values."""
        import numpy as np

        self.add(label, f"{array.dtype}{array.shape}".encode())
        self.add(label, np.ascontiguousarray(array).tobytes())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def of_keras(model: Any, concrete: Any, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> str:
    """Return the fingerprint of a Keras model and the function (a `ConcreteFunction`) that serves it."""
    fingerprint = Fingerprint(inputs, outputs)
    weights = list(model.weights)
    for weight in weights:
        fingerprint.add_array("weight", weight.numpy())
    # Vocabularies live in tables, outside the graph and the weights. The flattened list is Keras's own, and
    # the only one that also finds layers held as attributes of other layers.
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if hasattr(layer, "get_vocabulary"):
            words = [word.item() if hasattr(word, "item") else word for word in layer.get_vocabulary()]
            fingerprint.add("vocabulary", json.dumps(words, ensure_ascii=False).encode())
    places = {id(weight.value.handle): str(place) for place, weight in enumerate(weights)}
    captured = {
        internal.op.name: places.get(id(external), "other")
        for external, internal in zip(concrete.captured_inputs, concrete.graph.internal_captures, strict=True)
    }
    _add_graph(fingerprint, concrete.graph.as_graph_def(), captured, {tensor.graph_name for tensor in inputs})
    return fingerprint.hexdigest()


def _add_graph(fingerprint: Fingerprint, graph: Any, captured: dict[str, str], names: set[str]) -> None:
    """Add a GraphDef: nodes in the order they were traced in, joined by number instead of by name."""
    functions = {function.signature.name: function for function in graph.library.function}
    seen: dict[str, int] = {}
    _add_nodes(fingerprint, graph.node, captured, names, functions, seen)


def _add_nodes(
    fingerprint: Fingerprint,
    nodes: Any,
    captured: dict[str, str],
    names: set[str],
    functions: dict[str, Any],
    seen: dict[str, int],
) -> None:
    # What a function is called with has no node there: it counts by its place, as nodes do, and not by its name.
    number = captured | {node.name: str(place) for place, node in enumerate(nodes)}
    for node in nodes:
        label = node.name if node.name in names else captured.get(node.name, "")
        joined = [_renamed(end, number) for end in node.input]
        # Control inputs, which come last, are sorted by names; their order means nothing.
        joined.sort(key=lambda end: (end.startswith("^"), end if end.startswith("^") else ""))
        fingerprint.add("node", json.dumps([node.op, label, joined]).encode())
        for name in sorted(node.attr):
            if name not in _GENERATED:
                _add_attribute(fingerprint, name, node.attr[name], functions, seen)


_GENERATED = frozenset({"shared_name", "container", "_class", "config_proto", "executor_type", "_gradient_op_type"})
"""Attributes that hold generated names or say how to run, not what."""


def _add_attribute(
    fingerprint: Fingerprint, name: str, value: Any, functions: dict[str, Any], seen: dict[str, int]
) -> None:
    called = [value.func.name] if value.HasField("func") else [item.name for item in value.list.func]
    if not called:
        fingerprint.add(name, value.SerializeToString(deterministic=True))
        return
    for function in called:
        first = function not in seen
        fingerprint.add(name, f"function {seen.setdefault(function, len(seen))}".encode())
        if first and function in functions:
            body = functions[function]
            arguments = {argument.name: f"argument {place}" for place, argument in enumerate(body.signature.input_arg)}
            _add_nodes(fingerprint, body.node_def, arguments, set(), functions, seen)


def _renamed(end: str, number: dict[str, str]) -> str:
    """`^dense_3/add:0` -> `^17:0`."""
    control = "^" if end.startswith("^") else ""
    name, colon, port = end.removeprefix("^").partition(":")
    return f"{control}{number.get(name, name)}{colon}{port}"


def of_files(folder: Path, files: Iterable[Path], inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> str:
    """Return the fingerprint of a model of which nothing is known but its files: their names and contents."""
    fingerprint = Fingerprint(inputs, outputs)
    for file in files:
        if file.name != "fingerprint.pb":  # TensorFlow's own, new with every saving
            fingerprint.add(file.relative_to(folder).as_posix(), file_digest(file).encode())
    return fingerprint.hexdigest()


def of_onnx(graph: Any, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> str:
    """Return the fingerprint of an ONNX model (a `ModelProto`): its graph, in which the weights are constants."""
    import onnx
    from onnx import numpy_helper

    fingerprint = Fingerprint(inputs, outputs)
    for opset in sorted(graph.opset_import, key=lambda opset: opset.domain):
        fingerprint.add("opset", f"{opset.domain}:{opset.version}".encode())
    number: dict[str, str] = {}

    def named(name: str) -> str:
        return number.setdefault(name, str(len(number))) if name else ""

    for value in graph.graph.input:
        named(value.name)
    for tensor in graph.graph.initializer:
        named(tensor.name)
        fingerprint.add_array("weight", numpy_helper.to_array(tensor))
    for node in graph.graph.node:
        joined = [[named(name) for name in node.input], [named(name) for name in node.output]]
        fingerprint.add("node", json.dumps([node.domain, node.op_type, *joined]).encode())
        for attribute in sorted(node.attribute, key=lambda attribute: attribute.name):
            bare = onnx.AttributeProto()
            bare.CopyFrom(attribute)
            bare.doc_string = ""
            fingerprint.add("attribute", bare.SerializeToString(deterministic=True))
    fingerprint.add("outputs", json.dumps([named(value.name) for value in graph.graph.output]).encode())
    return fingerprint.hexdigest()
