"""Adopt an ONNX graph that was made elsewhere: dtypes that callers do not have are cast at its edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError
from levada.models.fingerprint import of_onnx
from levada.models.signatures import WIDE, named_columns, onnx_dtypes, with_classes

ENTRY = "model.onnx"


def import_onnx(path: Path, out: Model, *, columns: Mapping[str, Sequence[str]], classes: Sequence[str | int]) -> Model:
    """Write an ONNX model of a file, or of a folder with one (weights may lie beside it), into `out`; return `out`.

    Raises ModelError for a file that is none, for outputs that are no tensors, and for sizes that are not fixed but for
    the first, the rows.
    """
    graph = _read(path)
    inputs = [_edge(graph, value, is_input=True) for value in _given(graph)]
    outputs = [_edge(graph, value, is_input=False) for value in list(graph.graph.output)]
    ins, outs = named_columns(inputs, columns), with_classes(outputs, classes)
    (out.path / ENTRY).write_bytes(graph.SerializeToString(deterministic=True))
    producer = " ".join(filter(None, (graph.producer_name, graph.producer_version)))
    framework = f"onnx opset {max((opset.version for opset in graph.opset_import if not opset.domain), default=0)}"
    made_by = f"{framework}, {producer}" if producer else framework
    out.describe(ModelDocument("onnx", ENTRY, ins, outs, of_onnx(graph, ins, outs), made_by))
    return out


def _read(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import external_data_helper

    file = path
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.suffix == ".onnx")
        if len(found) != 1:
            raise ModelError(f"{path} has {len(found)} .onnx files.", hint="Name one of them, or keep one in a folder.")
        (file,) = found
    try:
        graph: Any = onnx.load(str(file), load_external_data=False)
        beside = [tensor for tensor in graph.graph.initializer if external_data_helper.uses_external_data(tensor)]
        if beside and not path.is_dir():
            raise ModelError(
                f"{path} keeps {len(beside)} weights in files beside it.",
                hint=f"Name the folder, so that they count: model_files('{path.parent.name}').",
            )
        if beside:
            external_data_helper.load_external_data_for_model(graph, str(path))
            for tensor in beside:
                tensor.ClearField("external_data")
                tensor.data_location = onnx.TensorProto.DEFAULT
        if kept_beside(graph):
            raise ModelError(f"{file} keeps constants of its nodes in other files: only weights may be there.")
        onnx.checker.check_model(graph)
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        lines = str(error).strip().splitlines()
        raise ModelError(f"{file} is not a whole ONNX model: {lines[0] if lines else type(error).__name__}") from None
    return graph


def kept_beside(graph: Any) -> list[Any]:
    """Return the tensors of an ONNX model, wherever in it they are, whose values lie in other files."""
    from onnx import TensorProto

    return [tensor for tensor in _tensors(graph) if tensor.data_location == TensorProto.EXTERNAL]


def _tensors(message: Any) -> Iterator[Any]:
    """Yield all tensors in a protocol buffer."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _tensors(item)


def _given(graph: Any) -> list[Any]:
    """Return the inputs that a caller gives: old files list the weights among them."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    return [value for value in graph.graph.input if value.name not in constants]


def _edge(graph: Any, value: Any, *, is_input: bool) -> Tensor:
    """Return the tensor that callers see at an edge of the graph, which is changed where it has another dtype."""
    side = "takes" if is_input else "gives"
    if not value.type.HasField("tensor_type"):
        hint = "Export a classifier without ZipMap: options={'zipmap': False}." if not is_input else ""
        raise ModelError(f"the ONNX model {side} '{value.name}', which is no tensor.", hint=hint)
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        raise ModelError(f"nothing says what shape '{value.name}' has.", hint="Run onnx.shape_inference on it first.")
    sizes = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]
    if not sizes or sizes[0] > 0:
        raise ModelError(
            f"the ONNX model {side} '{value.name}' of the shape {sizes}: the first size must be open, for the rows.",
            hint="Export it with a dynamic first dimension (dynamic_axes={...: {0: 'rows'}}).",
        )
    if any(size < 1 for size in sizes[1:]):
        open_ = [dim.dim_param or "?" for dim in kind.shape.dim]
        raise ModelError(
            f"the ONNX model {side} '{value.name}' of the shape {open_}: only the first size, the rows, may be open.",
            hint="Export it with fixed sizes for the others.",
        )
    dtypes = onnx_dtypes()
    if kind.elem_type not in dtypes:
        _cast(graph, value, is_input)
    shape = (-1, *sizes[1:])
    if shape == (-1, 1):
        _scalar(graph, value, is_input)
        shape = (-1,)
    return Tensor(value.name, dtypes[kind.elem_type], shape)


def _cast(graph: Any, value: Any, is_input: bool) -> None:
    """Let callers have a dtype of theirs, which a node casts."""
    from onnx import TensorProto, helper

    kind = value.type.tensor_type
    name = TensorProto.DataType.Name(kind.elem_type).lower()
    if name not in WIDE:
        raise ModelError(f"'{value.name}' is {name}, which no caller can give or take.")
    wide = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT}[WIDE[name]]
    inner = _renamed(graph, value.name, is_input)
    source, target = (value.name, inner) if is_input else (inner, value.name)
    node = helper.make_node("Cast", [source], [target], name=f"{inner}:cast", to=kind.elem_type if is_input else wide)
    _insert(graph, node, is_input)
    kind.elem_type = wide


def _scalar(graph: Any, value: Any, is_input: bool) -> None:
    """Let callers see one number a row where the graph has a matrix of one column."""
    from onnx import TensorProto, helper

    inner = _renamed(graph, value.name, is_input)
    size = f"{inner}:shape"
    shape = (-1, 1) if is_input else (-1,)
    graph.graph.initializer.append(helper.make_tensor(size, TensorProto.INT64, [len(shape)], shape))
    source, target = (value.name, inner) if is_input else (inner, value.name)
    _insert(graph, helper.make_node("Reshape", [source, size], [target], name=f"{inner}:reshape"), is_input)
    del value.type.tensor_type.shape.dim[1]


def _renamed(graph: Any, name: str, is_input: bool) -> str:
    """Give what has a name within the graph another one, so that the edge can have it; return that."""
    taken = {item for node in graph.graph.node for item in (*node.input, *node.output)}
    inner = f"{name}:within"
    while inner in taken:
        inner += "_"
    for node in graph.graph.node:
        ends = [node.input] if is_input else [node.input, node.output]
        for end in ends:
            end[:] = [inner if used == name else used for used in end]
    return inner


def _insert(graph: Any, node: Any, is_input: bool) -> None:
    if is_input:
        graph.graph.node.insert(0, node)
    else:
        graph.graph.node.append(node)
