"""The runtimes that answer for a model, one a format: how each is imported, installed and loaded."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import ModelDocument
from levada.errors import ModelError
from levada.models.lookups import Lookups

if TYPE_CHECKING:
    from levada.models.feed import Arrays

    Call = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Runtime:
    """What runs models of one format.

    `title` is for people, `imported` imports it, `packages` may install it (the first that is there counts),
    `extra` is Levada's extra that does. `open` loads a file or folder and returns what answers: arrays by input in,
    arrays by output out; its third argument is the number of threads of one call (None: the runtime's own choice).
    """

    title: str
    imported: Callable[[], None]
    packages: tuple[str, ...]
    extra: str
    open: Callable[[Path, ModelDocument, int | None], Call]

    @property
    def version(self) -> str:
        """What is installed, "" if nothing is."""
        for package in self.packages:
            with suppress(importlib.metadata.PackageNotFoundError):
                return importlib.metadata.version(package)
        return ""

    def load(self) -> None:
        """Import the runtime. Raises ModelError, with what to install, where it is not there."""
        try:
            self.imported()
        except ImportError as error:
            raise ModelError(
                f"this model is run by {self.title}: it needs {error.name}, which is not installed.",
                hint=f"Install it: pip install 'levada[{self.extra}]'.",
            ) from None


# Each import stands in the code: a module that is named by a text could be any, and then all code would count for it.


def _tensorflow() -> None:
    import tensorflow  # noqa: F401  # pyright: ignore[reportUnusedImport]


def _interpreter() -> None:
    from ai_edge_litert import interpreter  # noqa: F401  # pyright: ignore[reportUnusedImport]


def _onnx_runtime() -> None:
    import onnxruntime  # noqa: F401  # pyright: ignore[reportUnusedImport]


class _SavedModel:
    """A SavedModel's `serving_default`, with the loaded object, whose variables the signature holds only weakly."""

    def __init__(self, path: Path, document: ModelDocument, threads: int | None) -> None:
        import tensorflow as tf

        if threads is not None:
            with suppress(RuntimeError):  # said too late: this process has computed something before
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(threads)
        self._constant = tf.constant
        self._loaded: Any = tf.saved_model.load(str(path))
        self._signature = self._loaded.signatures["serving_default"]
        self._inputs = [(each.graph_name, each.name, tf.as_dtype(each.dtype)) for each in document.inputs]

    def __call__(self, arrays: Arrays) -> Arrays:
        # Through tf.constant, since a dict of numpy string arrays is not accepted everywhere.
        given = self._signature(**{inside: self._constant(arrays[name], dtype) for inside, name, dtype in self._inputs})
        return {name: value.numpy() for name, value in given.items()}


class _LiteRT:
    """The one signature of a `.tflite` file; tensors are laid out anew where the number of rows changes."""

    def __init__(self, path: Path, document: ModelDocument, threads: int | None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
            runner = self._interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be loaded: {error}") from None
        names = {tensor.graph_name: tensor.name for tensor in document.inputs}
        details: dict[str, Any] = dict(runner.get_input_details())
        self._inputs = [(names.get(inside, inside), each["index"], each["dtype"]) for inside, each in details.items()]
        self._outputs = [(name, each["index"]) for name, each in runner.get_output_details().items()]
        self._rows = -1

    def __call__(self, arrays: Arrays) -> Arrays:
        rows = len(next(iter(arrays.values()), ()))
        try:
            if rows != self._rows:
                self._rows = -1
                for name, index, _ in self._inputs:
                    self._interpreter.resize_tensor_input(index, arrays[name].shape)
                self._interpreter.allocate_tensors()
                self._rows = rows
            for name, index, dtype in self._inputs:
                array = arrays[name]
                self._interpreter.set_tensor(index, array if array.dtype == dtype else array.astype(dtype))
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT cannot run the model on {rows} rows: {error}") from None
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs}


def _open_onnx(path: Path, document: ModelDocument, threads: int | None) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  ONNX Runtime's own have no common public class
        raise ModelError(f"{path} cannot be loaded: {error}") from None
    names = [tensor.name for tensor in document.outputs]

    def call(arrays: Arrays) -> Arrays:
        try:
            return dict(zip(names, session.run(names, arrays), strict=True))
        except Exception as error:
            raise ModelError(f"ONNX Runtime cannot run the model: {error}") from error

    return call


RUNTIMES: dict[str, Runtime] = {
    "saved_model": Runtime("TensorFlow", _tensorflow, ("tensorflow", "tensorflow-cpu"), "tensorflow", _SavedModel),
    "litert": Runtime("LiteRT", _interpreter, ("ai-edge-litert",), "litert", _LiteRT),
    "onnx": Runtime("ONNX Runtime", _onnx_runtime, ("onnxruntime", "onnxruntime-gpu"), "onnx", _open_onnx),
}
"""What answers for a model, by the format in its `model.json`."""


def open_model(folder: Path, document: ModelDocument, threads: int | None = None) -> Call:
    """Return what answers for the model of a folder: arrays by input in, arrays by output out, nothing checked.

    What is done before the graph is part of it. Raises ModelError if the model cannot be loaded, or if what runs it
    is not installed.
    """
    runtime = RUNTIMES[document.format]
    runtime.load()
    entry = folder / document.entry
    try:
        call = runtime.open(entry, document, threads)
    except OSError as error:
        raise ModelError(f"{entry} cannot be loaded: {error}") from None
    if not document.lookups:
        return call
    path = folder / document.lookups
    try:
        lookups = Lookups.read(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} does not say what is done before the graph: {error}") from None

    def call_behind(arrays: Arrays) -> Arrays:
        try:
            given = lookups(arrays)
        except ValueError as error:
            raise ModelError(str(error)) from None
        return call(given)

    return call_behind
