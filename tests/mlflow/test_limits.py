"""What MLflow takes, and what is made of what it would not take."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levada.mlflow.connection import name_of, reason, without_secrets
from levada.mlflow.labels import node_params
from levada.mlflow.limits import NAME, cut, finite, flattened, name, not_finite, rounded, shown
from levada.mlflow.story import NodeStory
from levada.plan import Node


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.8500000000000001, 0.85),
        (123456.789, 123457.0),
        (81789.0, 81789.0),
        (1234567891.0, 1234567891.0),
        (1.23456789e-9, 1.23457e-9),
        (-0.6666666666, -0.666667),
        (0.0, 0.0),
    ],
)
def test_a_number_keeps_six_digits_and_all_that_are_whole(value: float, expected: float) -> None:
    assert rounded(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_is_rounding_once_and_stays_close(value: float) -> None:
    once = rounded(value)
    assert rounded(once) == pytest.approx(once, rel=1e-9, abs=1e-300)
    assert math.isclose(once, value, rel_tol=1e-5, abs_tol=1e-300)


def test_nan_and_infinity_are_told_apart_from_numbers() -> None:
    metrics = {"a": 1, "b": float("nan"), "c": math.inf, "d": "text", "worst slice: AUC=%": 0.5}
    assert finite(metrics) == {"a": 1.0, "worst slice: AUC__": 0.5}
    assert set(not_finite(metrics)) == {"b", "c"}


@settings(deadline=None)  # the first one imports MLflow
@given(st.text(max_size=600) | st.text(alphabet="a./ %", max_size=8))
@example("../a//b/./..")
def test_every_text_becomes_a_name_that_mlflow_takes(text: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    made = name(text)
    assert 0 < len(made) <= NAME
    _validate_metric_name(made)
    _validate_param_name(made)


def test_parameters_are_flat_and_read_as_people_write_them() -> None:
    form = {
        "epochs": 5,
        "rate": 0.1,
        "on": True,
        "none": None,
        "path": {"$path": "data/x.csv"},
        "day": {"$date": "2013-01-31"},
        "sizes": {"$tuple": [1, 2]},
        "color": {"$enum": "python:m:Color", "name": "RED"},
        "endless": {"$float": "inf"},
        "optimizer": {
            "$dataclass": "python:m:Adam",
            "fields": {"beta": {"$dataclass": "python:m:B", "fields": {"x": 1}}},
        },
        "empty": {"$dataclass": "python:m:Nothing", "fields": {}},
        "splits": {"train": 8, "eval": 1},
        "slices": ["a", {"$dataclass": "python:m:Bucketed", "fields": {"column": "b", "edges": {"$tuple": [1, 2]}}}],
    }
    assert flattened(form, "train/") == {
        "train/epochs": "5",
        "train/rate": "0.1",
        "train/on": "true",
        "train/none": "null",
        "train/path": "data/x.csv",
        "train/day": "2013-01-31",
        "train/sizes": "[1, 2]",
        "train/color": "RED",
        "train/endless": "inf",
        "train/optimizer.beta.x": "1",
        "train/empty": "Nothing",
        "train/splits.train": "8",
        "train/splits.eval": "1",
        "train/slices": "[a, Bucketed(column=b, edges=(1, 2))]",
    }
    assert len(flattened({f"p{index}": index for index in range(5000)})) == 300
    assert len(flattened({"long": "x" * 10_000})["long"]) == 6000


def test_numbers_are_shown_as_people_read_them() -> None:
    assert [shown(value) for value in (0.68123, 81789.0, 1234.56, 3.2e-7, math.inf, -2.0)] == [
        "0.6812",
        "81,789",
        "1,234.6",
        "3.2e-07",
        "inf",
        "-2",
    ]
    assert cut("abcdef", 4) == "abc…"


def test_an_address_is_the_same_target_whatever_its_credentials() -> None:
    assert name_of("https://ana:one@h:5000/") == name_of("https://h:5000") != name_of("https://h:5001")
    assert without_secrets("https://ana:one@h:5000/x?token=t#f") == "https://h:5000/x"


def test_a_reason_is_one_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-123")
    error = RuntimeError("bad answer of https://ana:one@h/api with tok-123\nsecond line")
    assert reason(error, "https://ana:one@h") == "MLflow at https://h: bad answer of https://h/api with ***"
    assert reason(ImportError("No module named 'mlflow'"), "") == (
        "MLflow cannot be imported: No module named 'mlflow'."
    )


def test_what_a_node_was_not_given_is_no_parameter() -> None:
    """None would stand there as the word `null`, in a column of its own."""
    node = NodeStory(Node("a", "python:m:f", parameters={"depth": None, "rate": 0.5, "deep": {"x": None, "y": ""}}))
    assert node_params(node) == {"rate": "0.5", "deep.y": ""}
