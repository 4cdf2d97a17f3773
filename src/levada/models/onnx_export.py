"""From a traced Keras network to an ONNX graph, by tf2onnx, with names that are the same every time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levada.artifacts.model import Tensor
from levada.errors import ModelError

ENTRY = "model.onnx"
OPSET = 18
"""Fixed, so that a newer converter does not silently ask for a newer runtime where the model is served."""


def write_onnx(path: Path, function: Any, inputs: tuple[Tensor, ...]) -> tuple[Any, list[tuple[str, str]]]:
    """Write what a `tf.function` of named tensors does as an ONNX graph.

    Returns the graph, and [] or the operations that ONNX has not, with their nodes' names, which begin with the layers
    that made them: then nothing is written. Raises ModelError where the converter refuses for another reason.
    """
    import tf2onnx

    try:
        graph_def, given, made = _frozen(function, inputs)
    except _TablesError as tables:
        return None, tables.found
    try:
        with _quiet():
            graph, _ = tf2onnx.convert.from_graph_def(
                graph_def,
                input_names=list(given),
                output_names=list(made),
                opset=OPSET,
                custom_op_handlers={"Log1p": (_log1p, []), "SelectV2": (_where, [])},
            )
    except Exception as error:  # the converter raises whatever an operation made it trip over
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"the converter to ONNX refuses the network: {type(error).__name__}: {lines[0][:300] if lines else ''}",
            hint='Serve it as it is: format="saved_model".',
        ) from error
    refused = _refused(graph)
    if not refused:
        _name_anew(graph, {**given, **made})
        path.write_bytes(graph.SerializeToString(deterministic=True))
    return graph, refused


class _TablesError(Exception):
    """A graph looks up in tables, which are no constants: `found` are these operations, with their nodes' names."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        super().__init__()
        self.found = found


def _looked_up(graph_def: Any) -> list[tuple[str, str]]:
    nodes = [*graph_def.node, *(node for function in graph_def.library.function for node in function.node_def)]
    return [(node.op, node.name) for node in nodes if node.op.startswith("LookupTable")] or [("LookupTableFindV2", "")]


def _frozen(function: Any, inputs: tuple[Tensor, ...]) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Return a GraphDef in which all weights are constants, and the names of its ends by their names there."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    specs = [
        tf.TensorSpec((None, *tensor.shape[1:]), tf.as_dtype(tensor.dtype), name=tensor.graph_name) for tensor in inputs
    ]

    def positional(*values: Any) -> Any:
        return function(**{tensor.graph_name: value for tensor, value in zip(inputs, values, strict=True)})

    concrete: Any = tf.function(positional, autograph=False, input_signature=specs).get_concrete_function()
    frozen: Any = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    graph_def = frozen.graph.as_graph_def()
    # What a layer holds as a tensor (the means of a Normalization) is no variable: it is an end of the graph still.
    held = {
        inner.op.name: outer.numpy()
        for outer, inner in zip(frozen.captured_inputs, frozen.graph.internal_captures, strict=True)
    }
    for node in graph_def.node:
        if node.name in held:
            node.op = "Const"
            value = tf.make_tensor_proto(held[node.name])
            node.attr.clear()
            node.attr["dtype"].type = value.dtype
            node.attr["value"].tensor.CopyFrom(value)
    tables = [tensor for tensor in frozen.inputs if tensor.op.name not in held and tensor.dtype == tf.resource]
    if tables:
        raise _TablesError(_looked_up(graph_def))
    ends = [tensor.name for tensor in frozen.inputs if tensor.op.name not in held]
    given = {end: tensor.name for end, tensor in zip(ends, inputs, strict=True)}
    made = {end.name: name for end, name in zip(frozen.outputs, sorted(concrete.structured_outputs), strict=True)}
    return graph_def, given, made


def _log1p(context: Any, node: Any, name: str, arguments: Any) -> None:
    """log(1 + x), which ONNX has no operation for."""
    import numpy as np

    one = context.make_const(f"{name}/one", np.array(1, np.float32))
    node.type = "Log"
    context.insert_new_node_on_input(node, "Add", [node.input[0], one.output[0]])


def _where(context: Any, node: Any, name: str, arguments: Any) -> None:
    """A choice, by ONNX's own operation: by products with 0 and 1, as the converter has it, NaN is in both."""
    node.type = "Where"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the converter logs of operations to itself: it is said as an error."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _refused(graph: Any) -> list[tuple[str, str]]:
    """Return the operations that were left as TensorFlow's: ONNX has none of that name."""
    import onnx

    version = {opset.domain: opset.version for opset in graph.opset_import}
    return [
        (node.op_type, node.name)
        for node in graph.graph.node
        if not onnx.defs.has(node.op_type, version.get(node.domain, OPSET), node.domain)
    ]


def _name_anew(graph: Any, ends: dict[str, str]) -> None:
    """Give the ends their names, and put all else in an order, with numbers, that follow from the graph alone.

    The converter's own names have counters in them, and its order follows from these names.
    """
    inner = graph.graph
    nodes = _in_order(inner)
    names: dict[str, str] = {"": "", **ends}
    weights = _renamed(nodes, {tensor.name: tensor for tensor in inner.initializer}, names)
    del inner.node[:]
    inner.node.extend(nodes)
    del inner.initializer[:]
    inner.initializer.extend(weights)
    del inner.value_info[:]
    inner.name = "levada"
    for value in (*inner.input, *inner.output):
        value.name = names[value.name]
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = "rows"


def _in_order(inner: Any) -> list[Any]:
    """Return the nodes that outputs hang on, each behind those that it hangs on itself."""
    makers = {made: node for node in inner.node for made in node.output if made}
    ordered: list[Any] = []
    seen: set[str] = set()
    waiting: list[tuple[str, bool]] = [(value.name, False) for value in reversed(inner.output)]
    while waiting:
        name, done = waiting.pop()
        node = makers.get(name)
        if node is None:
            continue
        first = node.output[0] or name
        if done:
            ordered.append(node)
        elif first not in seen:
            seen.add(first)
            waiting.append((name, True))
            waiting += [(used, False) for used in reversed(list(_used(node)))]
    return ordered


def _used(node: Any) -> Iterator[str]:
    """Yield the names that a node hangs on, within the graphs that it may hold too."""
    yield from node.input
    for attribute in node.attribute:
        for held in attribute.g.node:
            yield from _used(held)
        yield from (value.name for value in attribute.g.output)


def _renamed(nodes: list[Any], weights: dict[str, Any], names: dict[str, str]) -> list[Any]:
    """Rename all that nodes name, in place, adding to `names`; return the weights in the order of their first use."""
    used: list[Any] = []

    def named(name: str) -> str:
        if name not in names:
            names[name] = f"t/{len(names)}"
            if name in weights:
                weights[name].name = names[name]
                used.append(weights[name])
        return names[name]

    for place, node in enumerate(nodes):
        node.name = f"{node.op_type}_{place}"
        node.doc_string = ""
        node.input[:] = [named(name) for name in node.input]
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.name = ""
            if attribute.HasField("g"):
                inside = attribute.g
                for value in inside.input:
                    value.name = named(value.name)
                used += _renamed(
                    list(inside.node), {**weights, **{tensor.name: tensor for tensor in inside.initializer}}, names
                )
                for value in inside.output:
                    value.name = named(value.name)
                del inside.initializer[:], inside.value_info[:]
        node.output[:] = [named(name) for name in node.output]
    return used
