"""Predicts with the model in this folder: a SavedModel, a LiteRT or an ONNX file, as its `model.json` describes it.

A frame of raw features goes in, a frame with a column per output comes out. This file is part of the model: it
needs mlflow, numpy, pandas and the model's own runtime (TensorFlow, LiteRT or ONNX Runtime), and not Levada.
"""
# pyright: basic, reportMissingTypeStubs=false, reportPrivateImportUsage=false

import importlib.util
import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

DTYPES = {"string": object, "int64": np.int64, "float32": np.float32, "float64": np.float64, "bool": np.bool_}


class LevadaModel(mlflow.pyfunc.PythonModel):
    """The model behind `mlflow.pyfunc.load_model`."""

    def load_context(self, context):
        folder = Path(context.artifacts["model"])
        self.description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        entry = folder / self.description["entry"]
        loaders = {"litert": _load_litert, "onnx": _load_onnx, "saved_model": _load_saved_model}
        graph = _by_their_names(loaders[self.description["format"]](entry), self.description)
        before = _load_lookups(folder, self.description.get("lookups"))
        self.ask = graph if before is None else lambda asked: graph(before(asked))

    # Without this hint MLflow warns at every load; it checks nothing by it, the schema in MLmodel does.
    def predict(self, context, model_input: pd.DataFrame, params=None):
        inputs = self.description["inputs"]
        asked = {item["name"]: _tensor(model_input, item, len(inputs)) for item in inputs}
        answered = self.ask(asked)
        index = model_input.index if isinstance(model_input, pd.DataFrame) else None
        columns = {item["name"]: _column(answered[item["name"]]) for item in self.description["outputs"]}
        return pd.DataFrame(columns, index=index)


def _by_their_names(graph, description):
    """Return a graph that is asked by the names of inputs, where it calls them otherwise."""
    inside = {item["name"]: item["inside"] for item in description["inputs"] if "inside" in item}
    if not inside or description["format"] == "onnx":
        return graph
    return lambda asked: graph({inside.get(name, name): value for name, value in asked.items()})


def _load_lookups(folder, name):
    """Return what is done before the graph, by the code that lies beside the model; None where nothing is."""
    if not name:
        return None
    package = folder.parent / "before_graph"
    found = importlib.util.spec_from_file_location("before_graph", package / "__init__.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["before_graph"] = module
    found.loader.exec_module(module)
    return module.Lookups.read(folder / name)


def _load_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()
    inputs = {name: details["dtype"] for name, details in runner.get_input_details().items()}
    return lambda asked: runner(**{name: asked[name].astype(dtype, copy=False) for name, dtype in inputs.items()})


def _load_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda asked: dict(zip(names, session.run(names, asked), strict=True))


def _load_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def ask(asked, _keep=loaded):  # a signature does not keep its model alive
        # TensorFlow takes strings as a list, not as an array of objects.
        plain = {name: value.tolist() if value.dtype == object else value for name, value in asked.items()}
        answered = signature(**{name: tf.constant(value) for name, value in plain.items()})
        return {name: tensor.numpy() for name, tensor in answered.items()}

    return ask


def _tensor(given, item, inputs):
    """Return one input of the model: a column, columns beside each other, or what stands under its name."""
    name, dtype, shape = item["name"], DTYPES[item["dtype"]], item["shape"]
    columns = item.get("columns")
    if columns:
        _check(given, columns)
        return np.column_stack([_array(given[column], dtype) for column in columns])
    if isinstance(given, np.ndarray):
        if inputs != 1:
            raise ValueError(f"the model has {inputs} inputs: pass a DataFrame or a dict by name, not one array.")
        values = given
    else:
        _check(given, [name])
        values = given[name]
    array = _array(values, dtype)
    return array.reshape([len(array), *shape[1:]]) if len(shape) > 1 else array


def _check(given, names):
    if not isinstance(given, pd.DataFrame | dict):
        raise TypeError(f"wanted a DataFrame with the columns {', '.join(names)}, got {type(given).__name__}.")
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"the model wants the columns {', '.join(missing)}, and they are not there.")


def _array(values, dtype):
    if dtype is object:
        flat = pd.Series(list(values), dtype=object)
        texts = [value if isinstance(value, bytes) else str(value) for value in flat.where(flat.notna(), "")]
        return np.array(texts, dtype=object)
    array = values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values)
    if array.dtype == object and len(array) and not np.isscalar(array[0]):
        array = np.stack([np.asarray(value) for value in array])  # a column of lists: one tensor a row
    return array.astype(dtype)


def _column(values):
    """Return an output as a column: numbers where a row has one, lists where it has several."""
    array = np.asarray(values)
    if array.dtype.kind == "S" or (array.dtype == object and len(array) and isinstance(array.flat[0], bytes)):
        array = np.vectorize(lambda value: value.decode("utf-8"), otypes=[object])(array)
    if array.ndim > 1 and array[0:1].size == 1:
        array = array.reshape(len(array))
    return array if array.ndim == 1 else array.tolist()


mlflow.models.set_model(LevadaModel())
