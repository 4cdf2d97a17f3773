"""Rows and answers become what metrics want; the task follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples
from levada.errors import DataError, ModelError
from levada.models import ModelDocument, Predictor, Tensor
from levada.models.scored import Scored, score
from tests.models.workshop import Workshop


def giving(output: Tensor, *others: Tensor) -> Predictor:
    """Return a predictor whose outputs are the columns (or lists) of their names."""
    outputs = (output, *others)
    inputs = tuple(Tensor(item.name, item.dtype, item.shape) for item in outputs)
    return Predictor(ModelDocument("onnx", "", inputs, outputs, "", ""), lambda arrays: arrays)


def asked(workshop: Workshop, predictor: Predictor, columns: dict[str, Any], **options: Any) -> Scored:
    return score([predictor], workshop.examples(columns), split="eval", label="y", **options)


P = Tensor("p", "float32")


@pytest.mark.parametrize(
    ("labels", "task", "expected"),
    [
        ([0, 1, 1], "binary", [0, 1, 1]),
        ([False, True, True], "binary", [0, 1, 1]),
        ([0.0, 1.0, 1.0], "binary", [0, 1, 1]),
        ([0, 2, 1], "regression", [0, 2, 1]),
        ([0.5, 0.1, 1.0], "regression", [0.5, 0.1, 1.0]),
    ],
)
def test_one_number_a_row_is_a_chance_of_one_or_a_value(
    workshop: Workshop, labels: list[Any], task: str, expected: list[Any]
) -> None:
    scored = asked(workshop, giving(P), {"p": [0.1, 0.5, 0.9], "y": labels})
    assert scored.task == task
    assert scored.labels.tolist() == expected


def test_probabilities_of_two_classes_are_a_binary_task_and_of_more_a_multiclass_one(workshop: Workshop) -> None:
    two = asked(workshop, giving(Tensor("p", "float32", (-1, 2))), {"p": [[0.75, 0.25]], "y": [1]})
    assert two.task == "binary" and two.predictions[0].tolist() == [0.25]
    more = asked(workshop, giving(Tensor("p", "float32", (-1, 3))), {"p": [[0.5, 0.25, 0.25]] * 2, "y": [2, 7]})
    assert more.task == "multiclass" and more.labels.tolist() == [2, -1]


def test_words_as_labels_are_found_among_the_classes(workshop: Workshop) -> None:
    output = Tensor("p", "float32", (-1, 3), classes=("cat", "dog", "owl"))
    scored = asked(workshop, giving(output), {"p": [[0.5, 0.25, 0.25]] * 3, "y": ["owl", "cat", "bat"]})
    assert scored.labels.tolist() == [2, 0, -1]
    with pytest.raises(ModelError, match="does not say which classes"):
        asked(workshop, giving(Tensor("p", "float32", (-1, 3))), {"p": [[0.5, 0.25, 0.25]], "y": ["owl"]})


def test_rows_without_a_label_are_counted_and_left_out(workshop: Workshop) -> None:
    scored = asked(workshop, giving(P), {"p": [0.1, 0.5, 0.9], "y": [0, None, 1]})
    assert (scored.rows, scored.skipped) == (2, 1)
    assert scored.predictions[0].tolist() == pytest.approx([0.1, 0.9])
    with pytest.raises(DataError, match="no rows with a 'y'"):
        asked(workshop, giving(P), {"p": [0.1], "y": pa.array([None], pa.int64())})


def test_slices_have_a_number_per_row_in_the_order_of_their_values(workshop: Workshop) -> None:
    columns = {"p": [0.1, 0.2, 0.3, 0.4], "y": [0, 1, None, 1], "carrier": ["UA", None, "HA", "AA"]}
    codes, values = asked(workshop, giving(P), columns, slices=["carrier"]).slices["carrier"]
    assert values == ["AA", "UA", None]
    assert codes.tolist() == [1, 2, 0]


def test_the_prediction_is_found_among_several_outputs(workshop: Workshop) -> None:
    columns = {"probability": [0.5], "other": [0.25], "third": [0.125], "y": [1]}
    other, third = Tensor("other", "float32"), Tensor("third", "float32")
    assert asked(workshop, giving(other, Tensor("probability", "float32")), columns).output == "probability"
    assert asked(workshop, giving(other, third), columns, output="third").predictions[0].tolist() == [0.125]
    with pytest.raises(ModelError, match="nothing says which is the prediction"):
        asked(workshop, giving(other, third), columns)
    with pytest.raises(ModelError, match=r"no output 'thrid'.*\n.*Did you mean third"):
        asked(workshop, giving(other, third), columns, output="thrid")


@pytest.mark.parametrize(
    ("tensor", "columns", "options", "said"),
    [
        (P, {"p": [3.0], "y": [1]}, {}, "goes from 3 to 3, so it is not a probability"),
        (P, {"p": [float("nan")], "y": [1]}, {}, "not a probability"),
        (P, {"p": [0.5], "y": [1]}, {"task": "multiclass"}, "does not fit the task multiclass"),
        (P, {"p": [0.5], "y": [1]}, {"task": "ranking"}, "there is no task 'ranking'"),
        (P, {"p": [0.5], "y": ["a"]}, {}, "a regression wants numbers"),
        (Tensor("p", "float32", (-1, 2)), {"p": [[0.5, 0.5]], "y": [3]}, {}, "must be 0 or 1"),
        (Tensor("p", "float32", (-1, 2, 2)), {"p": [[0.5] * 4], "y": [1]}, {}, "has no metrics here"),
    ],
)
def test_answers_that_cannot_be_held_against_the_labels_are_refused(
    workshop: Workshop, tensor: Tensor, columns: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        asked(workshop, giving(tensor), columns, **options)


def test_many_batches_are_asked_in_order_and_reported(workshop: Workshop) -> None:
    count = 150_000
    chances = np.random.default_rng(0).random(count).astype("float32")
    examples = workshop.make(
        Examples, lambda made: made.write("eval", pa.table({"p": chances, "y": (chances > 0.5).astype("int64")}))
    )
    seen: list[tuple[int, int]] = []
    scored = score(
        [giving(P)], examples, split="eval", label="y", progress=lambda done, total: seen.append((done, total))
    )
    np.testing.assert_array_equal(scored.predictions[0], chances.astype("float64"))
    assert seen[-1] == (count, count) and len(seen) > 1
