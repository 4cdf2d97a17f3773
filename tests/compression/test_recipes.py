"""Recipes and limits are values that a plan holds; what cannot be meant is said before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.amounts import size_said, time_said
from levada.artifacts import Examples
from levada.artifacts.compression import Candidate, change_said
from levada.artifacts.measured import Condition, Estimate, Measure, Part, Results
from levada.components import cluster, distill, prune, prune_channels, quantize
from levada.compression.candidate import Judge, check_splits, runtime_for, with_controls
from levada.compression.choice import chosen_of, front_of, nearest_first, why_none
from levada.compression.clustering import centres_of
from levada.compression.constraints import WHO, Constraints, check_recipes
from levada.compression.recipe import names_of
from levada.compression.study import Study, Wanted
from levada.errors import ComponentError, DataError, ParameterError
from levada.evaluation.assessing import Champion, Question
from levada.measurement import Measured
from levada.training.description import Network
from levada.values import decode, encode
from tests.compression.networks import INPUTS, dense, rows, student
from tests.costs import cost as cost_of
from tests.models.workshop import Workshop

SPLITS = ("eval", "train")
LIMITS: dict[str, Any] = {
    "bound": "interval",
    "prefer": "size",
    "max_size": None,
    "max_gzipped": None,
    "max_p50": None,
    "max_p99": None,
}


def limits(max_drop: dict[str, float] | None = None, **changed: Any) -> Constraints:
    return Constraints.of({"accuracy": 0.01} if max_drop is None else max_drop, **{**LIMITS, **changed})


# -- recipes ----------------------------------------------------------------------------------------


def test_recipes_go_through_a_plan_and_say_what_they_do() -> None:
    recipes = {
        quantize("int8", rows=50): "full int8",
        prune(0.8) >> quantize("dynamic"): "prune 80 % → dynamic int8",
        prune(0.5) >> cluster(8) >> quantize("float16"): "prune 50 % → cluster 8 → float16",
        prune_channels(0.25, rate=0.01): "prune channels 25 %",
    }
    for recipe, said in recipes.items():
        assert decode(encode(recipe)) == recipe and str(recipe) == said
    taught = distill(partial(student, units=4), labels=0.5) >> quantize("dynamic")
    assert decode(encode(taught)) == taught and str(taught) == "student(units=4) distilled → dynamic int8"


def test_what_is_done_when_a_network_is_exported_comes_last_and_once() -> None:
    with pytest.raises(ParameterError, match="nothing can be done to it afterwards"):
        _ = quantize("dynamic") >> prune(0.5)
    with pytest.raises(ParameterError, match="Put it last, and once"):
        _ = quantize("dynamic") >> quantize("int8")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: prune(1.0), "wanted the share that goes, between 0 and 1"),
        (lambda: prune_channels(0), "wanted the share that goes"),
        (lambda: prune(0.5, epochs=0), "wanted epochs=1 or more"),
        (lambda: prune(0.5, rate=-1.0), "wanted a rate= above 0"),
        (lambda: cluster(1), "wanted 2 to 256 values"),
        (lambda: quantize("dynamc"), "Did you mean dynamic"),  # pyright: ignore[reportArgumentType]
        (lambda: quantize("int8", rows=0), "wanted a whole number from 1 on"),
        (distill, "nothing says how the student is smaller"),
        (lambda: distill(units=4, labels=1.0), "from 0 to below 1"),
        (lambda: check_recipes([]), "there is nothing to try"),
        (lambda: check_recipes([prune(0.5), prune(0.5)]), "prune 50 % is there twice"),
        (lambda: runtime_for([], "litrt"), "Did you mean litert"),
        (lambda: runtime_for([quantize("dynamic")], "onnx"), "which is there for LiteRT alone"),
    ],
)
def test_a_recipe_that_cannot_be_meant_says_what_was_wanted(make: Any, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        make()
    assert said in str(caught.value)


def test_a_student_alone_stands_beside_each_that_is_taught() -> None:
    names = [str(each) for each in with_controls([prune(0.5), distill(units=4) >> quantize("dynamic")])]
    assert names == ["prune 50 %", "student(units=4) distilled → dynamic int8", "student(units=4) alone → dynamic int8"]


def test_recipes_that_do_the_same_in_another_way_are_told_apart_by_what_they_set() -> None:
    students = [distill(units=4, temperature=2.0), distill(units=4)]
    tried = with_controls([prune(0.804), prune(0.5), prune(0.5, epochs=3), *students])
    check_recipes(tried)
    assert names_of(tried) == [
        "prune 80.4 %",
        "prune 50 %",
        "prune 50 % (epochs=3)",
        "student(units=4) distilled (temperature=2.0)",
        "student(units=4) alone",  # once: it hears of no teacher
        "student(units=4) distilled",
    ]


def test_a_student_is_given_what_the_model_was_called_with_and_says_what_nobody_gave() -> None:
    teacher = Network(dense, (), {"units": 24})
    assert distill(units=6).student(teacher) == Network(dense, (), {"units": 6})
    assert distill(student).student(teacher).options == {"units": 24}  # its own parameter, by name
    with pytest.raises(ComponentError, match=r"dense\(\) has no such parameter") as caught:
        distill(unitz=6).student(teacher)
    assert "units" in caught.value.hint
    with pytest.raises(ComponentError, match="wants units, which neither"):
        distill(student).student(Network(dense, (), {}))


# -- limits -----------------------------------------------------------------------------------------


def test_limits_are_read_in_units() -> None:
    found = limits(max_size="500kB", max_gzipped="64 KiB", max_p50="10us", max_p99="2 ms")
    assert (found.max_size, found.max_gzipped) == (500_000, 65_536)
    assert found.max_p50 == pytest.approx(10e-6) and found.max_p99 == pytest.approx(2e-3)
    assert found.said()[1:] == [
        "size at most 500 kB",
        "gzipped size at most 65.5 kB",
        "p50 at most 10 us",
        "p99 at most 2 ms",
    ]
    assert [size_said(12), size_said(65_494), size_said(1.24e6)] == ["12 B", "65.5 kB", "1.24 MB"]
    assert [time_said(8.5e-6), time_said(0.0029), time_said(2.5)] == ["8.5 us", "2.9 ms", "2.5 s"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"max_size": "500 kilos"}, "wanted a number above 0 and B, kB"),
        ({"max_p99": "2 msec"}, "wanted a number above 0 and us, ms, s"),
        ({"max_p99": "fast"}, "as in '2ms'"),
        ({"max_size": "0kB"}, "wanted a number above 0"),
        ({"max_gzipped": "2MB", "max_size": "1MB"}, "contradict each other"),
        ({"max_p50": "3ms", "max_p99": "2ms"}, "max_p50 says nothing"),
        ({"bound": "upper"}, "there is no such thing"),
        ({"prefer": "speed"}, "Wanted 'size' or 'latency'"),
        ({"max_drop": {}}, "nothing that the model must keep"),
        ({"max_drop": {"accuracy": -0.1}}, "wanted a number from 0 on"),
        ({"max_drop": {"accuracy": 0}}, "no number of rows can show that nothing at all is lost"),
    ],
)
def test_a_limit_that_cannot_be_meant_says_what_was_wanted(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        limits(**changed)
    assert said in str(caught.value)


def test_the_split_that_trains_never_judges_and_both_have_rows(tmp_path: Any) -> None:
    examples = Workshop(tmp_path).examples({"x": [1.0]})
    with pytest.raises(DataError, match="judged by rows that it has not seen"):
        check_splits(examples, "eval", "eval")
    with pytest.raises(DataError, match="that split trained the model"):
        check_splits(examples, "more", "eval", trained_on="eval")
    with pytest.raises(DataError, match="no split 'train'"):
        check_splits(examples, "train", "eval")


def test_ranges_are_never_found_on_the_rows_that_judge(tmp_path: Any) -> None:
    workshop = Workshop(tmp_path)
    both = workshop.make(Examples, lambda made: [made.write(name, rows(30, seed)) for seed, name in enumerate(SPLITS)])
    other = workshop.examples(rows(30, seed=3))
    training: Any = SimpleNamespace(split="train", inputs=INPUTS)

    def found(examples: Examples, representative: Examples | None, training: Any = training) -> set[Any]:
        wanted = Wanted([quantize("int8")], limits(), Question(label="corner"), "litert")
        study = Study(wanted, None, examples, representative, tmp_path)  # type: ignore[arg-type]
        return {tuple(place) for place in study.calibration(training, 30)["place"].to_pylist()}

    trained = {tuple(place) for place in both.table("train")["place"].to_pylist()}
    assert found(both, None) == found(both, both) == trained
    assert found(both, other) == {tuple(place) for place in other.table("eval")["place"].to_pylist()}
    for representative in (None, other):
        with pytest.raises(DataError, match="the rows of 'eval', which judge it"):
            found(other, representative, SimpleNamespace(split="eval", inputs=INPUTS))


# -- the choice -------------------------------------------------------------------------------------


def candidate(name: str, gzipped: int, accuracy: float, p50: float = 1e-5, missed: float = 0.0) -> Candidate:
    drop = {"accuracy": Estimate(0.99 - accuracy, 0.98 - accuracy, 1.0 - accuracy)}
    whole = Part("", "all rows", 1000, {"accuracy": Estimate(accuracy)}, {"accuracy": Estimate(0.99)}, drop)
    conditions = (Condition(not missed, f"{name} accuracy", "champion", "accuracy", limit=0.01),)
    cost = cost_of("LiteRT", gzipped, p50, 2 * p50)
    return Candidate(name, "candidate", name, "litert", "", 10, cost, whole, (), conditions, (missed,))


def test_the_smallest_or_the_fastest_of_those_that_keep_every_limit_is_chosen() -> None:
    found = [candidate("a", 100, 0.98, 1e-5), candidate("b", 50, 0.98, 2e-5), candidate("c", 10, 0.9, 1e-6, missed=3.0)]
    assert [chosen_of(found, prefer) for prefer in ("size", "latency")] == [found[1], found[0]]
    assert chosen_of(found[2:], "size") is None


def test_where_none_keeps_every_limit_the_nearest_is_told_first_with_what_it_misses() -> None:
    found = [candidate("far", 10, 0.9, missed=3.0), candidate("near", 20, 0.97, missed=0.1)]
    assert [each.name for each in nearest_first(found)] == ["near", "far"]
    assert why_none(found) == [
        "none of 2 candidates keeps every limit",
        "near misses near accuracy",
        "far misses far accuracy",
    ]


def test_the_front_has_those_that_none_beats_in_both() -> None:
    found = [candidate("a", 10, 0.9), candidate("b", 20, 0.95), candidate("c", 30, 0.94), candidate("d", 40, 0.96)]
    assert front_of(found, Measure("accuracy", lower_is_better=False, method="")) == ["a", "b", "d"]
    assert front_of(found, Measure("accuracy", lower_is_better=True, method="")) == ["a"]


def results(drop: Estimate, worst: Estimate) -> Results:
    def part(by: str, name: str, apart: Estimate) -> Part:
        return Part(by, name, 700, {"accuracy": Estimate(0.9)}, {"accuracy": Estimate(0.91)}, {"accuracy": apart})

    form: Any = {"whole": part("", "all rows", drop), "slices": (part("seen", "seen=far", worst),)}
    charts: Any = None
    return Results("binary", "late", "p", "eval", 700, 0, "f", (), charts=charts, **form)


def test_by_the_value_the_drop_itself_counts_over_all_rows_and_in_the_worst_slice() -> None:
    by_value = limits(bound="point")
    found = results(Estimate(0.005, -0.02, 0.03), Estimate(0.02, -0.05, 0.09))
    (whole, excess), (worst, worst_excess) = by_value.on_drops(found)
    assert (
        whole.holds and not excess and "0.01 is allowed (95 % interval of the drop -0.020 to 0.030)" in whole.sentence
    )
    assert not worst.holds and worst.slice == "seen=far" and worst_excess == pytest.approx(1.0)
    assert "where seen=far (700 rows) 0.900 against 0.910 of the uncompressed model" in worst.sentence
    assert [each.kind for each, _ in by_value.on_drops(found, "none")] == ["champion"]
    harmless = Condition(True, "not shown to be worse", "slice", "accuracy", limit=0.01)
    (_, _), (slices, _) = by_value.on_drops(replace(found, conditions=(harmless,)), "harm")
    assert slices == harmless


def test_what_rows_cannot_tell_is_no_near_miss() -> None:
    unknown = replace(Estimate(0.005), low=None, high=None)
    condition = Condition(False, "too few to say", "champion", "accuracy", limit=0.01)
    found = replace(results(unknown, Estimate(0.0)), conditions=(condition,))
    assert [excess for _, excess in limits().on_drops(found)] == [float("inf")]


def test_more_candidates_make_it_no_harder_to_show_harm(tmp_path: Any) -> None:
    """Where slices only close the gate if harm is shown, a stricter confidence would let more harm through."""
    labels = [0, 1] * 200
    table = pa.table({"late": labels, "seen": ["near"] * 200 + ["far"] * 200, "p": np.zeros(400, np.float32)})
    examples, model = Workshop(tmp_path).examples(table), Workshop(tmp_path / "b").echo("p")
    question = Question(label="late", max_drop={"accuracy": 0.001}, slices=["seen"], min_slice=10, slice_gate="harm")
    strict = replace(question, confidence=0.995)  # of ten candidates
    judge = Judge(examples, strict, limits(), tmp_path / "answers", 0, 0.1, 10.0, confidence=0.95)
    right = np.array(labels, np.float32)
    worse = np.where(np.arange(400) < 8, 1 - right, right)
    cost: Any = None
    before, after = (judge.answers_of(model, Measured(cost, {"probability": each}), WHO) for each in (right, worse))
    judge.baseline = Champion(before, "before")
    conditions = judge.held(after, "after").conditions
    assert [each.slice for each in conditions if each.kind == "slice" and not each.holds] == ["seen=near"]


def test_costs_beyond_a_limit_are_misses_with_their_share_of_it() -> None:
    cost = candidate("a", 100, 0.9).cost
    (size, none), (p50, excess) = limits(max_size="1kB", max_p50="8us").on_cost(cost)
    assert size.holds and not none and size.sentence == "size 200 B, 1 kB is allowed"
    assert not p50.holds and excess == pytest.approx(0.25) and p50.sentence == "p50 10 us, 8 us is allowed"


def test_a_drop_is_shown_as_the_change_that_it_is() -> None:
    assert change_said(Estimate(0.01, -0.002, 0.02)) == "-0.010 [-0.020, +0.002]"
    assert change_said(replace(Estimate(0.0), low=None)) == "±0.000"
    # Of a loss that rose by 0.01.
    assert change_said(Estimate(0.01, -0.002, 0.02), lower_is_better=True) == "+0.010 [-0.002, +0.020]"


# -- clusters ---------------------------------------------------------------------------------------


def test_centres_are_those_of_k_means() -> None:
    values = np.concatenate([np.full(50, -1.0), np.linspace(0.9, 1.1, 50), [5.0]]).astype("float32")
    centres = centres_of(np.random.default_rng(0).permutation(values), 3)
    assert centres == pytest.approx([-1.0, 1.0, 5.0])
    nearest = np.abs(values[:, None] - centres).argmin(axis=1)
    assert [values[nearest == place].mean() for place in range(3)] == pytest.approx(centres)
    assert list(centres_of(np.array([2.0, 1.0, 2.0]), 8)) == [1.0, 2.0]
