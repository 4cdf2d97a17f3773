"""Requests to a model as a file: arrays by input as JSON, in columns, as TensorFlow Serving's REST calls have them.

    {"inputs": {"carrier": ["UA", "DL"], "distance": [733.0, null]}}

`null` is a missing number (NaN), and bytes that are no text are `{"b64": "..."}`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Tensor
from levada.errors import ModelError

if TYPE_CHECKING:
    from levada.models.feed import Arrays

WARM_UP = "warmup.json"
"""The requests that a served version is warmed up with, in its folder."""


def write_requests(path: Path, arrays: Arrays) -> None:
    """Write arrays by input, one row for each request."""
    form = {"inputs": {name: _plain(array.tolist()) for name, array in arrays.items()}}
    path.write_text(json.dumps(form, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_requests(path: Path, inputs: tuple[Tensor, ...]) -> Arrays:
    """Return what `write_requests` wrote, for a model that takes `inputs`. Raises ModelError for what does not fit."""
    import numpy as np

    try:
        form: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["inputs"]
        found: Arrays = {}
        for tensor in inputs:
            values = _read(form[tensor.name])
            if tensor.dtype == "string":
                found[tensor.name] = np.array(values, dtype=object).reshape(tensor.shape)
            else:
                found[tensor.name] = np.array(values, dtype=tensor.dtype).reshape(tensor.shape)
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} holds no requests for this model: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return {"number": str(value)}
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if value is None:
        return float("nan")
    if isinstance(value, dict):
        return base64.b64decode(value["b64"]) if "b64" in value else float(value["number"])
    return value
