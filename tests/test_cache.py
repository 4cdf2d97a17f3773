"""A cache key is what a node's outputs depend on, and nothing else; a hit has its bytes."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada import Artifact, Context, component
from levada.errors import DataError, PlanError, Position
from levada.externals import file_artifact
from levada.node import RunView, run_node
from levada.node import key as keys
from levada.plan import Node, Plan
from levada.resolved import Resolved, resolve_plan
from levada.store import Store
from tests.arithmetic import Number, add, both, fail, make, number, positive, read, total
from tests.inline import ROOT, begin, one_code, plan_of, run_nodes, value_of
from tests.stores import again, s3_address, store  # noqa: F401


def sums(*, n: int = 10) -> None:
    halves = both(make(n=n))
    total([add(halves.small, halves.large), make(n=100)])


def statuses(plan: Plan, store: Store, run_id: str, **options: Any) -> dict[str, str]:
    return {name: result.status for name, result in run_nodes(plan, store, run_id, **options).items()}


def ran(plan: Plan, store: Store, run_id: str, **options: Any) -> set[str]:
    """Return the nodes that did not come from the cache."""
    return {name for name, status in statuses(plan, store, run_id, **options).items() if status != "cached"}


# -- hits -----------------------------------------------------------------------------------------------


def test_an_unchanged_run_is_all_cached(store: Store) -> None:
    """With the same outputs, metrics and words; made_by says which run made them."""
    first = run_nodes(plan_of(sums), store, "run-1")
    second = run_nodes(plan_of(sums), again(store), "run-2")
    assert {result.status for result in second.values()} == {"cached"}
    assert {result.made_by for result in second.values()} == {"run-1"}
    assert {name: result.outputs for name, result in second.items()} == {
        name: result.outputs for name, result in first.items()
    }


def test_only_what_hangs_on_a_change_is_run(store: Store) -> None:
    """make_2 does not depend on n."""
    run_nodes(plan_of(sums, n=10), store, "run-1")
    assert ran(plan_of(sums, n=11), store, "run-2") == {"make", "both", "add", "total"}


def test_equal_content_stops_the_change(store: Store) -> None:
    """A node that ran again and made the same bytes leaves those behind it cached."""

    def graph(*, n: float) -> None:
        read(rounded(n=n))

    run_nodes(plan_of(graph, n=1.1), store, "run-1")
    assert ran(plan_of(graph, n=1.2), store, "run-2") == {"rounded"}


@component
def rounded(ctx: Context, *, n: float) -> Number:
    """Round a number."""
    return number(ctx, round(n))


@pytest.mark.parametrize("damage", [b"", b"[1, 2]", None], ids=["truncated", "longer", "missing"])
def test_a_hit_needs_its_bytes(store: Store, damage: bytes | None) -> None:
    """What was deleted or cut off in the store is made again, and only that."""
    before = run_nodes(plan_of(sums), store, "run-1")
    key = store.key_of(before["both"].outputs["large"].uri)
    if damage is None:
        store.delete(f"{key}/number.json")
    else:
        store.write(f"{key}/number.json", damage)
    assert ran(plan_of(sums), again(store), "run-2") == {"both"}
    assert ran(plan_of(sums), again(store), "run-3") == set()


def test_a_failure_is_never_a_hit(store: Store) -> None:
    """It is tried again, and so is what hangs on it."""
    plan = plan_of(lambda: read(fail()), name="p")
    assert statuses(plan, store, "run-1") == statuses(plan, store, "run-2") == {"fail": "failed", "read": "skipped"}


def test_a_closed_gate_is_a_hit_that_stays_closed(store: Store) -> None:
    """The verdict is part of the artifact."""

    def graph() -> None:
        a = make(n=-1)
        read.with_options(requires=positive(a))(a)

    for run_id, status in (("run-1", "done"), ("run-2", "cached")):
        results = run_nodes(plan_of(graph), store, run_id)
        assert results["positive"].status == status
        assert (results["read"].status, results["read"].closed) == ("skipped", True)


def test_fresh_runs_a_node_again(store: Store) -> None:
    """What it made anew counts from then on; those behind it run if it differs."""
    plan = plan_of(counted)
    run_nodes(plan, store, "run-1")
    assert ran(plan, store, "run-2", fresh=("tally",)) == {"tally", "read"}
    assert ran(plan, store, "run-3") == set()
    assert run_nodes(plan, store, "run-4")["tally"].made_by == "run-2"


tallies: list[str] = []


@component
def tally(ctx: Context) -> Number:
    """Count the calls in this process."""
    tallies.append(ctx.run_id)
    return number(ctx, len(tallies))


def counted() -> None:
    read(tally())


def test_fresh_names_a_node_of_the_plan(tmp_path: Path) -> None:
    """A typing mistake is told, not passed over."""
    with pytest.raises(PlanError, match="has no node 'taly'"):
        begin(plan_of(counted), Store(tmp_path), fresh=("taly",))


def test_without_cache_everything_runs_and_is_kept_for_later(store: Store) -> None:
    """--no-cache reads no entry; it writes them."""
    plan = plan_of(sums)
    run_nodes(plan, store, "run-1")
    assert ran(plan, store, "run-2", use_cache=False) == {"make", "make_2", "both", "add", "total"}
    results = run_nodes(plan, store, "run-3")
    assert {result.made_by for result in results.values()} == {"run-2"}


def test_a_node_without_cache_runs_every_time(store: Store) -> None:
    """cache=False is the node's own; others keep to the cache."""

    def graph() -> None:
        read(make.with_options(cache=False)(n=1))

    run_nodes(plan_of(graph), store, "run-1")
    assert ran(plan_of(graph), store, "run-2") == {"make"}


live: set[str] = set()


class Effect(Artifact):
    """Stands for something outside the store."""

    def holds(self, root: Path) -> bool:
        return str(self.properties["name"]) in live


@component
def install(ctx: Context, *, name: str) -> Effect:
    """Have an effect outside the store."""
    live.add(name)
    out = ctx.output(Effect)
    out.properties["name"] = name
    return out


def test_an_effect_that_is_gone_is_had_again(store: Store) -> None:
    """A pushed model that somebody took away: the artifact is there, what it stands for is not."""
    live.clear()
    plan = plan_of(lambda: install(name="a"), name="p")
    assert ran(plan, store, "run-1") == {"install"}
    assert ran(plan, store, "run-2") == set()
    live.clear()
    assert ran(plan, store, "run-3") == {"install"}
    assert live == {"a"}


# -- keys -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A stand-in for a source of data."""

    name: str
    content: str = "as it was"

    def digest(self) -> str:
        return contents.get(self.name, self.content)


contents: dict[str, str] = {}


@component(packages=("hypothesis",))
def load(ctx: Context, *, source: Source, path: Path | None = None, rows: int = 1) -> Number:
    """Look at a source."""
    return number(ctx, rows)


def key_of(node: Node, store: Store, code: Any = one_code) -> str:
    plan = Plan("p", "python:m:p", {}, (node,))
    resolved = resolve_plan(plan, store, ROOT, code)
    run_id = f"run-{abs(hash((repr(node), repr(resolved))))}"
    begin(plan, store, run_id, code)
    view = RunView(store, run_id)
    return keys.key_of(view, plan.nodes[0], keys.call_of(view, plan.nodes[0]))


def node_of(**parameters: Any) -> Node:
    return plan_of(lambda: load(**parameters), name="p").nodes[0]


@pytest.fixture
def base(tmp_path: Path) -> tuple[Node, Store, str]:
    node, store = node_of(source=Source("s")), Store(tmp_path / "store")
    return node, store, key_of(node, store)


@pytest.mark.parametrize(
    "change",
    [
        lambda node: replace(node, id="inner/another_name"),
        lambda node: replace(node, position=Position("moved.py", 99, "load()")),
        lambda node: replace(node, needs={"cpus": 4}, cache=False),
    ],
    ids=["name", "position", "needs"],
)
def test_a_key_passes_over(base: tuple[Node, Store, str], change: Callable[[Node], Node]) -> None:
    """Where a node stands, what it is called and what it asks of the machine changes nothing it makes."""
    node, store, key = base
    assert key_of(change(node), store) == key


@pytest.mark.parametrize(
    "change",
    [
        lambda node: replace(node, parameters={**node.parameters, "rows": 2}),
        lambda node: replace(node, parameters={**node.parameters, "rows": 1.0}),
        lambda node: replace(node, parameters={**node.parameters, "rows": True}),
        lambda node: replace(node, parameters=node_of(source=Source("t")).parameters),
        lambda node: replace(node, component="python:tests.arithmetic:make"),
        lambda node: replace(node, packages=()),
        lambda node: replace(node, outputs={"other": "python:tests.arithmetic:Number"}),
    ],
    ids=["parameter", "float", "bool", "source", "component", "packages", "outputs"],
)
def test_a_key_counts(base: tuple[Node, Store, str], change: Callable[[Node], Node]) -> None:
    """Each of these may change what the node makes."""
    node, store, key = base
    assert key_of(change(node), store) != key


def test_a_key_counts_the_code(base: tuple[Node, Store, str]) -> None:
    """The digest of what the component reaches, whatever its version number says."""
    node, store, key = base
    assert key_of(node, store, lambda reference: ("other code", {})) != key


def test_a_key_counts_the_content_of_a_source(base: tuple[Node, Store, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words that stand for other data."""
    node, store, key = base
    monkeypatch.setitem(contents, "s", "as it is now")
    assert key_of(node, store) != key


def test_a_key_counts_the_content_of_a_file(tmp_path: Path) -> None:
    """A Path that names a file is what the file holds; one that names nothing is its name."""
    store, path = Store(tmp_path / "store"), tmp_path / "schema.pbtxt"
    node = node_of(source=Source("s"), path=path)
    absent = key_of(node, store)
    path.write_text("one")
    one = key_of(node, store)
    path.write_text("two")
    two = key_of(node, store)
    path.write_text("one")
    assert len({absent, one, two}) == 3
    assert key_of(node, store) == one


def test_a_key_counts_the_version_of_a_package(base: tuple[Node, Store, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only of those that the component declares."""
    node, store, key = base
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0" if name == "hypothesis" else real(name))
    assert key_of(node, store) != key
    assert key_of(replace(node, packages=("pytest",)), store) != key


parameter = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=3)


@given(
    st.dictionaries(st.text(max_size=5), parameter, max_size=3),
    st.dictionaries(st.text(max_size=5), parameter, max_size=3),
)
@settings(max_examples=60)
def test_keys_are_equal_where_parameters_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal in type, value and order; anything else is another key."""
    store = Store("memory://keys")
    keys = [
        key_of(Node("a", "python:tests.arithmetic:make", parameters=form), store) for form in (_json(one), _json(other))
    ]
    assert (keys[0] == keys[1]) == (repr(one) == repr(other))


def _json(parameters: dict[str, Any]) -> dict[str, Any]:
    from levada.values import encode

    return {name: encode(value) for name, value in parameters.items()}


# -- what lies outside the plan -------------------------------------------------------------------------


def test_a_file_of_the_project_is_an_input(tmp_path: Path) -> None:
    """Copied into the store when the run starts, so that workers elsewhere see it, as it was then."""
    (tmp_path / "schemas").mkdir()
    path = tmp_path / "schemas" / "number.json"
    store = Store(tmp_path / "store")
    plan = plan_of(lambda: double(file_artifact(Number, "schemas/number.json")), name="p")

    def start(run_id: str, content: str) -> str:
        path.write_text(content)
        resolved = resolve_plan(plan, store, tmp_path, one_code)
        path.write_text("99")
        assert Resolved.from_json(resolved.to_json()) == resolved
        store.write(f"runs/{run_id}/resolved.json", _text(resolved))
        settled = run_node(plan, "double", run_id, store)
        assert value_of(settled, store) == 2 * int(content)
        return settled.status

    assert [start("run-1", "1"), start("run-2", "1"), start("run-3", "2"), start("run-4", "1")] == [
        "done",
        "cached",
        "done",
        "cached",
    ]


def _text(resolved: Resolved) -> bytes:
    import json

    return json.dumps(resolved.to_json()).encode()


@component
def double(ctx: Context, a: Number) -> Number:
    """Double a number."""
    return number(ctx, 2 * a.value())


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_a_file_of_the_project_reaches_a_remote_store(store: Store, tmp_path: Path) -> None:
    """And is fetched from there."""
    (tmp_path / "number.json").write_text("21")
    plan = plan_of(lambda: double(file_artifact(Number, tmp_path / "number.json")), name="p")
    assert value_of(run_nodes(plan, store)["double"], store) == 42


def test_what_is_missing_is_told_at_the_node_that_wants_it(tmp_path: Path) -> None:
    """With the line of the call."""
    plan = plan_of(lambda: double(file_artifact(Number, "no/such.json")), name="p")
    with pytest.raises(DataError, match=r"there is no file no/such\.json") as caught:
        begin(plan, Store(tmp_path))
    assert caught.value.where is not None
    assert caught.value.where.file == "tests/test_cache.py"
