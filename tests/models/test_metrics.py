"""Metrics are held against scikit-learn's, intervals against brute force and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from levada.models.metrics import (
    LOWER_IS_BETTER,
    auc,
    auc_interval,
    bounds,
    measure,
    wilson,
    worsening,
    worsening_interval,
)

LABELS_AND_SCORES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def noisy(count: int, signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities that know something of them."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    scores = 1 / (1 + np.exp(-(signal * (labels - 0.5) + random.normal(size=count))))
    return labels, scores


@given(LABELS_AND_SCORES)
def test_the_auc_is_the_one_of_scikit_learn_with_ties_too(rows: list[tuple[int, int]]) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    assert auc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores))


@given(LABELS_AND_SCORES)
def test_a_rising_transformation_leaves_the_auc_and_its_interval_as_they_are(rows: list[tuple[int, int]]) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    assert auc(labels, np.exp(scores)) == pytest.approx(auc(labels, scores))
    assert auc_interval(labels, np.exp(scores)) == pytest.approx(auc_interval(labels, scores), nan_ok=True)


def test_delongs_interval_is_the_one_that_comparing_all_pairs_gives() -> None:
    labels, scores = noisy(60, 1.0)
    scores = scores.round(1)
    ones, zeros = scores[labels == 1], scores[labels == 0]
    wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    variance = wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros)
    low, high = auc_interval(labels, scores)
    assert (low + high) / 2 == pytest.approx(wins.mean())
    assert (high - low) / 2 == pytest.approx(1.959964 * math.sqrt(variance))


def test_the_auc_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.5 * (1 + math.erf(1.0 / 2))  # of two normals one standard deviation * sqrt 1 apart
    hits = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        labels = np.repeat([0, 1], 100)
        low, high = auc_interval(labels, random.normal(size=200) + labels)
        hits += low <= truth <= high
    assert 0.91 <= hits / 300 <= 0.98


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_binary_metrics_are_those_of_scikit_learn(seed: int) -> None:
    labels, scores = noisy(80, 1.0, seed)
    said = scores >= 0.5
    found = measure("binary", labels, scores)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, said))
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels, scores))
    assert found["precision"] == pytest.approx(reference.precision_score(labels, said))
    assert found["recall"] == pytest.approx(reference.recall_score(labels, said))
    assert found["calibration_gap"] == pytest.approx(abs(scores.mean() - labels.mean()))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_multiclass_and_regression_metrics_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], random.integers(0, 3, 50)])
    chances = random.dirichlet([1, 1, 1], 53)
    found = measure("multiclass", labels, chances)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, chances.argmax(1)))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, chances.argmax(1), average="macro"))
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels, chances))
    numbers, guesses = random.normal(size=(2, 40))
    assert measure("regression", numbers, guesses) == pytest.approx(
        {
            "mae": reference.mean_absolute_error(numbers, guesses),
            "rmse": reference.root_mean_squared_error(numbers, guesses),
        }
    )


def test_a_class_the_model_does_not_know_is_always_wrong() -> None:
    found = measure("multiclass", np.array([0, -1]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx((-math.log(0.9) - math.log(1e-7)) / 2)


def test_what_cannot_be_said_of_the_rows_is_left_out() -> None:
    found = measure("binary", np.array([0, 0]), np.array([0.1, 0.2]))
    assert set(found) == {"accuracy", "log_loss", "calibration_gap"}
    assert "auc" not in bounds("binary", np.array([0, 0]), np.array([0.1, 0.2]))
    assert measure("regression", np.array([]), np.array([])) == {}


def test_wilsons_interval_is_the_published_one() -> None:
    # R. G. Newcombe, Statistics in Medicine 17, 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, count, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson(hits, count) == pytest.approx((low, high), abs=1e-4)


def test_worse_is_a_smaller_auc_and_a_larger_loss() -> None:
    assert worsening("auc", 0.7, 0.6) == pytest.approx(0.1)
    assert worsening("log_loss", 0.5, 0.6) == pytest.approx(0.1)
    assert {"log_loss", "mae", "rmse", "calibration_gap"} == LOWER_IS_BETTER


@pytest.mark.parametrize("name", ["auc", "accuracy", "log_loss"])
def test_the_interval_of_a_drop_tells_a_worse_model_from_an_equal_one(name: str) -> None:
    labels, good = noisy(4000, 2.0)
    equal = np.clip(good + np.random.default_rng(1).normal(scale=0.001, size=4000), 0, 1)
    worse = np.random.default_rng(2).permutation(good)
    low, high = worsening_interval("binary", name, labels, good, equal)
    assert low <= 0.002 and high >= -0.002 and high - low < 0.01
    low, high = worsening_interval("binary", name, labels, good, worse)
    assert low > 0.1


def test_comparing_on_the_same_rows_is_sharper_than_two_intervals() -> None:
    labels, before = noisy(2000, 1.0)
    after = np.clip(before + np.random.default_rng(1).normal(scale=0.02, size=2000), 0, 1)
    low, high = worsening_interval("binary", "auc", labels, before, after)
    alone = auc_interval(labels, before)
    assert high - low < 0.3 * (alone[1] - alone[0])
