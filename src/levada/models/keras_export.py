"""Save a Keras model as a SavedModel that takes raw features by name, scalars a row.

The signature has one keyword tensor per feature, so TensorFlow Serving's row format
(`{"instances": [{"carrier": "AA", "distance": 733.0}]}`) works as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError
from levada.models.fingerprint import of_keras
from levada.models.signatures import WIDE, Classes, with_classes, with_graph_names

if TYPE_CHECKING:
    import keras

    from levada.models.feed import Arrays

ENTRY = "saved_model"
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def save_keras(
    model: keras.Model,
    out: Model,
    *,
    inputs: Sequence[Tensor] | None = None,
    output: str = "prediction",
    classes: Classes = (),
) -> Model:
    """Write a Keras model into the artifact `out`, with a signature of raw features, and return `out`.

    `inputs` says what a caller gives; without it, that is one input per `keras.Input`, of its name, dtype and shape,
    where shapes `()` and `(1,)` both mean a scalar a row. Give `inputs` to stack scalar columns into a matrix
    (`Tensor("features", "float32", (-1, 64), columns=[...])`), or for a model without symbolic inputs, which is then
    called with a dict. `output` names the output of a model that has one; a model that returns a dict keeps
    its names. An output of one number a row is a scalar. `classes` are the labels of a softmax output, in order; of a
    single sigmoid, what 0 and 1 stand for; of several outputs, labels by the output's name.

    Lambda layers and custom objects need no registration: what they compute is saved. Raises ModelError for a model
    without inputs, with a dtype that no caller can give, that calls Python to predict, or with other classes.
    """
    import keras as keras_
    import tensorflow as tf

    tensors = with_graph_names(inputs if inputs is not None else inputs_of(model))
    function, concrete = traced(caller(model, tensors), tensors, output)
    outputs = outputs_of(concrete, classes)
    archive: Any = keras_.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", function)
    archive.write_out(str(out.path / ENTRY), verbose=False)
    fingerprint = of_keras(model, concrete, tensors, outputs)
    framework = f"keras {keras_.__version__}, tensorflow {tf.__version__}"
    out.describe(ModelDocument("saved_model", ENTRY, tensors, outputs, fingerprint, framework))
    return out


def traced(call: Callable[[dict[str, Any]], Any], inputs: tuple[Tensor, ...], output: str) -> tuple[Any, Any]:
    """Return what serves a call of tensors by name: a `tf.function` of them, and its trace for any number of rows.

    The tensors are called by their `graph_name`. Raises ModelError for outputs without names, and a call of Python.
    """
    import tensorflow as tf

    def serve(**features: Any) -> dict[str, Any]:
        return _outputs_of(call({tensor.name: features[tensor.graph_name] for tensor in inputs}), output)

    specs = {
        tensor.graph_name: tf.TensorSpec((None, *tensor.shape[1:]), tf.as_dtype(tensor.dtype), name=tensor.graph_name)
        for tensor in inputs
    }
    function: Any = tf.function(serve, autograph=False)
    concrete: Any = function.get_concrete_function(**specs)
    _refuse_python(concrete.graph.as_graph_def())
    return function, concrete


def outputs_of(concrete: Any, classes: Classes) -> tuple[Tensor, ...]:
    """Return the outputs of a trace as callers see them. Raises ModelError for one whose rows have no fixed size."""
    outputs = concrete.structured_outputs.items()
    return with_classes(
        [Tensor(name, spec.dtype.name, (-1, *_fixed("gives", name, spec.shape[1:]))) for name, spec in outputs],
        classes,
    )


def served_by(model: Any, inputs: tuple[Tensor, ...], output: str) -> Callable[[Arrays], Arrays]:
    """Return what a Keras model answers to arrays by input, as a model that was saved would: arrays by output."""
    import tensorflow as tf

    _, concrete = traced(caller(model, inputs), inputs, output)
    ends = [(tensor.graph_name, tensor.name, tf.as_dtype(tensor.dtype)) for tensor in inputs]

    def answer(arrays: Arrays) -> Arrays:
        given = concrete(**{inside: tf.constant(arrays[name], dtype) for inside, name, dtype in ends})
        return {name: value.numpy() for name, value in given.items()}

    return answer


def _refuse_python(graph: Any) -> None:
    """Raise ModelError for a graph that calls Python: the function is not in the file, so nothing else could run it."""
    nodes = (*graph.node, *(node for function in graph.library.function for node in function.node_def))
    calling = next((node.name for node in nodes if node.op in _PYTHON), None)
    if calling is not None:
        raise ModelError(
            f"the model calls Python when it predicts ({calling}), which no saved model can hold.",
            hint="Write what tf.py_function or tf.numpy_function does with keras.ops or TensorFlow. Lambda layers and "
            "layers of your own are saved as what they compute, and need no registration.",
        )


def inputs_of(model: Any) -> tuple[Tensor, ...]:
    """Return one input per `keras.Input`, as callers see it.

    Raises ModelError for a model without, and for an input whose rows have no fixed size.
    """
    symbolic = getattr(model, "inputs", None)
    if not symbolic:
        raise ModelError(
            f"{type(model).__name__} has no keras.Input, so nothing says what it takes.",
            hint='Name its inputs: save_keras(model, out, inputs=[Tensor("distance", "float32")]).',
        )
    # A layer of levada.features knows whether the column that it reads has lists of any length.
    layers = model._flatten_layers(include_self=False, recursive=True)
    padded = {layer.column for layer in layers if getattr(layer, "is_padded", False)}
    return tuple(
        Tensor(item.name, _wide(item.dtype), _shape_of(item, padded), padded=item.name in padded) for item in symbolic
    )


def _shape_of(item: Any, padded: set[str]) -> tuple[int, ...]:
    sizes = _fixed("takes", item.name, item.shape[1:])
    return (-1, *sizes) if item.name in padded else _rows_of(sizes)


def _fixed(side: str, name: str, sizes: Any) -> tuple[int, ...]:
    if any(size is None for size in sizes):
        shape = ["rows", *("open" if size is None else size for size in sizes)]
        raise ModelError(
            f"the model {side} '{name}' of the shape [{', '.join(str(size) for size in shape)}]: a row has one size.",
            hint="Fix it: keras.Input((length,)), with lists filled up, or images resized, to that length.",
        )
    return tuple(sizes)


def _rows_of(shape: Any) -> tuple[int, ...]:
    """Return the shape that callers see: the rows first, a scalar for `()` and for `(1,)`."""
    return (-1,) if tuple(shape) in ((), (1,)) else (-1, *shape)


def _wide(dtype: str) -> str:
    """Return the dtype that callers use for a dtype inside a model: ints are int64, small floats float32."""
    return WIDE.get(dtype, dtype)


def caller(model: Any, tensors: tuple[Tensor, ...]) -> Callable[[dict[str, Any]], Any]:
    """Return a function of the features by name that calls the model in the form and dtypes that it wants.

    Raises ModelError for a feature that the model has no input for.
    """
    import tensorflow as tf

    symbolic = {item.name: item for item in getattr(model, "inputs", None) or ()}
    # A Sequential takes its one tensor bare; a functional model takes a dict by name, however it was built.
    alone = len(symbolic) == 1 and not isinstance(getattr(model, "_inputs_struct", None), dict)
    if alone and len(tensors) == 1:
        symbolic = {tensors[0].name: next(iter(symbolic.values()))}  # its name is nothing that a caller would say
    unknown = [tensor.name for tensor in tensors if symbolic and tensor.name not in symbolic]
    if unknown:
        raise ModelError(
            f"the model has no keras.Input named {', '.join(unknown)}.", hint=f"It has {', '.join(symbolic)}."
        )

    def call(features: dict[str, Any]) -> Any:
        given: dict[str, Any] = {}
        for name, value in features.items():
            wanted = symbolic.get(name)
            if wanted is not None and wanted.dtype != value.dtype.name:
                value = tf.cast(value, wanted.dtype)
            given[name] = value if wanted is None else tf.reshape(value, (-1, *wanted.shape[1:]))
        return model(next(iter(given.values())) if alone else given, training=False)

    return call


def _outputs_of(result: Any, name: str) -> dict[str, Any]:
    import tensorflow as tf

    if isinstance(result, list | tuple):
        raise ModelError(
            f"the model returns {len(result)} outputs without names.",
            hint="Build it as keras.Model(inputs, {'name': tensor, ...}).",
        )
    named: dict[str, Any] = result if isinstance(result, dict) else {name: result}
    outputs: dict[str, Any] = {}
    for key, value in named.items():
        value = value if value.dtype == tf.string else tf.cast(value, _wide(value.dtype.name))
        outputs[key] = tf.reshape(value, [-1]) if value.shape.rank == 2 and value.shape[1] == 1 else value
    return outputs
