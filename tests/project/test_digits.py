"""The digits pipeline: scikit-learn's data to a served ONNX model, and to a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.digits import LABEL, PIXELS, Digits
from levada.models import Tensor, load_predictor
from levada.models.requests import WARM_UP, read_requests
from levada.pushing.by_hand import push_by_hand, roll_back, step_back
from levada.registry import Registry
from tests.project.conftest import Runner, project_in

pytest.importorskip("skl2onnx")


def test_the_source_is_the_data_set_as_columns() -> None:
    table = Digits().table(Path())
    assert table.column_names == [*PIXELS, LABEL]
    assert table.num_rows == 1797
    assert set(table[LABEL].to_pylist()) == set(range(10))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    pytest.importorskip("tensorflow")
    return Runner(project_in(tmp_path_factory.mktemp("digits")))


@pytest.mark.slow
def test_digits_is_served_as_onnx_and_a_worse_model_is_not(digits: Runner) -> None:
    first = digits("digits")
    assert first.exit_code == 0
    assert first.results["evaluate"].metrics["accuracy"] > 0.94
    difference = first.results["train"].outputs["output"].properties["largest_difference"]
    assert isinstance(difference, float) and difference < 1e-5

    serving = digits.project.root / "serving/digits"
    predictor = load_predictor(serving / "1")
    assert predictor.document.inputs == (Tensor("pixels", "float32", (-1, 64), columns=tuple(PIXELS)),)
    table = Digits().table(Path())
    right = predictor.predict(table)["label"] == table[LABEL].to_numpy()
    assert right.mean() > 0.97

    # The network says a probability for each digit, of the same matrix of pixels.
    network = load_predictor(digits.project.root / "serving/digits-network/1")
    assert network.document.inputs == predictor.document.inputs
    assert network.document.outputs[0].classes == tuple(range(10))
    chances = network.predict(table)["probabilities"]
    assert (chances.argmax(axis=1) == table[LABEL].to_numpy()).mean() > 0.97
    curves = digits.project.store.fetch(first.results["train_network"].outputs["output"]) / "training.json"
    about = json.loads(curves.read_text())
    assert about["best"] <= about["epochs"] < 40
    assert about["curves"]["learning_rate"][-1] < about["curves"]["learning_rate"][0]

    assert digits("digits").nodes_run == 0

    closed = digits("digits", strength=1e-5)
    assert closed.exit_code == 3
    assert closed.results["push"].status == "skipped" and closed.results["push_network"].status == "cached"
    assert "of the champion (version 1)" in " ".join(closed.results["evaluate"].outputs["blessing"].reasons)
    assert json.loads((serving / "levada.json").read_text())["version"] == 1


@pytest.mark.slow
def test_a_compressed_network_goes_live_is_taken_back_and_pushed_again(digits: Runner) -> None:
    """Train, evaluate, compress, try it out, push, roll back, push: each step is the next one's beginning."""
    project = digits.project
    store, root, folder = project.store, project.root, project.root / "serving/digits-network"

    def live() -> tuple[int, str]:
        version = json.loads((folder / "levada.json").read_text())["version"]
        predictor = load_predictor(folder / str(version))
        table = Digits().table(Path())
        chances = predictor.predict(table)["probabilities"]
        assert (chances.argmax(axis=1) == table[LABEL].to_numpy()).mean() > 0.97
        return version, predictor.document.format

    digits("digits")
    outcome = digits("digits", compressed=True)
    assert outcome.exit_code == 0 and outcome.results["train_network"].status == "cached"
    assert outcome.results["compress"].metrics["times_smaller"] > 2
    assert outcome.results["validate_serving_network"].outputs["output"].open
    assert live() == (2, "litert")
    (tensor,) = load_predictor(folder / "2").document.inputs
    assert len(read_requests(folder / "2" / WARM_UP, (tensor,))[tensor.name]) == 16

    roll_back(store, step_back(store, "digits-network", root=root), "the calls got slower", root=root)
    assert live() == (1, "saved_model")
    push_by_hand(store, "digits-network", 2, str(folder), "it was the network", root=root)
    assert live() == (2, "litert")
    assert [item.version for item in Registry(store).promotions("digits-network")] == [1, 2, 1, 2]
