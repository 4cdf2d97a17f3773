"""`each` and `gather`: the plan has the grammar; a run refuses it until it can do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levada import Context, Many, component, each, gather
from levada.errors import PlanError
from levada.plan import Each, Gather, Output, Plan, Sequence
from levada.store import Store
from tests.arithmetic import Number, add, make, number
from tests.inline import plan_of, run_plan


@component
def double(ctx: Context, a: Number) -> Number:
    """Double a number."""
    return number(ctx, 2 * a.value())


@component
def largest(ctx: Context, numbers: Many[Number]) -> Number:
    """The largest of some numbers."""
    return number(ctx, max(item.value() for item in numbers))


def over_artifacts() -> None:
    doubled = double(each([make(n=1), make(n=2)]))
    again = double(doubled)
    largest(gather(again))


def over_values() -> None:
    largest(gather(make(n=each([1, 2, 3]))))


def over_what_was_gathered() -> None:
    first = gather(make(n=each([1, 2])))
    largest(gather(double(each(first))))


def test_each_is_one_node_over_a_list_of_artifacts() -> None:
    """What hangs on it runs once per item too, until it is gathered."""
    plan = plan_of(over_artifacts)
    assert plan.node("double").inputs["a"] == Each(Sequence((Output("make", "output"), Output("make_2", "output"))))
    assert plan.node("double_2").inputs["a"] == Each(Output("double", "output"))
    assert plan.node("largest").inputs["numbers"] == Gather(Output("double_2", "output"))
    assert [node.is_mapped for node in plan.nodes] == [False, False, True, True, False]
    assert plan.node("largest").upstream == ("double_2",)


def test_each_takes_values_for_a_parameter() -> None:
    """They stand in the plan."""
    plan = plan_of(over_values)
    assert plan.node("make").inputs["n"] == Each(None, (1, 2, 3))
    assert "n" not in plan.node("make").parameters


def test_two_inputs_may_be_items_of_one_list() -> None:
    """They go side by side."""

    def graph() -> None:
        numbers = make(n=each([1, 2]))
        add(numbers, double(numbers))

    assert plan_of(graph).node("add").is_mapped


@pytest.mark.parametrize("graph", [over_artifacts, over_values, over_what_was_gathered])
def test_the_grammar_comes_back_from_json(graph: Any) -> None:
    """And reads the same."""
    plan = plan_of(graph)
    assert Plan.loads(plan.dumps()) == plan


@pytest.mark.parametrize("graph", [over_artifacts, over_values, over_what_was_gathered])
def test_a_run_refuses_it_before_anything_runs(graph: Any, tmp_path: Path) -> None:
    """Not after an hour, at the node in question."""
    with pytest.raises(PlanError, match=r"uses each\(\) or gather\(\)") as caught:
        run_plan(plan_of(graph), Store(tmp_path))
    assert caught.value.where is not None
    assert caught.value.hint == "Call the component once per item, in a for loop of the pipeline."
    assert not (tmp_path / "runs").exists()


def test_many_is_a_sequence_once_it_is_made() -> None:
    """What a component with a Many input sees."""
    many = Many([3, 1, 2])
    assert list(many) == [3, 1, 2]
    assert (len(many), many[1]) == (3, 1)
