"""What a model's files may do to whoever loads them, looked at before they are served: what is not known is refused.

Each format is looked at by what knows it:

- SavedModel: operations that read and write files, or call Python; Lambda layers. Pickles: none is served.
- The same once more by `modelscan`, where it is installed: operations that TensorFlow does not have, pickles that reach
  for functions. A file that it could not read counts as found.
- ONNX: operations of a domain that ONNX Runtime does not bring itself, which would load a library of somebody else's;
  weights in files outside the model's folder.
- LiteRT: operations that the interpreter does not bring itself, TensorFlow's own ("Flex") among them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from levada.errors import ComponentError, ModelError
from levada.models.files import PICKLES

ONNX_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
"""Where the operations come from that ONNX Runtime brings itself."""

REFUSED = frozenset(
    [
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "MatchingFilesDataset",
        "PyFunc",
        "PyFuncStateless",
        "EagerPyFunc",
        "GeneratorDataset",
        "WholeFileReader",
        "WholeFileReaderV2",
        "TextLineReader",
        "TextLineReaderV2",
        "TFRecordReader",
        "TFRecordReaderV2",
        "FixedLengthRecordReader",
        "FixedLengthRecordReaderV2",
        "LMDBReader",
        "LMDBDataset",
        "TextLineDataset",
        "TFRecordDataset",
        "TFRecordDatasetV2",
        "FixedLengthRecordDataset",
        "FixedLengthRecordDatasetV2",
        "SaveDataset",
        "SaveDatasetV2",
        "LoadDataset",
        "SnapshotDataset",
        "SnapshotDatasetV2",
        "DatasetToTFRecord",
        "CreateSummaryFileWriter",
        "CreateSummaryDbWriter",
    ]
)
"""Operations that reach out of the graph: into files, into Python. Saving and restoring variables is in every graph.

This is not `levada.models.operations`, which guards what comes in from other hands by what is allowed: for that it asks
the registry of TensorFlow's operations, and so has to load TensorFlow. A push does not, and what it pushes was made by
a run here, or has passed that guard; custom operations, which only their library could give to a server, are found by
`modelscan`, where it is installed. So a push names what reaches out, and an import what does not.
"""

FINGERPRINT = "fingerprint.pb"
"""A few numbers that TensorFlow writes beside a graph."""

SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """What is wrong with one file, in a sentence without its name."""

    path: str
    said: str

    def __str__(self) -> str:
        return f"{self.path}: {self.said}"


def refuse_unsafe(content: Mapping[str, Path]) -> None:
    """Raise ComponentError, with what was found, for files that are not safe to load, or that nobody could look at.

    `content` gives each file by its path in the model's folder.
    """
    found = list(scan(content))
    if found:
        more = f" ... and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise ComponentError(
            "the model is not safe to serve: " + "; ".join(str(item) for item in found[:SHOWN]) + more,
            hint="Nothing was pushed. Export the model without it; if the file is not yours, ask where it is from.",
        )


def scan(content: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield what is wrong with the files of a model; see `refuse_unsafe`."""
    for path, file in content.items():
        if file.is_symlink():
            yield Finding(path, "is a link, and what it leads to may change")
        elif PurePosixPath(path).suffix.lower() in (*PICKLES, ".pt", ".pth"):
            yield Finding(path, "is a pickle, which runs code where it is loaded")
        elif path.endswith(".pb"):
            yield from _saved_model(path, file)
        elif path.endswith(".onnx"):
            yield from _onnx(path, file, content)
        elif path.endswith(".tflite"):
            yield from _litert(path, file)
    weights = {where for path, file in content.items() if path.endswith(".onnx") for where in _beside(file)}
    known = {path: file for path, file in content.items() if path not in weights and _is_for_modelscan(path, file)}
    if known:
        yield from _modelscan(known)


def _is_for_modelscan(path: str, file: Path) -> bool:
    """Whether a file is of a kind that `modelscan` looks at; TensorFlow's `fingerprint.pb` is a few numbers."""
    if path == FINGERPRINT:
        return False
    if PurePosixPath(path).suffix.lower() in SCANNED:
        return True
    with file.open("rb") as read:
        return read.read(4) == b"PK\x03\x04"  # a zip, of PyTorch or Keras, by whatever name


SCANNED = frozenset(
    [
        ".pb",
        ".h5",
        ".keras",
        ".npy",
        ".npz",
        ".pkl",
        ".pickle",
        ".joblib",
        ".dill",
        ".dat",
        ".data",
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".zip",
        ".skops",
    ]
)
"""Endings of the files that `modelscan` has scanners for."""


def _modelscan(known: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield what `modelscan` finds, where it is installed: it has no version for Python 3.13 yet."""
    try:
        from modelscan.modelscan import ModelScan
    except ImportError:
        return
    logging.getLogger("modelscan").addHandler(logging.NullHandler())
    scanner = ModelScan()
    for path, file in known.items():
        report: dict[str, Any] = scanner.scan(file)
        for issue in report["issues"]:
            yield Finding(path, _said(issue))
        for error in report["errors"]:
            yield Finding(path, f"could not be looked at: {_reason(error)}")
        names = [str(item.get("category", "")) for item in report["summary"]["skipped"]["skipped_files"]]
        if not report["issues"] and not report["errors"] and not report["summary"]["scanned"]["total_scanned"]:
            yield Finding(path, f"could not be looked at ({', '.join(names).lower() or 'no scanner took it'})")


def _said(issue: Mapping[str, Any]) -> str:
    operator, module = issue.get("operator", "?"), issue.get("module", "?")
    severity = str(issue.get("severity", "")).lower()
    if str(issue.get("scanner", "")).endswith("SavedModelTensorflowOpScan"):
        what = f"the operation {operator}"
        if operator in ("ReadFile", "WriteFile"):
            what += ", which reaches files where it is served"
        else:
            what += ", which TensorFlow does not have"
    elif operator == "Lambda":
        what = "a Lambda layer, which runs code of whoever made it"
    else:
        what = f"a pickle that calls {module}.{operator}"
    return f"{what} (modelscan: {severity})"


def _reason(error: Mapping[str, Any]) -> str:
    text = str(error.get("description") or error.get("category") or "no reason given")
    if "tensorflow" in text.lower() and "install" in text.lower():
        return "modelscan needs TensorFlow for it: pip install 'levada[tensorflow]'"
    return text.splitlines()[0][:200]


def _saved_model(path: str, file: Path) -> Iterator[Finding]:
    """Look at a graph's operations without TensorFlow, whose import takes seconds."""
    if path == FINGERPRINT:
        return
    content = file.read_bytes()
    if path.endswith("keras_metadata.pb"):
        if b"Lambda" in content:
            yield Finding(path, "a Lambda layer, which runs code of whoever made it")
        return
    from google.protobuf.message import DecodeError

    document = _saved_model_class()()
    try:
        document.ParseFromString(content)
    except DecodeError:
        yield Finding(path, "could not be looked at: it is no SavedModel")
        return
    graphs = [meta.graph_def for meta in document.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    for name in sorted({node.op for node in nodes} & REFUSED):
        yield Finding(path, f"the operation {name}, which reaches files or Python where it is served")
    if any(node.op == "PrintV2" and _stream(node).startswith(b"file:") for node in nodes):
        yield Finding(path, "the operation PrintV2, which writes a file where it is served")


def _stream(node: Any) -> bytes:
    return next((entry.value.s for entry in node.attr if entry.key == "output_stream"), b"")


@cache
def _saved_model_class() -> Any:
    """Return the parts of TensorFlow's `SavedModel` message that say which operations there are."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    messages = {  # name: (field, number, type, repeated), as in tensorflow/core/protobuf and core/framework
        "Value": [("s", 2, "bytes", False)],
        "AttrEntry": [("key", 1, "string", False), ("value", 2, "Value", False)],
        "Node": [("op", 2, "string", False), ("attr", 5, "AttrEntry", True)],
        "Function": [("node_def", 3, "Node", True)],
        "Library": [("function", 1, "Function", True)],
        "Graph": [("node", 1, "Node", True), ("library", 2, "Library", False)],
        "MetaGraph": [("graph_def", 2, "Graph", False)],
        "SavedModel": [("meta_graphs", 2, "MetaGraph", True)],
    }
    file = descriptor_pb2.FileDescriptorProto(name="levada/saved_model.proto", package="levada", syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            made = message.field.add(name=field, number=number)
            made.label = made.LABEL_REPEATED if repeated else made.LABEL_OPTIONAL
            if kind in messages:
                made.type, made.type_name = made.TYPE_MESSAGE, f".levada.{kind}"
            else:
                made.type = made.TYPE_BYTES if kind == "bytes" else made.TYPE_STRING
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("levada.SavedModel"))


def _onnx(path: str, file: Path, content: Mapping[str, Path]) -> Iterator[Finding]:
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            f"an ONNX model is looked at before it is pushed, and {error.name} is not installed.",
            hint="pip install 'levada[onnx]'.",
        ) from None
    from google.protobuf.message import DecodeError

    try:
        model: Any = onnx.load(str(file), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        yield Finding(path, f"could not be looked at: {(str(error).splitlines() or ['no ONNX model'])[0][:200]}")
        return
    own = {(function.domain, function.name) for function in model.functions}
    strange: dict[str, str] = {}
    for node in _nodes(model):
        if node.domain not in ONNX_DOMAINS and (node.domain, node.op_type) not in own:
            strange.setdefault(f"{node.domain}.{node.op_type}", node.domain)
    for name in sorted(strange):
        yield Finding(path, f"the operation {name}, which ONNX Runtime does not bring itself")
    for tensor in _tensors(model):
        where = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        if tensor.data_location == onnx.TensorProto.EXTERNAL and where not in content:
            name = tensor.name or "a weight"
            outside = PurePosixPath(where).is_absolute() or ".." in PurePosixPath(where).parts
            wrong = "outside the model's folder" if outside else "which is not part of the model"
            yield Finding(path, f"the weight {name} lies in '{where}', {wrong}")


def _beside(file: Path) -> set[str]:
    """Return the files in which an ONNX model keeps weights: plain numbers, whatever their names end in."""
    import onnx

    try:
        model: Any = onnx.load(str(file), load_external_data=False)
    except Exception:  # noqa: BLE001  said by _onnx
        return set()
    return {entry.value for tensor in _tensors(model) for entry in tensor.external_data if entry.key == "location"}


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        yield from _inner(node)


def _inner(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from _graphs(attribute.g)
        for graph in attribute.graphs:
            yield from _graphs(graph)


def _nodes(model: Any) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function.node
        for node in function.node:
            for graph in _inner(node):
                yield from graph.node


def _tensors(model: Any) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in _nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


CUSTOM = 32
"""The built-in operator code of LiteRT that stands for a custom one: schema.fbs, BuiltinOperator.CUSTOM."""


def _litert(path: str, file: Path) -> Iterator[Finding]:
    content = file.read_bytes()
    if content[4:8] != b"TFL3":
        yield Finding(path, "could not be looked at: it is no LiteRT model")
        return
    try:
        names = sorted(_custom_operations(content))
    except Exception as error:  # noqa: BLE001  a damaged file: flatbuffers checks no offset
        yield Finding(path, f"could not be looked at: {type(error).__name__}")
        return
    for name in names:
        yield Finding(path, f"the operation {name}, which the LiteRT interpreter does not bring itself")


def _custom_operations(content: bytes) -> set[str]:
    """Return the names of the custom operations of a `.tflite` file.

    Read by hand, since only the packages that run such models have the generated classes: field 1 of the root table is
    `operator_codes`; of each, 0 is `deprecated_builtin_code`, 1 `custom_code`, 3 `builtin_code` (schema.fbs, v3).
    """
    from flatbuffers import encode, number_types, packer
    from flatbuffers.table import Table

    root = Table(content, encode.Get(packer.uoffset, content, 0))
    at = root.Offset(6)
    found: set[str] = set()
    if not at:
        return found
    start = root.Vector(at)
    for place in range(root.VectorLen(at)):
        code = Table(content, root.Indirect(start + 4 * place))
        old, custom, new = code.Offset(4), code.Offset(6), code.Offset(10)
        number = max(
            code.Get(number_types.Int8Flags, old + code.Pos) if old else 0,
            code.Get(number_types.Int32Flags, new + code.Pos) if new else 0,
        )
        if number == CUSTOM or custom:
            name = code.String(custom + code.Pos) if custom else b"?"
            found.add(bytes(name).decode(errors="replace"))
    return found
