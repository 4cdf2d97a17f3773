"""Predictions: a row for a row, whoever asked; a model that cannot take the examples is refused before it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Predictions
from levada.components import predict, profile
from levada.errors import DataError, ModelError, ParameterError
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def table(count: int, start: int = 0) -> pa.Table:
    numbers = np.arange(start, start + count)
    return pa.table({"id": numbers, "good": (numbers / 1000).astype("float32"), "word": [f"w{n % 3}" for n in numbers]})


def two_splits(workshop: Workshop) -> Examples:
    def write(made: Examples) -> None:
        made.write("train", table(300))
        made.write("eval", table(200, 300))

    return workshop.make(Examples, write, "ingest")


def test_every_row_of_every_split_is_answered_in_order_beside_what_is_kept(workshop: Workshop) -> None:
    examples, model = two_splits(workshop), workshop.echo("good", add=1.0)
    predictions: Predictions = workshop.call(predict, model, examples, keep=["id"])
    assert predictions.splits == ["train", "eval"] and predictions.columns == ["id", "probability"]
    kept = predictions.table("eval")
    np.testing.assert_array_equal(kept["id"].to_numpy(), np.arange(300, 500))
    np.testing.assert_allclose(kept["probability"].to_numpy(), np.arange(300, 500) / 1000 + 1, rtol=1e-6)
    np.testing.assert_array_equal(predictions.answers("eval", "probability"), kept["probability"].to_numpy())
    assert predictions.fingerprint == model.fingerprint
    assert workshop.line == "500 rows · probability"
    assert workshop.call(predict, model, examples, splits=["eval"]).splits == ["eval"]


def test_a_beam_job_gives_what_this_process_gives(workshop: Workshop) -> None:
    examples, model = two_splits(workshop), workshop.echo("good")
    here: Predictions = workshop.call(predict, model, examples, keep=["word"])
    by_beam: Predictions = workshop.call(predict, model, examples, keep=["word"], beam_from_rows=1)
    for split in examples.splits:
        assert by_beam.table(split).equals(here.table(split))
    assert by_beam.properties == here.properties
    assert not [path for path in (workshop.root / "store/scratch").rglob("*") if path.is_file()]


def test_an_output_of_several_numbers_is_a_list_a_row_and_comes_back_in_its_shape(workshop: Workshop) -> None:
    from sklearn.linear_model import LogisticRegression

    from levada.artifacts import Model
    from levada.models import save_sklearn

    random = np.random.default_rng(0)
    rows = pa.table({"a": random.normal(size=90), "b": random.normal(size=90)})
    words = np.array(["cat", "dog", "owl"] * 30)
    estimator = LogisticRegression().fit(rows.to_pandas().to_numpy(), words)
    model = workshop.make(Model, lambda out: save_sklearn(estimator, out, rows, columns=["a", "b"]))
    predictions: Predictions = workshop.call(predict, model, workshop.examples(rows))
    assert predictions.table("eval").schema.field("probabilities").type == pa.list_(pa.float32(), 3)
    answers = predictions.answers("eval", "probabilities")
    np.testing.assert_allclose(answers, estimator.predict_proba(rows.to_pandas().to_numpy()), atol=1e-5)
    with pytest.raises(DataError, match=r"no output 'probabilitys'.\nDid you mean probabilities"):
        predictions.answers("eval", "probabilitys")


def test_predictions_are_examples_that_can_be_profiled(workshop: Workshop) -> None:
    predictions = workshop.call(predict, workshop.echo("good"), two_splits(workshop))
    statistics = workshop.call(profile, predictions)
    assert statistics.column("probability", "eval").mean == pytest.approx(0.3995)


def test_rows_that_are_answered_by_nan_are_counted(workshop: Workshop) -> None:
    examples = workshop.examples({"good": pa.array([0.1, None, float("inf")], pa.float32())})
    workshop.call(predict, workshop.echo("good"), examples)
    assert workshop.line == "3 rows · probability · 2 NaN or infinite"
    assert workshop.said[-1].metrics == {"strange": 2}


def test_a_model_that_cannot_take_the_examples_is_refused_with_what_they_have(workshop: Workshop) -> None:
    examples = two_splits(workshop)
    with pytest.raises(
        ModelError, match=r"the model takes god, which these examples do not have.*\n.*Did you mean good"
    ):
        workshop.call(predict, workshop.echo("god"), examples)
    with pytest.raises(ModelError, match="input 'word' is float32, and column 'word' has string"):
        workshop.call(predict, workshop.echo("word"), examples)
    with pytest.raises(ParameterError, match="the model has an output of that name"):
        workshop.call(predict, workshop.echo("good", output="id"), examples, keep=["id"])
    with pytest.raises(DataError, match="'wrd' is not in the examples"):
        workshop.call(predict, workshop.echo("good"), examples, keep=["wrd"])
