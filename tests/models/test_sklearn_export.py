"""An estimator becomes ONNX only if both answer real rows alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from levada.artifacts import Model
from levada.errors import ModelError
from levada.models import Tensor, load_predictor, save_sklearn
from tests.models.workshop import Workshop

pytest.importorskip("skl2onnx")

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLUMNS = ["a", "b"]


def matrix(count: int = 200) -> tuple[np.ndarray, np.ndarray, pa.Table]:
    features = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    labels = (features.sum(axis=1) > 0).astype("int64")
    return features, labels, pa.table({"a": features[:, 0], "b": features[:, 1]})


def saved(workshop: Workshop, estimator: Any, rows: pa.Table, **options: Any) -> Model:
    return workshop.make(Model, lambda out: save_sklearn(estimator, out, rows, **options))


@pytest.mark.parametrize(
    "estimator",
    [make_pipeline(StandardScaler(), LogisticRegression()), RandomForestClassifier(5, random_state=0)],
    ids=["scaler and logistic regression", "random forest"],
)
def test_a_classifier_gives_the_probabilities_that_scikit_learn_gives(workshop: Workshop, estimator: Any) -> None:
    features, labels, rows = matrix()
    model = saved(workshop, estimator.fit(features, labels), rows, columns=COLUMNS)
    assert model.document.inputs == (Tensor("features", "float32", (-1, 2), columns=("a", "b")),)
    assert model.document.outputs == (
        Tensor("label", "int64"),
        Tensor("probabilities", "float32", (-1, 2), classes=(0, 1)),
    )
    answer = model.load().predict(rows)
    np.testing.assert_allclose(answer["probabilities"], estimator.predict_proba(features), atol=1e-6)
    assert answer["label"].tolist() == estimator.predict(features).tolist()
    assert 0 <= model.properties["largest_difference"] <= 1e-6  # pyright: ignore[reportOperatorIssue]


def test_a_regression_gives_a_scalar_a_row(workshop: Workshop) -> None:
    features, _, rows = matrix()
    estimator = LinearRegression().fit(features, features[:, 0] * 3 - features[:, 1])
    model = saved(workshop, estimator, rows, columns=COLUMNS)
    assert model.document.outputs == (Tensor("prediction", "float32"),)
    loaded = load_predictor(str(model.path))  # a path in words is one, too
    np.testing.assert_allclose(loaded.predict(rows)["prediction"], estimator.predict(features), atol=1e-5)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "distance": [100.0, None, 900.0, 250.0] * 10,
            "carrier": ["AA", "UA", "HA", "AA"] * 10,
            "stops": [0, 1, 2, 0] * 10,
        }
    )


def test_an_estimator_of_a_data_frame_takes_scalars_by_name(workshop: Workshop) -> None:
    data, answers = frame(), np.array(["early", "late", "late", "early"] * 10)
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["distance"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
            ("counts", OneHotEncoder(handle_unknown="ignore"), ["stops"]),
        ]
    )
    estimator = make_pipeline(columns, LogisticRegression()).fit(data, answers)
    rows = pa.Table.from_pandas(data, preserve_index=False)
    model = saved(workshop, estimator, rows)
    assert model.document.inputs == (
        Tensor("distance", "float32"),
        Tensor("carrier", "string"),
        Tensor("stops", "int64"),
    )
    answer = model.load().predict(rows)
    assert answer["label"].tolist() == answers.tolist()
    np.testing.assert_allclose(answer["probabilities"], estimator.predict_proba(data), atol=1e-6)


def test_equal_fits_are_the_same_model_and_others_are_not(workshop: Workshop) -> None:
    features, labels, rows = matrix()
    fits = [LogisticRegression(C=strength).fit(features, labels) for strength in (1.0, 1.0, 0.1)]
    first, second, other = (saved(workshop, fit, rows, columns=COLUMNS).fingerprint for fit in fits)
    assert first == second != other
    swapped = saved(workshop, fits[0], rows.select(["b", "a"]), columns=["b", "a"])
    assert swapped.fingerprint != first


def test_a_conversion_that_answers_otherwise_is_refused(workshop: Workshop) -> None:
    # Two numbers that a float64 tells apart and a float32 does not.
    features = np.array([[1.0], [1.0 + 1e-9]] * 20)
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, [0, 1] * 20)
    assert estimator.score(features, [0, 1] * 20) == 1.0
    with pytest.raises(ModelError, match=r"differs from Pipeline by up to 0\.\d+ on 40 rows, and 1e-05 is allowed"):
        saved(workshop, estimator, pa.table({"a": features[:, 0]}), columns=["a"])


def test_what_cannot_be_converted_says_why(workshop: Workshop) -> None:
    class Own:
        classes_ = np.array([0, 1])

        def predict_proba(self, rows: Any) -> Any:
            return rows

    _, _, rows = matrix()
    with pytest.raises(ModelError, match="Own cannot be converted to ONNX"):
        saved(workshop, Own(), rows, columns=COLUMNS)


def test_nothing_is_accepted_unseen(workshop: Workshop) -> None:
    features, labels, rows = matrix()
    estimator = LogisticRegression().fit(features, labels)
    with pytest.raises(ModelError, match="no rows to compare"):
        saved(workshop, estimator, rows.slice(0, 0), columns=COLUMNS)
    with pytest.raises(ModelError, match="nothing names its columns"):
        saved(workshop, estimator, rows)
    scalars = [Tensor("b", "float32"), Tensor("a", "float32")]
    with pytest.raises(ModelError, match=r"inputs= and columns=\."):
        saved(workshop, estimator, rows, inputs=scalars, columns=COLUMNS)
    named = LogisticRegression().fit(rows.to_pandas(), labels)
    with pytest.raises(ModelError, match=r"was fitted on a, b, and inputs= are b, a\."):
        saved(workshop, named, rows, inputs=scalars)
