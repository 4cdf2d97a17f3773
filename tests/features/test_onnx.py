"""What scikit-learn makes of a description goes to ONNX, or it is said why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Model
from levada.components import fit_features, profile
from levada.errors import DataError, ModelError
from levada.features import AsIs, Buckets, Cross, Features, Hashed, Image, Kind, Number, Text, Time, Words
from levada.models import save_sklearn
from tests.models.workshop import Workshop

pytest.importorskip("skl2onnx")

TABLE = pa.table(
    {
        "n": pa.array([float(np.float32(value)) for value in np.random.default_rng(1).lognormal(size=120)]),
        "gap": pa.array([None if at % 6 == 0 else at / 4 for at in range(120)]),
        "w": [["a", "b", "", None, "ü"][at % 5] for at in range(120)],
        "code": [[3, 3, 9, 40][at % 4] for at in range(120)],
        "t": pa.array(range(0, 120 * 7200, 7200), pa.timestamp("s", "UTC")),
        "b": [b"png"] * 120,
    }
)
CONVERTED = Features(
    {
        "zscore": Number(column="gap"),
        "log": Number(log=True, column="n"),
        "clipped": Number(scale="minmax", winsorize=0.1, missing="median", column="gap"),
        "buckets": Buckets(bins=5, column="gap"),
        "w": Words(),
        "code": Words(top=2),
        "n": AsIs(),
    }
)


def fitted(workshop: Workshop, features: Features) -> Any:
    return features.fitted(workshop.call(profile, workshop.examples(TABLE, "train")))


def test_a_model_on_described_features_is_served_as_onnx_with_the_same_answers(workshop: Workshop) -> None:
    """Text, whole numbers and gaps among them; `save_sklearn` compares both on the rows."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    estimator: Any = make_pipeline(fitted(workshop, CONVERTED).transformer(), Ridge())
    estimator.fit(TABLE.select(CONVERTED.columns).to_pandas(), np.arange(120.0))
    model = workshop.make(Model, lambda out: save_sklearn(estimator, out, TABLE, tolerance=1e-4))
    assert {tensor.name: tensor.dtype for tensor in model.document.inputs} == {
        "gap": "float32", "n": "float32", "w": "string", "code": "int64"
    }  # fmt: skip
    never = pa.table({"gap": [1e9, -5.0], "n": [2.0, 3.0], "w": ["never seen", "a"], "code": [77, 3]})
    np.testing.assert_allclose(
        model.load().predict(never)["prediction"], estimator.predict(never.to_pandas()), rtol=1e-3
    )


def test_fitting_a_pipeline_leaves_the_state_from_statistics(workshop: Workshop) -> None:
    from sklearn.base import clone
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    transformer = fitted(workshop, Features({"n": Number()})).transformer()
    rows = TABLE.select(["n"]).to_pandas()
    before = transformer.transform(rows)
    other = rows.head(5) * 100
    clone(make_pipeline(transformer, Ridge())).fit(other, np.arange(5))
    np.testing.assert_array_equal(transformer.transform(rows), before)


@pytest.mark.parametrize(
    ("kinds", "said", "advice"),
    [
        ({"x": Number(indicator=True, column="gap")}, "its feature 'x_missing'", "leave out indicator"),
        ({"w": Words(), "x": Cross(of=("w", "w"), encode="one_hot")}, "its feature 'x'", "It is a cross"),
        ({"n": Number(), "x": Text(column="w")}, "its feature 'x'", "It is text"),
        ({"x": Time(("hour",), column="t")}, "which no model input can be", "make numbers of them"),
    ],
)
def test_what_does_not_convert_is_said(workshop: Workshop, kinds: dict[str, Kind], said: str, advice: str) -> None:
    """By the feature's name, and what to do, not as the converter's own dump."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    features, examples = Features(kinds), workshop.examples(TABLE, "train")
    state = workshop.call(fit_features, examples, workshop.call(profile, examples), features=features)
    estimator: Any = make_pipeline(state.fitted.transformer(), LinearRegression())
    estimator.fit(TABLE.select(features.columns).to_pandas(), np.arange(120.0))
    with pytest.raises(ModelError, match=said) as caught:
        workshop.make(Model, lambda out: save_sklearn(estimator, out, TABLE))
    assert advice in caught.value.hint and len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"w": Hashed(encode="one_hot")}, "'w' is hashed by TensorFlow"),
        ({"b": Image()}, "'b' is Image, and scikit-learn has nothing equal"),
        ({"w": Words(oov=2)}, "several places for unknown ones"),
        ({"w": Text(bins=4, weight="count")}, "text as hashed"),
        ({"w": Words(), "code": Words(), "c": Cross(of=("w", "code"), bins=3, encode="one_hot")}, "'c' is hashed"),
        ({"n": Buckets(encode="index")}, "'n' is an index, and goes into no matrix of scikit-learn"),
        ({"w": Words(), "code": Words(), "c": Cross(of=("w", "code"))}, "'c' is an index, as a Cross is by itself"),
    ],
)
def test_what_scikit_learn_has_not_is_refused(workshop: Workshop, kinds: dict[str, Kind], said: str) -> None:
    with pytest.raises(DataError, match=said):
        fitted(workshop, Features(kinds)).transformer()
