"""A verdict is conditions that hold or not, each a sentence with its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Blessing, Evaluation, Examples, Model
from levada.components import at_least, at_most, evaluate
from levada.components.evaluate import Evaluated
from levada.components.threshold import Threshold
from levada.errors import ComponentError, DataError, ModelError, ParameterError
from levada.registry import Version
from levada.values import decode, encode
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def rows(count: int = 4000, seed: int = 0, flipped: str = "") -> pa.Table:
    """Return labels, a good answer, one a little worse, a useless one, and a column to slice by.

    `slipped` is as good as `good` except where `carrier` is `flipped`.
    """
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    strength = 1.5 * (label - 0.5)
    good = 1 / (1 + np.exp(-(strength + random.normal(size=count))))
    worse = 1 / (1 + np.exp(-(strength * 0.5 + random.normal(size=count))))
    carrier = random.choice(["AA", "UA", "HA"], count, p=[0.6, 0.39, 0.01])
    return pa.table(
        {
            "late": label,
            "good": good.astype("float32"),
            "worse": worse.astype("float32"),
            "useless": random.random(count).astype("float32"),
            "slipped": np.where(carrier == flipped, 1 - good, good).astype("float32"),
            "carrier": carrier,
        }
    )


def judged(workshop: Workshop, model: Model, examples: Examples, **options: Any) -> Evaluated:
    return workshop.call(evaluate, model, examples, label="late", **options)


# -- thresholds -------------------------------------------------------------------------------------


def test_a_model_above_its_thresholds_is_blessed_and_the_verdict_says_there_was_no_champion(workshop: Workshop) -> None:
    model, examples = workshop.echo("good"), workshop.examples(rows())
    evaluation, blessing = judged(workshop, model, examples, thresholds={"auc": at_least(0.7), "log_loss": at_most(1)})
    assert blessing.open and blessing.record.open
    assert blessing.fingerprints == [model.fingerprint]
    assert blessing.baseline is None and blessing.challenged is None
    assert blessing.reasons[0].startswith("auc 0.8") and blessing.reasons[0].endswith("is at least 0.7")
    assert blessing.reasons[-1] == "there was no champion to compare with: the thresholds alone decided"
    assert workshop.said[-1].metrics == evaluation.metrics
    assert workshop.line.startswith("AUC 0.8") and workshop.line.endswith("· blessed")


def test_a_closed_gate_says_first_and_with_numbers_what_closed_it(workshop: Workshop) -> None:
    model, examples = workshop.echo("useless"), workshop.examples(rows())
    blessing = judged(workshop, model, examples, thresholds={"log_loss": at_most(5), "auc": at_least(0.7)}).blessing
    assert not blessing.open and not blessing.record.open
    assert blessing.reasons[0].startswith("auc 0.") and blessing.reasons[0].endswith("is below 0.7")
    assert blessing.reasons[1].endswith("is at most 5")
    assert "not blessed: auc 0." in workshop.line
    blessing = judged(workshop, model, examples, thresholds={"log_loss": at_most(0.1)}).blessing
    assert blessing.reasons[0].endswith("is above 0.1")


def test_a_value_is_shown_in_enough_digits_to_tell_it_from_its_threshold(workshop: Workshop) -> None:
    from levada.components.verdict import absolute

    (condition,) = absolute({"auc": 0.69996}, {"auc": at_least(0.7)})
    assert not condition.holds and condition.sentence == "auc 0.69996 is below 0.7"


def test_a_metric_that_cannot_be_measured_closes_the_gate(workshop: Workshop) -> None:
    examples = workshop.examples({"late": [0, 0, 0], "good": pa.array([0.1, 0.2, 0.3], pa.float32())})
    blessing = judged(workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.5)}).blessing
    assert blessing.reasons[0] == "auc cannot be measured on these rows, and must be at least 0.5"
    assert not blessing.open


def test_a_threshold_goes_through_a_plan() -> None:
    for threshold in (at_least(0.7), at_most(0.2), Threshold(0.1, 0.9)):
        assert decode(encode(threshold)) == threshold
    assert str(Threshold(0.1, 0.9)) == "at least 0.1 and at most 0.9"
    with pytest.raises(ParameterError, match="a threshold is a number"):
        at_least("0.7")  # type: ignore[arg-type]


def test_what_is_asked_must_make_sense(workshop: Workshop) -> None:
    model, examples = workshop.echo("good"), workshop.examples(rows(100))
    with pytest.raises(ComponentError, match="asked nothing"):
        judged(workshop, model, examples)
    with pytest.raises(ComponentError, match=r"a binary task has no metric 'acuracy'.\nDid you mean accuracy"):
        judged(workshop, model, examples, thresholds={"acuracy": at_least(0.5)})
    with pytest.raises(ComponentError, match="max_drop"):
        judged(workshop, model, examples, max_drop={"mae": 0.5})
    with pytest.raises(DataError, match="no split 'test'"):
        judged(workshop, model, examples, thresholds={"auc": at_least(0.5)}, split="test")
    with pytest.raises(DataError, match="'good' is not in the examples"):
        judged(workshop, model, workshop.examples({"late": [0, 1]}), thresholds={"auc": at_least(0.5)})


# -- against the champion ---------------------------------------------------------------------------


def test_a_model_as_good_as_the_champion_is_blessed_with_both_numbers(workshop: Workshop) -> None:
    examples, champion = workshop.examples(rows()), workshop.echo("worse")
    evaluation, blessing = judged(workshop, workshop.echo("good"), examples, champion=champion, max_drop={"auc": 0.01})
    assert blessing.open
    assert blessing.reasons[0].startswith("auc 0.8") and blessing.reasons[0].endswith("of the champion")
    assert blessing.challenged == champion.record
    assert blessing.baseline == {
        "version": None,
        "fingerprint": champion.fingerprint,
        "metrics": evaluation.report.champion,
    }
    assert evaluation.report.champion_fingerprint == champion.fingerprint


def test_a_model_worse_than_the_champion_is_not_blessed_whatever_the_thresholds_say(workshop: Workshop) -> None:
    examples = workshop.examples(rows())
    blessing = judged(
        workshop,
        workshop.echo("worse"),
        examples,
        champion=workshop.echo("good"),
        thresholds={"auc": at_least(0.5)},
        max_drop={"auc": 0.01},
    ).blessing
    assert not blessing.open
    assert "worse by 0.1" in blessing.reasons[0] and "0.01 is allowed (95 % interval 0.1" in blessing.reasons[0]


def test_the_champions_version_is_named_where_it_has_one(workshop: Workshop) -> None:
    champion = workshop.echo("worse")
    context = workshop.context({})
    context.registry.number(Version("flights", champion.fingerprint, 3, "by hand"))
    blessing = judged(
        workshop,
        workshop.echo("good"),
        workshop.examples(rows()),
        champion=champion,
        max_drop={"auc": 0.01},
        name="flights",
    ).blessing
    assert blessing.reasons[0].endswith("of the champion (version 3)")
    assert blessing.baseline is not None and blessing.baseline["version"] == 3


def test_the_champion_itself_is_told_so(workshop: Workshop) -> None:
    blessing = judged(
        workshop, workshop.echo("good"), workshop.examples(rows()), champion=workshop.echo("good"), max_drop={"auc": 0}
    ).blessing
    assert blessing.open
    assert blessing.reasons[-1] == "this is the champion itself"


def test_a_slice_that_is_certainly_worse_closes_the_gate_though_the_whole_is_not(workshop: Workshop) -> None:
    examples = workshop.examples(rows(flipped="UA"))
    options: dict[str, Any] = {"champion": workshop.echo("good"), "slices": ["carrier"], "min_slice": 100}
    blessing = judged(workshop, workshop.echo("slipped"), examples, max_drop={"auc": 0.5}, **options).blessing
    assert not blessing.open
    assert len([reason for reason in blessing.reasons if "carrier" in reason]) == 1
    assert blessing.reasons[0].startswith("auc where carrier = UA (1,5")


def test_a_slice_that_may_be_worse_by_chance_does_not_close_the_gate(workshop: Workshop) -> None:
    examples = workshop.examples(rows(flipped="HA"))  # 40 rows
    options: dict[str, Any] = {"champion": workshop.echo("good"), "slices": ["carrier"], "max_drop": {"auc": 0.6}}
    evaluation, blessing = judged(workshop, workshop.echo("slipped"), examples, min_slice=1, **options)
    slices = evaluation.report.slices
    (flipped,) = [dict(zip(slices["columns"], row, strict=True)) for row in slices["data"] if row[1] == "HA"]
    assert flipped["auc of champion"] - flipped["auc"] > 0.6
    assert blessing.open, blessing.reasons
    assert "auc is certainly worse in none of 3 slices" in blessing.reasons


def test_slices_with_too_few_rows_are_left_out(workshop: Workshop) -> None:
    table = rows(flipped="HA")
    evaluation = judged(
        workshop,
        workshop.echo("good"),
        workshop.examples(table),
        thresholds={"auc": at_least(0.5)},
        slices=["carrier"],
        min_slice=500,
    ).evaluation
    slices = evaluation.report.slices
    assert slices["columns"] == [
        "column", "value", "rows", "auc", "accuracy", "log_loss", "precision", "recall", "calibration_gap",
    ]  # fmt: skip
    assert [row[:3] for row in slices["data"]] == [
        ["carrier", value, int((table["carrier"].to_numpy() == value).sum())] for value in ("AA", "UA")
    ]


def test_a_champion_that_wants_a_column_which_is_gone_is_said_to(workshop: Workshop) -> None:
    examples = workshop.examples({"late": [0, 1] * 50, "good": pa.array([0.1, 0.9] * 50, pa.float32())})
    with pytest.raises(ModelError, match="the champion takes worse, which these examples do not have"):
        judged(workshop, workshop.echo("good"), examples, champion=workshop.echo("worse"), max_drop={"auc": 0.1})


# -- what is written --------------------------------------------------------------------------------


def test_the_report_is_read_back_as_it_was_measured(workshop: Workshop) -> None:
    table = rows(500)
    late = table["late"].to_pylist()
    examples = workshop.examples(table.set_column(0, "late", pa.array([None, *late[1:]], pa.int64())))
    evaluation = judged(
        workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.5)}, slices=["carrier"]
    ).evaluation
    report = evaluation.report
    assert (report.task, report.label, report.split, report.output) == ("binary", "late", "eval", "probability")
    assert (report.rows, report.skipped) == (499, 1)
    for name in ("auc", "accuracy", "log_loss", "precision", "recall"):
        low, high = report.bounds[name]
        assert low < report.metrics[name] < high
    assert evaluation.metrics == report.metrics
    assert evaluation.properties["rows"] == 499


def test_a_named_candidate_is_proposed_and_announced_with_all_that_a_registry_wants(workshop: Workshop) -> None:
    model, champion, examples = workshop.echo("good"), workshop.echo("worse"), workshop.examples(rows())
    evaluation, blessing = judged(
        workshop,
        model,
        examples,
        name="flights",
        champion=champion,
        max_drop={"auc": 0.01},
        slices=["carrier"],
    )
    candidate = workshop.said[-1].registry.candidate("flights", model.fingerprint)
    assert candidate is not None
    assert list(candidate) == [
        "model", "fingerprint", "record", "blessed", "reasons", "metrics", "baseline", "slices", "data",
    ]  # fmt: skip
    assert candidate["record"] == model.record.to_json()
    assert candidate["blessed"] is True and candidate["reasons"] == blessing.reasons
    assert candidate["metrics"] == evaluation.metrics
    assert candidate["baseline"] == blessing.baseline
    assert len(candidate["slices"]["data"][0]) == len(candidate["slices"]["columns"]) == 15
    assert candidate["data"] == [
        {"name": "ingest", "digest": examples.digest, "uri": examples.record.uri, "rows": 4000, "context": "evaluation"}
    ]
    assert [fields for kind, fields in workshop.events if kind == "candidate"] == [candidate]


def test_a_model_without_a_name_is_not_proposed(workshop: Workshop) -> None:
    blessing = judged(
        workshop, workshop.echo("good"), workshop.examples(rows(200)), thresholds={"auc": at_least(0.1)}
    ).blessing
    assert blessing.model is None
    assert not [kind for kind, _ in workshop.events if kind == "candidate"]


def test_a_closed_blessing_is_proposed_too_so_that_people_see_what_was_tried(workshop: Workshop) -> None:
    model = workshop.echo("useless")
    judged(workshop, model, workshop.examples(rows()), name="flights", thresholds={"auc": at_least(0.9)})
    candidate = workshop.said[-1].registry.candidate("flights", model.fingerprint)
    assert candidate is not None and candidate["blessed"] is False


# -- other tasks ------------------------------------------------------------------------------------


def test_a_regression_is_judged_by_its_errors(workshop: Workshop) -> None:
    values = np.random.default_rng(0).normal(size=300)
    examples = workshop.examples({"late": values, "guess": (values + 0.5).astype("float32")})
    evaluation, blessing = judged(
        workshop, workshop.echo("guess", output="prediction"), examples, thresholds={"mae": at_most(0.6)}
    )
    assert evaluation.report.task == "regression"
    assert evaluation.metrics == pytest.approx({"mae": 0.5, "rmse": 0.5}, rel=1e-5)
    assert blessing.open and workshop.line == "MAE 0.500 · RMSE 0.500 · blessed"


def test_many_classes_are_judged_by_accuracy_and_macro_f1(workshop: Workshop) -> None:
    from sklearn.linear_model import LogisticRegression

    from levada.models import save_sklearn

    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, 600)
    features = random.normal(size=(600, 2)) + np.stack([kinds, -kinds], axis=1) * 2
    words = np.array(["cat", "dog", "owl"])[kinds]
    table = pa.table({"a": features[:, 0], "b": features[:, 1], "late": words})
    estimator = LogisticRegression().fit(features, words)
    model = workshop.make(Model, lambda out: save_sklearn(estimator, out, table, columns=["a", "b"]))
    evaluation, blessing = judged(
        workshop, model, workshop.examples(table), thresholds={"accuracy": at_least(0.8)}, slices=["late"], min_slice=1
    )
    assert evaluation.report.output == "probabilities"
    assert evaluation.metrics["accuracy"] == pytest.approx(estimator.score(features, words))
    assert set(evaluation.metrics) == {"accuracy", "macro_f1", "log_loss"}
    assert blessing.open
    assert [row[1] for row in evaluation.report.slices["data"]] == ["cat", "dog", "owl"]


def test_the_gate_is_a_gate_and_the_evaluation_is_not() -> None:
    assert Blessing.is_gate and not Evaluation.is_gate
