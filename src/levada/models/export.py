"""A Keras network as a Model in the format that will be served, compared with the network on real rows first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from levada.artifacts.model import Model, ModelDocument, Tensor
from levada.errors import ModelError, ParameterError, did_you_mean
from levada.models.comparison import check_answers, differences
from levada.models.feed import arrays_of, count_rows
from levada.models.fingerprint import Fingerprint, of_onnx
from levada.models.keras_export import inputs_of, outputs_of, save_keras, served_by, traced
from levada.models.keras_split import Split, split
from levada.models.lookups import FILE as LOOKUPS
from levada.models.predictor import read_predictor
from levada.models.runtimes import RUNTIMES
from levada.models.signatures import with_graph_names

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

    from levada.models.feed import Arrays

Format = Literal["saved_model", "litert", "onnx"]
Quantization = Literal["", "float16", "dynamic_int8", "int8"]

FORMATS: tuple[Format, ...] = ("saved_model", "litert", "onnx")
QUANTIZATIONS: tuple[Quantization, ...] = ("", "float16", "dynamic_int8", "int8")
TOLERANCE = 1e-4


def export_keras(
    network: keras.Model,
    out: Model,
    rows: pa.Table,
    *,
    format: Format = "saved_model",  # noqa: A002  what model.json calls it
    inputs: Sequence[Tensor] | None = None,
    output: str = "prediction",
    classes: Sequence[str | int] = (),
    quantize: Quantization = "",
    representative: pa.Table | None = None,
    tolerance: float | None = None,
) -> Model:
    """Write a Keras network into the artifact `out` in the format of a runtime, and return `out`.

    `inputs`, `output` and `classes` are those of `save_keras`. `format` is `saved_model` (TensorFlow Serving),
    `litert` (`model.tflite`) or `onnx` (`model.onnx`). What these two cannot carry (texts, hashes, the calendar) is
    done before the graph by whoever loads the model: `lookups.json` says what, from the state that the layers have.

    `quantize` makes the weights of `litert` smaller: `float16`, `dynamic_int8` (weights int8, activations float), or
    `int8` (both, calibrated on the `representative` rows, at best some hundred of those that are trained on; what has
    no int8 kernel stays float; inputs and outputs stay as they are).

    `rows` are real rows. The network and the export, asked by the runtime that will serve it, must agree on them: the
    largest absolute difference of each output is kept in `model.json`, and may not be above `tolerance`, or that share
    of the output's largest number if it is beyond 1. Without one, it is 1e-4 for exports that compute the same, and
    nothing is asked of those that are quantized.

    Raises ModelError for a network that cannot be converted (naming the operation and its layer), for one without
    named inputs or outputs, and for answers that differ; ParameterError for options that do not fit together.
    """
    _check(format, quantize, representative)
    if count_rows(rows) == 0:
        raise ModelError("export_keras has no rows to compare the export on.", hint="Give it some real rows.")
    tensors = with_graph_names(inputs if inputs is not None else inputs_of(network))
    if format == "saved_model":
        save_keras(network, out, inputs=tensors, output=output, classes=classes)
    else:
        _convert(network, out, tensors, format, output, classes, quantize, representative)
    wanted = served_by(network, tensors, output)(arrays_of(tensors, rows))
    given = read_predictor(out.path).predict(rows)
    allowed = tolerance if tolerance is not None else None if quantize else TOLERANCE
    if allowed is None:
        found = differences(given, wanted)
        strange = next((name for name, difference in found.items() if difference == float("inf")), None)
        if strange is not None:
            raise ModelError(
                f"the {format} export gives no number in '{strange}' for rows of which the network gives one.",
                hint=f"Quantize it otherwise than by {quantize}, or not.",
            )
    else:
        found = check_answers(given, wanted, allowed, f"the {format} export")
    out.describe(replace(out.document, differences=found, compared=count_rows(rows)))
    out.properties["largest_difference"] = max(found.values(), default=0.0)
    return out


def _convert(
    network: Any,
    out: Model,
    inputs: tuple[Tensor, ...],
    format_: Format,
    output: str,
    classes: Sequence[str | int],
    quantize: Quantization,
    representative: Any,
) -> None:
    """Write a graph of one file, what is done before it, and `model.json`."""
    import keras as keras_
    import tensorflow as tf

    runtime = RUNTIMES[format_]
    cut = split(network, inputs, runtime.title)
    function, concrete = traced(cut.call, cut.inputs, output)
    outputs = outputs_of(concrete, classes)
    fingerprint = Fingerprint(inputs, outputs)
    if format_ == "litert":
        from levada.models.litert_export import ENTRY, add_litert, write_litert

        calibrating = None
        if quantize == "int8":
            calibrating = _representative(inputs, representative, cut)
        refused = write_litert(out.path / ENTRY, concrete, network.variables, quantize, calibrating)
        _check_refused(refused, network, runtime.title)
        add_litert(fingerprint, out.path / ENTRY)
    else:
        from levada.models.onnx_export import ENTRY, write_onnx

        graph, refused = write_onnx(out.path / ENTRY, function, cut.inputs)
        _check_refused(refused, network, runtime.title)
        fingerprint.add("graph", of_onnx(graph, cut.inputs, outputs).encode())
    if cut.lookups is not None:
        cut.lookups.write(out.path / LOOKUPS)
        fingerprint.add("lookups", (out.path / LOOKUPS).read_bytes())
    framework = f"keras {keras_.__version__}, tensorflow {tf.__version__}"
    lookups = LOOKUPS if cut.lookups is not None else ""
    out.describe(ModelDocument(format_, ENTRY, inputs, outputs, fingerprint.hexdigest(), framework, lookups, quantize))


def _representative(inputs: tuple[Tensor, ...], rows: Any, cut: Split) -> Arrays:
    """Return what the graph is calibrated on: rows without missing or infinite numbers, which the converter dies of."""
    import numpy as np

    if count_rows(rows) == 0:
        raise ModelError("representative= has no rows to calibrate on.", hint="Give some hundred that are trained on.")
    try:
        arrays = arrays_of(inputs, rows)
    except ModelError as error:
        raise ModelError(f"representative=: {error.message}", hint=error.hint) from None
    given = cut.lookups(arrays) if cut.lookups else arrays
    whole = np.ones(count_rows(rows), bool)
    for array in given.values():
        whole &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not whole.any():
        raise ModelError(
            f"representative= has {len(whole):,} rows, and each misses a number, or has an infinite one.",
            hint="Give rows with all their numbers: what activations are like is measured on them.",
        )
    return {name: array[whole] for name, array in given.items()}


def _check_refused(refused: list[tuple[str, str]], network: Any, title: str) -> None:
    """Raise ModelError for operations that a runtime has not: which, in which layer, and what else there is."""
    if not refused:
        return
    layers: list[Any] = network._flatten_layers(include_self=False, recursive=True)
    known = sorted(((layer.name, type(layer).__name__) for layer in layers), key=lambda each: -len(each[0]))
    found = dict.fromkeys((operation, _layer_of(scope, known)) for operation, scope in refused)
    listed = ", ".join(f"{operation}{f' in {layer}' if layer else ''}" for operation, layer in list(found)[:4])
    raise ModelError(
        f"{title} has no operation for {listed}{', ...' if len(found) > 4 else ''}.",
        hint=_instead({operation for operation, _ in refused}) + 'or serve the model as it is: format="saved_model".',
    )


def _instead(operations: set[str]) -> str:
    """Return what else there is for operations that a runtime has not, as the beginning of a sentence."""
    if any(operation.startswith("TensorList") for operation in operations):
        return "Write the loop of a recurrent layer out, with the same weights: LSTM(..., unroll=True); "
    if any(operation.startswith("LookupTable") for operation in operations):
        return "StringLookup, and Words of levada.features, are done before the graph, of whole numbers too; "
    return "Write it with operations that it has (keras.ops of numbers mostly are); "


def _layer_of(scope: str, known: list[tuple[str, str]]) -> str:
    """Return the innermost layer in the name of a node: Keras numbers names that come twice."""
    for part in reversed(scope.split("/")):
        for name, kind in known:
            if part == name or re.fullmatch(rf"{re.escape(name)}_\d+", part):
                return f"layer '{name}' ({kind})"
    return ""


def _check(format_: str, quantize: str, representative: Any) -> None:
    if format_ not in FORMATS:
        hint = did_you_mean(format_, FORMATS) or f"There is {', '.join(FORMATS)}."
        raise ParameterError(f"export_keras(format={format_!r}): there is no such format.", hint=hint)
    if quantize not in QUANTIZATIONS:
        known = [name for name in QUANTIZATIONS if name]
        hint = did_you_mean(quantize, known) or f"There is {', '.join(known)}."
        raise ParameterError(f"export_keras(quantize={quantize!r}): there is no such way.", hint=hint)
    if quantize and format_ != "litert":
        raise ParameterError(
            f"export_keras(quantize={quantize!r}, format={format_!r}): weights are quantized for LiteRT alone.",
            hint='Take format="litert".',
        )
    if quantize == "int8" and representative is None:
        raise ParameterError(
            'export_keras(quantize="int8") needs rows to calibrate the activations on.',
            hint="Give representative=, some hundred rows of those that are trained on; dynamic_int8 needs none.",
        )
