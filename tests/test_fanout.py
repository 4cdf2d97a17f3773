"""`each` and `gather`: one node, run once per item of a list, which may be known only at run time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from levada import Context, Many, Values, component, each, gather
from levada.errors import WiringError
from levada.plan import Each, Gather, Output, Plan, Sequence
from levada.run import FAILED, OK
from levada.store import Store
from tests.arithmetic import Number, Verdict, add, make, number
from tests.inline import events, plan_of, run_nodes, run_plan, value_of


@component
def double(ctx: Context, a: Number) -> Number:
    """Double a number."""
    return number(ctx, 2 * a.value())


@component
def largest(ctx: Context, numbers: Many[Number]) -> Number:
    """The largest of some numbers."""
    return number(ctx, max(item.value() for item in numbers))


@component
def summed(ctx: Context, numbers: Many[Number]) -> Number:
    """All in the order they come: a digit each."""
    return number(ctx, int("".join(str(item.value()) for item in numbers)))


@component
def spread(ctx: Context, *, upto: int = 3) -> Many[Number]:
    """The numbers below `upto`, a list as long as it turns out to be."""
    out = ctx.output_many(Number)
    for n in range(upto):
        out.add(f"number {n}").put(n)
    return out


@component
def choices(ctx: Context, *, upto: int = 3) -> Values[int]:
    """Numbers below `upto`, as values of a parameter."""
    out = ctx.output(Values)
    out.put(list(range(upto)))
    return out


@component
def picky(ctx: Context, *, n: int, refuse: int = 2) -> Number:
    """A number, unless it is the one that is refused."""
    if n == refuse:
        raise ValueError(f"not {n}")
    return number(ctx, n)


def over_artifacts() -> None:
    doubled = double(each([make(n=1), make(n=2)]))
    again = double(doubled)
    largest(gather(again))


def over_values() -> None:
    largest(gather(make(n=each([1, 2, 3]))))


def over_what_was_gathered() -> None:
    first = gather(make(n=each([1, 2])))
    largest(gather(double(each(first))))


def over_a_list_made_at_run_time(*, upto: int = 4) -> None:
    largest(gather(double(each(spread(upto=upto)))))


def over_values_made_at_run_time() -> None:
    largest(gather(picky(n=each(choices(upto=4)), refuse=99)))


ALL = [over_artifacts, over_values, over_what_was_gathered, over_a_list_made_at_run_time, over_values_made_at_run_time]


# -- the plan -------------------------------------------------------------------------------------------


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


def test_two_inputs_may_be_items_of_one_list(tmp_path: Path) -> None:
    """They go side by side."""

    def graph() -> None:
        numbers = make(n=each([1, 2]))
        summed(gather(add(numbers, double(numbers))))

    plan = plan_of(graph)
    assert plan.node("add").is_mapped
    assert value_of(run_nodes(plan, Store(tmp_path))["summed"], Store(tmp_path)) == 36


@pytest.mark.parametrize("graph", ALL)
def test_the_grammar_comes_back_from_json(graph: Any) -> None:
    """And reads the same."""
    plan = plan_of(graph)
    assert Plan.loads(plan.dumps()) == plan


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (lambda: double(each([1, 2])), r"double\(a=each\(...\)\) wants Number, got a value"),
        (lambda: double(each([gate(), gate()])), r"double\(a=each\(...\)\) wants Number, got Verdict"),
        (lambda: make(n=each([make(), make()])), "is a parameter, and the items are artifacts"),
        (lambda: make(n=each(["one", "two"])), r"make\(n=...\) wants float, got str 'one'"),
        (lambda: make(n=each([])), "an empty list"),
        (lambda: add(make(n=each([1])), make(n=each([1]))), "mixes items of different lists"),
        (lambda: spread(upto=each([1, 2])), "runs once per item and returns a list each time"),
        (lambda: largest(gather(make())), "wants what a node made from each"),
    ],
)
def test_what_does_not_fit_is_said_while_the_pipeline_is_drawn(graph: Any, said: str) -> None:
    """At the line that does it."""
    with pytest.raises(WiringError, match=said) as caught:
        plan_of(graph)
    assert caught.value.where is not None
    assert caught.value.where.file == "tests/test_fanout.py"


@component
def gate(ctx: Context) -> Verdict:
    """An open gate."""
    out = ctx.output(Verdict)
    out.set_verdict(True, [])
    return out


# -- a run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("graph", "value"), zip(ALL, [8, 3, 4, 6, 3], strict=True))
def test_a_run_does_one_call_an_item(graph: Any, value: int, tmp_path: Path) -> None:
    """And a second run none."""
    store = Store(tmp_path)
    first, second = run_plan(plan_of(graph), store), run_plan(plan_of(graph), store)
    assert (first.exit_code, value_of(first.results["largest"], store)) == (OK, value)
    assert {result.status for result in second.results.values()} == {"cached"}
    assert second.nodes_run == 0


def test_items_are_known_by_content_not_by_place(tmp_path: Path) -> None:
    """One more at the front, another order: only the new one runs."""
    store = Store(tmp_path)

    def graph(*numbers: int) -> None:
        summed(gather(picky(n=each(list(numbers)), refuse=99)))

    def ran(*numbers: int) -> tuple[int, list[str]]:
        outcome = run_plan(plan_of(lambda: graph(*numbers), name="p"), store)
        told = [event for event in events(store, outcome.run_id) if event["kind"] == "item_started"]
        return value_of(outcome.results["summed"], store), sorted(event["label"] for event in told)

    assert ran(1, 2, 3) == (123, ["1", "2", "3"])
    assert ran(4, 3, 1, 2) == (4312, ["4"])
    assert ran(2, 2, 5) == (225, ["5"])


def test_an_item_and_a_plain_call_share_one_result(tmp_path: Path) -> None:
    """A loop in the pipeline may become an `each` without anything running again."""
    store = Store(tmp_path)
    run_plan(plan_of(lambda: [picky(n=n, refuse=99) for n in (1, 3)], name="p"), store)
    outcome = run_plan(plan_of(lambda: picky(n=each([1, 3]), refuse=99), name="p"), store)
    assert outcome.results["picky"].status == "cached"


def test_a_failed_item_fails_gather(tmp_path: Path) -> None:
    """The others are done and kept, also through a second mapped node; the reason names the item."""
    store = Store(tmp_path)

    def graph() -> None:
        largest(gather(double(picky(n=each([1, 2, 3])))))

    outcome = run_plan(plan_of(graph), store)
    results = outcome.results
    assert outcome.exit_code == FAILED
    assert {name: result.status for name, result in results.items()} == {
        "picky": "failed",
        "double": "skipped",
        "largest": "skipped",
    }
    assert results["picky"].items is not None
    assert (results["picky"].items.done, results["picky"].items.failed) == (2, 1)
    assert results["picky"].reason == "1 of 3 items gave nothing; 2: ValueError: not 2"
    assert results["double"].items is not None
    assert (results["double"].items.done, results["double"].items.skipped) == (2, 1)
    assert results["largest"].reason == "needs double, of which 1 of 3 items gave nothing"


def test_gather_may_take_those_that_there_are(tmp_path: Path) -> None:
    """With `partial=True` the failure is tolerated: the run succeeds, and says what is missing."""
    store = Store(tmp_path)

    def graph() -> None:
        largest(gather(double(picky(n=each([1, 2, 3]))), partial=True))

    outcome = run_plan(plan_of(graph), store)
    assert (outcome.exit_code, outcome.results["largest"].status) == (OK, "done")
    assert value_of(outcome.results["largest"], store) == 6
    assert outcome.results["picky"].status == "failed"


def test_gather_of_nothing_does_not_run(tmp_path: Path) -> None:
    """Every item failed: there is no partial list of none."""
    outcome = run_plan(plan_of(lambda: largest(gather(picky(n=each([2])), partial=True)), name="p"), Store(tmp_path))
    assert outcome.results["largest"].status == "skipped"


def test_a_list_that_turns_out_empty_is_an_error(tmp_path: Path) -> None:
    """Said at the node that runs over it."""
    outcome = run_plan(plan_of(lambda: over_a_list_made_at_run_time(upto=0), name="p"), Store(tmp_path))
    failure = outcome.results["double"].failure
    assert failure is not None
    assert failure.message.splitlines()[0] == "double runs once per item of a list, and the list is empty."


def test_a_closed_gate_of_an_item_skips_that_item(tmp_path: Path) -> None:
    """The gates of the others are their own."""

    def graph() -> None:
        numbers = make(n=each([1, -1, 2]))
        guarded(numbers, above_zero(numbers))

    outcome = run_plan(plan_of(graph), Store(tmp_path))
    items = outcome.results["guarded"].items
    assert items is not None
    assert (items.done, items.skipped) == (2, 1)
    assert list(items.missing.values()) == ["above_zero closed the gate: -1"]


@component
def above_zero(ctx: Context, a: Number) -> Verdict:
    """Let positive numbers pass."""
    out = ctx.output(Verdict)
    out.set_verdict(a.value() > 0, [str(a.value())])
    return out


@component(requires="verdict")
def guarded(ctx: Context, a: Number, verdict: Verdict) -> Number:
    """Pass a number on."""
    return number(ctx, a.value())


together: list[int] = []
most: list[int] = []
lock = threading.Lock()


@component
def crowd(ctx: Context, *, n: int) -> Number:
    """Note how many run at once."""
    with lock:
        together.append(n)
        most.append(len(together))
    threading.Event().wait(0.05)
    with lock:
        together.remove(n)
    return number(ctx, n)


def test_a_limit_holds_how_many_run_at_once(tmp_path: Path) -> None:
    """`at_once=2` of twelve, with room for eight."""
    most.clear()
    plan = plan_of(lambda: crowd.with_options(at_once=2)(n=each(list(range(12)))), name="p")
    run_plan(plan, Store(tmp_path), jobs=8)
    assert len(most) == 12
    assert max(most) == 2


def test_a_run_that_failed_goes_on_with_the_items_that_are_left(tmp_path: Path) -> None:
    """What was done is reused, item by item."""
    store = Store(tmp_path)

    def graph(refuse: int) -> Plan:
        return plan_of(lambda: double(picky(n=each([1, 2, 3]), refuse=refuse)), name="p")

    run_plan(graph(2), store)
    outcome = run_plan(graph(2), store)
    items = outcome.results["picky"].items
    assert items is not None
    assert (items.cached, items.failed) == (2, 1)


def test_progress_is_told_for_the_node_and_its_items(tmp_path: Path) -> None:
    """The node says how many there are; each item starts and ends by itself."""
    store = Store(tmp_path)
    outcome = run_plan(plan_of(over_values), store)
    told = [event for event in events(store, outcome.run_id) if event.get("node") == "make"]
    kinds = [event["kind"] for event in told]
    assert (kinds[0], kinds[-1]) == ("node_started", "node_finished")
    assert (told[0]["total"], told[0]["settled"]) == (3, 0)
    assert kinds.count("item_started") == kinds.count("item_finished") == 3
    assert sorted(event["label"] for event in told if event["kind"] == "item_finished") == ["1", "2", "3"]


def test_many_is_a_sequence_once_it_is_made() -> None:
    """What a component with a Many input sees."""
    many = Many([3, 1, 2])
    assert list(many) == [3, 1, 2]
    assert (len(many), many[1]) == (3, 1)
