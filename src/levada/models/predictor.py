"""A loaded model: tables in, named arrays out. SavedModel by TensorFlow, ONNX by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import ModelDocument, Tensor
from levada.errors import ModelError
from levada.models.feed import arrays_of, count_rows

if TYPE_CHECKING:
    import numpy as np

    from levada.models.feed import Arrays, Rows

BATCH = 65_536
"""Rows asked at once: large, since every call has a fixed cost; bounded, since activations take memory."""


class Predictor:
    """A model that answers. `document` says what it takes and gives."""

    def __init__(self, document: ModelDocument, call: Callable[[Arrays], Arrays]) -> None:
        self.document = document
        self._call = call

    def predict(self, rows: Rows, *, batch: int = BATCH) -> Arrays:
        """Return each output by name, one row for each row of `rows`.

        `rows` is an Arrow table, or numpy arrays by column name; columns the model does not take are ignored.
        Scalars come as shape `(n,)`, strings as objects. Raises ModelError for rows the model cannot take.
        """
        import numpy as np

        arrays = arrays_of(self.document.inputs, rows)
        count = count_rows(rows)
        if count == 0:
            return {tensor.name: _empty(tensor) for tensor in self.document.outputs}
        parts: list[Arrays] = []
        for start in range(0, count, batch):
            given = self._call({name: array[start : start + batch] for name, array in arrays.items()})
            parts.append(_checked(self.document, given))
        return {tensor.name: np.concatenate([part[tensor.name] for part in parts]) for tensor in self.document.outputs}


def load_predictor(folder: Path | str) -> Predictor:
    """Return the model of a folder that has a `model.json`: an artifact's, or a served version's.

    Raises ModelError if it cannot be loaded, or if the library that runs it is not installed.
    """
    folder = Path(folder)
    document = ModelDocument.read(folder)
    load = _load_onnx if document.format == "onnx" else _SavedModel
    try:
        return Predictor(document, load(folder / document.entry, document))
    except ImportError as error:
        extra = "onnx" if document.format == "onnx" else "tensorflow"
        raise ModelError(
            f"a model of format {document.format} needs {error.name}, which is not installed.",
            hint=f"Install it: pip install 'levada[{extra}]'.",
        ) from None
    except OSError as error:
        raise ModelError(f"{folder / document.entry} cannot be loaded: {error}") from None


class _SavedModel:
    """A SavedModel's `serving_default`, with the loaded object, whose variables the signature holds only weakly."""

    def __init__(self, path: Path, document: ModelDocument) -> None:
        import tensorflow as tf

        self._constant = tf.constant
        self._loaded: Any = tf.saved_model.load(str(path))
        self._signature = self._loaded.signatures["serving_default"]
        self._dtypes: dict[str, Any] = {tensor.name: tf.as_dtype(tensor.dtype) for tensor in document.inputs}

    def __call__(self, arrays: Arrays) -> Arrays:
        # Through tf.constant, since a dict of numpy string arrays is not accepted everywhere.
        given = self._signature(**{name: self._constant(array, self._dtypes[name]) for name, array in arrays.items()})
        return {name: value.numpy() for name, value in given.items()}


def _load_onnx(path: Path, document: ModelDocument) -> Callable[[Arrays], Arrays]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  ONNX Runtime's own have no common public class
        raise ModelError(f"{path} cannot be loaded: {error}") from None
    names = [tensor.name for tensor in document.outputs]
    return lambda arrays: dict(zip(names, session.run(names, arrays), strict=True))


def _checked(document: ModelDocument, given: Arrays) -> Arrays:
    import numpy as np

    outputs: Arrays = {}
    for tensor in document.outputs:
        if tensor.name not in given:
            raise ModelError(f"the model gave {', '.join(given) or 'nothing'}, and no output '{tensor.name}'.")
        array = given[tensor.name].reshape(tensor.shape)
        if tensor.dtype == "string" and array.dtype.kind in "OS":
            array = np.array([_text(value) for value in array.ravel()], dtype=object).reshape(array.shape)
        outputs[tensor.name] = array
    return outputs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _empty(tensor: Tensor) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.empty((0, *tensor.shape[1:]), dtype=object if tensor.dtype == "string" else tensor.dtype)
