"""A Keras network as a Model in the format that will be served, compared with the network on real rows first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from levada.artifacts.model import Model, Tensor
from levada.errors import ModelError, ParameterError, did_you_mean
from levada.models.comparison import check_answers, differences
from levada.models.feed import arrays_of, count_rows
from levada.models.keras_export import inputs_of, save_keras, served_by
from levada.models.predictor import load_predictor

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

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
    largest absolute difference of each output is kept in `model.json`, and may not be above `tolerance`. Without one,
    it is 1e-4 for exports that compute the same, and nothing is asked of those that are quantized.

    Raises ModelError for a network that cannot be converted (naming the operation and its layer), for one without
    named inputs or outputs, and for answers that differ; ParameterError for options that do not fit together.
    """
    _check(format, quantize, representative)
    if count_rows(rows) == 0:
        raise ModelError("export_keras has no rows to compare the export on.", hint="Give it some real rows.")
    tensors = tuple(inputs) if inputs is not None else inputs_of(network)
    if format == "saved_model":
        save_keras(network, out, inputs=tensors, output=output, classes=classes)
    else:
        raise ModelError(f"the format {format} is not there yet.")
    wanted = served_by(network, tensors, output)(arrays_of(tensors, rows))
    given = load_predictor(out.path).predict(rows)
    allowed = tolerance if tolerance is not None else None if quantize else TOLERANCE
    if allowed is None:
        found = differences(given, wanted)
    else:
        found = check_answers(given, wanted, allowed, f"the {format} export")
    out.describe(replace(out.document, differences=found, compared=count_rows(rows)))
    out.properties["largest_difference"] = max(found.values(), default=0.0)
    return out


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
