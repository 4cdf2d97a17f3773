"""What is to be searched is checked when the pipeline is drawn: names, types, ranges, goals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada import Context, component
from levada.artifacts import Examples, Parameters
from levada.components import between, maximize, minimize, one_of, tune
from levada.errors import LevadaError, ParameterError, WiringError
from levada.plan import Plan
from levada.tuning.goals import Goal, chosen, front
from levada.tuning.search import Search
from levada.tuning.space import Between, OneOf, combinations, lies_in
from levada.values import decode
from tests.inline import plan_of
from tests.tuning.toys import Shape, bend

AUC = maximize("auc")


@component
def train(ctx: Context, examples: Examples, *, rate: float = 0.1, units: int = 8, deep: bool = False) -> Examples:
    """Take an input, and parameters without and with a default."""
    return examples


@component
def read(ctx: Context) -> Examples:
    """Give an input."""
    return ctx.output(Examples)


@pytest.mark.parametrize(
    ("space", "goal", "says"),
    [
        ({"rat": between(0.1, 0.2)}, AUC, "train has no parameter 'rat'.*Did you mean rate?"),
        ({"examples": one_of(1, 2)}, AUC, "examples is an input, and only parameters are tried"),
        ({"units": between(0.5, 8.0)}, AUC, r"space={'units': \.\.\.}\) wants int, got float 0.5"),
        ({"rate": one_of("fast", "slow")}, AUC, r"space={'rate': \.\.\.}\) wants float, got str 'fast'"),
        ({"rate": [0.1, 0.2]}, AUC, r"wants between\(low, high\) or one_of\(...\), got list.*one_of\(0.1, 0.2\)"),
        ({}, AUC, "space= wants the values to try by parameter"),
        ({"rate": between(0.1, 0.2)}, "auc", r"goal= wants maximize.*got 'auc'.*maximize\(\"auc\"\)"),
        ({"rate": between(0.1, 0.2)}, [AUC, minimize("auc")], "each of another metric, got auc, auc"),
    ],
)
def test_what_does_not_fit_the_component_is_said_with_what_would(space: Any, goal: Any, says: str) -> None:
    with pytest.raises(WiringError, match=f"(?s){says}") as caught:
        tune(train, space=space, goal=goal)
    assert caught.value.where is not None
    assert caught.value.where.file.endswith("test_declaring.py")


def test_a_float_is_tried_between_whole_ends_and_an_int_at_whole_numbers() -> None:
    space = {"rate": between(0, 1), "units": between(1, 8)}
    drawn = plan_of(lambda: tune(train, space=space, goal=AUC)(read()))
    (node,) = [node for node in drawn.nodes if node.id == "tune"]
    search = decode(node.parameters["search"])
    assert search.space == {"rate": Between(0.0, 1.0), "units": Between(1, 8)}
    assert not search.space["rate"].is_whole and search.space["rate"].has(0.5)
    assert search.space["units"].is_whole and not search.space["units"].has(1.5)
    tune(train, space={"rate": between(0, 1, step=0.25)}, goal=AUC)
    with pytest.raises(ParameterError, match=r"wants int, got float 0\.25"):
        tune(train, space={"units": between(0, 1, step=0.25)}, goal=AUC)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: between(2, 1), "the first number must be below the second"),
        (lambda: between(0, 1, log=True), "log=True wants numbers above 0"),
        (lambda: between(1, 8, step=9), "the step must be above 0, and at most 7"),
        (lambda: between(1, 8, step=2, log=True), "do not go together"),
        (lambda: between(1, float("nan")), "wanted numbers, got nan"),
        (lambda: between(True, 8), "wanted numbers, got True"),
        (lambda: one_of(1), "two values or more"),
        (lambda: one_of(1, 2, 1), "each once"),
        (lambda: maximize(""), "wanted the name of a metric"),
        (lambda: maximize("auc", within=-1), "wanted a number, 0 or more"),
        (lambda: tune(train, space={"rate": between(0.1, 0.2)}, goal=AUC, trials=0), "a number of trials, 1 or more"),
    ],
)
def test_ranges_and_goals_that_make_no_sense_are_refused(make: Any, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        make()


def test_what_is_searched_cannot_be_said_as_well_and_what_is_said_twice_stays() -> None:
    def both() -> None:
        tune(train, space={"rate": between(0.1, 0.2)}, goal=AUC)(read(), rate=0.3)  # type: ignore[call-arg]

    with pytest.raises(WiringError, match="rate is searched, and cannot be said as well"):
        plan_of(both)

    def graph() -> None:
        data = read()
        tuned = tune(train, space={"rate": between(0.1, 0.2), "units": one_of(4, 8)}, goal=AUC)(data, deep=True)
        train.with_parameters(tuned.parameters)(data, units=16)

    plan = plan_of(graph)
    assert plan.node("tune").parameters["deep"] is True
    assert "rate" not in plan.node("tune").parameters
    assert plan.node("train").upstream == ("read", "tune")
    assert plan.to_json()["nodes"][2]["inputs"]["**parameters"] == {
        "parameters": {"node": "tune", "output": "parameters"},
        "but": ["units"],
    }
    again = Plan.loads(plan.dumps())
    assert again == plan
    search = decode(again.node("tune").parameters["search"])
    assert isinstance(search, Search)
    assert search.space == {"rate": Between(0.1, 0.2), "units": OneOf((4, 8))}
    assert (search.component, search.goals, search.trials) == (train, (AUC,), 20)


def test_only_parameters_give_parameters() -> None:
    def graph() -> None:
        train.with_parameters(read())(read())  # type: ignore[arg-type]

    with pytest.raises(WiringError, match=r"with_parameters.*wants Parameters, got Examples"):
        plan_of(graph)


def test_a_component_whose_parameter_is_called_search_is_told_so() -> None:
    @component
    def finds(ctx: Context, *, search: str = "", rate: float = 1.0) -> Parameters:
        """Have an unlucky name."""
        return ctx.output(Parameters)

    finds.function.__qualname__ = "finds"
    with pytest.raises(WiringError, match="its parameter 'search' would stand for the search itself"):
        tune(finds, space={"rate": between(0.1, 0.2)}, goal=AUC)


def test_what_no_other_process_could_import_cannot_be_tuned() -> None:
    @component
    def inner(ctx: Context, *, rate: float = 1.0) -> Parameters:
        """Stand in a function."""
        return ctx.output(Parameters)

    with pytest.raises(LevadaError, match="defined inside a function"):
        tune(inner, space={"rate": between(0.1, 0.2)}, goal=AUC)


def test_values_lie_in_a_space_by_type_range_and_step() -> None:
    space = {"units": between(8, 64, step=8), "rate": between(0.1, 0.5), "shape": one_of(*Shape), "deep": one_of(1, 2)}
    good = {"units": 16, "rate": 0.5, "shape": Shape.FLAT, "deep": 1}
    assert lies_in(space, good)
    for name, wrong in [("units", 12), ("units", 16.5), ("rate", 0.6), ("shape", "FLAT"), ("deep", True)]:
        assert not lies_in(space, {**good, name: wrong}), (name, wrong)
    assert not lies_in(space, {"units": 16})
    assert combinations(space) is None
    assert len(combinations({name: space[name] for name in ("units", "shape")}) or ()) == 16
    assert combinations({"units": between(1, 100_000)}) is None


def test_every_kind_of_parameter_can_be_one_of_the_values() -> None:
    tuned = tune(bend, space={"shape": one_of(*Shape), "fails": one_of("", "raise")}, goal=maximize("score"))

    def graph() -> None:
        tuned()

    form = plan_of(graph).to_json()
    assert decode(json.loads(json.dumps(form))["nodes"][0]["parameters"]["search"]).space["shape"].choices == tuple(
        Shape
    )


points = st.dictionaries(
    st.integers(0, 50), st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)), min_size=1, max_size=12
)


@given(points, st.floats(0, 3), st.booleans())
def test_the_chosen_one_is_beaten_by_none_and_gives_up_no_more_than_was_allowed(
    values: dict[int, tuple[float, float]], within: float, higher: bool
) -> None:
    goals = [Goal("a", higher, within), Goal("b", False)]
    best, kept = chosen(values, goals), front(values, goals)
    assert best in kept
    assert abs(values[best][0] - goals[0].best([value for value, _ in values.values()])) <= within
    for key in kept:
        mine = [goals[0].loss(values[key][0]), goals[1].loss(values[key][1])]
        for other in values.values():
            theirs = [goals[0].loss(other[0]), goals[1].loss(other[1])]
            assert not (theirs != mine and all(one <= two for one, two in zip(theirs, mine, strict=True)))
