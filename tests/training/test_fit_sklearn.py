"""scikit-learn has the same shape: an estimator of a function, fitted by one call, ONNX in the end."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model
from levada.errors import ComponentError, DataError, ModelError
from levada.models import Tensor
from levada.training import fit_sklearn
from tests.models.workshop import Workshop
from tests.training.networks import rows

pytest.importorskip("skl2onnx")

MATRIX = (Tensor("both", "float32", (-1, 2), columns=("x", "z")),)


def forest(trees: int = 5) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(trees, max_depth=4)


def scaled(**options: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(**options))


def of_words() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer((OneHotEncoder(), ["word"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression())


def perceptron() -> Any:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(hidden_layer_sizes=(3,), max_iter=4)


def neighbours() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()


@pytest.fixture
def examples(workshop: Workshop) -> Examples:
    table = rows(400, z=np.linspace(0, 1, 400, dtype="float32"))
    return workshop.make(
        Examples, lambda out: [out.write("train", table.slice(0, 300)), out.write("eval", table[300:])]
    )


def fitted(workshop: Workshop, examples: Examples, estimator: Any, **options: Any) -> Model:
    context = workshop.context({"output": Model}, "train")
    settings: dict[str, Any] = {"inputs": MATRIX, "label": "late"} | options
    fit_sklearn(context, estimator, examples, **settings)
    return workshop.sealed(context, "output", context.outputs["output"])


@pytest.mark.filterwarnings("ignore")
def test_trees_pipelines_words_and_regressions_become_onnx(workshop: Workshop, examples: Examples) -> None:
    model = fitted(workshop, examples, partial(forest, trees=3), validation="eval")
    assert model.document.inputs == MATRIX and workshop.line.startswith("300 rows · accuracy 0.")
    assert workshop.said[-1].metrics["val_accuracy"] > 0.8
    again = fitted(workshop, examples, partial(forest, trees=3))
    assert again.fingerprint == model.fingerprint  # its random_state is the node's seed
    named = fitted(workshop, examples, scaled, label="kind")
    assert set(named.load().predict(examples.table("eval"))["label"]) == {"yes", "no"}
    columns = (Tensor("word", "string"), Tensor("x", "float32"))
    words = fitted(workshop, examples, of_words, inputs=columns)
    assert [tensor.name for tensor in words.document.inputs] == ["word", "x"]
    curve = fitted(workshop, examples, perceptron, label="x").curves
    assert len(curve["loss"]) == 4 and "r2" in workshop.line
    steps = [fields["step"] for kind, fields in workshop.events if kind == "metric" and fields["name"] == "loss"]
    assert steps == [1, 2, 3, 4]


def gradients() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=3, max_depth=2)


def of_gaps() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(SimpleImputer(), Ridge())


@pytest.mark.parametrize("estimator", [gradients, of_gaps])
def test_the_dtypes_of_the_inputs_are_those_that_are_served(workshop: Workshop, estimator: Any) -> None:
    """A column of whole numbers with gaps, declared as float32, beside one that stays whole: of both a matrix."""
    built = pa.array([None if row % 7 == 0 else 1900 + row for row in range(80)], pa.int64())
    table = pa.table({"built": built, "rooms": [row % 5 for row in range(80)], "price": [row / 3 for row in range(80)]})
    inputs = (Tensor("built", "float32"), Tensor("rooms", "int64"))
    model = fitted(workshop, workshop.examples(table, "train"), estimator, inputs=inputs, label="price")
    assert model.document.inputs == inputs
    given = model.load().predict({"built": np.array([np.nan, 1910.0]), "rooms": np.array([1, 2])})
    assert given["prediction"].shape == (2,) and np.isfinite(given["prediction"]).all()


def test_a_class_is_a_function_too_and_an_estimator_is_none(workshop: Workshop, examples: Examples) -> None:
    from sklearn.linear_model import Ridge

    columns = (Tensor("x", "float32"), Tensor("z", "float32"))
    model = fitted(workshop, examples, Ridge, inputs=columns, label="z")
    assert model.document.inputs == columns
    assert fitted(workshop, examples, partial(Ridge, alpha=9.0), inputs=columns, label="z").fingerprint != (
        model.fingerprint
    )
    with pytest.raises(ComponentError, match="the estimator is Ridge: wanted a function that returns one"):
        fitted(workshop, examples, Ridge(), inputs=columns, label="z")
    with pytest.raises(ModelError, match=r"nothing\(\) returned dict: wanted a scikit-learn estimator"):
        fitted(workshop, examples, nothing)


def test_weights_count_or_are_refused(workshop: Workshop, examples: Examples) -> None:
    def mean(model: Model) -> float:
        return float(model.load().predict(examples.table("eval"))["probabilities"][:, 1].mean())

    even, heavy = fitted(workshop, examples, scaled), fitted(workshop, examples, scaled, class_weights={1: 9.0})
    assert mean(heavy) > mean(even) + 0.1
    with pytest.raises(ModelError, match="KNeighborsClassifier has no way to let rows count differently"):
        fitted(workshop, examples, neighbours, class_weights="balanced")


def test_what_does_not_fit_is_refused(workshop: Workshop, examples: Examples) -> None:
    with pytest.raises(DataError, match=r"label 'word' misses(?s:.*)\]\)\.kept"):
        fitted(workshop, examples, scaled, label="word")
    with pytest.raises(ComponentError, match="a matrix and something beside it"):
        fitted(workshop, examples, scaled, inputs=(*MATRIX, Tensor("x", "float32")))
    with pytest.raises(
        ModelError, match=r"(LogisticRegression|Pipeline) cannot be fitted on this: Unknown label"
    ) as caught:
        fitted(workshop, examples, scaled, label="z")
    assert "take a regressor" in caught.value.hint and caught.value.where is not None
    flat = workshop.examples(pa.table({"x": [1.0, 2.0], "z": [1.0, 2.0], "late": [1, 1]}), "train")
    with pytest.raises(DataError, match="nothing to tell apart"):
        fitted(workshop, flat, scaled)


def nothing() -> Any:
    return {}
