"""A verdict is conditions that hold or not, each a sentence with its numbers; what is not shown does not hold."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model, Predictions, Schema
from levada.artifacts.measured import Part
from levada.artifacts.schema import parse_schema
from levada.components import About, at_least, at_most, bucketed, evaluate, metric, predict, sliced
from levada.components.evaluate import Evaluated
from levada.errors import ComponentError, DataError, ModelError, ParameterError
from levada.evaluation.thresholds import Threshold
from levada.registry import Version
from levada.values import decode, encode
from tests.models.workshop import Workshop

pytest.importorskip("onnxruntime")

SENSITIVE = 'feature { name: "carrier" annotation { tag: "sensitive" } }'


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("evaluate"))


def rows(count: int = 4000, seed: int = 0, flipped: str = "") -> pa.Table:
    """Return labels, a good answer, one very near to it, a worse one, a useless one, and columns to slice by.

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
            "near": np.clip(good + random.normal(scale=0.02, size=count), 0, 1).astype("float32"),
            "worse": worse.astype("float32"),
            "useless": random.random(count).astype("float32"),
            "slipped": np.where(carrier == flipped, 1 - good, good).astype("float32"),
            "carrier": carrier,
            "distance": random.integers(0, 4_000, count),
        }
    )


@pytest.fixture(scope="module")
def examples(workshop: Workshop) -> Examples:
    return workshop.examples(rows(flipped="UA"))


def judged(workshop: Workshop, model: Model, examples: Examples, **options: Any) -> Evaluated:
    return workshop.call(evaluate, model, examples, label="late", **options)


# -- bounds -----------------------------------------------------------------------------------------


def test_a_model_within_its_bounds_is_blessed_and_the_verdict_says_there_was_no_champion(
    workshop: Workshop, examples: Examples
) -> None:
    model = workshop.echo("good")
    asked = {"auc": at_least(0.7), "log_loss": at_most(1)}
    evaluation, blessing = judged(workshop, model, examples, thresholds=asked)
    assert blessing.open and blessing.record.open
    assert blessing.fingerprints == [model.fingerprint]
    assert blessing.baseline is None and blessing.challenged is None
    assert blessing.reasons[0].startswith("auc 0.8") and blessing.reasons[0].endswith("is at least 0.7")
    assert blessing.reasons[-1] == "there was no champion to compare with: the thresholds alone decided"
    assert workshop.said[-1].metrics == evaluation.metrics
    assert workshop.line.startswith("AUC 0.8") and workshop.line.endswith("· blessed")


def test_a_closed_gate_says_first_and_with_numbers_what_closed_it(workshop: Workshop, examples: Examples) -> None:
    asked = {"log_loss": at_most(5), "auc": at_least(0.7)}
    blessing = judged(workshop, workshop.echo("useless"), examples, thresholds=asked).blessing
    assert not blessing.open and not blessing.record.open
    assert blessing.reasons[0].startswith("auc 0.") and blessing.reasons[0].endswith("is below 0.7")
    assert blessing.reasons[1].endswith("is at most 5")
    assert "not blessed: auc 0." in workshop.line
    blessing = judged(workshop, workshop.echo("useless"), examples, thresholds={"log_loss": at_most(0.1)}).blessing
    assert blessing.reasons[0].endswith("is above 0.1")


def test_a_bound_may_be_asked_of_the_whole_interval(workshop: Workshop, examples: Examples) -> None:
    model = workshop.echo("good")
    found = judged(workshop, model, examples, thresholds={"auc": at_least(0.1)}).evaluation.results.whole.metrics["auc"]
    assert found.low is not None
    near = (found.value + found.low) / 2
    assert judged(workshop, model, examples, thresholds={"auc": at_least(near)}).blessing.open
    said = judged(workshop, model, examples, thresholds={"auc": at_least(near, by="interval")}).blessing
    assert not said.open and "but not with all of its 95 % interval [0.8" in said.reasons[0]
    said = judged(workshop, model, examples, thresholds={"auc": at_least(0.7, by="interval")}).blessing
    assert said.open and said.reasons[0].endswith("is at least 0.7 with all of its 95 % interval")


def test_a_value_is_shown_in_enough_digits_to_tell_it_from_its_bound(workshop: Workshop) -> None:
    examples = workshop.examples(
        {"late": [0, 1] * 25_000 + [0] * 3, "good": pa.array([0.1, 0.9] * 25_000 + [0.9] * 3, pa.float32())}
    )
    blessing = judged(workshop, workshop.echo("good"), examples, thresholds={"accuracy": at_least(0.99995)}).blessing
    assert blessing.reasons[0] == "accuracy 0.9999 is below 0.99995"


def test_a_threshold_goes_through_a_plan() -> None:
    for threshold in (at_least(0.7), at_most(0.2, by="interval"), Threshold(0.1, 0.9)):
        assert decode(encode(threshold)) == threshold
    assert str(Threshold(0.1, 0.9)) == "at least 0.1 and at most 0.9"
    with pytest.raises(ParameterError, match="a threshold is a number"):
        at_least("0.7")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="not infinite: got inf"):
        at_most(float("inf"))
    with pytest.raises(ParameterError, match="wanted 'value' or 'interval'"):
        at_least(0.7, by="intervall")  # type: ignore[arg-type]


# -- against the champion ---------------------------------------------------------------------------


def test_a_better_model_is_blessed_with_both_numbers_and_how_sure_that_is(
    workshop: Workshop, examples: Examples
) -> None:
    champion = workshop.echo("worse")
    evaluation, blessing = judged(workshop, workshop.echo("good"), examples, champion=champion, max_drop={"auc": 0.01})
    assert blessing.open
    assert blessing.reasons[0].startswith("auc 0.8") and "of the champion: better by 0.1" in blessing.reasons[0]
    assert "(95 % interval of the drop -0.1" in blessing.reasons[0]
    assert blessing.challenged == champion.record
    assert blessing.baseline == {
        "version": None,
        "fingerprint": champion.fingerprint,
        "metrics": evaluation.results.champion,
    }
    assert evaluation.results.champion_fingerprint == champion.fingerprint


def test_a_worse_model_is_not_blessed_whatever_the_bounds_say(workshop: Workshop, examples: Examples) -> None:
    asked: dict[str, Any] = {"thresholds": {"auc": at_least(0.5)}, "max_drop": {"auc": 0.01}}
    blessing = judged(workshop, workshop.echo("worse"), examples, champion=workshop.echo("good"), **asked).blessing
    assert not blessing.open
    assert "worse by 0.1" in blessing.reasons[0] and "0.01 is allowed (95 % interval 0.1" in blessing.reasons[0]


def test_a_model_that_is_about_as_good_needs_enough_rows_to_show_it(workshop: Workshop, examples: Examples) -> None:
    """The same two models: 4,000 rows show it, 60 do not, and the sentence says how many would."""
    pair = {"champion": workshop.echo("good"), "max_drop": {"accuracy": 0.02, "auc": 0.01}}
    assert judged(workshop, workshop.echo("near"), examples, **pair).blessing.open
    blessing = judged(workshop, workshop.echo("near"), workshop.examples(rows(60)), **pair).blessing
    assert not blessing.open
    said = next(reason for reason in blessing.reasons if reason.startswith("accuracy"))
    assert "60 rows are too few to show that it is not worse by" in said
    assert said.endswith("rows would do for an equal model") and "; about" in said
    needed = int(said.partition("; about ")[2].partition(" rows")[0].replace(",", ""))
    assert judged(workshop, workshop.echo("near"), workshop.examples(rows(needed * 2, seed=5)), **pair).blessing.open


def test_a_model_that_answers_every_row_alike_needs_no_rows_to_show_it(workshop: Workshop) -> None:
    """Another fingerprint, the same answers: no test can tell them apart."""
    alike, champion = workshop.echo("good"), workshop.echo("good", add=1e-12)
    assert alike.fingerprint != champion.fingerprint
    blessing = judged(
        workshop,
        alike,
        workshop.examples(rows(60)),
        champion=champion,
        max_drop={"accuracy": 0.0},
        slices=["carrier"],
        min_slice=1,
    ).blessing
    assert blessing.open
    assert blessing.reasons[0].endswith("of the champion: it answers every row alike")


def test_a_gate_with_no_champion_and_no_bound_is_closed_and_says_what_to_add(
    workshop: Workshop, examples: Examples
) -> None:
    evaluation, blessing = judged(workshop, workshop.echo("good"), examples, max_drop={"auc": 0.01, "accuracy": 0.02})
    assert not blessing.open and len(evaluation.results.conditions) == 2
    assert blessing.reasons[0].startswith("auc has no champion to be compared with, and nothing else is asked")
    asked: dict[str, Any] = {"thresholds": {"auc": at_least(0.7)}, "max_drop": {"auc": 0.01}}
    blessing = judged(workshop, workshop.echo("good"), examples, **asked).blessing
    assert blessing.open and "there was no champion to compare with: the thresholds alone decided" in blessing.reasons


def test_rows_that_a_model_was_trained_on_are_told(workshop: Workshop) -> None:
    seen = workshop.make(Examples, lambda made: made.write("train", rows(60)))
    blessing = judged(workshop, workshop.echo("good"), seen, thresholds={"auc": at_least(0.5)}, split="train").blessing
    assert (
        "models are trained on the split 'train': of rows that one has seen, numbers are too good" in blessing.reasons
    )


def test_the_champion_itself_is_told_so(workshop: Workshop) -> None:
    model = workshop.echo("good")
    blessing = judged(workshop, model, workshop.examples(rows(60)), champion=model, max_drop={"auc": 0}).blessing
    assert blessing.open
    assert blessing.reasons == ["this is the champion itself"]


def test_the_champions_version_is_named_where_it_has_one(workshop: Workshop, examples: Examples) -> None:
    champion = workshop.echo("worse")
    workshop.context({}).registry.number(Version("versioned", champion.fingerprint, 3, "by hand"))
    asked: dict[str, Any] = {"champion": champion, "max_drop": {"auc": 0.01}, "name": "versioned"}
    evaluation, blessing = judged(workshop, workshop.echo("good"), examples, **asked)
    assert "of the champion (version 3): better by" in blessing.reasons[0]
    assert blessing.baseline is not None and blessing.baseline["version"] == 3
    assert "| champion v3 |" in evaluation.card


def test_a_champion_that_wants_a_column_which_is_gone_is_said_to(workshop: Workshop) -> None:
    examples = workshop.examples({"late": [0, 1] * 50, "good": pa.array([0.1, 0.9] * 50, pa.float32())})
    with pytest.raises(ModelError, match="the champion takes worse, which these examples do not have"):
        judged(workshop, workshop.echo("good"), examples, champion=workshop.echo("worse"), max_drop={"auc": 0.1})


# -- slices -----------------------------------------------------------------------------------------


def test_a_slice_that_is_shown_to_be_worse_closes_the_gate_though_the_whole_does_not(
    workshop: Workshop, examples: Examples
) -> None:
    asked: dict[str, Any] = {"champion": workshop.echo("good"), "slices": ["carrier"], "min_slice": 100}
    evaluation, blessing = judged(workshop, workshop.echo("slipped"), examples, max_drop={"auc": 0.4}, **asked)
    assert not blessing.open
    assert len([reason for reason in blessing.reasons if "carrier" in reason]) == 1
    assert blessing.reasons[0].startswith("auc where carrier=UA (1,5")
    assert "among 2 comparisons" in blessing.reasons[0]
    (failed,) = [condition for condition in evaluation.results.conditions if not condition.holds]
    assert (failed.kind, failed.slice) == ("slice", "carrier=UA")


def test_a_slice_that_may_be_worse_by_chance_does_not_close_the_gate_unless_each_is_to_be_proven(
    workshop: Workshop,
) -> None:
    examples = workshop.examples(rows(flipped="HA"))  # 40 rows
    asked: dict[str, Any] = {"champion": workshop.echo("good"), "slices": ["carrier"], "min_slice": 1}
    evaluation, blessing = judged(workshop, workshop.echo("slipped"), examples, max_drop={"auc": 0.6}, **asked)
    (flipped,) = [part for part in evaluation.results.slices if part.name == "carrier=HA"]
    assert flipped.drops["auc"].value > 0.6
    assert blessing.open, blessing.reasons
    assert "auc is not shown to be worse by more than 0.6 in any of 3 slices" in blessing.reasons
    blessing = judged(
        workshop, workshop.echo("slipped"), examples, max_drop={"auc": 0.6}, slice_gate="proof", **asked
    ).blessing
    assert not blessing.open and blessing.reasons[0].startswith("auc where carrier=HA (")
    blessing = judged(
        workshop, workshop.echo("near"), examples, max_drop={"auc": 0.6}, slice_gate="proof", **asked
    ).blessing
    assert "auc is shown to be worse by no more than 0.6 in each of 3 slices" in blessing.reasons
    blessing = judged(
        workshop, workshop.echo("slipped"), examples, max_drop={"auc": 0.6}, slice_gate="none", **asked
    ).blessing
    assert blessing.open and not [reason for reason in blessing.reasons if "slice" in reason]


def test_slices_are_columns_ranges_functions_and_crosses_of_them(workshop: Workshop, examples: Examples) -> None:
    evaluation = judged(
        workshop,
        workshop.echo("good"),
        examples,
        thresholds={"auc": at_least(0.5)},
        slices=["carrier", bucketed("distance", edges=[2_000]), [sliced(far, columns=["distance"]), "carrier"]],
        min_slice=500,
    ).evaluation
    parts = {part.name: part for part in evaluation.results.slices}
    assert set(parts) == {
        "carrier=AA", "carrier=UA", "distance below 2000", "distance from 2000",
        "far, carrier=AA", "far, carrier=UA",
    }  # fmt: skip
    assert parts["distance below 2000"].rows + parts["distance from 2000"].rows == 4_000
    assert {part.by for part in parts.values()} == {"carrier", "distance", "far × carrier"}
    assert "carrier: 1 slice with fewer than 500 rows left out (52 rows together)" in evaluation.results.left_out
    gap = next(gap for gap in evaluation.results.gaps if (gap.by, gap.metric) == ("carrier", "auc"))
    assert {gap.best, gap.worst} == {"carrier=AA", "carrier=UA"}
    assert gap.size.value == pytest.approx(abs(_auc(parts["carrier=AA"]) - _auc(parts["carrier=UA"])))
    assert gap.size.low == 0 and gap.size.high is not None and gap.size.high > gap.size.value


def _auc(part: Part) -> float:
    return part.metrics["auc"].value


def far(table: pa.Table) -> Any:
    return table["distance"].to_numpy() > 1_000


def test_a_slicing_without_a_large_enough_slice_is_told_and_closes_nothing(workshop: Workshop) -> None:
    asked: dict[str, Any] = {"champion": workshop.echo("good"), "max_drop": {"auc": 0.5}, "min_slice": 5_000}
    empty = bucketed("distance", edges=[2_000, 10_000, 20_000])
    evaluation, blessing = judged(
        workshop, workshop.echo("near"), workshop.examples(rows()), slices=["carrier", empty], **asked
    )
    assert blessing.open
    assert "no slice by carrier has 5,000 rows, so none was judged" in blessing.reasons
    assert "no row has distance 10,000 to 20,000; distance from 20,000" in evaluation.results.left_out


def test_values_of_a_sensitive_column_are_not_named(workshop: Workshop, examples: Examples) -> None:
    schema = workshop.make(Schema, lambda made: made.write(parse_schema(SENSITIVE, "a test")))
    asked: dict[str, Any] = {
        "thresholds": {"auc": at_least(0.5)},
        "slices": ["carrier"],
        "schema": schema,
        "name": "masked",
    }
    evaluation = judged(workshop, workshop.echo("good"), examples, **asked).evaluation
    assert sorted(part.name for part in evaluation.results.slices) == ["carrier no. 1", "carrier no. 2"]
    written = "".join(path.read_text() for path in evaluation.path.iterdir()) + str(workshop.events[-1])
    assert "carrier=" not in written


# -- metrics ----------------------------------------------------------------------------------------


def test_metrics_of_scikit_learn_and_of_the_project_are_measured_and_asked_for(workshop: Workshop) -> None:
    evaluation, blessing = judged(
        workshop,
        workshop.echo("good"),
        workshop.examples(rows(900)),
        champion=workshop.echo("worse"),
        metrics=[
            "average_precision",
            metric("fbeta_score", beta=2),
            metric(miles_wrong, lower_is_better=True, columns=["distance"]),
        ],
        thresholds={"miles_wrong": at_most(5_000), "auc": at_least(0.6)},
        max_drop={"average_precision": 0.01, "miles_wrong": 0, "fbeta_score": 0.01},
    )
    assert list(evaluation.metrics) == ["average_precision", "fbeta_score", "miles_wrong", "auc"]
    assert blessing.open, blessing.reasons
    whole = evaluation.results.whole
    assert all(each.low is not None and each.low < each.value for each in whole.metrics.values())
    assert all(each.high is not None and each.high < 0 for each in whole.drops.values())


def miles_wrong(labels: Any, predictions: Any, distance: Any) -> Any:
    """What a wrong answer costs: one value a row."""
    return np.where((predictions >= 0.5) != labels, distance, 0.0)


def test_what_is_asked_must_make_sense(workshop: Workshop, examples: Examples) -> None:
    model, asked = workshop.echo("good"), {"auc": at_least(0.5)}
    with pytest.raises(ComponentError, match="asked nothing"):
        judged(workshop, model, examples)
    with pytest.raises(ComponentError, match=r"a binary task has no metric 'acuracy'.\nDid you mean accuracy"):
        judged(workshop, model, examples, thresholds={"acuracy": at_least(0.5)})
    with pytest.raises(
        ComponentError, match=r"max_drop=...\): a binary task has no metric 'mae'.\nIt is one of a regression"
    ):
        judged(workshop, model, examples, max_drop={"mae": 0.5})
    with pytest.raises(ComponentError, match=r"no metric 'average_precison'.\nDid you mean average_precision"):
        judged(workshop, model, examples, metrics=["average_precison"], thresholds=asked)
    with pytest.raises(
        ParameterError, match=r'at_most\(0.7\)}\): a higher auc is better.*\n.*{"auc": at_least\(0.7\)}.$'
    ):
        judged(workshop, model, examples, thresholds={"auc": at_most(0.7)})
    with pytest.raises(ParameterError, match=r'a lower brier is better.*\n.*at_most\(0.1, by="interval"\)'):
        judged(workshop, model, examples, thresholds={"brier": at_least(0.1, by="interval")})
    with pytest.raises(ParameterError, match=r"a higher miles_wrong is better.*\n.*lower_is_better=True"):
        judged(workshop, model, examples, metrics=[metric(miles_wrong, columns=["distance"])],
               thresholds={"miles_wrong": at_most(9)})  # fmt: skip
    with pytest.raises(DataError, match="no split 'test'"):
        judged(workshop, model, examples, thresholds=asked, split="test")
    with pytest.raises(ModelError, match=r"the model takes good, which these examples do not have.*\n.*They have late"):
        judged(workshop, model, workshop.examples({"late": [0, 1]}), thresholds=asked)
    with pytest.raises(DataError, match=r"'carier' is not in the examples.\n.*Did you mean carrier"):
        judged(workshop, model, examples, thresholds=asked, slices=["carier"])
    with pytest.raises(ParameterError, match=r"slice_gate='prof'.*\nDid you mean proof"):
        judged(workshop, model, examples, thresholds=asked, slice_gate="prof")
    for option in (
        {"confidence": 95}, {"cut": 1.0}, {"max_slices": 0}, {"min_slice": -5},
        {"max_drop": {"auc": -0.1}}, {"max_drop": {"auc": float("inf")}},
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=next(iter(option))):
            judged(workshop, model, examples, thresholds=asked, **option)


# -- predictions ------------------------------------------------------------------------------------


def test_stored_predictions_are_measured_and_the_model_is_not_asked_again(
    workshop: Workshop, examples: Examples
) -> None:
    model = workshop.echo("good")
    stored: Predictions = workshop.call(predict, model, examples)
    asked: dict[str, Any] = {"thresholds": {"auc": at_least(0.5)}, "slices": ["carrier"]}
    direct = judged(workshop, model, examples, **asked).evaluation
    (model.path / "model.onnx").rename(model.path / "gone.onnx")
    from_stored = judged(workshop, model, examples, predictions=stored, **asked).evaluation
    assert from_stored.results == direct.results
    with pytest.raises(DataError, match="the predictions are of the model"):
        judged(workshop, workshop.echo("worse"), examples, predictions=stored, **asked)
    with pytest.raises(DataError, match="of other examples than"):
        judged(workshop, model, workshop.examples(rows(50)), predictions=stored, **asked)


# -- bad rows ---------------------------------------------------------------------------------------


def test_labels_of_one_class_are_said_to_be_and_close_what_they_cannot_answer(workshop: Workshop) -> None:
    examples = workshop.examples({"late": [0, 0, 0], "good": pa.array([0.1, 0.2, 0.3], pa.float32())})
    blessing = judged(workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.5)}).blessing
    assert blessing.reasons[0] == "auc cannot be measured on these rows, and must be at least 0.5"
    assert "every late is 0, so nothing tells the classes apart" in blessing.reasons
    assert not blessing.open
    champion = workshop.echo("good", add=0.1)
    blessing = judged(workshop, workshop.echo("good"), examples, champion=champion, max_drop={"auc": 0.5}).blessing
    assert blessing.reasons[0] == "auc cannot be compared with the champion on these rows"


def test_rows_without_a_label_are_left_out_and_told(workshop: Workshop) -> None:
    table = rows(500)
    late = table["late"].to_pylist()
    examples = workshop.examples(table.set_column(0, "late", pa.array([None, *late[1:]], pa.int64())))
    evaluation, blessing = judged(workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.5)})
    assert (evaluation.results.rows, evaluation.results.skipped) == (499, 1)
    assert "1 row without a late was left out" in blessing.reasons


def test_a_model_that_answers_nan_is_refused_with_the_inputs_that_are_strange_there(workshop: Workshop) -> None:
    good = pa.array([0.1, None, 0.3, float("inf")], pa.float32())
    examples = workshop.examples({"late": [0, 1, 0, 1], "good": good})
    said = "NaN or infinite in 2 of 4 rows, first in row 1 of split 'eval'. In these rows good is missing or infinite"
    with pytest.raises(ModelError, match=re.escape(said)):
        judged(workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.5)})


# -- what is written --------------------------------------------------------------------------------


def test_results_are_read_back_as_they_were_measured(workshop: Workshop, examples: Examples) -> None:
    evaluation = judged(
        workshop,
        workshop.echo("near"),
        examples,
        champion=workshop.echo("good"),
        max_drop={"auc": 0.1},
        thresholds={"auc": at_least(0.5)},
        slices=["carrier", bucketed("distance", bins=3)],
    ).evaluation
    results = evaluation.results
    assert type(results).from_json(results.to_json()) == results
    assert (results.task, results.label, results.split, results.output) == ("binary", "late", "eval", "probability")
    assert evaluation.metrics == results.metrics and evaluation.properties["rows"] == 4_000
    assert len(results.charts.calibration) == 10 and results.charts.thresholds is not None
    assert sum(each.rows for each in results.charts.calibration) == 4_000
    assert results.charts.confusion is not None
    right = sum(results.charts.confusion.counts[place][place] for place in range(2))
    assert right / 4_000 == pytest.approx(results.metrics["accuracy"])
    at = results.charts.thresholds.at.index(0.5)
    assert results.charts.thresholds.recall[at] == pytest.approx(results.metrics["recall"], abs=1e-5)
    assert results.charts.thresholds.precision[at] == pytest.approx(results.metrics["precision"], abs=1e-5)


def test_a_named_candidate_is_proposed_and_announced_with_all_that_a_registry_wants(
    workshop: Workshop, examples: Examples
) -> None:
    model = workshop.echo("good")
    asked: dict[str, Any] = {"champion": workshop.echo("worse"), "max_drop": {"auc": 0.01}, "slices": ["carrier"]}
    about = About(purpose="Tells late flights | before they leave.", owner="ops@example.com")
    evaluation, blessing = judged(workshop, model, examples, name="flights", about=about, **asked)
    candidate = workshop.said[-1].registry.candidate("flights", model.fingerprint)
    assert candidate is not None
    assert list(candidate) == [
        "model", "fingerprint", "record", "blessed", "reasons", "metrics", "baseline", "slices", "card", "data",
    ]  # fmt: skip
    assert candidate["record"] == model.record.to_json()
    assert candidate["blessed"] is True and candidate["reasons"] == blessing.reasons
    assert candidate["metrics"] == evaluation.metrics
    assert candidate["baseline"] == blessing.baseline
    assert candidate["slices"]["columns"][:3] == ["slice", "rows", "auc"]
    assert [len(row) for row in candidate["slices"]["data"]] == [14, 14]
    assert candidate["card"] == evaluation.card
    assert candidate["data"] == [
        {"name": "ingest", "digest": examples.digest, "uri": examples.record.uri, "rows": 4000, "context": "evaluation"}
    ]
    assert [fields for kind, fields in workshop.events if kind == "candidate"][-1] == candidate
    for said in (
        "# flights\n\n**Passed its gate.** auc 0.8",
        "## What it is for\n\nTells late flights | before they leave.",
        "ops@example.com",
        "| carrier=UA | 1,5",
        "| takes | good | float32 | one value |",
        f"`{model.fingerprint[:16]}`",
    ):
        assert said in evaluation.card, said


def test_a_model_without_a_name_is_not_proposed(workshop: Workshop, examples: Examples) -> None:
    before = len([kind for kind, _ in workshop.events if kind == "candidate"])
    blessing = judged(workshop, workshop.echo("good"), examples, thresholds={"auc": at_least(0.1)}).blessing
    assert blessing.model is None
    assert len([kind for kind, _ in workshop.events if kind == "candidate"]) == before


def test_a_closed_blessing_is_proposed_too_so_that_people_see_what_was_tried(
    workshop: Workshop, examples: Examples
) -> None:
    model = workshop.echo("useless")
    judged(workshop, model, examples, name="tried", thresholds={"auc": at_least(0.9)})
    candidate = workshop.said[-1].registry.candidate("tried", model.fingerprint)
    assert candidate is not None and candidate["blessed"] is False
    assert "**Did not pass its gate.**" in candidate["card"] and "is below 0.9" in candidate["card"]


# -- other tasks ------------------------------------------------------------------------------------


def test_a_regression_is_judged_by_its_errors(workshop: Workshop) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=300)
    examples = workshop.examples({"late": values, "guess": (values + 0.5).astype("float32")})
    model = workshop.echo("guess", output="prediction")
    evaluation, blessing = judged(workshop, model, examples, thresholds={"mae": at_most(0.6)})
    assert evaluation.results.task == "regression"
    assert evaluation.metrics["mae"] == pytest.approx(0.5, rel=1e-5)
    assert set(evaluation.metrics) == {"mae", "rmse", "r2"}
    assert evaluation.results.charts.errors["0.5"] == pytest.approx(0.5, rel=1e-5)
    assert len(evaluation.results.charts.calibration) == 10
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
    assert evaluation.results.output == "probabilities"
    assert evaluation.metrics["accuracy"] == pytest.approx(estimator.score(features, words))
    assert set(evaluation.metrics) == {"accuracy", "macro_f1", "log_loss"}
    assert blessing.open
    assert sorted(part.name for part in evaluation.results.slices) == ["late=cat", "late=dog", "late=owl"]
    confusion = evaluation.results.charts.confusion
    assert confusion is not None and confusion.classes == ["cat", "dog", "owl"]
    strange = table.set_column(2, "late", pa.array(["bat", *words[1:]]))
    blessing = judged(workshop, model, workshop.examples(strange), thresholds={"accuracy": at_least(0.8)}).blessing
    assert "labels that the model has no class for, counted as wrong: bat 1" in blessing.reasons
