"""Adopt a SavedModel that was made elsewhere, behind a signature of the kinds that callers have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError, did_you_mean
from levada.models.files import files_of
from levada.models.fingerprint import of_files
from levada.models.operations import check_operations
from levada.models.signatures import WIDE, named_columns, with_classes, with_graph_names

ENTRY = "saved_model"
SIGNATURE = "serving_default"


def import_saved_model(
    path: Path,
    out: Model,
    *,
    signature: str = SIGNATURE,
    columns: Mapping[str, Sequence[str]],
    classes: Sequence[str | int],
    trust: Sequence[str] = (),
) -> Model:
    """Write a SavedModel into `out`, with one of its signatures as the one that is served, and return `out`.

    Matrices of one column become scalars a row, small integers int64, small floats float32. The fingerprint is that of
    the files: what of a graph that somebody else has traced counts cannot be told. `trust` names operations that it may
    have beyond those that only compute: see `check_operations`.

    Raises ModelError for a folder that is damaged, a signature that is not there, operations that do more than compute,
    and sizes that are not fixed but for the first, the rows.
    """
    import tensorflow as tf

    check_operations(path, trust)
    try:
        loaded: Any = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises whatever a damaged graph made it trip over
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{path} cannot be loaded: {first}") from error
    if signature not in loaded.signatures:
        known = list(loaded.signatures)
        hint = did_you_mean(signature, known) or (
            f"It has {', '.join(known)}: import_model(signature=...)." if known else "Save it with signatures={...}."
        )
        raise ModelError(f"{path} has no signature '{signature}'.", hint=hint)
    call = loaded.signatures[signature]
    given: dict[str, Any] = call.structured_input_signature[1]
    inputs = with_graph_names(named_columns([_tensor(name, spec) for name, spec in sorted(given.items())], columns))
    outputs = with_classes([_tensor(name, spec) for name, spec in sorted(call.structured_outputs.items())], classes)

    def serve(**features: Any) -> dict[str, Any]:
        answer = call(**{each.name: _inner(features[each.graph_name], given[each.name]) for each in inputs})
        return {tensor.name: _outer(answer[tensor.name], tensor) for tensor in outputs}

    module: Any = tf.Module()
    module.model = loaded
    specs = {
        tensor.graph_name: tf.TensorSpec((None, *tensor.shape[1:]), tf.as_dtype(tensor.dtype), name=tensor.graph_name)
        for tensor in inputs
    }
    module.serve = tf.function(serve, autograph=False)
    concrete = module.serve.get_concrete_function(**specs)
    tf.saved_model.save(module, str(out.path / ENTRY), signatures={SIGNATURE: concrete})
    framework = f"tensorflow {getattr(loaded, 'tensorflow_version', '?')}"
    out.describe(
        ModelDocument("saved_model", ENTRY, inputs, outputs, of_files(path, files_of(path), inputs, outputs), framework)
    )
    return out


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
