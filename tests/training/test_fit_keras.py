"""A network fitted by one call: the same every time, also after an interruption; what it says; what it keeps."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model
from levada.errors import ComponentError, ModelError, Stopped
from levada.models import Tensor
from levada.training import Plateau, StopEarly
from tests.models.workshop import Workshop
from tests.training.conftest import fitting
from tests.training.networks import boom, falling, noisy, plain, rows, small, with_lambda, with_python, without_inputs

tf: Any = pytest.importorskip("tensorflow")

X = (Tensor("x", "float32"),)


class Made:
    """What all tests of this module look at: rows, and a model of them."""

    def __init__(self, root: Path) -> None:
        self.workshop = Workshop(root)
        self.fit = fitting(self.workshop)
        self.examples = self.workshop.make(Examples, self._write)
        self.model = self.fit(self.examples, validation="eval")
        self.line, self.events = self.workshop.line, list(self.workshop.events)
        self.linear = self.fit(self.examples, plain, inputs=X, epochs=2)

    @staticmethod
    def _write(examples: Examples) -> None:
        table = rows(400)
        examples.write("train", table.slice(0, 300))
        examples.write("eval", table.slice(300))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


def test_the_model_answers_raw_columns_and_has_learnt(made: Made) -> None:
    predictor = made.model.load()
    assert [tensor.name for tensor in predictor.document.inputs] == ["x", "word"]
    table = made.examples.table("eval")
    right = (predictor.predict(table)["prediction"] > 0.5) == table["late"].to_numpy()
    assert right.mean() > 0.85


def test_curves_are_reported_as_they_come_and_kept_with_the_model(made: Made) -> None:
    points = [fields for kind, fields in made.events if kind == "metric" and fields["step"] is not None]
    steps = [point["step"] for point in points if point["name"] == "val_loss"]
    assert steps == [1, 2, 3]
    assert {point["name"] for point in points} == {"loss", "accuracy", "val_loss", "val_accuracy"}
    curves = made.model.curves
    assert curves["val_loss"] == [point["value"] for point in points if point["name"] == "val_loss"]
    assert curves["loss"][-1] < curves["loss"][0]
    messages = [fields["message"] for kind, fields in made.events if kind == "progress"]
    assert messages[-1].startswith("epoch 3/3 · val_loss 0.")
    assert made.line.startswith("300 rows · 3 epochs · val_loss 0.")
    about = json.loads((made.model.path / "training.json").read_text())
    assert about["network"] == "tests.training.networks:small"
    assert (about["rows"], about["seed"], about["best"]) == (300, 1, 3)


def test_an_interrupted_training_ends_with_the_weights_of_an_undisturbed_one(made: Made, tmp_path: Path) -> None:
    """Also where the newest checkpoint is damaged: the one before counts."""
    options: dict[str, Any] = {"epochs": 4, "stop_early": StopEarly(patience=9), "plateau": Plateau(patience=1)}
    undisturbed = made.fit(made.examples, key="a", **options)
    folder = Path(made.workshop.store.uri) / "kept"
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="the power went"):
        made.fit(made.examples, key="b", callbacks=boom, **options)
    shutil.copytree(folder, tmp_path / "kept")
    for damaged, said in ((False, "went on after epoch 2"), (True, "epoch 2 is damaged")):
        if damaged:
            shutil.copytree(tmp_path / "kept", folder)
            *_, newest = sorted(folder.rglob("*.checkpoint"))
            content = bytearray(newest.read_bytes())
            content[len(content) // 2] ^= 1
            newest.write_bytes(content)
        resumed = made.fit(made.examples, key="b", **options)
        assert said in made.workshop.line
        assert ("went on after epoch 1" in made.workshop.line) == damaged
        assert resumed.fingerprint == undisturbed.fingerprint
        assert resumed.curves == undisturbed.curves and len(resumed.curves["loss"]) == 4
        assert not folder.exists()


def test_layers_without_a_seed_draw_after_an_interruption_what_they_would_have_drawn(made: Made) -> None:
    undisturbed = made.fit(made.examples, noisy, inputs=X, key="n")
    with pytest.raises(RuntimeError):
        made.fit(made.examples, noisy, inputs=X, key="o", callbacks=boom)
    resumed = made.fit(made.examples, noisy, inputs=X, key="o")
    assert "went on after epoch 2" in made.workshop.line
    assert resumed.fingerprint == undisturbed.fingerprint


def test_a_checkpoint_is_found_by_the_same_training_and_left_aside_by_another_network(made: Made) -> None:
    """One call of a component may train several; a function inside a function is known by its name alone."""

    def local(hidden: int) -> Any:
        def network() -> Any:
            return plain(hidden=hidden)

        return network

    with pytest.raises(RuntimeError):
        made.fit(made.examples, local(0), inputs=X, key="d", epochs=4, callbacks=boom)
    made.fit(made.examples, plain, inputs=X, key="d", epochs=1)
    assert made.workshop.line.count("·") == 3  # rows, epochs, loss, accuracy: nothing to go on from
    made.fit(made.examples, local(2), inputs=X, key="d", epochs=4)
    assert "is one of another network" in made.workshop.line


def test_equal_trainings_are_equal_from_memory_or_from_files_and_others_are_not(made: Made) -> None:
    assert made.fit(made.examples, memory=0).fingerprint == made.model.fingerprint
    other = made.fit(made.examples, plain, inputs=X, epochs=2, seed=2)
    assert other.fingerprint != made.linear.fingerprint


def test_a_run_that_is_stopped_stops_a_training(made: Made) -> None:
    context = made.workshop.context({"output": Model}, "train")
    context.stopped = lambda: True
    from levada.training import fit_keras

    with pytest.raises(Stopped):
        fit_keras(context, plain, made.examples, inputs=X, label="late")


def test_early_stopping_goes_back_to_the_best_epoch(made: Made) -> None:
    options: dict[str, Any] = {"epochs": 12, "validation": "eval", "stop_early": StopEarly(patience=2)}
    model = made.fit(made.examples, partial(plain, hidden=3, rate=1.0), inputs=X, **options)  # leaps about
    losses = model.curves["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 12
    assert f"{len(losses)} epochs, best {best + 1}" in made.workshop.line
    assert made.workshop.said[-1].metrics["val_loss"] == losses[best]
    table = made.examples.table("eval")
    right = (model.load().predict(table)["prediction"] > 0.5) == table["late"].to_numpy()
    np.testing.assert_allclose(right.mean(), model.curves["val_accuracy"][best], rtol=1e-6)
    assert len(set(model.curves["val_accuracy"])) > 2


def test_the_learning_rate_falls_on_a_plateau_or_by_a_schedule_and_is_a_curve(made: Made) -> None:
    flat = made.fit(made.examples, plain, inputs=X, epochs=3, plateau=Plateau("loss", patience=1, least=9, factor=0.1))
    np.testing.assert_allclose(flat.curves["learning_rate"], [0.05, 0.05, 0.005], rtol=1e-5)
    scheduled = made.fit(made.examples, falling, inputs=X, epochs=3)
    rates = scheduled.curves["learning_rate"]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.001


def test_weights_of_classes_and_rows_count(made: Made) -> None:
    def share_of_yes(model: Model) -> float:
        return float(model.load().predict(made.examples.table("eval"))["prediction"].mean())

    heavy = made.fit(made.examples, plain, inputs=X, epochs=2, class_weights={1: 50.0})
    assert share_of_yes(heavy) > share_of_yes(made.linear) + 0.1
    # By a column that says the same, the same comes out; and with class words, too.
    table = made.examples.table("train")
    weighted = table.append_column("heavy", pa.array(np.where(table["late"].to_numpy() == 1, 50.0, 1.0)))
    other = made.workshop.examples(weighted, "train")
    assert made.fit(other, plain, inputs=X, epochs=2, weight="heavy").fingerprint == heavy.fingerprint
    words: dict[str, Any] = {"label": "kind", "classes": ["no", "yes"], "class_weights": {"yes": 50.0}}
    third = made.fit(made.examples, plain, inputs=X, epochs=2, **words)
    np.testing.assert_allclose(third.curves["loss"], heavy.curves["loss"], rtol=1e-6)
    assert third.document.outputs == (Tensor("prediction", "float32", (-1,), classes=("no", "yes")),)


def test_a_warm_start_takes_weights_over_where_they_fit(made: Made) -> None:
    warm = made.fit(made.examples, partial(small, rate=0.0, dropout=0.0), epochs=1, start=made.model)
    assert "began with 9 weights of an earlier model" in made.workshop.line
    table = made.examples.table("eval")
    # With a learning rate of 0 only what batch norm has seen moves.
    np.testing.assert_allclose(
        warm.load().predict(table)["prediction"], made.model.load().predict(table)["prediction"], atol=0.1
    )
    made.fit(made.examples, partial(small, units=5, words=("b", "a")), epochs=1, start=made.model)
    found = r"began with 1 weights .* · 8 began anew \(a vocabulary is another\): dense(_\d+)?/kernel"
    assert re.search(found, made.workshop.line)
    with pytest.raises(ModelError, match="which is onnx"):
        made.fit(made.examples, epochs=1, start=made.workshop.echo("x"))


def test_layers_that_nothing_registers_are_saved_as_what_they_compute(made: Made) -> None:
    model = made.fit(made.examples, with_lambda, inputs=X, epochs=1)
    assert model.load().predict(made.examples.table("eval"))["prediction"].shape == (100,)
    with pytest.raises(ModelError, match="calls Python when it predicts") as caught:
        made.fit(made.examples, with_python, inputs=X, epochs=1)
    assert "keras.ops" in caught.value.hint


def test_a_network_without_inputs_and_one_of_mixed_precision_are_trained(made: Made) -> None:
    made.fit(made.examples, without_inputs, inputs=X, epochs=1)
    import keras

    model = made.fit(made.examples, plain, inputs=X, epochs=1, precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert model.document.outputs[0].dtype == "float32"


def test_patience_that_never_waits_is_refused() -> None:
    for wish in (StopEarly, Plateau):
        for patience in (0, -1, 1.5):
            with pytest.raises(ComponentError, match=r"patience=.*: wanted a number of epochs, 1 or more") as caught:
                wish(patience=patience)  # pyright: ignore[reportArgumentType]
            assert "(patience=1) acts after the first epoch" in caught.value.hint
    with pytest.raises(ComponentError, match=r"Plateau\(factor=2\): wanted a number above 0 and below 1"):
        Plateau(factor=2)


def test_options_that_do_not_fit_are_refused(made: Made) -> None:
    with pytest.raises(ComponentError, match="StopEarly watches 'val_loss', and nothing is measured"):
        made.fit(made.examples, stop_early=StopEarly("val_loss"))
    with pytest.raises(ComponentError, match="StopEarly watches 'val_Acuracy'") as caught:
        made.fit(made.examples, validation="eval", stop_early=StopEarly("val_Acuracy"))
    assert caught.value.hint == "Did you mean val_accuracy?"
    with pytest.raises(ComponentError, match=r"epochs=0\): wanted a whole number from 1 to"):
        made.fit(made.examples, epochs=0)
