"""Labels, networks and numbers that do not fit are said in words, before the first step where that can be."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples
from levada.errors import ComponentError, DataError, ModelError, TrainingError
from levada.models import Tensor
from levada.training import StopEarly
from levada.training.description import Network, Rows, Training
from levada.training.fitting import carry_out
from tests.models.workshop import Workshop
from tests.test_full_disk import small_disk
from tests.training.conftest import Fit
from tests.training.networks import boom, not_compiled, nothing, of_arrays, of_two_outputs, plain, rows, small

pytest.importorskip("tensorflow")

X = (Tensor("x", "float32"),)
COUNT = 300


def with_label(values: Any) -> pa.Table:
    return rows(COUNT, late=values)


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (with_label([None, *[1, 0] * 149, 1]), {}, r"label 'late' misses 1 of 300 values in split 'train'"),
        (with_label([1] * COUNT), {}, r"label 'late' is 1 in all 300 rows of split 'train': there is nothing to tell"),
        (with_label([float("nan"), *[1.0, 0.0] * 149, 1.0]), {}, r"label 'late' is NaN or infinite in 1 rows"),
        (rows(), {"label": "kind"}, r"label 'kind' is text \((yes|no), (yes|no)\).*\n.*classes=\['no', 'yes'\]"),
        (rows(), {"label": "kind", "classes": ["yes", "nope"]}, r"is 'no' in split 'train', which is none .*\nDid you"),
        (rows(), {"label": "lat"}, r"column 'lat' is not in the examples"),
        (rows(), {"split": "trian"}, r"no split 'trian'.\nDid you mean train\?"),
        (rows(w=[-1.0] * COUNT), {"weight": "w"}, r"weight 'w' misses 0 values, and is -1.0 to -1.0"),
        (rows(w=[0] * COUNT), {"weight": "w"}, r"weight 'w' misses 0 values, and is 0 to 0"),
        (rows(), {"inputs": (Tensor("z", "float32"),)}, r"column 'z' is not in the examples"),
        (rows(), {"class_weights": {2: 1.0}}, r"class_weights= names 2, which the label never is"),
    ],
)
def test_labels_that_nothing_can_be_learnt_from(
    workshop: Workshop, fit: Fit, table: pa.Table, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        fit(workshop.examples(table, "train"), plain, **({"inputs": X} | options))


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        (not_compiled, {}, r"not_compiled\(\) returned a network that is not compiled"),
        (nothing, {}, r"nothing\(\) returned NoneType: wanted a keras.Model"),
        (small, {}, r"the network takes 'word', which is none of the inputs"),
        (plain, {"inputs": (*X, Tensor("word", "string"))}, r"is fed 'word', and has no keras.Input of that name"),
        (plain, {"inputs": (Tensor("x", "float32", (-1, 2)),)}, r"takes 'x' as \[1\] a row, and is fed \[2\]"),
        (plain, {"inputs": (Tensor("x", "string"),)}, r"takes 'x' as float32, and is fed string"),
        (
            partial(plain, units=2, activation="softmax", loss="sparse_categorical_crossentropy"),
            {"label": "three"},
            r"label 'three' is 0 to 2, and the network has 2 outputs, for 0 to 1\.",
        ),
        (plain, {"label": "three"}, r"label 'three' is 0 to 2, and binary_crossentropy takes 0 to 1"),
        (partial(plain, units=2), {}, r"the network has 2 outputs, and label 'late' is one number a row"),
        (partial(plain, units=3, loss="mse"), {}, r"the network has 3 outputs, and label 'late' is one number a row"),
        (of_two_outputs, {}, r"the network has 2 outputs, and label 'late' is one"),
        (
            of_two_outputs,
            {"label": Tensor("both", "float32", (-1, 2), columns=("x", "late"))},
            r"the network has 2 outputs, and label 'both' is one",
        ),
        (of_arrays, {}, r"the network gives an array \[1, 1\] a row, and label 'late' is one number"),
        (
            partial(plain, units=5, loss="sparse_categorical_crossentropy"),
            {"label": "three", "classes": [0, 1, 2]},
            r"the network has 5 outputs, and there are 3 classes",
        ),
        (plain, {"label": "three", "classes": [0, 1, 2]}, r"the network has 1 output, and there are 3 classes"),
        (partial(plain, units=2, loss="categorical_crossentropy"), {}, r"wants a place for each class"),
    ],
)
def test_networks_that_do_not_fit_what_they_are_fed(
    workshop: Workshop, fit: Fit, network: Any, options: dict[str, Any], said: str
) -> None:
    examples = workshop.examples(rows(COUNT, three=np.arange(COUNT) % 3), "train")
    with pytest.raises(ModelError, match=said) as caught:
        fit(examples, network, **({"inputs": X} | options))
    assert caught.value.where is not None and caught.value.where.file == "tests/training/networks.py"


def test_a_class_that_only_the_validation_has_is_told_before_the_first_step(workshop: Workshop, fit: Fit) -> None:
    def write(examples: Examples) -> None:
        examples.write("train", rows(COUNT))
        examples.write("eval", rows(COUNT, late=[2, *[0, 1] * 149, 0]))

    examples = workshop.make(Examples, write)
    two = partial(plain, units=2, activation="softmax", loss="sparse_categorical_crossentropy")
    with pytest.raises(ModelError, match="label 'late' is 0 to 2, and the network has 2 outputs, for 0 to 1"):
        fit(examples, two, inputs=X, validation="eval")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 2**63}, r"fit_keras\(batch_size=9223372036854775808\): wanted a whole number from 1 to 2,147,"),
        ({"batch_size": "big"}, r"fit_keras\(batch_size='big'\): wanted a whole number"),
        ({"memory": "1GB"}, r"fit_keras\(memory='1GB'\): wanted a whole number, 0 or more"),
        ({"precision": "mixed_float8"}, r"wanted 'float32', 'mixed_float16', .*\.\nDid you mean mixed_float16\?"),
        ({"devices": "gpu"}, r"fit_keras\(devices='gpu'\): wanted 'one', 'all'"),
        ({"classes": ["no", "yes", "no"]}, r"wanted two classes or more, each once"),
        ({"classes": ["no", 1]}, r"wanted words, or whole numbers"),
        ({"class_weights": "balance"}, r"class_weights='balance': wanted 'balanced'.*\nDid you mean balanced\?"),
        ({"class_weights": {0: -1.0}}, r"class_weights={0: -1.0}: wanted a number, 0 or more"),
        ({"class_weights": {0: 0, 1: 0}}, r"class_weights= are 0 for all values"),
        ({"workers": 2, "callbacks": partial(boom)}, r"(?s)callbacks cannot be sent to them.*without arguments"),
    ],
)
def test_options_that_cannot_be_are_told_before_anything_is_built(
    workshop: Workshop, fit: Fit, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ComponentError, match=said):
        fit(workshop.examples(rows(), "train"), nothing, **({"inputs": X} | options))


def test_an_infinite_feature_is_named_with_its_step(workshop: Workshop, fit: Fit) -> None:
    x = np.ones(COUNT, "float32")
    x[250] = np.inf
    with pytest.raises(TrainingError) as caught:
        fit(workshop.examples(rows(COUNT, x=x), "train"), plain, inputs=X)
    said = caught.value.message
    assert "of 5 in epoch 1 of 3: 'x' is infinite in 1 rows of its batch" in said
    missing = np.where(np.arange(COUNT) == 250, np.nan, 1).astype("float32")
    with pytest.raises(TrainingError, match="'x' is NaN in 1 rows of its batch"):
        fit(workshop.examples(rows(COUNT, x=missing), "train"), plain, inputs=X)


def test_a_validation_that_is_no_number_is_said_and_ends_nothing_silently(workshop: Workshop, fit: Fit) -> None:
    x = np.ones(COUNT, "float32")
    x[250] = np.inf

    def write(examples: Examples) -> None:
        examples.write("train", rows(COUNT))
        examples.write("eval", rows(COUNT, x=x))

    examples = workshop.make(Examples, write)
    fit(examples, plain, inputs=X, validation="eval", epochs=1)
    assert "val_loss is nan after epoch 1" in workshop.line
    said = r"watches 'val_loss', which is nan after epoch 1: in split 'eval' 'x' is infinite in 1 rows"
    with pytest.raises(TrainingError, match=said):
        fit(examples, plain, inputs=X, validation="eval", stop_early=StopEarly(patience=2))


def test_a_full_disk_is_not_told_as_a_want_of_memory(workshop: Workshop, fit: Fit, tmp_path: Path) -> None:
    import tensorflow as tf

    examples = workshop.examples(rows(), "train")
    with small_disk(tmp_path / "disk", 24):
        training = Training(Network(plain), Rows.of(examples), X, Tensor("late", "float32"), batch_size=64)
        with pytest.raises(TrainingError, match=r"no space is left on the disk of .*/disk: ") as caught:
            carry_out(training, tmp_path / "disk")
    assert isinstance(caught.value.__cause__, tf.errors.ResourceExhaustedError | OSError)
    assert "levada gc" in caught.value.hint


def test_steps_that_are_too_long_are_told_from_bad_features(workshop: Workshop, fit: Fit) -> None:
    with pytest.raises(TrainingError, match="all its inputs and labels are finite") as caught:
        fit(workshop.examples(rows(), "train"), partial(plain, rate=1e38, activation=None, loss="mse"), inputs=X)
    assert "smaller learning rate" in caught.value.hint


def test_what_is_no_network_function_is_refused(workshop: Workshop, fit: Fit) -> None:
    with pytest.raises(ComponentError, match="the network is str: wanted a function"):
        fit(workshop.examples(rows(), "train"), "small")
