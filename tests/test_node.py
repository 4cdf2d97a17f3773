"""`run_node` is the only way a node runs: it may be called twice, by two processes, and be killed."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from levada import Artifact, Context, component
from levada.artifact import ArtifactRecord
from levada.errors import PlanError, StoreError
from levada.node import RunView, run_node
from levada.node.execute import execute
from levada.result import Result
from levada.store import Store, file_digest
from tests.arithmetic import Number, add, both, fail, make, number, positive, read, total
from tests.inline import ROOT, begin, events, plan_of, run_nodes, value_of
from tests.stores import again, s3_address, store  # noqa: F401


def sums() -> None:
    halves = both(make(n=10))
    total([add(halves.small, halves.large), make(n=100)])


def test_nodes_hand_artifacts_on(store: Store) -> None:
    """Through the store alone: one output, two outputs, a list of inputs."""
    results = run_nodes(plan_of(sums), store)
    assert {name: result.status for name, result in results.items()} == dict.fromkeys(results, "done")
    assert value_of(results["total"], again(store)) == 125


def test_a_node_that_ran_is_not_run_again(store: Store) -> None:
    """Runners replay: the second call returns what was committed."""
    plan = plan_of(sums)
    begin(plan, store)
    first = run_node(plan, "make", "run-1", store)
    second = run_node(plan, "make", "run-1", again(store))
    assert second.to_json() == first.to_json()
    assert [event["kind"] for event in events(store, "run-1")] == ["node_started", "node_finished"]


def test_of_two_attempts_the_first_to_commit_counts(store: Store) -> None:
    """The loser returns the winner's result, and nothing names what it made."""
    plan = plan_of(noted)
    begin(plan, store)
    views = [RunView(again(store), "run-1") for _ in range(2)]
    winner, loser = [execute(view, plan, plan.node("note"), None, lambda: False) for view in views]
    assert loser.to_json() == winner.to_json()
    assert winner.metrics == {"attempts": 1}
    attempts = {event["attempt"] for event in events(store, "run-1") if event["kind"] == "node_started"}
    (lost,) = attempts - {winner.attempt}
    for key in objects(store, "runs/run-1/nodes", "cache"):
        assert lost not in (store.read(key) or b"").decode()
    finished = [event for event in events(store, "run-1") if event["kind"] == "node_finished"]
    assert [event["attempt"] for event in finished] == [winner.attempt]


calls: list[str] = []


@component
def note(ctx: Context) -> Number:
    """Count the attempts of this process."""
    calls.append(ctx.attempt)
    ctx.metric("attempts", len(calls))
    return number(ctx, len(calls))


def noted() -> None:
    calls.clear()
    note()


def objects(store: Store, *prefixes: str) -> Iterator[str]:
    """Yield the keys of all objects below some prefixes."""
    for prefix in prefixes:
        for key in store.list(prefix):
            yield from [key] if key.endswith((".json", ".jsonl")) else objects(store, key)


# -- other processes ------------------------------------------------------------------------------------

NODE = """
import json, sys
from levada.node import run_node
from levada.plan import Plan
from levada.store import Store
store = Store(sys.argv[1], json.loads(sys.argv[2]))
plan = Plan.loads(store.read("runs/run-1/plan.json").decode())
import tests.arithmetic
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(run_node(plan, sys.argv[3], "run-1", store).to_json()))
"""


def process(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_processes_that_run_one_node_agree(store: Store) -> None:
    """Six start at once; all return one result, and it is the one in the store."""
    plan = plan_of(sums)
    begin(plan, store)
    racers = [process(NODE, store.uri, json.dumps(store.options), "make") for _ in range(6)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    results = [json.loads(racer.communicate()[0]) for racer in racers]
    committed = store.read_json("runs/run-1/nodes/make.json")
    assert all(result == committed for result in results)
    assert len(store.list("runs/run-1/journal")) >= 1
    assert sum(event["kind"] == "node_finished" for event in events(store, "run-1")) == 1


@component
def bulky(ctx: Context, *, turn: int) -> Number:
    """Write enough files that a kill falls into the middle of them."""
    out = number(ctx, turn)
    for name in range(20):
        (out.path / f"{name}.bin").write_bytes(bytes([name]) * 20_000)
    return out


ENDLESS = """
import itertools, os, sys
from levada.store import Store
from tests.inline import begin, plan_of, run_nodes
from tests.test_node import bulky
store = Store(sys.argv[1])
print("ready", flush=True)
for turn in itertools.count(os.getpid() * 100_000):
    plan = plan_of(lambda: bulky(turn=turn), name="bulky")
    run_nodes(plan, store, f"run-{turn}")
"""


def assert_whole(store: Store) -> int:
    """Hold every commit and cache entry against the bytes it names; return how many there are."""
    found = 0
    for key in objects(store, "runs", "cache"):
        if "/nodes/" in key or key.startswith("cache"):
            result = Result.from_json(store.read_json(key))
            assert result.status == "done"
            for record in result.outputs.values():
                assert len(record.files) == 21
                for entry in record.files:
                    assert file_digest(store.fetch(record) / entry.path) == entry.sha256
            found += 1
        elif key.endswith(".json"):
            assert store.read_json(key) is not None
    return found


def test_a_kill_leaves_nothing_half_written(tmp_path: Path) -> None:
    """Eight times a process is killed while it writes, and read while it lives: what is named is whole."""
    dice, found = random.Random(20), 0
    for turn in range(8):
        store = Store(tmp_path / str(turn))
        victim = process(ENDLESS, store.uri)
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        until = time.monotonic() + dice.uniform(0.005, 0.1)
        while time.monotonic() < until:
            assert_whole(store)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
        found += assert_whole(store)
    assert found > 8


# -- what does not run ----------------------------------------------------------------------------------


def gated() -> None:
    a = make(n=-1)
    gate = positive(a)
    guarded = add.with_options(name="guarded", requires=gate)(a, a)
    read.with_options(name="behind")(guarded)
    read.with_options(name="beside")(a)
    broken = fail(a)
    read.with_options(name="after_failure")(broken)


def test_what_a_gate_or_a_failure_stops_is_skipped_with_the_reason(store: Store) -> None:
    """The first cause in words; a closed gate is told apart from a failure; siblings run."""
    results = run_nodes(plan_of(gated), store)
    said = {name: (result.status, result.reason, result.closed) for name, result in results.items()}
    assert said == {
        "make": ("done", "", False),
        "positive": ("done", "", False),
        "guarded": ("skipped", "positive closed the gate: -1 is not above 0", True),
        "behind": ("skipped", "needs guarded, which was skipped", True),
        "beside": ("done", "", False),
        "fail": ("failed", "", False),
        "after_failure": ("skipped", "needs fail, which failed", False),
    }


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, BaseException])
def test_whatever_a_component_raises_is_a_failed_node(tmp_path: Path, error: type[BaseException]) -> None:
    """sys.exit() in somebody's library must not end the whole run."""
    result = run_nodes(plan_of(lambda: raises(name=error.__name__), name="p"), Store(tmp_path))["raises"]
    assert result.status == "failed"
    assert result.failure is not None
    assert (result.failure.type, result.failure.message) == (error.__name__, "stop")
    assert result.failure.frames[-1].function == "raises"


@component
def raises(ctx: Context, *, name: str) -> None:
    """Raise a built-in exception."""
    import builtins

    raise getattr(builtins, name)("stop")


@component
def raises_odd_text(ctx: Context) -> None:
    """Raise an error about a file whose name is no text."""
    raise ValueError("cannot parse " + b"\xff.csv".decode(errors="surrogateescape"))


def test_an_error_about_a_file_with_an_odd_name_is_recorded(store: Store) -> None:
    """Half surrogates in a message have no UTF-8; the commit must not break on them."""
    result = run_nodes(plan_of(raises_odd_text, name="p"), store)["raises_odd_text"]
    assert result.failure is not None
    assert "\udcff.csv" in result.failure.message
    assert store.read_json("runs/run-1/nodes/raises_odd_text.json")["failure"]["message"] == result.failure.message


def test_a_node_does_not_run_before_what_it_waits_for(store: Store) -> None:
    """A runner that mixes up the order hears of it."""
    plan = plan_of(sums)
    begin(plan, store)
    with pytest.raises(PlanError, match="node both cannot run before make has ended"):
        run_node(plan, "both", "run-1", store)


def test_a_run_that_was_never_begun_has_no_nodes(store: Store) -> None:
    """A run id of another store, say."""
    with pytest.raises(StoreError, match="has no run run-7"):
        run_node(plan_of(sums), "make", "run-7", store)


# -- what a component is given --------------------------------------------------------------------------


class Vectors(Artifact):
    """A type that a user adds: a docstring and a method."""

    def rows(self) -> list[list[float]]:
        return [[float(word) for word in line.split()] for line in (self.path / "rows.txt").read_text().splitlines()]


@component
def embed(ctx: Context, a: Number) -> Vectors:
    """Make an artifact of the user's own type."""
    out = ctx.output(Vectors)
    (out.path / "rows.txt").write_text(f"{a.value()} 0.5\n1 2\n")
    out.properties["shape"] = (2, 2)
    ctx.summary("two rows")
    return out


@component
def norm(ctx: Context, vectors: Vectors) -> Number:
    """Read an artifact of the user's own type."""
    assert vectors.properties == {"shape": [2, 2]}
    assert vectors.drawn is None
    return number(ctx, sum(x * x for row in vectors.rows() for x in row))


def test_a_user_adds_an_artifact_type_in_a_few_lines(store: Store) -> None:
    """Subclass Artifact: it travels, with its methods and properties, and is what the annotation says."""
    results = run_nodes(plan_of(lambda: norm(embed(make(n=3))), name="p"), store)
    assert value_of(results["norm"], store) == 9 + 0.25 + 1 + 4
    assert results["embed"].outputs["output"].type == "python:tests.test_node:Vectors"
    assert results["embed"].summary == "two rows"


def test_properties_are_at_once_what_they_will_be_read_as(store: Store) -> None:
    """A tuple would be a list in the next process only."""
    plan = plan_of(lambda: embed(make(n=3)), name="p")
    result = run_nodes(plan, store)["embed"]
    assert result.outputs["output"].properties == {"shape": [2, 2]}
    assert Result.from_json(store.read_json("runs/run-1/nodes/embed.json")) == result


@component
def seeded(ctx: Context) -> None:
    """Report the seed."""
    ctx.metric("seed", ctx.seed)


def test_the_seed_belongs_to_the_node(tmp_path: Path) -> None:
    """The same in every run, another in every node."""

    def graph() -> None:
        seeded.with_options(cache=False)()
        seeded.with_options(cache=False)()

    def seeds(run_id: str) -> list[float]:
        return [result.metrics["seed"] for result in run_nodes(plan_of(graph), Store(tmp_path), run_id).values()]

    first = seeds("run-1")
    assert first == seeds("run-2")
    assert first[0] != first[1]
    assert all(0 <= seed < 2**31 for seed in first)


@component
def optional(ctx: Context, a: Number | None = None, many: list[Number] | None = None) -> Number:
    """Take what there is."""
    return number(ctx, [a and a.value(), many and [item.value() for item in many]])


def test_inputs_may_be_absent(tmp_path: Path) -> None:
    """They are None then, whether left out or passed as None."""

    def graph() -> None:
        a = make(n=1)
        optional.with_options(name="none")()
        optional.with_options(name="one")(a, None)
        optional.with_options(name="list")(many=[a, a])

    store = Store(tmp_path)
    results = run_nodes(plan_of(graph), store)
    assert [value_of(results[name], store) for name in ("none", "one", "list")] == [
        [None, None],
        [1, None],
        [None, [1, 1]],
    ]


@component
def reporting(ctx: Context) -> None:
    """Say something of every kind."""
    ctx.progress(1, 2, "half")
    for step, loss in enumerate((0.5, 0.25)):
        ctx.metric("loss", loss, step=step)
    ctx.metric("accuracy", 1)


def test_what_a_component_reports_is_in_the_journal(store: Store) -> None:
    """With the attempt that said it, so that only the committed one counts; the last value is the result."""
    result = run_nodes(plan_of(reporting, name="p"), store)["reporting"]
    said = [event for event in events(store, "run-1") if event["kind"] in ("progress", "metric")]
    assert {event["attempt"] for event in said} == {result.attempt}
    assert [(event.get("name"), event.get("value"), event.get("step")) for event in said] == [
        (None, None, None),
        ("loss", 0.5, 0),
        ("loss", 0.25, 1),
        ("accuracy", 1.0, None),
    ]
    assert result.metrics == {"loss": 0.25, "accuracy": 1.0}


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_nothing_stays_in_the_temporary_folder_of_a_worker(store: Store, tmp_path: Path) -> None:
    """Outputs are staged there on their way to a remote store, of failed nodes too."""

    def graph() -> None:
        make(n=1)
        breaks_half_way()

    results = run_nodes(plan_of(graph), store)
    assert results["breaks_half_way"].status == "failed"
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "tmp").glob("levada-staging-*/*")) == []


@component
def breaks_half_way(ctx: Context) -> Number:
    """Break after a file was written."""
    number(ctx, 1)
    raise ValueError("half way")


def test_an_artifact_says_what_it_is(tmp_path: Path) -> None:
    """In a debugger or a notebook, whatever state it is in."""

    def graph() -> None:
        assert repr(make(n=1)) == "<Number of make(), not made yet>"
        shows()

    store = Store(tmp_path)
    result = run_nodes(plan_of(graph), store)["shows"]
    assert result.summary == "<Number 'output', being made>"
    record: ArtifactRecord = result.outputs["output"]
    from levada.artifact import made

    assert repr(made(record, store)) == f"<Number {record.digest[:12]} at {store.address(record.uri)}>"


@component
def shows(ctx: Context) -> Number:
    """Summarise with the repr of its output."""
    out = number(ctx, 1)
    ctx.summary(repr(out))
    return out


def test_made_artifacts_are_true_and_not_iterable(tmp_path: Path) -> None:
    """Once made they are ordinary objects: true, without length."""

    store = Store(tmp_path)
    result = run_nodes(plan_of(lambda: handles(make(n=1)), name="p"), store)["handles"]
    assert result.failure is None


@component
def handles(ctx: Context, a: Number) -> None:
    """Treat an artifact as Python treats objects."""
    assert bool(a)
    for refused in (iter, len, itemgetter(0)):
        with pytest.raises(TypeError, match="Number"):
            refused(a)


@component
def diverge(ctx: Context) -> Number:
    """Its loss is no number."""
    ctx.metric("loss", float("nan"), step=0)
    ctx.metric("worst", float("-inf"))
    return number(ctx, 1)


def test_a_metric_that_is_no_number_is_committed_as_json_that_every_reader_takes(store: Store) -> None:
    """In the record, in the cache and in the journal; read back it is what it was."""
    plan = plan_of(diverge, name="diverging")
    run_nodes(plan, store)
    again = run_nodes(plan, store, run_id="run-2")["diverge"]
    assert again.status == "cached"
    assert repr(again.metrics) == "{'loss': nan, 'worst': -inf}"

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    keys = ["runs/run-1/nodes/diverge.json", *store.list("runs/run-1/journal")]
    for line in [line for key in keys for line in (store.read(key) or b"").splitlines()]:
        json.loads(line, parse_constant=refuse)
