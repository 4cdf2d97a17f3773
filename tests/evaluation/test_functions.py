"""Metrics of scikit-learn, of Keras and of a project: the same numbers as by hand, found by name, refused in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from levada.artifacts.measured import Task
from levada.errors import ComponentError, ParameterError
from levada.evaluation.catalogue import MetricOf, find_metrics, metric
from levada.evaluation.functions import Function
from levada.evaluation.rows import Rows
from levada.values import decode, encode
from tests.evaluation.samples import Z, binary, multiclass, multilabel, regression, rows, thirds


def value(sample: Rows, spec: str | MetricOf) -> float:
    """Return a metric of all rows; of a function, what it returns itself, without its many resamples."""
    ((_, found),) = find_metrics(sample.task, [spec], {}).items()
    if isinstance(found, Function):
        return float(np.mean(found.call(sample, 0)))
    return float(found.find(sample, 0, sample.groups, Z).value[0])


def refused(sample: Rows, spec: str | MetricOf) -> str:
    def measured() -> None:
        for found in find_metrics(sample.task, [spec], {}).values():
            found.find(sample, 0, sample.groups, Z)

    with pytest.raises(ComponentError) as raised:
        measured()
    return str(raised.value)


def test_scorers_and_functions_of_scikit_learn_are_found_by_name_for_every_task() -> None:
    two, many, sets, numbers = binary(300), multiclass(300), multilabel(300), regression(300)
    y, p, said = two.labels, two.predictions[0], two.decisions(0)
    assert value(two, "average_precision") == pytest.approx(reference.average_precision_score(y, p))
    assert value(two, "sklearn.average_precision_score") == value(two, "average_precision")
    assert value(two, "neg_brier_score") == pytest.approx(-reference.brier_score_loss(y, p))
    assert value(two, "jaccard") == pytest.approx(reference.jaccard_score(y, said))
    assert value(two, metric("fbeta_score", beta=2)) == pytest.approx(reference.fbeta_score(y, said, beta=2))
    assert value(many, "f1_macro") == pytest.approx(reference.f1_score(many.labels, many.decisions(0), average="macro"))
    assert value(many, "roc_auc_ovo") == pytest.approx(
        reference.roc_auc_score(many.labels, many.predictions[0], multi_class="ovo")
    )
    assert value(many, metric("top_k_accuracy_score", k=2)) == pytest.approx(
        reference.top_k_accuracy_score(many.labels, many.predictions[0], k=2)
    )
    assert value(sets, "label_ranking_loss") == pytest.approx(
        reference.label_ranking_loss(sets.labels, sets.predictions[0])
    )
    assert value(numbers, "median_absolute_error") == pytest.approx(
        reference.median_absolute_error(numbers.labels, numbers.predictions[0])
    )
    assert value(numbers, "explained_variance") == pytest.approx(
        reference.explained_variance_score(numbers.labels, numbers.predictions[0])
    )


@pytest.mark.parametrize(
    ("name", "lower"),
    [("zero_one_loss", True), ("max_error", True), ("jaccard_score", False), ("neg_log_loss", False)],
)
def test_which_way_is_better_follows_from_scikit_learns_names(name: str, lower: bool) -> None:
    task: Task = "regression" if name == "max_error" else "binary"
    assert find_metrics(task, [name], {})[name].lower_is_better is lower


def test_metrics_of_keras_are_asked_in_the_form_that_each_wants() -> None:
    pytest.importorskip("keras")
    two, many, numbers = binary(300), multiclass(300), regression(300)
    said = two.decisions(0)
    assert value(two, "keras.BinaryAccuracy") == pytest.approx(reference.accuracy_score(two.labels, said))
    assert value(two, metric("keras.AUC", num_thresholds=2000)) == pytest.approx(
        reference.roc_auc_score(two.labels, two.predictions[0]), abs=2e-3
    )
    assert value(many, "keras.SparseCategoricalAccuracy") == pytest.approx(
        reference.accuracy_score(many.labels, many.decisions(0))
    )
    assert value(many, metric("TopKCategoricalAccuracy", k=2, name="top_2")) == pytest.approx(
        reference.top_k_accuracy_score(many.labels, many.predictions[0], k=2)
    )
    macro = metric("keras.F1Score", average="macro")
    assert value(many, macro) == pytest.approx(value(many, "macro_f1"), abs=1e-6)
    assert value(numbers, "keras.MeanSquaredError") == pytest.approx(value(numbers, "mse"), rel=1e-5)
    assert find_metrics("regression", ["keras.MeanSquaredError"], {})["keras.MeanSquaredError"].lower_is_better
    assert "keras.F1Score gives an array [3]" in refused(many, "keras.F1Score")
    assert "no metric 'keras.AUCC'.\nDid you mean keras.AUC?" in refused(two, "keras.AUCC")


def cost(labels: Any, predictions: Any, row: Any, price: float = 1.0) -> Any:
    return np.where((predictions >= 0.5) != labels, price * (1 + row % 2), 0.0)


def mean_cost(labels: Any, predictions: Any, row: Any) -> float:
    return float(cost(labels, predictions, row).mean())


def test_a_function_of_the_project_gives_a_number_or_one_a_row() -> None:
    """The same metric both ways: in groups, with intervals that agree, and paired."""
    first, second = binary(3_000, (2.0, 1.0)), binary(3_000, (2.0,), seed=0)
    assert (first.labels == second.labels).all()
    a_row = find_metrics("binary", [metric(cost, lower_is_better=True, columns=["row"])], {})["cost"]
    a_number = find_metrics("binary", [metric(mean_cost, lower_is_better=True, columns=["row"])], {})["mean_cost"]
    groups = thirds(3_000)
    one, other = (each.find(first, 0, groups, Z) for each in (a_row, a_number))
    assert one.value == pytest.approx(other.value)
    assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.35)
    low, high = a_row.drops(first, groups).bounds(Z)
    near = a_number.drops(first, groups).bounds(Z)
    assert low == pytest.approx(near[0], abs=0.05) and high == pytest.approx(near[1], abs=0.05)
    assert (high < 0).all()
    dear = metric(cost, lower_is_better=True, columns=["row"], price=3.0, name="dear")
    assert value(first, dear) == pytest.approx(3 * value(first, metric(cost, lower_is_better=True, columns=["row"])))
    assert decode(encode(dear)) == dear  # it is a parameter of a plan


def test_a_function_is_asked_of_a_sample_where_there_are_many_rows() -> None:
    """The interval is that of all rows all the same."""
    sample = regression(40_000)
    found = find_metrics("regression", ["mean_squared_error", "mse"], {})
    sampled, exact = (each.find(sample, 0, sample.groups, Z) for each in found.values())
    assert sampled.high[0] - sampled.low[0] == pytest.approx(exact.high[0] - exact.low[0], rel=0.35)


def wrong_shape(labels: Any, predictions: Any) -> Any:
    return np.zeros((2, 2))


def test_what_cannot_be_a_metric_is_refused_in_words() -> None:
    many = multiclass(60)
    said = refused(many, "precision_score")
    assert "precision_score cannot be computed: ValueError: Target is multiclass" in said and 'average="macro"' in said
    assert "wrong_shape gives an array [2, 2]: wanted a number, or one for each of 60 rows" in refused(
        many, metric(wrong_shape)
    )
    assert "no metric 'jacard_score'.\nDid you mean jaccard_score?" in refused(many, "jacard_score")
    with pytest.raises(ComponentError, match="two metrics named 'f1_macro'"):
        find_metrics("multiclass", ["f1_macro", metric("f1_macro")], {})
    with pytest.raises(ParameterError, match="only a function of the project takes columns"):
        metric("f1_macro", columns=["a"])


def test_a_group_that_a_function_cannot_measure_is_nan_and_the_others_are_not() -> None:
    sample = rows("binary", [0] * 30 + [0, 1] * 30, np.linspace(0, 1, 90), classes=("0", "1"))
    groups = type(sample.groups)(np.repeat([0, 1], [30, 60]), 2)
    metric_of = find_metrics("binary", ["roc_auc_score"], {})["roc_auc_score"]
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        found = metric_of.find(sample, 0, groups, Z)
    assert math.isnan(found.value[0]) and math.isnan(found.low[0])
    assert found.low[1] <= found.value[1] <= found.high[1]
