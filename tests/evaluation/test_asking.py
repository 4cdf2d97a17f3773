"""Rows and answers become what metrics want; the task follows from them; what cannot be held together is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples
from levada.errors import DataError, ModelError
from levada.evaluation.asking import Asked, Labelled, ask
from levada.models import ModelDocument, Predictor, Tensor
from tests.models.workshop import Workshop


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("asking"))


def giving(output: Tensor, *others: Tensor, who: str = "the model") -> Asked:
    """Return a model whose outputs are the columns (or lists) of their names."""
    outputs = (output, *others)
    inputs = tuple(Tensor(item.name, item.dtype, item.shape) for item in outputs)
    document = ModelDocument("onnx", "", inputs, outputs, "", "")
    return Asked(who, document, lambda: Predictor(document, lambda arrays: arrays))


def asked(workshop: Workshop, model: Asked, columns: dict[str, Any], *others: Asked, **options: Any) -> Labelled:
    return ask([model, *others], workshop.examples(columns), split="eval", label="y", **options)


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
    rows = asked(workshop, giving(P), {"p": [0.1, 0.5, 0.9], "y": labels}).rows
    assert rows.task == task
    assert rows.labels.tolist() == expected


def test_probabilities_of_two_classes_are_a_binary_task_and_of_more_a_multiclass_one(workshop: Workshop) -> None:
    two = asked(workshop, giving(Tensor("p", "float32", (-1, 2))), {"p": [[0.75, 0.25]], "y": [1]}).rows
    assert two.task == "binary" and two.predictions[0].tolist() == [0.25]
    more = asked(workshop, giving(Tensor("p", "float32", (-1, 3))), {"p": [[0.5, 0.25, 0.25]] * 2, "y": [2, 7]})
    assert more.rows.task == "multiclass" and more.rows.labels.tolist() == [2, -1]
    assert more.unknown == {"7": 1}


def test_a_column_of_one_number_a_row_is_that_number(workshop: Workshop) -> None:
    rows = asked(workshop, giving(Tensor("p", "float32", (-1, 1))), {"p": [[0.25], [0.75]], "y": [0, 1]}).rows
    assert rows.task == "binary" and rows.predictions[0].tolist() == [0.25, 0.75]


def test_lists_of_labels_are_a_multilabel_task_by_name_by_number_and_as_zeros_and_ones(workshop: Workshop) -> None:
    chances = [[0.5, 0.25, 0.25]] * 3
    named = giving(Tensor("p", "float32", (-1, 3), classes=("cat", "dog", "owl")))
    plain = giving(Tensor("p", "float32", (-1, 3)))
    found = asked(workshop, named, {"p": chances, "y": [["owl"], [], ["cat", "dog", "bat"]]})
    assert found.rows.task == "multilabel" and found.unknown == {"bat": 1}
    assert found.rows.labels.tolist() == [[0, 0, 1], [0, 0, 0], [1, 1, 0]]
    assert asked(workshop, plain, {"p": chances, "y": [[2], [], [0, 1]]}).rows.labels.tolist() == [
        [0, 0, 1], [0, 0, 0], [1, 1, 0],
    ]  # fmt: skip
    assert asked(workshop, plain, {"p": chances, "y": [[0, 0, 1]] * 3}).rows.labels.tolist() == [[0, 0, 1]] * 3
    with pytest.raises(ModelError, match="does not say which classes"):
        asked(workshop, plain, {"p": chances, "y": [["owl"]] * 3})


def test_words_as_labels_are_found_among_the_classes(workshop: Workshop) -> None:
    output = Tensor("p", "float32", (-1, 3), classes=("cat", "dog", "owl"))
    found = asked(workshop, giving(output), {"p": [[0.5, 0.25, 0.25]] * 3, "y": ["owl", "cat", "bat"]})
    assert found.rows.labels.tolist() == [2, 0, -1] and found.unknown == {"bat": 1}
    with pytest.raises(ModelError, match="does not say which classes"):
        asked(workshop, giving(Tensor("p", "float32", (-1, 3))), {"p": [[0.5, 0.25, 0.25]], "y": ["owl"]})
    with pytest.raises(ModelError, match=r"'y' is bat, rat in 2 of 2 rows, and the model's classes are cat, dog, owl"):
        asked(workshop, giving(output), {"p": [[0.5, 0.25, 0.25]] * 2, "y": ["bat", "rat"]})
    two = Tensor("p", "float32", (-1, 2), classes=("no", "yes"))
    with pytest.raises(ModelError, match="'y' is maybe in 1 of 2 rows"):  # no third side of two
        asked(workshop, giving(two), {"p": [[0.5, 0.5]] * 2, "y": ["yes", "maybe"]})


def test_a_champion_with_its_classes_in_another_order_is_asked_about_the_same_classes(workshop: Workshop) -> None:
    mine = giving(Tensor("p", "float32", (-1, 3), classes=("cat", "dog", "owl")))
    theirs = giving(Tensor("q", "float32", (-1, 3), classes=("owl", "cat", "bat")), who="the champion")
    rows = asked(
        workshop,
        mine,
        {"p": [[0.5, 0.3, 0.2]], "q": [[0.6, 0.3, 0.1]], "y": ["cat"]},
        theirs,
        output=None,
    ).rows
    np.testing.assert_allclose(rows.predictions[1], [[0.3, 0.0, 0.6]], rtol=1e-6)
    found = asked(workshop, mine, {"p": [[0.5, 0.3, 0.2]], "q": [[0.6, 0.3, 0.1]], "y": ["cat"]}, theirs)
    assert found.notes == ("the champion does not know dog and knows bat, which the model does not",)
    plain = giving(Tensor("q", "float32", (-1, 2)), who="the champion")
    with pytest.raises(ModelError, match="gives 3 numbers a row, and the champion 2: they cannot be compared"):
        asked(workshop, mine, {"p": [[0.5, 0.3, 0.2]], "q": [[0.6, 0.4]], "y": ["cat"]}, plain)


def test_a_champion_that_shares_no_class_is_refused(workshop: Workshop) -> None:
    mine = giving(Tensor("p", "float32", (-1, 2), classes=("no", "yes")))
    columns = {"p": [[0.5, 0.5]], "q": [[0.6, 0.4]], "y": ["yes"]}
    for names in (("No", "Yes"), (0, 1)):
        theirs = giving(Tensor("q", "float32", (-1, 2), classes=names), who="the champion")
        with pytest.raises(
            ModelError, match=r"classes are 'no', 'yes', and those of the champion .*nothing to compare"
        ):
            asked(workshop, mine, columns, theirs)
    theirs = giving(Tensor("q", "float32", (-1, 2)), who="the champion")
    (note,) = asked(workshop, mine, columns, theirs).notes
    assert note.startswith("the champion does not say which classes its answers are of")


def test_one_number_for_two_classes_is_held_against_two(workshop: Workshop) -> None:
    """A sigmoid and a classifier with two columns, with and without names, in either order, whichever is judged."""
    columns = {"p": [0.2, 0.9], "q": [[0.7, 0.3], [0.4, 0.6]], "y": ["no", "yes"]}
    one = Tensor("p", "float32", classes=("no", "yes"))
    for names, ones in ((("no", "yes"), [0.3, 0.6]), (("yes", "no"), [0.7, 0.4])):
        two = Tensor("q", "float32", (-1, 2), classes=names)
        rows = asked(workshop, giving(one), columns, giving(two, who="the champion")).rows
        np.testing.assert_allclose(rows.predictions[1], ones, rtol=1e-6)
        back = asked(workshop, giving(two), columns, giving(one, who="the champion")).rows
        assert back.predictions[1].tolist() == pytest.approx([0.2, 0.9] if names[1] == "yes" else [0.8, 0.1])
    plain = asked(workshop, giving(P), {**columns, "y": [0, 1]}, giving(Tensor("q", "float32", (-1, 2)))).rows
    np.testing.assert_allclose(plain.predictions[1], [0.3, 0.6], rtol=1e-6)
    turned = asked(
        workshop, giving(P), {**columns, "y": [0, 1]}, giving(Tensor("q", "float32", (-1, 2), classes=(1, 0)))
    ).rows
    np.testing.assert_allclose(turned.predictions[1], [0.7, 0.4], rtol=1e-6)


def test_rows_without_a_label_are_counted_and_left_out(workshop: Workshop) -> None:
    found = asked(workshop, giving(P), {"p": [0.1, 0.5, 0.9], "y": [0, None, 1]})
    assert (len(found.rows), found.skipped) == (2, 1)
    assert found.rows.predictions[0].tolist() == pytest.approx([0.1, 0.9])
    with pytest.raises(DataError, match=r"no rows with a 'y'.*\n.*missing in all of them"):
        asked(workshop, giving(P), {"p": [0.1], "y": pa.array([None], pa.int64())})


def test_the_prediction_is_found_among_several_outputs(workshop: Workshop) -> None:
    columns = {"probability": [0.5], "other": [0.25], "third": [0.125], "y": [1]}
    other, third = Tensor("other", "float32"), Tensor("third", "float32")
    assert asked(workshop, giving(other, Tensor("probability", "float32")), columns).output == "probability"
    found = asked(workshop, giving(other, third), columns, output="third")
    assert found.rows.predictions[0].tolist() == [0.125]
    with pytest.raises(ModelError, match="nothing says which is the prediction"):
        asked(workshop, giving(other, third), columns)
    with pytest.raises(ModelError, match=r"no output 'thrid'.*\n.*Did you mean third"):
        asked(workshop, giving(other, third), columns, output="thrid")


@pytest.mark.parametrize(
    ("tensor", "columns", "options", "said"),
    [
        (P, {"p": [3.0], "y": [1]}, {}, "goes from 3 to 3, so it is not a probability"),
        (P, {"p": [float("nan"), 0.5], "y": [1, 0]}, {}, r"NaN or infinite in 1 of 2 rows, first in row 0"),
        (P, {"p": [0.5], "y": [1]}, {"task": "multiclass"}, "does not fit the task multiclass"),
        (P, {"p": [0.5], "y": [1]}, {"task": "ranking"}, "there is no task 'ranking'"),
        (P, {"p": [0.5], "y": [1]}, {"task": "binry"}, r"there is no task 'binry'.\nDid you mean binary"),
        (P, {"p": [0.5], "y": ["a"]}, {}, "a regression wants numbers"),
        (Tensor("p", "float32", (-1, 3)), {"p": [[1, 1, 1]], "y": [2]}, {}, "add up to as much as 3 in a row"),
        (P, {"p": [0.5, 0.1], "y": [0.5, float("nan")]}, {}, "label 'y' is NaN or infinite in 1 of 2 rows"),
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
    table = pa.table({"p": chances, "y": (chances > 0.5).astype("int64")})
    examples = workshop.make(Examples, lambda made: made.write("eval", table))
    seen: list[tuple[int, int]] = []
    found = ask([giving(P)], examples, split="eval", label="y", progress=lambda *how_far: seen.append(how_far))
    np.testing.assert_array_equal(found.rows.predictions[0], chances.astype("float64"))
    assert seen[-1] == (count, count) and len(seen) > 1
