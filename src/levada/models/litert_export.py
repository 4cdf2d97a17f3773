"""From a traced Keras network to a `.tflite` file, and what makes two of them the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import ModelError
from levada.models.fingerprint import Fingerprint

if TYPE_CHECKING:
    from levada.models.feed import Arrays

ENTRY = "model.tflite"
_OPERATION = re.compile(r"'tf\.(\w+)' op (?:is neither a custom op nor a flex op|requires )")
_ENDS = {"Placeholder", "PlaceholderWithDefault", "ReadVariableOp", "VarHandleOp"}
"""What the converter names beside an operation that it has not: where tables and inputs come from."""


def write_litert(
    path: Path, concrete: Any, variables: Sequence[Any], quantize: str, representative: Arrays | None
) -> list[tuple[str, str]]:
    """Write the trace of a network as a LiteRT graph.

    Returns [], or the operations that LiteRT has not, with their nodes' names, which begin with the layers that made
    them: then nothing is written. `variables` are Keras's, of the network; `representative` are the graph's own inputs.
    Raises ModelError where the converter refuses for another reason.
    """
    import tensorflow as tf

    # Keras's own objects do not lead TensorFlow to their variables, which would then be left out, without a word.
    module: Any = tf.Module()
    module.tracked = [variable.value for variable in variables]
    converter: Any = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        assert representative is not None
        converter.representative_dataset = _calibrating(representative)
        # What has no int8 kernel (a logarithm, a choice) stays float.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            content: bytes = converter.convert()
    except Exception as error:  # the converter raises its own, and whatever a pass made it trip over
        named = set(_OPERATION.findall(str(error)))
        refused = sorted(named - _ENDS or named)
        if refused:
            return [(operation, place) for operation in refused for place in scopes_of(concrete, operation) or [""]]
        raise ModelError(
            f"LiteRT's converter refuses the network: {_first_line(error)}",
            hint='Serve it as it is: format="saved_model".',
        ) from error
    path.write_bytes(content)
    return []


def scopes_of(concrete: Any, operation: str) -> list[str]:
    """Return the names of the nodes of a trace that do an operation: they begin with the layers that made them."""
    graph = concrete.graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return list(dict.fromkeys(node.name for node in nodes if node.op == operation))


def _calibrating(arrays: Arrays) -> Callable[[], Iterator[Any]]:
    def batches() -> Iterator[Any]:
        # Row by row: the calibrator lays its graph out anew for each input whose size is another than before.
        for row in range(len(next(iter(arrays.values())))):
            yield {name: array[row : row + 1] for name, array in arrays.items()}

    return batches


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"


def add_litert(fingerprint: Fingerprint, path: Path) -> None:
    """Add a LiteRT graph to a fingerprint: operations, tensors and weights, and how they hang together.

    Names that TensorFlow numbers as it goes do not count, nor what the file says of how it was made.
    """
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    metadata = {entry.buffer for entry in model.metadata or ()}
    for place in metadata:
        model.buffers[place].data = None
    _add(fingerprint, "graph", model)


_SAID = frozenset(
    {"name", "description", "metadata", "metadataBuffer", "signatureDefs", "version", "debugMetadataIndex"}
)


def _add(fingerprint: Fingerprint, label: str, value: Any) -> None:
    import numpy as np

    if value is None or isinstance(value, str | bytes | int | float | bool | np.generic):
        fingerprint.add(label, repr(value.item() if isinstance(value, np.generic) else value).encode())
    elif isinstance(value, np.ndarray):
        fingerprint.add_array(label, value)
    elif isinstance(value, list):
        fingerprint.add(label, str(len(value)).encode())
        for item in value:
            _add(fingerprint, label, item)
    else:
        fingerprint.add(label, type(value).__name__.encode())
        for name in sorted(vars(value)):
            if name not in _SAID:
                _add(fingerprint, name, getattr(value, name))
