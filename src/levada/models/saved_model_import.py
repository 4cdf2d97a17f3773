"""Adopt a SavedModel that was made elsewhere, behind a signature of the kinds that callers have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError, did_you_mean
from levada.models.files import files_of
from levada.models.fingerprint import Fingerprint
from levada.models.signatures import WIDE, named_columns, with_classes
from levada.store import file_digest

ENTRY = "saved_model"
SIGNATURE = "serving_default"

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
"""Operations that reach out of the graph: into files, into Python. Saving and restoring variables is in every graph."""


def import_saved_model(
    path: Path,
    out: Model,
    *,
    signature: str = SIGNATURE,
    columns: Mapping[str, Sequence[str]],
    classes: Sequence[str | int],
) -> Model:
    """Write a SavedModel into `out`, with one of its signatures as the one that is served, and return `out`.

    Matrices of one column become scalars a row, small integers int64, small floats float32. The fingerprint is that of
    the files: what of a graph that somebody else has traced counts cannot be told.

    Raises ModelError for a folder that is damaged, a signature that is not there, operations that read or write files,
    and sizes that are not fixed but for the first, the rows.
    """
    import tensorflow as tf

    _check_operations(path)
    try:
        loaded: Any = tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ModelError(f"{path} cannot be loaded: {str(error).strip().splitlines()[0]}") from None
    if signature not in loaded.signatures:
        known = list(loaded.signatures)
        hint = did_you_mean(signature, known) or (
            f"It has {', '.join(known)}: import_model(signature=...)." if known else "Save it with signatures={...}."
        )
        raise ModelError(f"{path} has no signature '{signature}'.", hint=hint)
    call = loaded.signatures[signature]
    given: dict[str, Any] = call.structured_input_signature[1]
    inputs = named_columns([_tensor(name, spec) for name, spec in sorted(given.items())], columns)
    outputs = with_classes([_tensor(name, spec) for name, spec in sorted(call.structured_outputs.items())], classes)

    def serve(**features: Any) -> dict[str, Any]:
        answer = call(**{name: _inner(features[name], spec) for name, spec in given.items()})
        return {tensor.name: _outer(answer[tensor.name], tensor) for tensor in outputs}

    module: Any = tf.Module()
    module.model = loaded
    specs = {
        tensor.name: tf.TensorSpec((None, *tensor.shape[1:]), tf.as_dtype(tensor.dtype), name=tensor.name)
        for tensor in inputs
    }
    module.serve = tf.function(serve, autograph=False)
    concrete = module.serve.get_concrete_function(**specs)
    tf.saved_model.save(module, str(out.path / ENTRY), signatures={SIGNATURE: concrete})
    framework = f"tensorflow {getattr(loaded, 'tensorflow_version', '?')}"
    out.describe(ModelDocument("saved_model", ENTRY, inputs, outputs, _fingerprint(path, inputs, outputs), framework))
    return out


def _check_operations(path: Path) -> None:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    document: Any = saved_model_pb2.SavedModel()
    try:
        document.ParseFromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path / 'saved_model.pb'} is damaged: {error}") from None
    for graph in (meta.graph_def for meta in document.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        found = sorted({node.op for node in nodes} & REFUSED)
        if found:
            raise ModelError(
                f"{path} has operations that reach files, or run Python: {', '.join(found)}.",
                hint="Export the model without; give it bytes instead of paths.",
            )


def _tensor(name: str, spec: Any) -> Tensor:
    if spec.shape.rank is None or spec.shape.rank == 0 or spec.shape[0] is not None:
        raise ModelError(
            f"the SavedModel's '{name}' has the shape {spec.shape}: the first size must be open, for the rows.",
            hint="Export it with tf.TensorSpec([None, ...]).",
        )
    sizes = tuple(spec.shape[1:])
    if any(size is None for size in sizes):
        raise ModelError(f"the SavedModel's '{name}' has the shape {spec.shape}: only the first size may be open.")
    dtype = str(spec.dtype.name)
    return Tensor(name, WIDE.get(dtype, dtype), (-1,) if sizes in ((), (1,)) else (-1, *sizes))


def _inner(value: Any, spec: Any) -> Any:
    import tensorflow as tf

    value = value if value.dtype == spec.dtype else tf.cast(value, spec.dtype)
    return tf.reshape(value, (-1, *spec.shape[1:]))


def _outer(value: Any, tensor: Tensor) -> Any:
    import tensorflow as tf

    value = value if value.dtype.name == tensor.dtype else tf.cast(value, tensor.dtype)
    return tf.reshape(value, tensor.shape)


def _fingerprint(path: Path, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> str:
    fingerprint = Fingerprint(inputs, outputs)
    for file in files_of(path):
        if file.name != "fingerprint.pb":  # TensorFlow's own, new with every saving
            fingerprint.add(file.relative_to(path).as_posix(), file_digest(file).encode())
    return fingerprint.hexdigest()
