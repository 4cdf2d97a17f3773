"""A model measured in a fresh process: what it costs, what it says; one that dies, hangs or lies is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.amounts import read_size, read_time
from levada.artifacts import Model
from levada.errors import ModelError, ParameterError, ProcessError
from levada.measurement import Cost, measure
from levada.measurement.packing import pack, unpack
from levada.models import ModelDocument, Tensor
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")

ROWS = pa.table({"x": np.arange(40, dtype="float32")})


def by_hand(workshop: Workshop, nodes: list[Any], constants: list[Any]) -> Model:
    """Return an ONNX model from x to y, of nodes made by hand."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "by hand", ends[:1], ends[1:], constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)

    def write(out: Model) -> None:
        (out.path / "model.onnx").write_bytes(proto.SerializeToString())
        out.describe(
            ModelDocument("onnx", "model.onnx", (Tensor("x", "float32"),), (Tensor("y", "float32"),), "0", "by hand")
        )

    return workshop.make(Model, write)


def test_a_model_is_timed_weighed_and_answers_every_row(tmp_path: Path) -> None:
    model = Workshop(tmp_path).echo("x", add=1.0)
    found = measure(model.path, ROWS, calls=50, batch=64)
    np.testing.assert_array_equal(found.answers["probability"], np.arange(1, 41, dtype="float32"))
    cost = found.cost
    assert (cost.format, cost.threads, cost.calls, cost.batch) == ("onnx", 1, 50, 64)
    assert cost.runtime.startswith("ONNX Runtime 1.")
    assert 0 < cost.p50 <= cost.p99 and cost.throughput > 0 and cost.ready_seconds > 0
    assert 0 < cost.base_memory <= cost.peak_memory < 1 << 30 and 0 < cost.import_cpu < cost.total_cpu
    assert cost.size == (model.path / "model.onnx").stat().st_size and cost.gzipped > 0
    assert Cost.from_json(cost.to_json()) == cost


def test_answers_other_than_expected_are_an_error(tmp_path: Path) -> None:
    from onnx import helper

    workshop = Workshop(tmp_path)
    model = workshop.echo("x")
    wanted = {"probability": np.arange(40, dtype="float32")}
    measure(model.path, ROWS, calls=1, expected=wanted)
    with pytest.raises(ModelError, match=r"'probability' differs by up to 2 on 40 rows, and 0\.0041 is allowed"):
        measure(model.path, ROWS, calls=1, expected={"probability": wanted["probability"] + 2})
    moody = by_hand(workshop, [helper.make_node("RandomUniformLike", ["x"], ["y"])], [])
    with pytest.raises(ModelError, match="in a fresh process answers otherwise: 'y' differs"):
        measure(moody.path, ROWS, calls=1, reference=moody.path)


def test_a_process_that_dies_is_an_error_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Workshop(tmp_path).echo("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/onnxruntime.py").write_text("import os; print('no such chip', flush=True); os.abort()")
    monkeypatch.syspath_prepend(str(tmp_path / "broken"))
    with pytest.raises(ProcessError) as caught:
        measure(model.path, ROWS)
    assert caught.value.message.startswith("the process that asked the onnx model was killed by SIGABRT.\n")
    assert "| no such chip" in caught.value.message


def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    scalars = [
        value("i", TensorProto.INT64, []),
        value("go", TensorProto.BOOL, []),
        value("a", TensorProto.FLOAT, [None]),
    ]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["a"], ["b"])],
        "turn",
        scalars,
        [value("on", TensorProto.BOOL, []), value("b", TensorProto.FLOAT, [None])],
    )
    turns = helper.make_tensor("turns", TensorProto.INT64, [], [1 << 60])
    always = helper.make_tensor("always", TensorProto.BOOL, [], [True])
    loop = helper.make_node("Loop", ["turns", "always", "x"], ["y"], body=body)
    model = by_hand(Workshop(tmp_path), [loop], [turns, always])
    with pytest.raises(ProcessError, match=r"the onnx model was not done after 3 s in a fresh process"):
        measure(model.path, ROWS, timeout=3)


def test_a_model_that_cannot_be_loaded_or_asked_says_why(tmp_path: Path) -> None:
    model = Workshop(tmp_path).echo("x")
    with pytest.raises(ModelError, match="without rows"):
        measure(model.path, ROWS.slice(40))
    broken = tmp_path / "copy"
    broken.mkdir()
    (broken / "model.json").write_bytes((model.path / "model.json").read_bytes())
    (broken / "model.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"in a fresh process: .*model\.onnx cannot be loaded"):
        measure(broken, ROWS)


def test_packed_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "numbers": np.array([[1.5, float("nan")], [2.0, 3.0]], np.float32),
        "texts": np.array([["a", ""], ["Zürich", "x\0"]], dtype=object),
        "mixed/bytes": np.array([b"\xff\x00", "text"], dtype=object),
        "truths": np.array([True, False]),
        "none": np.empty((0, 3), dtype=object),
    }
    pack(tmp_path / "file", arrays)
    found = unpack(tmp_path / "file")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape and found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_amounts_are_read_as_people_write_them() -> None:
    assert read_size("f(max_memory=", "500MB") == 500_000_000 and read_time("f(max_p99=", " 2.5 ms") == 0.0025
    assert read_size("f(x=", None) is None
    with pytest.raises(ParameterError, match=r"f\(max_p99='2 sec'\): wanted a number above 0 and us, ms, s"):
        read_time("f(max_p99=", "2 sec")
    with pytest.raises(ParameterError, match="above 0"):
        read_size("f(max_memory=", "0kB")
