"""A run: what it leaves running, what its journal says, how it exits."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from levada import Context, component
from levada.errors import DataError, ProjectError, StoreError
from levada.externals import file_artifact
from levada.journal import Event
from levada.plan import Plan
from levada.resolved import resolve_plan
from levada.resumption import CutShort, resumption
from levada.run import CLOSED, FAILED, OK, facts_of
from levada.store import Store
from tests.arithmetic import Number, Verdict, add, fail, make, number, positive, read
from tests.inline import ROOT, events, one_code, plan_of, run_plan, value_of
from tests.stores import s3_address, store  # noqa: F401

SCHEMA = json.loads((ROOT / "schemas" / "journal.schema.json").read_text())


def statuses(outcome: Any) -> dict[str, str]:
    return {name: result.status for name, result in outcome.results.items()}


def sums() -> None:
    add(make(n=1), make(n=2))


def test_a_run_that_works_exits_with_0(store: Store) -> None:
    """Everything done; the second time everything cached."""
    first, second = (run_plan(plan_of(sums), store) for _ in range(2))
    assert (first.exit_code, first.status, first.nodes_run) == (OK, "finished", 3)
    assert value_of(first.results["add"], store) == 3
    assert (second.exit_code, second.nodes_run) == (OK, 0)
    assert statuses(second) == dict.fromkeys(("make", "make_2", "add"), "cached")


def broken() -> None:
    a = make(n=1)
    lost = fail(a)
    read.with_options(name="behind")(lost)
    read.with_options(name="further_behind", after="behind")(a)
    add.with_options(name="beside")(a, a)


def test_a_failure_leaves_its_siblings_running(tmp_path: Path) -> None:
    """What hangs on it is skipped with the reason, the rest is done, the exit code is 1."""
    outcome = run_plan(plan_of(broken), Store(tmp_path))
    assert (outcome.exit_code, outcome.status, outcome.nodes_run) == (FAILED, "failed", 3)
    assert statuses(outcome) == {
        "make": "done",
        "fail": "failed",
        "behind": "skipped",
        "further_behind": "skipped",
        "beside": "done",
    }
    assert outcome.results["behind"].reason == "needs fail, which failed"
    assert outcome.results["further_behind"].reason == "needs behind, which was skipped"
    failure = outcome.results["fail"].failure
    assert failure is not None
    assert (failure.type, failure.message) == ("ValueError", "this one always fails")
    assert [frame.file for frame in failure.frames] == ["tests/arithmetic.py"]
    assert outcome.error is None


def gated(*, n: float) -> None:
    a = make(n=n)
    gate = positive(a)
    read.with_options(name="beside")(a)
    guarded = add.with_options(name="guarded", requires=gate)(a, a)
    read.with_options(name="behind")(guarded)


def test_a_closed_gate_exits_with_3(tmp_path: Path) -> None:
    """It skips what requires it and what hangs on that, with the reason; siblings go on."""
    outcome = run_plan(plan_of(gated, n=-2), Store(tmp_path))
    assert (outcome.exit_code, outcome.status) == (CLOSED, "closed")
    assert statuses(outcome) == {
        "make": "done",
        "positive": "done",
        "beside": "done",
        "guarded": "skipped",
        "behind": "skipped",
    }
    assert outcome.results["guarded"].reason == "positive closed the gate: -2 is not above 0"


def test_an_open_gate_lets_pass(tmp_path: Path) -> None:
    """And a closed one stays closed when it comes from the cache."""
    store = Store(tmp_path)
    assert run_plan(plan_of(gated, n=2), store).exit_code == OK
    assert run_plan(plan_of(gated, n=-2), store).exit_code == CLOSED
    again = run_plan(plan_of(gated, n=-2), store)
    assert (again.exit_code, again.nodes_run) == (CLOSED, 0)


def test_a_closed_gate_that_nothing_requires_still_exits_with_3(tmp_path: Path) -> None:
    """CI reads the exit code: a verdict is a verdict."""
    assert run_plan(plan_of(lambda: positive(make(n=-1)), name="p"), Store(tmp_path)).exit_code == CLOSED


def test_a_failure_counts_more_than_a_closed_gate(tmp_path: Path) -> None:
    """1 means that something must be mended."""

    def graph() -> None:
        gated(n=-1)
        fail()

    assert run_plan(plan_of(graph), Store(tmp_path)).exit_code == FAILED


together = threading.Barrier(4)


@component
def meet(ctx: Context, root: Number, *, who: int) -> Number:
    """End only when three others run at the same time."""
    together.wait(30)
    return number(ctx, who)


def test_branches_run_at_the_same_time(tmp_path: Path) -> None:
    """Four nodes that wait for each other: a runner that takes turns would never end."""

    def graph() -> None:
        root = make(n=1)
        for who in range(4):
            meet(root, who=who)

    assert run_plan(plan_of(graph), Store(tmp_path), jobs=4).exit_code == OK


inside: list[int] = []


@component
def crowd(ctx: Context, *, who: int) -> Number:
    """Write down how many of these run."""
    inside.append(who)
    most = len(inside)
    threading.Event().wait(0.02)
    inside.remove(who)
    return number(ctx, most)


@pytest.mark.parametrize(("jobs", "needs"), [(2, {}), (8, {"cpus": 1000})], ids=["jobs", "needs"])
def test_limits_hold_in_a_run(tmp_path: Path, jobs: int, needs: dict[str, Any]) -> None:
    """--jobs and needs= reach the scheduler."""

    def graph() -> None:
        for who in range(6):
            crowd.with_options(needs=needs)(who=who)

    store = Store(tmp_path)
    outcome = run_plan(plan_of(graph), store, jobs=jobs)
    assert max(value_of(result, store) for result in outcome.results.values()) <= (1 if needs else jobs)


def test_a_component_that_exits_ends_only_its_node(tmp_path: Path) -> None:
    """sys.exit(), Ctrl-C or a closed generator inside a component would else end the whole Beam job."""

    def graph() -> None:
        for name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit"):
            leave.with_options(name=name)(how=name)
        make(n=1)

    outcome = run_plan(plan_of(graph), Store(tmp_path))
    assert statuses(outcome) == {
        "SystemExit": "failed",
        "KeyboardInterrupt": "failed",
        "GeneratorExit": "failed",
        "make": "done",
    }


@component
def leave(ctx: Context, *, how: str) -> None:
    """Leave in a way that is no Exception."""
    import builtins

    raise getattr(builtins, how)


def test_a_plan_may_have_thousands_of_nodes(tmp_path: Path) -> None:
    """Wide and deep: none is lost, and the second time all are cached."""

    def graph() -> None:
        last = make(n=1)
        for _ in range(200):
            last = add(last, last)
            for _ in range(4):
                read(last)

    store = Store(tmp_path)
    first, second = (run_plan(plan_of(graph), store) for _ in range(2))
    assert len(first.results) == len(second.results) == 1001
    assert first.nodes_run > 400
    assert (first.exit_code, second.exit_code, second.nodes_run) == (OK, OK, 0)


def test_two_runs_in_one_process_do_not_meet(tmp_path: Path) -> None:
    """In a notebook, say: each draws, runs and follows its own, in one store."""
    store = Store(tmp_path)

    def run_one(n: int) -> Any:
        return run_plan(plan_of(lambda: add(make(n=n), make(n=n)), name="p"), store)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(run_one, range(8)))
    assert [value_of(outcome.results["add"], store) for outcome in outcomes] == [2 * n for n in range(8)]
    assert all(outcome.exit_code == OK for outcome in outcomes)


# -- the journal ----------------------------------------------------------------------------------------


class Notes:
    """A reader that keeps what it sees."""

    seconds = 0.01

    def __init__(self) -> None:
        self.events: list[Event] = []

    def see(self, event: Event) -> None:
        self.events.append(event)


def test_the_journal_keeps_to_its_schema(store: Store) -> None:
    """Every event of a run with a failure, a closed gate, skipped and cached nodes."""

    def graph() -> None:
        broken()
        read.with_options(name="closed", requires=positive(make(n=-1)))(make(n=1))

    validator = jsonschema.Draft202012Validator(SCHEMA)
    kinds = {"run_started", "node_started", "node_finished", "run_finished"}
    for more in (set[str](), {"resumed"}):  # the second run goes on from the first, which failed
        outcome = run_plan(plan_of(graph), store)
        written = events(store, outcome.run_id)
        for event in written:
            validator.validate(event)
        assert {event["kind"] for event in written} == kinds | more


def test_readers_see_every_event_once_and_in_order(store: Store) -> None:
    """While the run goes on; all of it before `run` returns."""
    notes = Notes()
    outcome = run_plan(plan_of(broken), store, readers=[notes])
    assert sorted(event["id"] for event in notes.events) == sorted(
        event["id"] for event in events(store, outcome.run_id)
    )
    assert (notes.events[0]["kind"], notes.events[-1]["kind"]) == ("run_started", "run_finished")
    ended = [event["node"] for event in notes.events if event["kind"] == "node_finished"]
    assert sorted(ended) == ["behind", "beside", "fail", "further_behind", "make"]
    assert ended.index("make") < ended.index("fail") < ended.index("behind") < ended.index("further_behind")


def test_the_run_keeps_its_plan(tmp_path: Path) -> None:
    """As it was run, beside its journal."""
    store = Store(tmp_path)
    plan = plan_of(sums)
    outcome = run_plan(plan, store)
    assert Plan.from_json(store.read_json(f"runs/{outcome.run_id}/plan.json")).dumps() == plan.dumps()


# -- what stops a run -----------------------------------------------------------------------------------


def test_what_is_missing_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    """No run is left behind that did nothing."""
    plan = plan_of(lambda: read(file_artifact(Number, "no_such_file")), name="p")
    with pytest.raises(DataError, match="there is no file no_such_file"):
        run_plan(plan, Store(tmp_path))
    assert not (tmp_path / "runs").exists()


@component
def spoil(ctx: Context) -> Verdict:
    """Break the store while the run goes on."""
    folder = ctx.store.local
    assert folder is not None
    nodes = folder / "runs" / ctx.run_id / "nodes"
    nodes.parent.joinpath("nodes").rename(nodes.parent / "elsewhere") if nodes.exists() else None
    nodes.write_text("in the way")
    gate = ctx.output(Verdict)
    gate.set_verdict(True, [])
    return gate


def test_a_store_that_breaks_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """Not with Beam's: the engine's own error comes out of the job as it was raised."""
    outcome = run_plan(plan_of(spoil, name="p"), Store(tmp_path))
    assert outcome.exit_code == FAILED
    assert outcome.error is not None
    assert outcome.error.type == StoreError.__name__
    assert outcome.error.message.startswith("cannot write ")
    assert "while running" not in outcome.error.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--runner=NoSuchRunner",), "Beam has no runner 'NoSuchRunner'"),
        (("--direct_num_workers=many",), "Beam does not take these options"),
    ],
    ids=["runner", "option"],
)
def test_options_that_beam_refuses_are_told(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    """In one line, whatever argparse would do."""
    outcome = run_plan(plan_of(sums), Store(tmp_path), beam_options=options)
    assert outcome.exit_code == FAILED
    assert outcome.error is not None
    assert outcome.error.type == ProjectError.__name__
    assert message in outcome.error.message


def test_code_that_is_in_no_commit_is_not_told_as_that_of_the_commit(tmp_path: Path) -> None:
    """A new file of the project's packages counts; one beside them, an ignored one and compiled code do not."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=tmp_path, check=True)

    def is_dirty() -> bool:
        return facts_of(tmp_path, {"work": tmp_path / "work"})["git"]["dirty"]

    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "steps.py").write_text("A = 1\n")
    (tmp_path / ".gitignore").write_text("made.py\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "notes.txt").write_text("not code")
    (tmp_path / "work" / "made.py").write_text("")
    (tmp_path / "work" / "__pycache__").mkdir()
    (tmp_path / "work" / "__pycache__" / "steps.pyc").write_bytes(b"")
    assert not is_dirty()
    (tmp_path / "work" / "more.py").write_text("B = 1\n")
    assert is_dirty()
    (tmp_path / "work" / "more.py").unlink()
    assert not is_dirty()
    (tmp_path / "work" / "steps.py").write_text("A = 2\n")
    assert is_dirty()


def test_a_run_goes_on_from_one_that_failed_only_if_it_is_the_same_and_something_is_left(tmp_path: Path) -> None:
    """With other arguments it is another run, unless it says that it resumes; with nothing to run it goes nowhere."""
    store, plan = Store(tmp_path), plan_of(broken)
    other = replace(plan, arguments={"n": 2})
    names = (f"20260101-00000{number}-abcd" for number in range(5))
    first = run_plan(plan, store, run_id=next(names)).run_id

    def resumed(plan: Plan, **options: Any) -> bool:
        outcome = run_plan(plan, store, run_id=next(names), **options)
        return "resumed" in {event["kind"] for event in events(store, outcome.run_id)}

    assert resumed(plan)
    assert not resumed(other)
    assert resumed(plan, resume=True)
    before = CutShort(first, "failed", {})
    resolved = resolve_plan(plan, store, ROOT, one_code)
    assert resumption(store, before, plan, resolved, ["fail"]) is not None
    assert resumption(store, before, plan, resolved, []) is None
