"""Metrics are held against scikit-learn's, overall and group by group; intervals against what they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from levada.evaluation.auc import Auc, placements
from levada.evaluation.built_in import USUAL, built_in
from levada.evaluation.rows import Rows
from tests.evaluation.samples import Z, binary, multiclass, multilabel, regression, rows, thirds

LABELS_AND_SCORES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=40).filter(
    lambda pairs: len({label for label, _ in pairs}) == 2
)


def by_hand(of: Rows, name: str) -> float:
    """What scikit-learn says of rows."""
    y, p = of.labels, of.predictions[0]
    said: Any = of.decisions(0) if of.task != "regression" else p
    macro = {"average": "macro", "zero_division": 0}
    if of.task == "multilabel" and name == "log_loss":
        return float(np.mean([reference.log_loss(y[:, place], p[:, place]) for place in range(y.shape[1])]))
    found = {
        "auc": lambda: reference.roc_auc_score(y, p, multi_class="ovr"),
        "accuracy": lambda: reference.accuracy_score(y, said),
        "log_loss": lambda: reference.log_loss(y, p),
        "precision": lambda: reference.precision_score(y, said),
        "recall": lambda: reference.recall_score(y, said),
        "specificity": lambda: reference.recall_score(y, said, pos_label=0),
        "calibration_gap": lambda: (
            abs(p.mean() - y.mean()) if p.ndim == 1 else abs(p.max(1).mean() - (said == y).mean())
        ),
        "calibration_error": lambda: _calibration_error(of),
        "brier": lambda: reference.brier_score_loss(y, p, scale_by_half=False) if p.ndim > 1 else ((p - y) ** 2).mean(),
        "f1": lambda: reference.f1_score(y, said),
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(y, said),
        "macro_f1": lambda: reference.f1_score(y, said, **macro),
        "macro_precision": lambda: reference.precision_score(y, said, **macro),
        "macro_recall": lambda: reference.recall_score(y, said, **macro),
        "weighted_f1": lambda: reference.f1_score(y, said, average="weighted"),
        "micro_f1": lambda: reference.f1_score(y, said, average="micro"),
        "micro_precision": lambda: reference.precision_score(y, said, average="micro"),
        "micro_recall": lambda: reference.recall_score(y, said, average="micro"),
        "mcc": lambda: reference.matthews_corrcoef(y, said),
        "kappa": lambda: reference.cohen_kappa_score(y, said),
        "exact_match": lambda: reference.accuracy_score(y, said),
        "hamming_loss": lambda: reference.hamming_loss(y, said),
        "mae": lambda: reference.mean_absolute_error(y, p),
        "rmse": lambda: reference.root_mean_squared_error(y, p),
        "mse": lambda: reference.mean_squared_error(y, p),
        "r2": lambda: reference.r2_score(y, p),
        "mape": lambda: reference.mean_absolute_percentage_error(y, p),
        "bias": lambda: abs((p - y).mean()),
    }
    return float(found[name]())


def _calibration_error(of: Rows) -> float:
    said, true = of.predictions[0], of.labels
    if said.ndim > 1:
        said, true = said.max(axis=1), (said.argmax(axis=1) == true).astype(float)
    places = np.minimum((said * 10).astype(int), 9)
    return sum(abs((said - true)[places == place].sum()) for place in range(10)) / len(said)


@pytest.mark.parametrize(
    "sample", [binary(600), multiclass(600), multilabel(600), regression(600)], ids=lambda each: each.task
)
def test_every_metric_is_the_one_of_scikit_learn_over_all_rows_and_in_each_group(sample: Rows) -> None:
    groups = thirds(len(sample))
    for name, metric in built_in(sample.task).items():
        found = metric.find(sample, 0, sample.groups, Z)
        assert found.value[0] == pytest.approx(by_hand(sample, name)), name
        assert found.low[0] < found.value[0] < found.high[0], name
        parts = metric.find(sample, 0, groups, Z)
        expected = [by_hand(sample.take(groups.rows_of(group)), name) for group in range(3)]
        assert parts.value == pytest.approx(expected), name
        widths = parts.high - parts.low
        assert widths[2] > widths[0] > 0, f"{name}: a tenth of the rows are less certain than half of them"
    assert set(USUAL[sample.task]) <= set(built_in(sample.task))


@given(LABELS_AND_SCORES)
def test_the_auc_is_the_one_of_scikit_learn_with_ties_too(pairs: list[tuple[int, int]]) -> None:
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    found = placements(labels == 1, scores)
    assert found is not None and found[0] == pytest.approx(reference.roc_auc_score(labels, scores))


def test_delongs_variance_is_the_one_that_comparing_all_pairs_gives() -> None:
    sample = binary(80)
    scores = sample.predictions[0].round(1)
    ones, zeros = scores[sample.labels == 1], scores[sample.labels == 0]
    wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    variance = wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros)
    found = placements(sample.labels == 1, scores)
    assert found is not None
    assert (found[1] ** 2).sum() == pytest.approx(variance)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """DeLong, Wilson, the normal one, the bootstrap, the last over blocks of rows too."""
    everything = binary(200_000, seed=99)
    names = ("auc", "accuracy", "log_loss", "f1")
    metrics = built_in("binary")
    truth = {name: metrics[name].find(everything, 0, everything.groups, Z).value[0] for name in names}
    hits = dict.fromkeys(names, 0)
    for seed in range(120):
        sample = binary(2_500 if seed % 20 == 0 else 200, seed=seed)  # more rows than blocks now and then
        for name in names:
            found = metrics[name].find(sample, 0, sample.groups, Z)
            hits[name] += found.low[0] <= truth[name] <= found.high[0]
    assert {name: 0.9 <= count / 120 <= 0.99 for name, count in hits.items()} == dict.fromkeys(names, True), hits


def test_resampling_blocks_of_rows_gives_the_error_that_resampling_rows_gives() -> None:
    sample = regression(40_000)
    metric = built_in("regression")["rmse"]
    found = metric.find(sample, 0, sample.groups, Z)
    squares = (sample.predictions[0] - sample.labels) ** 2
    error = squares.std() / math.sqrt(len(squares)) / (2 * math.sqrt(squares.mean()))  # the delta method's
    assert (found.high[0] - found.low[0]) / 2 == pytest.approx(Z * error, rel=0.12)


def test_the_same_rows_give_the_same_intervals() -> None:
    one, two = (built_in("binary")["f1"].find(binary(300), 0, binary(300).groups, Z) for _ in range(2))
    assert one.low == two.low and one.high == two.high


def test_a_class_the_model_does_not_know_is_always_wrong() -> None:
    sample = rows("multiclass", [0, -1], [[0.9, 0.1], [0.9, 0.1]], classes=("a", "b"))
    metrics = built_in("multiclass")
    assert metrics["accuracy"].find(sample, 0, sample.groups, Z).value[0] == 0.5
    assert metrics["log_loss"].find(sample, 0, sample.groups, Z).value[0] == pytest.approx(
        (-math.log(0.9) - math.log(1e-7)) / 2
    )
    assert metrics["macro_f1"].find(sample, 0, sample.groups, Z).value[0] == pytest.approx(1 / 3)


def test_classes_that_are_unknown_never_said_or_do_not_occur_count_as_in_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels = random.choice([0, 1, 2, -1], 400)  # 3 does not occur, 2 is never said, -1 is none of the model's
    answers = np.eye(4)[np.where(random.random(400) < 0.7, labels, 3) % 4 * (labels != 2)]
    sample = rows("multiclass", labels, answers, classes=("a", "b", "c", "d"))
    names = ("accuracy", "balanced_accuracy", "macro_f1", "macro_precision", "macro_recall", "weighted_f1", "mcc")
    for name in (*names, "kappa"):
        found = built_in("multiclass")[name].find(sample, 0, sample.groups, Z)
        with np.testing.suppress_warnings() as quiet:
            quiet.filter(UserWarning)
            assert found.value[0] == pytest.approx(by_hand(sample, name)), name


def test_r2_of_a_slice_is_the_one_of_its_own_mean_and_none_where_all_labels_are_equal() -> None:
    random = np.random.default_rng(0)
    labels = np.concatenate([1e9 + random.normal(size=200), random.normal(size=200), np.full(200, 0.1)])
    sample = rows("regression", labels, labels + random.normal(scale=0.5, size=600))
    groups = type(sample.groups)(np.repeat([0, 1, 2], 200), 3)
    found = built_in("regression")["r2"].find(sample, 0, groups, Z)
    for group in (0, 1):
        part = sample.take(groups.rows_of(group))
        assert found.value[group] == pytest.approx(reference.r2_score(part.labels, part.predictions[0]), rel=1e-6)
        assert found.low[group] < found.value[group] < found.high[group] < 1
    assert math.isnan(found.value[2])


def test_nobody_may_bet_more_than_everything() -> None:
    sure = rows("multiclass", [0, 1], [[1.0, 1.0, 1.0]] * 2, classes=("a", "b", "c"))
    assert built_in("multiclass")["log_loss"].find(sure, 0, sure.groups, Z).value[0] == pytest.approx(math.log(3))


def test_what_cannot_be_said_of_the_rows_is_nan() -> None:
    sample = rows("binary", [0, 0, 0], [0.1, 0.2, 0.3], classes=("0", "1"))
    found = {name: metric.find(sample, 0, sample.groups, Z) for name, metric in built_in("binary").items()}
    assert {name for name, each in found.items() if math.isnan(each.value[0])} == {
        "auc", "precision", "recall", "f1", "mcc", "kappa",
    }  # fmt: skip
    few = rows("binary", [0, 1, 1], [0.1, 0.2, 0.3], classes=("0", "1"))
    auc = Auc().find(few, 0, few.groups, Z)
    assert auc.value[0] == 1 and math.isnan(auc.low[0])  # three rows say nothing of how sure that is


def test_where_a_class_is_decided_is_a_choice() -> None:
    counts = [binary(300, cut=cut).decisions(0).sum() for cut in (0.2, 0.5, 0.8)]
    assert counts[0] > counts[1] > counts[2] > 0
