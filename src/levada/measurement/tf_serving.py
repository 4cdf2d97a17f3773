"""Requests as TensorFlow Serving replays them when it loads a version: `assets.extra/tf_serving_warmup_requests`.

A TFRecord file of `tensorflow.serving.PredictionLog`, each with a `PredictRequest`. The numbers of the fields are those
of tensorflow_serving/apis (prediction_log, predict, model) and tensorflow/core/framework (tensor, tensor_shape, types),
whose Python package is not needed for a few messages, and would bring TensorFlow along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Tensor
from levada.sources.tfrecord import framed

if TYPE_CHECKING:
    import numpy as np

    from levada.models.feed import Arrays

PATH = "assets.extra/tf_serving_warmup_requests"
MOST = 1000
"""Records that TensorFlow Serving replays at most: it refuses a file with more."""

SIGNATURE = "serving_default"
_TYPES = {"float32": 1, "float64": 2, "string": 7, "int64": 9, "bool": 10}
_VARINT, _SIZED = 0, 2


def warmup_records(name: str, inputs: tuple[Tensor, ...], requests: Iterable[Arrays]) -> bytes:
    """Return the content of the file: a record for each request, which has arrays by input. `name` is the model's."""
    return framed(_prediction_log(name, inputs, arrays) for arrays in requests)


def _prediction_log(name: str, inputs: tuple[Tensor, ...], arrays: Arrays) -> bytes:
    spec = _field(1, name.encode()) + _field(3, SIGNATURE.encode())
    entries = [
        _field(2, _field(1, tensor.graph_name.encode()) + _field(2, _tensor(tensor, arrays[tensor.name])))
        for tensor in inputs
    ]
    request = _field(1, spec) + b"".join(entries)
    return _field(6, _field(1, request))  # PredictionLog.predict_log, PredictLog.request


def _tensor(tensor: Tensor, array: np.ndarray[Any, Any]) -> bytes:
    shape = b"".join(_field(2, _number(1, size)) for size in array.shape)
    head = _number(1, _TYPES[tensor.dtype]) + _field(2, shape)
    if tensor.dtype == "string":
        values: list[Any] = array.ravel().tolist()
        return head + b"".join(_field(8, each if isinstance(each, bytes) else each.encode()) for each in values)
    return head + _field(4, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _SIZED) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
