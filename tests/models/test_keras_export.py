"""A Keras model becomes a SavedModel that takes raw features; what makes it the same model is its fingerprint."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Model
from levada.errors import ModelError
from levada.features import Features, Fitted, Image
from levada.models import Tensor, save_keras
from levada.models.fingerprint import of_keras
from levada.models.keras_export import caller, outputs_of, traced
from tests.models.workshop import Workshop

keras: Any = pytest.importorskip("keras")

TABLE = pa.table({"distance": [100.0, None, 900.0, 250.0], "carrier": ["AA", "UA", None, "??"], "late": [0, 1, 1, 0]})


def network(
    vocabulary: tuple[str, ...] = ("AA", "UA"), mean: float = 300.0, activation: str = "relu", seed: int = 7
) -> Any:
    """Return an untrained network with preprocessing of both kinds: constants in the graph, and a table."""
    keras.utils.set_random_seed(seed)
    distance, carrier = keras.Input((), name="distance"), keras.Input((), name="carrier", dtype="string")
    known = keras.ops.where(keras.ops.isnan(distance), mean, distance)
    scaled = keras.layers.Normalization(axis=None, mean=mean, variance=100.0)(known)
    place = keras.layers.StringLookup(vocabulary=list(vocabulary), mask_token="")(carrier)
    embedded = keras.layers.Embedding(4, 2)(place)
    both = keras.ops.concatenate([keras.ops.expand_dims(scaled, 1), embedded], axis=1)
    hidden = keras.layers.Dense(3, activation=activation)(both)
    return keras.Model({"distance": distance, "carrier": carrier}, keras.layers.Dense(1, activation="sigmoid")(hidden))


def trained() -> Any:
    import tensorflow as tf

    model = network()
    model.compile("adam", "binary_crossentropy")
    features = {
        "distance": tf.constant([100.0, 300.0, 900.0, 250.0]),
        "carrier": tf.constant(["AA", "UA", "", "??"]),
    }
    model.fit(features, np.array([0, 1, 1, 0]), epochs=2, verbose=0, shuffle=False)
    return model


def saved(workshop: Workshop, model: Any, **options: Any) -> Model:
    return workshop.make(Model, lambda out: save_keras(model, out, **options))


def test_raw_features_go_in_and_named_scalars_come_out(workshop: Workshop) -> None:
    model = saved(workshop, network(), output="probability")
    document = model.document
    assert sorted((item.name, item.dtype, item.shape) for item in document.inputs) == [
        ("carrier", "string", (-1,)),
        ("distance", "float32", (-1,)),
    ]
    assert document.outputs == (Tensor("probability", "float32"),)
    answer = model.load().predict(TABLE)["probability"]
    assert answer.shape == (4,) and np.isfinite(answer).all()
    import tensorflow as tf

    given = {
        "distance": tf.constant([100.0, float("nan"), 900.0, 250.0]),
        "carrier": tf.constant(["AA", "UA", "", "??"]),
    }
    np.testing.assert_allclose(answer, network()(given).numpy().ravel(), rtol=1e-5)


def test_the_serving_signature_takes_one_keyword_tensor_of_rows_per_feature(workshop: Workshop) -> None:
    import tensorflow as tf

    model = saved(workshop, network())
    signature = tf.saved_model.load(str(model.path / "saved_model")).signatures["serving_default"]
    positional, keywords = signature.structured_input_signature
    assert positional == ()
    assert {name: (spec.shape.as_list(), spec.dtype) for name, spec in keywords.items()} == {
        "distance": ([None], tf.float32),
        "carrier": ([None], tf.string),
    }


def test_two_equal_trainings_are_the_same_model_in_different_files(workshop: Workshop) -> None:
    first, second = saved(workshop, trained()), saved(workshop, trained())
    assert first.fingerprint == second.fingerprint
    assert first.record.identity == second.record.identity
    assert first.digest != second.digest


def test_names_that_keras_numbers_do_not_count_inside_loops_and_choices() -> None:
    """A graph loops over images, and chooses how each is decoded."""

    def fingerprint(size: tuple[int, int] = (2, 3)) -> str:
        fitted = Fitted(Features({"photo": Image(size=size)}), {"photo": {}}, {"photo": Tensor("photo", "string")})
        layers = fitted.layers()
        model = keras.Model(layers.inputs, keras.layers.GlobalAveragePooling2D()(layers["photo"]))
        _, concrete = traced(caller(model, fitted.tensors), fitted.tensors, "colour")
        return of_keras(model, concrete, fitted.tensors, outputs_of(concrete, ()))

    assert fingerprint() == fingerprint() != fingerprint((3, 2))


@pytest.mark.parametrize(
    "changed",
    [
        lambda: network(vocabulary=("UA", "AA")),
        lambda: network(vocabulary=("AA", "DL")),
        lambda: network(mean=301.0),
        lambda: network(activation="tanh"),
        lambda: network(seed=8),
    ],
    ids=["words in another order", "another word", "another mean", "another activation", "other weights"],
)
def test_what_changes_the_answers_changes_the_fingerprint(workshop: Workshop, changed: Callable[[], Any]) -> None:
    assert saved(workshop, changed()).fingerprint != saved(workshop, network()).fingerprint


def test_another_name_of_the_output_is_another_model(workshop: Workshop) -> None:
    assert saved(workshop, network(), output="a").fingerprint != saved(workshop, network(), output="b").fingerprint


def test_another_process_finds_the_same_fingerprint(workshop: Workshop, tmp_path: Path) -> None:
    code = (
        "import os, sys; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3';"
        "from pathlib import Path; from tests.models.test_keras_export import *;"
        "print('fingerprint', saved(Workshop(Path(sys.argv[1]), 'other'), network()).fingerprint)"
    )
    root = Path(__file__).parent.parent.parent
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=root
    )
    assert ran.stdout.split()[-1] == saved(workshop, network()).fingerprint


def test_a_stack_of_columns_can_be_one_input(workshop: Workshop) -> None:
    given = keras.Input((3,), name="features")
    model = keras.Model(given, keras.layers.Dense(2, activation="softmax")(given))
    stacked = Tensor("features", "float32", (-1, 3), columns=("c", "a", "b"))
    artifact = saved(workshop, model, inputs=[stacked], output="probabilities", classes=["no", "yes"])
    assert artifact.document.outputs[0] == Tensor("probabilities", "float32", (-1, 2), classes=("no", "yes"))
    table = pa.table({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]})
    expected = model(np.array([[5.0, 1.0, 3.0], [6.0, 2.0, 4.0]])).numpy()
    np.testing.assert_allclose(artifact.load().predict(table)["probabilities"], expected, rtol=1e-5)


def test_a_sequential_model_takes_arrays(workshop: Workshop) -> None:
    model = keras.Sequential(
        [keras.Input((2, 2), name="image"), keras.layers.Flatten(), keras.layers.Dense(1), keras.layers.Flatten()]
    )
    artifact = saved(workshop, model)
    assert artifact.document.inputs == (Tensor("image", "float32", (-1, 2, 2)),)
    rows = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
    answer = artifact.load().predict(pa.table({"image": rows}))["prediction"]
    np.testing.assert_allclose(answer, model(np.array(rows).reshape(-1, 2, 2)).numpy().ravel(), rtol=1e-5)


def test_inputs_in_a_list_and_outputs_in_a_dict_keep_their_names(workshop: Workshop) -> None:
    first, second = keras.Input((1,), name="first"), keras.Input((), name="second", dtype="int32")
    total = keras.ops.squeeze(first, 1) + keras.ops.cast(second, "float32")
    model = keras.Model([second, first], {"total": total, "twice": keras.ops.stack([total, total], axis=1)})
    artifact = saved(workshop, model)
    assert {item.name: (item.dtype, item.shape) for item in artifact.document.inputs} == {
        "first": ("float32", (-1,)),
        "second": ("int64", (-1,)),
    }
    answer = artifact.load().predict(pa.table({"first": [1.0], "second": [2]}))
    assert answer["total"].tolist() == [3.0] and answer["twice"].tolist() == [[3.0, 3.0]]


def test_a_model_without_symbolic_inputs_is_saved_with_inputs_said(workshop: Workshop) -> None:
    class Adder(keras.Model):
        def call(self, features: Any, training: bool = False) -> Any:
            return features["a"] + features["b"]

    with pytest.raises(ModelError, match=r"no keras\.Input"):
        saved(workshop, Adder())
    model = saved(workshop, Adder(), inputs=[Tensor("a", "float32"), Tensor("b", "float32")])
    assert model.load().predict(pa.table({"a": [1.0], "b": [2.0]}))["prediction"].tolist() == [3.0]

    class Subtracter(keras.Model):
        def call(self, features: Any, training: bool = False) -> Any:
            return features["a"] - features["b"]

    other = saved(workshop, Subtracter(), inputs=[Tensor("a", "float32"), Tensor("b", "float32")])
    assert other.fingerprint != model.fingerprint


def test_inputs_that_the_model_does_not_have_are_refused(workshop: Workshop) -> None:
    with pytest.raises(ModelError, match=r"no keras\.Input named distnace"):
        saved(workshop, network(), inputs=[Tensor("distnace", "float32"), Tensor("carrier", "string")])
