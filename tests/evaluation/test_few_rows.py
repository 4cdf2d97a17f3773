"""Where a handful of rows decides, an interval is wide enough for those that happen not to be there."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa

from levada.evaluation.built_in import built_in
from levada.evaluation.catalogue import find_metrics, metric
from levada.evaluation.gate import Rules, not_worse
from levada.evaluation.measuring import measure
from levada.evaluation.metrics import Metric
from levada.evaluation.rows import Rows
from tests.evaluation.samples import Z


def two_classes(labels: Any, *decided: Any, seed: int = 0) -> Rows:
    noise = np.random.default_rng(seed).random(len(labels)) / 10
    chances = tuple(np.where(said, 0.8, 0.1) + noise / (1 + place) for place, said in enumerate(decided))
    return Rows("binary", ("0", "1"), np.asarray(labels, np.int64), chances, pa.table({}), seed=seed)


def passed(rows: Rows, metrics: Mapping[str, Metric], margins: Mapping[str, float]) -> np.ndarray[Any, Any]:
    measured = measure(rows, metrics, [], 0.95)
    conditions = not_worse(measured, Rules({}, margins, 0.95), "the champion", answers_alike=False)
    return np.array([condition.holds for condition in conditions])


def number(labels: Any, predictions: Any) -> float:
    """F1 as somebody's function."""
    said = predictions >= 0.5
    return float(2 * (said & (labels == 1)).sum() / (said.sum() + labels.sum()))


def wrong(labels: Any, predictions: Any) -> Any:
    return ((predictions >= 0.5) != labels).astype(float)


def test_a_model_that_loses_some_of_a_rare_class_seldom_passes_whatever_measures_it() -> None:
    """20 of 500 rows are ones, the model finds 4.2 % fewer: F1 and MCC drop by 0.021, and a bootstrap of rows that
    are there let it pass in half of the evaluations."""
    names = {name: built_in("binary")[name] for name in ("f1", "mcc", "balanced_accuracy")}
    names |= find_metrics("binary", [metric(number)], {})
    count = np.zeros(len(names))
    for seed in range(16):
        random = np.random.default_rng(seed)
        labels = np.arange(500) < 20
        old = random.random(500) < np.where(labels, 0.9, 0.002)
        new = old & ~(labels & (random.random(500) < 0.042))
        count += passed(two_classes(labels, new, old, seed=seed), names, dict.fromkeys(names, 0.02))
    assert (count <= 2).all(), dict(zip(names, count, strict=True))


def test_few_rows_that_only_one_of_two_models_gets_wrong_prove_nothing() -> None:
    """As above of 200 rows with two classes of the same size, and of a value a row that is 0 or 1."""
    names = {name: built_in("binary")[name] for name in ("precision", "f1")}
    names |= find_metrics("binary", [metric(wrong, lower_is_better=True)], {})
    count, equal = np.zeros(len(names)), 0.0
    for seed in range(30):
        random = np.random.default_rng(seed)
        labels = random.random(200) < 0.5
        old = labels ^ (random.random(200) < 0.03)
        new = old ^ ((old == labels) & (random.random(200) < 0.021))
        count += passed(two_classes(labels, new, old, seed=seed), names, dict.fromkeys(names, 0.02))
    assert (count <= 3).all(), dict(zip(names, count, strict=True))
    for seed in range(10):  # and an equal model of 3,000 rows passes
        random = np.random.default_rng(seed)
        labels = random.random(3_000) < 0.5
        old, new = (labels ^ (random.random(3_000) < 0.03) for _ in range(2))
        equal += passed(two_classes(labels, new, old, seed=seed), {"f1": names["f1"]}, {"f1": 0.02})[0]
    assert equal >= 9, equal


def test_a_rare_class_among_many_decides_a_mean_over_classes() -> None:
    names = {name: built_in("multiclass")[name] for name in ("macro_f1", "balanced_accuracy")}
    count = np.zeros(2)
    for seed in range(16):
        random = np.random.default_rng(seed)
        labels = np.concatenate([np.full(10, 4), np.arange(490) % 4])
        old = np.where(random.random(500) < 0.95, labels, (labels + 1) % 4)
        new = np.where((labels == 4) & (old == 4) & (random.random(500) < 0.11), 0, old)
        answers = tuple(np.eye(5)[said] * part + (1 - part) / 5 for said, part in ((new, 0.8), (old, 0.79)))
        rows = Rows("multiclass", tuple("abcde"), labels, answers, pa.table({}), seed=seed)
        count += passed(rows, names, {"macro_f1": 0.0126, "balanced_accuracy": 0.0192})
    assert (count <= 2).all(), count


def test_the_interval_of_an_auc_near_one_holds_the_truth() -> None:
    """0.983 from 12 ones, of which Wald's interval held the truth in 65 %; and one that is perfect on the rows."""
    truth, held = NormalDist().cdf(3 / 2**0.5), 0
    labels = np.arange(500) < 12
    for seed in range(80):
        scores = np.random.default_rng(seed).normal(size=500) + 3 * labels
        rows = Rows("binary", ("0", "1"), labels.astype(np.int64), (1 / (1 + np.exp(-scores)),), pa.table({}))
        found = built_in("binary")["auc"].find(rows, 0, rows.groups, Z)
        held += found.low[0] <= truth <= found.high[0]
    assert held >= 73
    perfect = two_classes(labels, labels)
    found = built_in("binary")["auc"].find(perfect, 0, perfect.groups, Z)
    assert 0.8 < found.low[0] < 0.95 and found.high[0] == found.value[0] == 1


def test_a_model_that_is_right_in_all_of_few_rows_is_not_known_to_be_perfect() -> None:
    passes = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        labels = random.random(50) < 0.5
        rows = two_classes(labels, labels ^ (random.random(50) < 0.03), seed=seed)
        passes += built_in("binary")["f1"].find(rows, 0, rows.groups, Z).low[0] > 0.97
    assert passes <= 2
    one = two_classes([True], [True], [True])
    for name in ("f1", "balanced_accuracy", "precision", "accuracy"):
        found = built_in("binary")[name].find(one, 0, one.groups, Z)
        assert found.value[0] == 1 and found.low[0] < 0.3, name
        assert not passed(one, {name: built_in("binary")[name]}, {name: 0.0}).any(), name


def test_calibration_that_is_perfect_may_be_perfect_and_one_that_is_off_is_not() -> None:
    held = dict.fromkeys(("calibration_error", "calibration_gap"), 0)
    for seed in range(30):
        random = np.random.default_rng(seed)
        chances = random.beta(2, 3, 300)
        labels = (random.random(300) < chances).astype(np.int64)
        rows = Rows("binary", ("0", "1"), labels, (chances,), pa.table({}), seed=seed)
        for name in held:
            found = built_in("binary")[name].find(rows, 0, rows.groups, Z)
            held[name] += found.low[0] < 1e-3
        off = Rows("binary", ("0", "1"), labels, (chances**3,), pa.table({}), seed=seed)
        assert built_in("binary")["calibration_error"].find(off, 0, off.groups, Z).low[0] > 0.05
    assert min(held.values()) >= 27, held
