"""The Model artifact: a folder whose `model.json` says what the model takes and gives.

    model.json       format, entry, inputs, outputs, fingerprint, framework: readable without any ML library
    saved_model/     a TensorFlow SavedModel, or
    model.tflite     a LiteRT graph, or
    model.onnx       an ONNX graph
    lookups.json     what is done to some columns before such a graph, where it cannot carry texts
    training.json    how it was trained, with a number an epoch for each metric, where `levada.training` did it
    network.json     which function of the project made the network, and all else that training it again takes

A model is more than its bytes: two equal trainings write different files. What counts as the same model is
its `fingerprint`, over weights, architecture and the state of its preprocessing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from levada.artifact import Artifact
from levada.errors import ModelError
from levada.values import float_or_object

if TYPE_CHECKING:
    from levada.models.predictor import Predictor

DOCUMENT = "model.json"
TRAINING = "training.json"
NETWORK = "network.json"
FORMATS = ("saved_model", "litert", "onnx")
DTYPES = ("string", "int64", "float32", "float64", "bool")


@dataclass(frozen=True)
class Tensor:
    """One named input or output of a model.

    `dtype` is one of `DTYPES`. `shape` starts with -1, the rows: `(-1,)` is a scalar a row, `(-1, 8, 8)` an 8x8 array
    a row. An input with `columns` is a matrix `(-1, len(columns))` of those scalar columns, in that order. An output
    with `classes` gives a probability per class, in that order; one of shape `(-1,)`, with two classes, that of the
    second. A `padded` input of shape `(-1, n)` takes lists of any length: shorter ones are filled up with missing
    values (NaN, an empty string), longer ones cut. `inside` is what a graph, and so TensorFlow Serving, calls an
    input whose name it cannot have; "" where that is its name.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = (-1,)
    columns: tuple[str, ...] = ()
    classes: tuple[str | int, ...] = ()
    padded: bool = False
    inside: str = ""

    @property
    def graph_name(self) -> str:
        """What a graph calls it."""
        return self.inside or self.name

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ModelError(
                f"'{self.name}' has the dtype {self.dtype}: a model takes and gives {', '.join(DTYPES)}.",
                hint="Cast it inside the model, so that callers see one of these.",
            )
        if not self.shape or self.shape[0] != -1 or any(size < 1 for size in self.shape[1:]):
            raise ModelError(
                f"'{self.name}' has the shape {list(self.shape)}: wanted -1 (the rows) and then fixed sizes."
            )
        if self.padded and (len(self.shape) != 2 or self.dtype in ("int64", "bool")):
            raise ModelError(
                f"'{self.name}' is {self.dtype} {list(self.shape)} and cannot be padded: wanted [-1, n], float or text."
            )
        if self.columns and self.shape != (-1, len(self.columns)):
            raise ModelError(
                f"'{self.name}' stacks {len(self.columns)} columns, so its shape is [-1, {len(self.columns)}], "
                f"not {list(self.shape)}."
            )

        self._check_classes()

    def _check_classes(self) -> None:
        if not self.classes:
            return
        twice = [name for place, name in enumerate(self.classes) if name in self.classes[:place]]
        if twice:
            raise ModelError(f"'{self.name}' has the class {twice[0]!r} twice.")
        if self.shape != (-1, len(self.classes)) and not self.gives_second:
            raise ModelError(
                f"'{self.name}' gives {list(self.shape[1:]) or 1} a row, and has {len(self.classes)} classes.",
                hint="Wanted a number for each class; one number is enough for two: the probability of the second.",
            )

    @property
    def gives_second(self) -> bool:
        """Whether this is one number a row: the probability of the second of two classes."""
        return self.shape == (-1,) and len(self.classes) == 2

    @property
    def row_size(self) -> int:
        """How many numbers one row has."""
        return math.prod(self.shape[1:])

    @property
    def takes(self) -> tuple[str, ...]:
        """The columns of a table that this input is made of."""
        return self.columns or (self.name,)

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}
        if self.columns:
            form["columns"] = list(self.columns)
        if self.classes:
            form["classes"] = list(self.classes)
        if self.padded:
            form["padded"] = True
        if self.inside:
            form["inside"] = self.inside
        return form

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Tensor:
        return Tensor(
            form["name"],
            form["dtype"],
            tuple(form["shape"]),
            tuple(form.get("columns", ())),
            tuple(form.get("classes", ())),
            bool(form.get("padded", False)),
            form.get("inside", ""),
        )


@dataclass(frozen=True)
class ModelDocument:
    """The content of `model.json`.

    `entry` is the file or folder to load, from the document's own folder ("." where they are one folder, as in a
    serving directory). `fingerprint` is a sha256 in hex; `framework` says what wrote it ("keras 3.15.1").

    `lookups` is the file beside the entry with what is done before the graph ("" if nothing is). `quantization` says
    how weights were made smaller ("" if they were not). `differences` has the largest absolute difference of each
    output from the model that this one was made from, over `compared` real rows (0 if it was not compared).
    """

    format: str
    entry: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    fingerprint: str
    framework: str
    lookups: str = ""
    quantization: str = ""
    differences: Mapping[str, float] = field(default_factory=dict[str, float])
    compared: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have to be asked about, in the order of the inputs."""
        return tuple(dict.fromkeys(column for tensor in self.inputs for column in tensor.takes))

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {
            "format": self.format,
            "entry": self.entry,
            "inputs": [tensor.to_json() for tensor in self.inputs],
            "outputs": [tensor.to_json() for tensor in self.outputs],
            "fingerprint": self.fingerprint,
            "framework": self.framework,
        }
        if self.lookups:
            form["lookups"] = self.lookups
        if self.quantization:
            form["quantization"] = self.quantization
        if self.compared:
            form |= {"differences": dict(self.differences), "compared": self.compared}
        return form

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> ModelDocument:
        if form["format"] not in FORMATS:
            raise ModelError(f"the format {form['format']} is not one of {', '.join(FORMATS)}.")
        lookups = form.get("lookups", "")
        if "/" in lookups or "\\" in lookups or lookups.startswith("."):
            raise ModelError(f"the lookups {lookups!r} are no file beside the graph.")
        entry = PurePosixPath(form["entry"])
        if entry.is_absolute() or ".." in entry.parts:
            raise ModelError(f"the entry '{entry}' lies outside the model's folder.")
        return ModelDocument(
            form["format"],
            form["entry"],
            tuple(Tensor.from_json(item) for item in form["inputs"]),
            tuple(Tensor.from_json(item) for item in form["outputs"]),
            form["fingerprint"],
            form["framework"],
            lookups,
            form.get("quantization", ""),
            form.get("differences", {}),
            form.get("compared", 0),
        )

    def write(self, folder: Path) -> None:
        """Write `model.json` into a folder."""
        (folder / DOCUMENT).write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n")

    @staticmethod
    def read(folder: Path) -> ModelDocument:
        """Return the document of a folder; raises ModelError if there is none or it is not one."""
        path = folder / DOCUMENT
        try:
            return ModelDocument.from_json(json.loads(path.read_text()))
        except FileNotFoundError:
            raise ModelError(
                f"{folder} is not the folder of a model: it has no {DOCUMENT}.",
                hint="Name what save_keras or save_sklearn wrote, a served version, or the folder that pushes go to.",
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} does not describe a model: {type(error).__name__}: {error}.") from None


class Model(Artifact):
    """A trained model with its preprocessing, from raw features to predictions."""

    @property
    def document(self) -> ModelDocument:
        """What `model.json` says: inputs, outputs, format, fingerprint."""
        return ModelDocument.read(self.path)

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over weights, architecture and preprocessing state; raises ModelError if it is not saved yet."""
        fingerprint = self.properties.get("fingerprint")
        if not isinstance(fingerprint, str):
            raise ModelError(
                "the model has no fingerprint: it was not saved.",
                hint="Write it with levada.models.save_keras or save_sklearn.",
            )
        return fingerprint

    @property
    def curves(self) -> dict[str, list[float]]:
        """How its training went: for each metric a number an epoch; empty where nothing was kept of it."""
        return self._training("curves") or {}

    @property
    def trained_on(self) -> str:
        """The split that it was trained on; empty where nothing was kept of it."""
        return str(self._training("split") or "")

    def _training(self, key: str) -> Any:
        try:
            return json.loads((self.path / TRAINING).read_text(), object_hook=float_or_object)[key]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def describe(self, document: ModelDocument) -> None:
        """Write `model.json`, and take over the fingerprint: what saves a model calls this last."""
        document.write(self.path)
        self.properties["format"] = document.format
        self.properties["framework"] = document.framework
        self.properties["fingerprint"] = document.fingerprint

    def load(self) -> Predictor:
        """Return the model, ready to predict; raises ModelError if it cannot be loaded."""
        from levada.models.predictor import read_predictor

        return read_predictor(self.path)
