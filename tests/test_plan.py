"""A plan is a document: it says everything, and says it the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada import Context, component, each, pipeline
from levada.errors import LevadaError, ParameterError, PlanError, Position, WiringError
from levada.plan import Each, External, Gather, Node, Output, Plan, Sequence, in_order, leaves
from levada.retry import Retry, retry_form
from levada.values import encode
from tests.arithmetic import Number, Verdict, add, make, positive, total
from tests.inline import ROOT, plan_of

SCHEMA = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())

names = st.text("abcdefghij_-", min_size=1, max_size=6)
references = st.tuples(names, names).map(lambda parts: f"python:{parts[0]}:{parts[1]}")
parameters = st.dictionaries(
    names,
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.tuples(st.text())).map(
        encode
    ),
)
positions = st.none() | st.builds(Position, file=st.text(), line=st.integers(1), text=st.text())
needs = st.fixed_dictionaries(
    {},
    optional={
        "cpus": st.integers(0, 64) | st.floats(0, 64),
        "memory": st.just("4GB") | st.integers(0),
        "gpus": st.integers(0, 8),
    },
)


@st.composite
def plans(draw: Any) -> Plan:
    """Plans of up to eight nodes, with every kind of edge, over nodes that stand before."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(0, 8))):
        made = [Output(node.id, output) for node in nodes for output in node.outputs]
        external = st.builds(External, references, references)
        leaf = external | st.sampled_from(made) if made else external
        flat = leaf | st.lists(leaf, max_size=3).map(lambda items: Sequence(tuple(items)))
        binding = (
            flat
            | flat.map(Each)
            | flat.map(Gather)
            | st.lists(st.integers() | st.text(), min_size=1, max_size=3).map(lambda values: Each(None, tuple(values)))
        )
        some_made = st.lists(st.sampled_from(made), max_size=2, unique=True).map(tuple) if made else st.just(())
        some_nodes = (
            st.lists(st.sampled_from([node.id for node in nodes]), max_size=2, unique=True) if nodes else st.just([])
        )
        nodes.append(
            Node(
                id=f"{draw(names)}/{index}",
                component=draw(references),
                inputs=draw(st.dictionaries(names, binding, max_size=3)),
                parameters=draw(parameters),
                outputs=draw(st.dictionaries(names, references, max_size=2)),
                requires=draw(some_made),
                after=tuple(draw(some_nodes)),
                needs=draw(needs),
                packages=tuple(draw(st.lists(names, max_size=2))),
                cache=draw(st.booleans()),
                retry=draw(st.sampled_from([{}, retry_form(3, None), retry_form(Retry(2, on=(OSError,)), None)])),
                timeout=draw(st.none() | st.floats(0.1, 1e6)),
                process=draw(st.sampled_from(["", "own"])),
                at_once=draw(st.none() | st.integers(1, 100)),
                position=draw(positions),
            )
        )
    return Plan(draw(names), draw(references), draw(parameters), tuple(nodes), draw(st.text()))


@given(plans())
def test_a_plan_comes_back_from_its_text(plan: Plan) -> None:
    """Plan -> JSON -> plan, and the text is stable."""
    again = Plan.loads(plan.dumps())
    assert again == plan
    assert again.dumps() == plan.dumps()
    assert again.digest == plan.digest


@given(plans())
@settings(max_examples=50)
def test_a_plan_keeps_to_its_schema(plan: Plan) -> None:
    """`schemas/plan.schema.json` is what others may rely on."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(plan.dumps()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda form: form.pop("nodes"),
        lambda form: form["nodes"][0].pop("id"),
        lambda form: form["nodes"][0].update(needs={"disks": 1}),
        lambda form: form["nodes"][0].update(component="no reference"),
        lambda form: form["nodes"][1]["inputs"].update(a={"nude": "make"}),
        lambda form: form["nodes"][0].update(surprise=1),
    ],
)
def test_the_schema_refuses_what_is_no_plan(damage: Any) -> None:
    """A schema that accepts everything would let the test above pass."""
    form = json.loads(plan_of(one_after_the_other).dumps())
    jsonschema.Draft202012Validator(SCHEMA).validate(form)
    damage(form)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(form)


@given(plans(), st.randoms())
def test_every_order_of_the_nodes_gives_one_that_can_run(plan: Plan, random: Any) -> None:
    """A plan edited by hand may list its nodes in any order."""
    shuffled = list(plan.nodes)
    random.shuffle(shuffled)
    ordered = in_order(shuffled)
    assert sorted(node.id for node in ordered) == sorted(node.id for node in plan.nodes)
    done: set[str] = set()
    for node in ordered:
        assert done.issuperset(node.upstream)
        done.add(node.id)
    assert in_order(list(ordered)) == ordered


@given(plans())
def test_levels_and_downstream_agree_with_upstream(plan: Plan) -> None:
    """Three views of the same edges."""
    place = {node.id: number for number, level in enumerate(plan.levels()) for node in level}
    assert len(place) == len(plan.nodes)
    for node in plan.nodes:
        assert all(place[upstream] < place[node.id] for upstream in node.upstream)
        assert place[node.id] == 1 + max((place[upstream] for upstream in node.upstream), default=-1)
        assert all(node.id in plan.downstream[upstream] for upstream in node.upstream)
        assert plan.closure({node.id}) >= {node.id, *plan.downstream[node.id]}


# -- pipelines drawn ------------------------------------------------------------------------------------


def one_after_the_other() -> None:
    first = make(n=1)
    add(first, first)


def test_two_calls_of_a_component_are_numbered() -> None:
    """The first has the component's name, the next ones a number."""

    def graph() -> None:
        add(make(n=1), make(n=2))

    assert [node.id for node in plan_of(graph).nodes] == ["make", "make_2", "add"]


def test_nodes_stand_in_the_order_they_were_called() -> None:
    """Unless an `after=` by name asks for another one."""

    def graph() -> None:
        make.with_options(name="late", after="early")(n=1)
        make.with_options(name="early")(n=2)
        make.with_options(name="last")(n=3)

    assert [node.id for node in plan_of(graph).nodes] == ["early", "late", "last"]


def test_the_same_pipeline_gives_the_same_text() -> None:
    """No set order, no address, no time in it."""
    assert plan_of(one_after_the_other).dumps() == plan_of(one_after_the_other).dumps()


def test_the_digest_passes_over_positions_and_prose() -> None:
    """Moving a pipeline down a line, or mending its docstring, changes nothing that is run."""
    plan = plan_of(one_after_the_other)
    moved = tuple(replace(node, position=Position("elsewhere.py", 99, "moved()")) for node in plan.nodes)
    assert plan.nodes[0].position is not None
    assert replace(plan, nodes=moved, description="another story").digest == plan.digest


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"n": 2}},
        {"component": "python:tests.arithmetic:add"},
        {"cache": False},
        {"needs": {"cpus": 2}},
        {"packages": ("numpy",)},
        {"outputs": {"output": "python:tests.arithmetic:Number", "more": "python:tests.arithmetic:Number"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_counts_what_is_run(change: dict[str, Any]) -> None:
    """Each of these makes another plan."""
    plan = plan_of(one_after_the_other)
    other = replace(plan, nodes=(replace(plan.nodes[0], **change), plan.nodes[1]))
    assert other.digest != plan.digest


def test_positions_name_the_line_of_the_call() -> None:
    """From the project's root, with its text, as an editor would show it."""
    position = plan_of(one_after_the_other).nodes[0].position
    assert position is not None
    assert (position.file, position.text) == ("tests/test_plan.py", "first = make(n=1)")
    assert Path(ROOT / position.file).read_text().splitlines()[position.line - 1].strip() == position.text


@pipeline
def doubled(number: Number, *, times: int = 1) -> Number:
    """Add a number to itself, some times."""
    for _ in range(times):
        number = add(number, number)
    return number


@pipeline
def twice_doubled(*, n: int = 1) -> Number:
    """A pipeline of pipelines."""
    return doubled(doubled.with_options(name="inner")(make(n=n), times=2))


def test_nodes_of_an_inner_pipeline_have_paths() -> None:
    """And what it returns feeds the outer one."""
    plan = twice_doubled.plan(n=3)
    assert [node.id for node in plan.nodes] == ["make", "inner/add", "inner/add_2", "doubled/add"]
    assert plan.node("doubled/add").inputs["a"] == Output("inner/add_2", "output")
    assert plan.arguments == {"n": 3}
    assert plan.description == "A pipeline of pipelines."


def test_after_names_a_node_of_its_own_pipeline() -> None:
    """An inner pipeline cannot know the path that it is drawn under; an artifact may come from anywhere."""

    def inner(outside: Number) -> None:
        make.with_options(name="one")()
        make.with_options(name="two", after="one")()
        make.with_options(name="three", after=outside)()

    def graph() -> None:
        from levada.pipeline import Pipeline

        Pipeline(inner)(make())

    plan = plan_of(graph)
    assert plan.node("inner/two").after == ("inner/one",)
    assert plan.node("inner/three").after == ("make",)


def test_a_chosen_name_is_taken_once() -> None:
    """Numbering it would leave the user looking for the wrong node."""

    def graph() -> None:
        make.with_options(name="seed")()
        make.with_options(name="seed")()

    with pytest.raises(WiringError, match="there is already a node 'seed'"):
        plan_of(graph)


def test_a_number_never_takes_a_name_that_is_taken() -> None:
    """`make_2` is a fine name for a user to choose."""

    def graph() -> None:
        make.with_options(name="make_2")()
        make()
        make()

    assert sorted(node.id for node in plan_of(graph).nodes) == ["make", "make_2", "make_3"]


def test_options_do_not_leak_into_the_component() -> None:
    """with_options gives a new component each time."""
    assert make.with_options(name="other", cache=False, needs={"cpus": 1}) is not make

    def graph() -> None:
        make()

    node = plan_of(graph).nodes[0]
    assert (node.id, node.cache, node.needs) == ("make", True, {})


@component(requires="gate", needs={"cpus": 2}, packages=("numpy",), cache=False)
def guarded(ctx: Context, a: Number, gate: Verdict | None = None) -> None:
    """Needs an open gate if it is given one."""


def test_what_the_decorator_says_holds_for_every_call() -> None:
    """An input named in requires= is a gate of the node."""

    def graph() -> None:
        number = make()
        guarded(number, positive(number))
        guarded.with_options(needs={"memory": "1GB"}, cache=True)(number)

    plan = plan_of(graph)
    assert plan.node("guarded").requires == (Output("positive", "output"),)
    assert plan.node("guarded").needs == {"cpus": 2}
    assert plan.node("guarded_2").requires == ()
    assert plan.node("guarded_2").needs == {"cpus": 2, "memory": "1GB"}
    assert (plan.node("guarded").cache, plan.node("guarded_2").cache) == (False, True)
    assert plan.node("guarded").packages == ("numpy",)


@component(requires="gatee")
def misspelt(ctx: Context, gate: Verdict) -> None:
    """Names no input."""


@component(requires=("gate", "a"))
def no_gate(ctx: Context, a: Number, gate: Verdict) -> None:
    """Names an input that has no verdict."""


@component(requires="gates")
def several(ctx: Context, gates: list[Verdict]) -> None:
    """Names a list."""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (misspelt, "requires='gatee' wants an input that is a gate, and there is no input 'gatee'.*mean gate"),
        (no_gate, "requires='a' wants an input that is a gate, and a is Number"),
        (several, r"requires='gates' wants an input that is a gate, and gates is list\[Verdict\]"),
    ],
)
def test_an_input_that_could_never_close_is_not_required(wrong: Any, message: str) -> None:
    """A node would run beside a closed gate that somebody thought it waits for."""

    def graph() -> None:
        wrong()

    with pytest.raises(WiringError, match=f"(?s){message}"):
        plan_of(graph)


def test_a_list_of_artifacts_is_an_input_like_another() -> None:
    """Its items keep their order, and each is waited for."""

    def graph() -> None:
        total([make(n=n) for n in (3, 1, 2)])

    node = plan_of(graph).node("total")
    assert node.upstream == ("make", "make_2", "make_3")
    assert list(leaves(node.inputs["numbers"])) == [Output(name, "output") for name in node.upstream]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([], "wanted an object"),
        ({"format": 99}, "wanted a plan of format 1"),
        ({"format": 1, "pipeline": "p"}, "the plan lacks reference, arguments, nodes"),
        ({"format": 1, "pipeline": "p", "reference": "r", "arguments": {}, "nodes": 5}, "not a list"),
        (
            {"format": 1, "pipeline": "p", "reference": "r", "arguments": {}, "nodes": [{"id": "a"}]},
            "node a of the plan is not one",
        ),
        ({"format": 1, "pipeline": "p", "reference": "r", "arguments": {}, "nodes": ["a"]}, "of the plan is not one"),
    ],
)
def test_a_document_that_is_no_plan_is_told_so(form: Any, message: str) -> None:
    """Never a KeyError."""
    with pytest.raises(PlanError, match=message):
        Plan.loads(json.dumps(form))


def node_form(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "component": "python:m:f",
        "inputs": {},
        "parameters": {},
        "outputs": {"output": "python:m:T"},
        **more,
    }


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node_form("a"), node_form("a")], "two nodes of the plan have the id 'a'"),
        ([node_form("a", after=["b"])], "node a waits for 'b', which the plan does not have"),
        (
            [node_form("a"), node_form("b", inputs={"x": {"node": "a", "output": "model"}})],
            "wants the output 'model' of a, which has output",
        ),
        ([node_form("a", inputs={"x": {"nude": "b"}})], "is not a binding"),
        (
            [node_form("a", after=["b"]), node_form("b", after=["a"])],
            "nodes wait for each other in a circle: (a -> b -> a|b -> a -> b)",
        ),
        ([node_form("a", after=["a"])], "in a circle: a -> a"),
    ],
)
def test_a_plan_whose_parts_do_not_fit_is_refused(nodes: list[Any], message: str) -> None:
    """A plan may come from a file that somebody edited."""
    form = {"format": 1, "pipeline": "p", "reference": "python:m:p", "arguments": {}, "nodes": nodes}
    with pytest.raises(LevadaError, match=message):
        Plan.from_json(form)


def test_an_unknown_node_is_answered_with_the_nearest() -> None:
    """`--fresh trian` is a typing mistake."""
    with pytest.raises(PlanError) as caught:
        plan_of(one_after_the_other).node("mkae")
    assert "Did you mean make?" in str(caught.value)


def _order(low: int, high: int) -> None:
    if low > high:
        raise ParameterError(f"between(low={low}, high={high}): wanted the lower first.")


@component(check=_order)
def between(ctx: Context, number: Number | None = None, *, low: int = 0, high: int = 9, step: int = 1) -> Number:
    """Return the lower of two numbers."""
    raise AssertionError("it is only drawn")


def test_values_that_cannot_be_meant_together_are_refused_when_they_are_drawn() -> None:
    """At the line of the call; an item of `each`, known only when the run has come so far, is left to the run."""
    with pytest.raises(ParameterError, match="wanted the lower first") as caught:
        plan_of(lambda: between(low=10))
    assert caught.value.where is not None and caught.value.where.file == "tests/test_plan.py"
    plan_of(lambda: between(low=each([10, 11])))
    plan_of(lambda: between(low=10, high=11, step=2))
