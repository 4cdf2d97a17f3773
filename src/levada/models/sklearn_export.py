"""Save a scikit-learn estimator as ONNX: no pickle, and no scikit-learn where it is served.

A conversion is accepted only after both models have answered the same real rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError
from levada.models.feed import arrays_of, count_rows
from levada.models.fingerprint import of_onnx
from levada.models.predictor import read_predictor
from levada.models.signatures import onnx_dtypes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from levada.models.feed import Arrays

ENTRY = "model.onnx"
_OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Fixed, so that a newer converter does not silently ask for a newer runtime where the model is served."""

_MATRIX = "columns_matrix"
"""What an estimator takes that has no inputs by name."""


def save_sklearn(
    estimator: Any,
    out: Model,
    rows: pa.Table,
    *,
    inputs: Sequence[Tensor] | None = None,
    columns: Sequence[str] | None = None,
    name: str = "features",
    tolerance: float = 1e-5,
) -> Model:
    """Convert a fitted estimator to ONNX in the artifact `out`, try it on `rows`, and return `out`.

    `inputs` say what the model takes, with the dtypes that the estimator was fitted on: one matrix, or a scalar a row
    for each column of a DataFrame. With `columns` alone, the estimator was fitted on a matrix of those numeric columns,
    in that order, and the model has one input `name` of float32 `[-1, len(columns)]`. Without either, it was fitted on
    a DataFrame: one input per column of `estimator.feature_names_in_`, a scalar a row, of the type that `rows` has.
    An estimator that takes one matrix (a forest, a ridge) gets the numbers of a DataFrame side by side.

    `rows` are real rows: estimator and ONNX must agree on them. Compared are probabilities (absolute), labels where
    there are no probabilities (share that differs), or a regression's values (relative to the largest). The largest
    difference is kept as the property `largest_difference`. A classifier gives `label` and `probabilities`, anything
    else `prediction`. Raises ModelError if it cannot be converted, or differs by more than `tolerance`.
    """
    if count_rows(rows) == 0:
        raise ModelError("save_sklearn has no rows to compare the converted model on.", hint="Give it some real rows.")
    taken = _inputs_of(estimator, rows, columns, name) if inputs is None else _given(estimator, inputs, columns)
    graph = _convert(estimator, taken)
    outputs = _outputs_of(estimator, graph)
    (out.path / ENTRY).write_bytes(graph.SerializeToString(deterministic=True))
    document = ModelDocument("onnx", ENTRY, taken, outputs, of_onnx(graph, taken, outputs), _framework())
    document.write(out.path)
    fitted_on = _exact(taken, rows) if inputs is None else arrays_of(taken, rows)
    difference = _largest_difference(estimator, read_predictor(out.path).predict(rows), fitted_on)
    if not difference <= tolerance:
        raise ModelError(
            f"the ONNX model differs from {type(estimator).__name__} by up to {difference:.3g} on {count_rows(rows)} "
            f"rows, and {tolerance:g} is allowed.",
            hint="Thresholds on float64 features can flip in float32: fit on float32 data, or raise tolerance=.",
        )
    out.describe(document)
    out.properties["largest_difference"] = float(difference)
    return out


def _framework() -> str:
    import skl2onnx
    import sklearn

    return f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"


def _given(estimator: Any, inputs: Sequence[Tensor], columns: Sequence[str] | None) -> tuple[Tensor, ...]:
    """Return the declared inputs. Raises ModelError where the estimator was fitted on others."""
    if columns is not None:
        raise ModelError("save_sklearn has inputs= and columns=.", hint="inputs= says which columns a matrix stacks.")
    names = [tensor.name for tensor in inputs]
    fitted: list[str] = [str(column) for column in getattr(estimator, "feature_names_in_", ())]
    if fitted and fitted != names and len(inputs[0].shape) == 1:
        raise ModelError(
            f"{type(estimator).__name__} was fitted on {', '.join(fitted)}, and inputs= are {', '.join(names)}.",
            hint="An input for each column of the DataFrame, in its order.",
        )
    return tuple(inputs)


def _inputs_of(estimator: Any, rows: Any, columns: Sequence[str] | None, name: str) -> tuple[Tensor, ...]:
    if columns is not None:
        return (Tensor(name, "float32", (-1, len(columns)), columns=tuple(columns)),)
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        raise ModelError(
            f"{type(estimator).__name__} was fitted on a matrix, so nothing names its columns.",
            hint="Name them in order: save_sklearn(estimator, out, rows, columns=[...]).",
        )
    return tuple(Tensor(str(column), _dtype_of(rows.schema, str(column))) for column in names)


def _dtype_of(schema: Any, column: str) -> str:
    import pyarrow as pa

    if column not in schema.names:
        raise ModelError(f"the estimator was fitted on a column '{column}', and the rows have none.")
    kind = schema.field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int64"
    if pa.types.is_floating(kind):
        return "float32"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    hint = "Cast it before fitting."
    if pa.types.is_temporal(kind):
        hint = "Times do not convert, a feature `Time` neither: make numbers of them in a component before."
    raise ModelError(f"column '{column}' is {kind}, which no model input can be.", hint=hint)


def _convert(estimator: Any, inputs: tuple[Tensor, ...]) -> Any:
    """Return a ModelProto with the declared inputs; raises ModelError with the converter's reason."""
    from skl2onnx.common import data_types

    kinds: dict[str, Any] = {
        "float32": data_types.FloatTensorType,
        "float64": data_types.DoubleTensorType,
        "int64": data_types.Int64TensorType,
        "bool": data_types.BooleanTensorType,
        "string": data_types.StringTensorType,
    }
    scalars = [tensor for tensor in inputs if len(tensor.shape) == 1]
    try:
        graph = _graph(estimator, [(tensor.name, kinds[tensor.dtype]([None, tensor.row_size])) for tensor in inputs])
        for tensor in scalars:
            _take_scalars(graph.graph, tensor.name)
    except ModelError:
        if len(scalars) < 2 or any(tensor.dtype == "string" for tensor in inputs):
            raise
        graph = _graph(estimator, [(_MATRIX, data_types.FloatTensorType([None, len(inputs)]))])
        _stack(graph.graph, inputs)
    if not hasattr(estimator, "classes_"):
        _give_scalars(graph.graph, "prediction")
    return graph


def _graph(estimator: Any, types: list[tuple[str, Any]]) -> Any:
    import skl2onnx

    options: Any = {"zipmap": False} if hasattr(estimator, "classes_") else None
    try:
        return skl2onnx.to_onnx(estimator, initial_types=types, options=options, target_opset=_OPSETS)
    except Exception as error:  # converters raise whatever the estimator made them trip over
        raise _inconvertible(estimator, dict(types), error) from error


def _stack(graph: Any, inputs: tuple[Tensor, ...]) -> None:
    """Let a graph of one matrix take its columns as scalars instead, each of its own dtype."""
    from onnx import TensorProto, helper

    numbers = {dtype: number for number, dtype in onnx_dtypes().items()}
    nodes: list[Any] = []
    parts: list[str] = []
    for tensor in inputs:
        column, part = f"{tensor.name}:column", f"{tensor.name}:float"
        nodes.append(_reshape(graph, tensor.name, column, (-1, 1)))
        nodes.append(helper.make_node("Cast", [column], [part], name=part, to=TensorProto.FLOAT))
        parts.append(part)
    nodes.append(helper.make_node("Concat", parts, [_MATRIX], name=f"{_MATRIX}:concat", axis=1))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    del graph.input[:]
    graph.input.extend(helper.make_tensor_value_info(tensor.name, numbers[tensor.dtype], [None]) for tensor in inputs)


def _inconvertible(estimator: Any, types: dict[str, Any], error: Exception) -> ModelError:
    """Return the error for an estimator that does not convert: which of its columns' transformers is at fault."""
    name = type(estimator).__name__
    for feature, part, kinds in _parts(estimator):
        if not _converts(part, [(column, types[column]) for column in kinds if column in types]):
            advice = next((_ADVICE[kind] for kind in _kinds_within(part) if kind in _ADVICE), "")
            return ModelError(
                f"{name} cannot be converted to ONNX: there is nothing in ONNX for its feature '{feature}'.",
                hint=advice or "Leave it out, or make numbers of it in a component before.",
            )
    first = next(iter(str(error).splitlines()), "")
    return ModelError(
        f"{name} cannot be converted to ONNX: {type(error).__name__}: {first}",
        hint="Only ONNX is pushed (a pickle runs code). Linear models, trees and forests convert.",
    )


_ADVICE = {
    "MissingIndicator": "It says what was missing (indicator=True): leave out indicator, they are filled anyway.",
    "Combination": "It is a cross: leave it out, or combine the columns in a component before.",
    "CountVectorizer": "It is text: only Keras models carry its words, or count them in a component before.",
}
"""What to do about a transformer that ONNX has nothing for, by its class."""


def _parts(estimator: Any) -> Iterator[tuple[str, Any, list[str]]]:
    """Yield the transformers of an estimator's columns: name, transformer, columns."""
    from sklearn.compose import ColumnTransformer

    for _, step in getattr(estimator, "steps", [("", estimator)]):
        if isinstance(step, ColumnTransformer):
            for name, part, columns in step.transformers_:
                yield name, part, [columns] if isinstance(columns, str) else list(columns)


def _kinds_within(part: Any) -> list[str]:
    return [type(part).__name__, *(kind for _, step in getattr(part, "steps", ()) for kind in _kinds_within(step))]


def _converts(part: Any, types: list[tuple[str, Any]]) -> bool:
    import skl2onnx

    try:
        skl2onnx.to_onnx(part, initial_types=types, target_opset=_OPSETS)
    except Exception:  # noqa: BLE001  as above
        return False
    return True


def _take_scalars(graph: Any, name: str) -> None:
    """Let an input that is a matrix of one column take scalars instead."""
    inner = f"{name}:column"
    for node in graph.node:
        node.input[:] = [inner if used == name else used for used in node.input]
    graph.node.insert(0, _reshape(graph, name, inner, (-1, 1)))
    (given,) = [value for value in graph.input if value.name == name]
    del given.type.tensor_type.shape.dim[1]


def _give_scalars(graph: Any, name: str) -> None:
    """Name the only output `name`, and make it one number a row where it is a matrix of one column."""
    (value,) = graph.output
    inner, dims = value.name, value.type.tensor_type.shape.dim
    scalars = len(dims) == 2 and dims[1].dim_value == 1
    graph.node.append(_reshape(graph, inner, name, (-1,) if scalars else (-1, *(dim.dim_value for dim in dims[1:]))))
    value.name = name
    if scalars:
        del dims[1]


def _reshape(graph: Any, source: str, target: str, shape: tuple[int, ...]) -> Any:
    from onnx import TensorProto, helper

    size = f"{target}:shape"
    graph.initializer.append(helper.make_tensor(size, TensorProto.INT64, [len(shape)], shape))
    return helper.make_node("Reshape", [source, size], [target], name=f"{target}:reshape")


def _outputs_of(estimator: Any, graph: Any) -> tuple[Tensor, ...]:
    dtypes = onnx_dtypes()
    classes = tuple(
        label.item() if hasattr(label, "item") else str(label) for label in getattr(estimator, "classes_", ())
    )
    outputs: list[Tensor] = []
    for value in graph.graph.output:
        sizes = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])
        dtype = dtypes.get(value.type.tensor_type.elem_type, "unknown")
        outputs.append(Tensor(value.name, dtype, (-1, *sizes), classes=classes if sizes == (len(classes),) else ()))
    return tuple(outputs)


def _exact(inputs: tuple[Tensor, ...], rows: Any) -> Arrays:
    """Return the inputs as the estimator was fitted on them: float64, where the ONNX model takes float32."""
    exact = [replace(tensor, dtype="float64") if tensor.dtype == "float32" else tensor for tensor in inputs]
    return arrays_of(tuple(exact), rows)


def _largest_difference(estimator: Any, given: Arrays, arrays: Arrays) -> float:
    import numpy as np

    features = _as_fitted(estimator, arrays)
    if hasattr(estimator, "predict_proba"):
        return float(np.abs(given["probabilities"] - estimator.predict_proba(features)).max())
    wanted: np.ndarray[Any, Any] = np.asarray(estimator.predict(features))
    if hasattr(estimator, "classes_"):
        return float((given["label"].astype(str) != wanted.astype(str)).mean())
    prediction = given["prediction"].reshape(wanted.shape)
    return float(np.abs(prediction - wanted).max() / max(1.0, float(np.abs(wanted).max())))


def _as_fitted(estimator: Any, arrays: Arrays) -> Any:
    """Return the model's inputs in the form that the estimator was fitted on."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return next(iter(arrays.values()))
    import pandas as pd

    if len(arrays) == 1 and next(iter(arrays.values())).ndim == 2:
        return pd.DataFrame(next(iter(arrays.values())), columns=names)
    return pd.DataFrame(arrays)
