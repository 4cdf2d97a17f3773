"""The gate before a push: a model is loaded as it will be served, and its requests are kept to warm versions up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model
from levada.artifacts.serving_check import ServingCheck
from levada.components import validate_serving
from levada.errors import DataError, ModelError, ParameterError
from levada.measurement.tf_serving import PATH, warmup_records
from levada.models import Tensor
from levada.models.requests import WARM_UP, read_requests, write_requests
from levada.models.served import files_served
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")

INPUTS = (Tensor("carrier", "string"), Tensor("x", "float32"), Tensor("pair", "int64", (-1, 2)), Tensor("on", "bool"))
ARRAYS: dict[str, Any] = {
    "carrier": np.array(["UA", "", "Zürich"], dtype=object),
    "x": np.array([1.5, np.nan, np.inf], np.float32),
    "pair": np.array([[1, -2], [3, 1 << 40], [0, 0]], np.int64),
    "on": np.array([True, False, True]),
}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def rows(workshop: Workshop) -> Examples:
    return workshop.examples({"x": np.arange(500, dtype="float32"), "other": ["a"] * 500})


def test_a_model_that_is_served_as_it_was_stored_opens_the_gate_and_keeps_requests(workshop: Workshop) -> None:
    model = workshop.echo("x", add=1.0)
    check: ServingCheck = workshop.call(
        validate_serving, model, rows(workshop), rows=20, warm_up=4, max_load="100s", max_p99="10s", max_memory="2GB"
    )
    assert check.open and check.record.open and check.model == model.fingerprint
    assert len(check.reasons) == 4 and check.reasons[-1].endswith("answers 20 rows as the stored model does")
    assert check.cost["format"] == "onnx" and check.cost["p50"] > 0
    assert workshop.line.startswith("ONNX Runtime 1.") and workshop.line.endswith("can be served")
    kept = read_requests(check.warmup / WARM_UP, model.document.inputs)
    assert kept["x"].tolist() == [0.0, 26.0, 53.0, 79.0]  # spread over the split
    assert list(files_served(model.path, check.warmup)) == ["warmup.json", "model.onnx"]


def test_a_limit_that_is_passed_closes_the_gate_and_says_so_first(workshop: Workshop) -> None:
    check = workshop.call(
        validate_serving, workshop.echo("x"), rows(workshop), rows=8, warm_up=0, max_load="10s", max_memory="1MB"
    )
    assert not check.open and not check.record.open
    assert "takes memory up to" in check.reasons[0] and "more than 1 MB" in check.reasons[0]
    assert check.properties["requests"] == 0 and not check.warmup.exists()


def test_a_model_that_its_runtime_refuses_closes_the_gate_with_the_reason(workshop: Workshop) -> None:
    def write(out: Model) -> None:
        from tests.models.workshop import write_echo

        write_echo(out, "x")
        (out.path / "model.onnx").write_bytes(b"nothing of the kind")

    check = workshop.call(validate_serving, workshop.make(Model, write), rows(workshop))
    assert not check.open and "model.onnx cannot be loaded" in check.reasons[0]
    assert workshop.line.startswith("cannot be served: in a fresh process: ")


def test_what_cannot_be_asked_is_said_before_a_process_is_started(workshop: Workshop) -> None:
    model, examples = workshop.echo("x"), rows(workshop)
    with pytest.raises(DataError, match="evaluation"):
        workshop.call(validate_serving, model, examples, split="evaluation")
    with pytest.raises(ParameterError, match=r"validate_serving\(max_load='soon'\)"):
        workshop.call(validate_serving, model, examples, max_load="soon")
    with pytest.raises(ParameterError, match="wanted 0 to 5"):
        workshop.call(validate_serving, model, examples, rows=5)
    for options, said in (
        ({"rows": 0, "warm_up": 0}, "rows=0"),
        ({"timeout": 0.0}, "timeout=0"),
        ({"calls": 0}, "calls=0"),
    ):
        with pytest.raises(ParameterError, match=said):
            workshop.call(validate_serving, model, examples, **options)
    with pytest.raises(ModelError, match="the model takes y"):
        workshop.call(validate_serving, workshop.echo("y"), examples)
    empty = workshop.examples(pa.table({"x": pa.array([], pa.float32())}))
    with pytest.raises(DataError, match="has no rows"):
        workshop.call(validate_serving, model, empty)


def test_requests_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    arrays = {**ARRAYS, "carrier": np.array(["UA", b"\xff\xd8", ""], dtype=object)}
    write_requests(tmp_path / "requests", arrays)
    assert json.loads((tmp_path / "requests").read_text())["inputs"]["x"] == [1.5, None, {"number": "inf"}]
    found = read_requests(tmp_path / "requests", INPUTS)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(ModelError, match="holds no requests for this model"):
        read_requests(tmp_path / "requests", (Tensor("another", "float32"),))


def test_tensorflow_serving_finds_requests_in_its_own_form(tmp_path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf: Any = pytest.importorskip("tensorflow")
    singles = [{name: array[row : row + 1] for name, array in ARRAYS.items()} for row in range(3)]
    file = tmp_path / Path(PATH).name
    file.write_bytes(warmup_records("flights", INPUTS, [*singles, ARRAYS]))
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    records = [_prediction_log().FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    assert len(records) == 4
    request = records[3].predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("flights", "serving_default")
    assert set(request.inputs) == set(ARRAYS)
    for name, array in ARRAYS.items():
        tensor = tf.make_ndarray(TensorProto.FromString(request.inputs[name]))
        if name == "carrier":
            tensor = np.array([text.decode() for text in tensor], dtype=object)
        assert tensor.dtype == array.dtype
        np.testing.assert_array_equal(tensor, array)
    alone = TensorProto.FromString(records[1].predict_log.request.inputs["pair"])
    assert tf.make_ndarray(alone).shape == (1, 2)


def _prediction_log() -> Any:
    """Return the message as tensorflow_serving/apis describes it, written down a second time; tensors are bytes."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="prediction_log.proto", package="serving", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, str]) -> Any:
        made = file.message_type.add(name=name)
        for field, number, kind in fields:
            entry = made.field.add(name=field, number=number, label=3 if kind == "InputsEntry" else 1)
            if kind in ("string", "bytes"):
                entry.type = 9 if kind == "string" else 12
            else:
                entry.type = 11
                entry.type_name = ".serving.PredictRequest.InputsEntry" if kind == "InputsEntry" else f".serving.{kind}"
        return made

    message("ModelSpec", ("name", 1, "string"), ("signature_name", 3, "string"))
    request = message("PredictRequest", ("model_spec", 1, "ModelSpec"), ("inputs", 2, "InputsEntry"))
    entry = request.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=1, type=9)
    entry.field.add(name="value", number=2, label=1, type=12)
    message("PredictLog", ("request", 1, "PredictRequest"))
    message("PredictionLog", ("predict_log", 6, "PredictLog"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))
