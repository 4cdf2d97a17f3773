"""`model.json` says what a model takes and gives, and is read without any ML library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Model
from levada.errors import ModelError
from levada.models import ModelDocument, Tensor, load_predictor
from levada.models.signatures import with_classes
from tests.models.workshop import Workshop

DOCUMENT = ModelDocument(
    "onnx",
    "model.onnx",
    (Tensor("pixels", "float32", (-1, 2), columns=("a", "b")), Tensor("word", "string")),
    (Tensor("probabilities", "float32", (-1, 2), classes=("no", "yes")),),
    "f00d",
    "by hand",
)


def test_a_document_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    DOCUMENT.write(tmp_path)
    assert ModelDocument.read(tmp_path) == DOCUMENT
    assert DOCUMENT.columns == ("a", "b", "word")


def test_each_of_several_outputs_may_have_classes_of_its_own() -> None:
    late, cause = Tensor("late", "float32", (-1,)), Tensor("cause", "float32", (-1, 2))
    assert [tensor.classes for tensor in with_classes((late, cause), ("a", "b"))] == [(), ("a", "b")]
    named = with_classes((late, cause), {"cause": ("a", "b"), "late": ("no", "yes")})
    assert [tensor.classes for tensor in named] == [("no", "yes"), ("a", "b")]
    with pytest.raises(ModelError, match=r"classes= names 'couse', which is no output of the model.\n.*cause"):
        with_classes((late, cause), {"couse": ("a", "b")})


def test_the_file_has_the_promised_form(tmp_path: Path) -> None:
    DOCUMENT.write(tmp_path)
    form = json.loads((tmp_path / "model.json").read_text())
    assert list(form) == ["format", "entry", "inputs", "outputs", "fingerprint", "framework"]
    assert form["inputs"][0] == {"name": "pixels", "dtype": "float32", "shape": [-1, 2], "columns": ["a", "b"]}
    assert form["inputs"][1] == {"name": "word", "dtype": "string", "shape": [-1]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "it has no model.json"),
        ("{", "does not describe"),
        ("{}", "does not describe"),
    ],
)
def test_a_folder_without_a_proper_document_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=said):
        load_predictor(tmp_path)


def test_dtypes_and_shapes_that_no_caller_can_give_are_refused() -> None:
    with pytest.raises(ModelError, match="dtype float16"):
        Tensor("x", "float16")
    with pytest.raises(ModelError, match="wanted -1"):
        Tensor("x", "float32", (8,))
    with pytest.raises(ModelError, match="stacks 2 columns"):
        Tensor("x", "float32", (-1, 3), columns=("a", "b"))


def test_classes_are_those_of_the_numbers_that_an_output_gives() -> None:
    assert Tensor("p", "float32", (-1, 3), classes=("a", "b", "c")).classes == ("a", "b", "c")
    assert Tensor("p", "float32", (-1,), classes=("no", "yes")).gives_second
    with pytest.raises(ModelError, match=r"'p' gives \[5\] a row, and has 3 classes"):
        Tensor("p", "float32", (-1, 5), classes=("a", "b", "c"))
    with pytest.raises(ModelError, match="'p' gives 1 a row, and has 3 classes"):
        Tensor("p", "float32", (-1,), classes=("a", "b", "c"))
    with pytest.raises(ModelError, match="'p' has the class 'a' twice"):
        Tensor("p", "float32", (-1, 2), classes=("a", "a"))


def test_a_model_is_its_fingerprint_whatever_its_files_are(workshop: Workshop) -> None:
    first, second = workshop.echo("p"), workshop.echo("p")
    (second.path / "notes.txt").write_text("written on another day")
    again = workshop.make(Model, lambda model: _copy(second, model))
    assert first.record.identity == again.record.identity == first.fingerprint
    assert first.digest != again.digest
    assert workshop.echo("q").fingerprint != first.fingerprint
    assert workshop.echo("p", add=0.5).fingerprint != first.fingerprint


def _copy(source: Model, target: Model) -> None:
    for file in source.path.iterdir():
        (target.path / file.name).write_bytes(file.read_bytes())
    target.properties.update(source.properties)


def test_a_model_that_was_not_saved_has_no_fingerprint(workshop: Workshop) -> None:
    empty = workshop.make(Model, lambda model: None)
    with pytest.raises(ModelError, match="was not saved"):
        _ = empty.fingerprint


def test_a_model_answers_tables_arrays_and_nothing_in_any_batch_size(workshop: Workshop) -> None:
    predictor = workshop.echo("p").load()
    table = pa.table({"p": [0.25, 0.5, 0.75], "other": ["x", "y", "z"]})
    for batch in (1, 2, 100):
        assert predictor.predict(table, batch=batch)["probability"].tolist() == [0.25, 0.5, 0.75]
    assert predictor.predict({"p": np.array([0.5])})["probability"].tolist() == [0.5]
    assert predictor.predict(table.slice(0, 0))["probability"].shape == (0,)


def test_a_damaged_model_is_said_to_be_one(workshop: Workshop) -> None:
    model = workshop.echo("p")
    (model.path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        model.load()


def test_importing_models_artifacts_components_and_pipelines_loads_nothing_heavy() -> None:
    code = (
        "import sys, levada.models, levada.artifacts, levada.components, pipelines.flights, pipelines.digits;"
        "heavy = {'tensorflow', 'keras', 'onnx', 'onnxruntime', 'sklearn', 'pyarrow', 'numpy', 'pandas', 'mlflow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
