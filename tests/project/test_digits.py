"""The digits pipeline: scikit-learn's data to a served ONNX model, and to a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.digits import LABEL, PIXELS, Digits
from levada.models import Tensor, load_predictor
from tests.project.conftest import Runner

pytest.importorskip("skl2onnx")


def test_the_source_is_the_data_set_as_columns() -> None:
    table = Digits().table(Path())
    assert table.column_names == [*PIXELS, LABEL]
    assert table.num_rows == 1797
    assert set(table[LABEL].to_pylist()) == set(range(10))


@pytest.mark.slow
def test_digits_is_served_as_onnx_and_a_worse_model_is_not(runner: Runner) -> None:
    pytest.importorskip("tensorflow")
    first = runner("digits")
    assert first.exit_code == 0
    assert first.results["evaluate"].metrics["accuracy"] > 0.94
    difference = first.results["train"].outputs["output"].properties["largest_difference"]
    assert isinstance(difference, float) and difference < 1e-5

    serving = runner.project.root / "serving/digits"
    predictor = load_predictor(serving / "1")
    assert predictor.document.inputs == (Tensor("pixels", "float32", (-1, 64), columns=tuple(PIXELS)),)
    table = Digits().table(Path())
    right = predictor.predict(table)["label"] == table[LABEL].to_numpy()
    assert right.mean() > 0.97

    # The network says a probability for each digit, of the same matrix of pixels.
    network = load_predictor(runner.project.root / "serving/digits-network/1")
    assert network.document.inputs == predictor.document.inputs
    assert network.document.outputs[0].classes == tuple(range(10))
    chances = network.predict(table)["probabilities"]
    assert (chances.argmax(axis=1) == table[LABEL].to_numpy()).mean() > 0.97
    curves = runner.project.store.fetch(first.results["train_network"].outputs["output"]) / "training.json"
    about = json.loads(curves.read_text())
    assert about["best"] <= about["epochs"] < 40
    assert about["curves"]["learning_rate"][-1] < about["curves"]["learning_rate"][0]

    assert runner("digits").nodes_run == 0

    closed = runner("digits", strength=1e-5)
    assert closed.exit_code == 3
    assert closed.results["push"].status == "skipped" and closed.results["push_network"].status == "cached"
    assert "of the champion (version 1)" in " ".join(closed.results["evaluate"].outputs["blessing"].reasons)
    assert json.loads((serving / "levada.json").read_text())["version"] == 1
