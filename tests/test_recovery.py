"""Runs whose process was killed: noticed, ended, cleared up after, gone on from."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from levada import Context, component, each, gather
from levada.lease import REBOOT, SILENCE, Lease, ended, open_leases
from levada.plan import Plan
from levada.process import Identity, state_of, this_process
from levada.recovery import close_killed_runs
from levada.run import OK
from levada.store import Store
from tests.arithmetic import Number, make, number
from tests.inline import ROOT, events, one_code, plan_of, run_plan, value_of
from tests.test_fanout import summed

SCHEMA = json.loads((ROOT / "schemas" / "journal.schema.json").read_text())

RUN = """
import sys
from levada.run import Request, run
from levada.store import Store
from tests.inline import ROOT, one_code, plan_of
from tests.test_recovery import {graph} as graph
sys.exit(run(Request(plan_of(graph), Store(sys.argv[1]), ROOT, one_code, {{}}, jobs=2)).exit_code)
"""


@component
def slow(ctx: Context, a: Number, *, seconds: float = 0.02) -> Number:
    """Write a number of files, slowly."""
    out = ctx.output(Number)
    for name in range(10):
        (out.path / f"{name}.bin").write_bytes(bytes([name]) * 5_000)
        time.sleep(seconds / 10)
    out.put(a.value() + 1)
    return out


@component(cache=False)
def never_cached(ctx: Context) -> Number:
    """A number that is another each time."""
    return number(ctx, random.random())


def chain() -> None:
    last = make(n=0)
    for _ in range(8):
        last = slow(last)


def fan() -> None:
    summed(gather(slow(make(n=each(list(range(8)))))))


def endless() -> None:
    slow.with_options(name="first")(never_cached())
    slow.with_options(name="last", after="first")(make(n=1), seconds=600)


def start(graph: str, store: Store) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN.format(graph=graph), store.uri], cwd=ROOT)


def killed_at(node: str, graph: str, store: Store) -> str:
    """Run a graph in another process until a node has begun to write, kill it with -9, and return the run's id."""
    process = start(graph, store)
    while not store.list(f"artifacts/{graph}/{node}"):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    return store.list("runs")[0].rsplit("/", 1)[1]


def test_a_run_that_ended_leaves_no_lease(tmp_path: Path) -> None:
    """It says how it ended, once, beside what was known when it began."""
    store = Store(tmp_path)
    outcome = run_plan(plan_of(chain), store)
    how = ended(store, outcome.run_id)
    assert how is not None
    assert (how.status, how.exit_code, how.counts, how.closed_by) == ("finished", 0, {"done": 9}, "")
    assert open_leases(store) == []
    facts = store.read_json(f"runs/{outcome.run_id}/run.json")
    assert (facts["pipeline"], facts["process"]) == ("chain", this_process().to_json())
    assert close_killed_runs(store) == []


def test_a_killed_run_is_noticed_ended_and_cleared_up_after(tmp_path: Path) -> None:
    """Whoever looks first does it; its journal is whole, and no half-made output is left."""
    store = Store(tmp_path)
    run_id = killed_at("last", "endless", store)
    assert ended(store, run_id) is None
    assert [lease.state for lease in open_leases(store)] == ["gone"]
    (killed,) = close_killed_runs(store)
    assert (killed.run_id, killed.pipeline) == (run_id, "endless")
    assert set(killed.finished) == {"never_cached", "first", "make"}
    assert killed.leftovers == 1
    assert store.list("artifacts/endless/last") == []
    how = ended(store, run_id)
    assert how is not None
    assert (how.status, how.exit_code, how.closed_by != "") == ("killed", 130, True)
    told = events(store, run_id)
    for event in told:
        jsonschema.validate(event, SCHEMA)
    assert [event["status"] for event in told if event["kind"] == "run_finished"] == ["killed"]
    assert open_leases(store) == []
    assert close_killed_runs(store) == []


def test_the_next_run_goes_on_from_what_was_committed(tmp_path: Path) -> None:
    """And says what it takes over."""
    store = Store(tmp_path)
    run_id = killed_at("slow_5", "chain", store)
    close_killed_runs(store)
    outcome = run_plan(plan_of(chain), store)
    statuses = [result.status for result in outcome.results.values()]
    assert statuses[:5] == ["cached"] * 5
    assert value_of(outcome.results["slow_8"], store) == 8
    (told,) = [event for event in events(store, outcome.run_id) if event["kind"] == "resumed"]
    jsonschema.validate(told, SCHEMA)
    assert (told["before"], told["status"], told["changed"]) == (run_id, "killed", {})
    assert told["reused"][:5] == ["make", "slow", "slow_2", "slow_3", "slow_4"]


def test_it_says_which_code_has_changed_since(tmp_path: Path) -> None:
    """Of nodes that had been finished and run again."""
    store = Store(tmp_path)
    killed_at("slow_5", "chain", store)
    close_killed_runs(store)

    def edited(reference: str) -> tuple[str, dict[str, str]]:
        return ("new", {"m:helper": "new", "m:same": "x"}) if "slow" in reference else one_code(reference)

    outcome = run_plan(plan_of(chain), store, code_digest=edited)
    (told,) = [event for event in events(store, outcome.run_id) if event["kind"] == "resumed"]
    assert told["reused"] == ["make"]
    assert "m:helper" in told["changed"]["slow"]


def test_what_is_never_cached_is_taken_over_only_if_asked(tmp_path: Path) -> None:
    """`levada run --resume` goes on with that very run."""
    store = Store(tmp_path)
    run_id = killed_at("last", "endless", store)
    close_killed_runs(store)
    before = store.read_json(f"runs/{run_id}/nodes/never_cached.json")["outputs"]["output"]["digest"]
    short = Plan.from_json({**plan_of(endless).to_json(), "nodes": plan_of(endless).to_json()["nodes"][:1]})
    resumed = run_plan(short, store, resume=True).results["never_cached"]
    assert (resumed.status, resumed.outputs["output"].digest) == ("cached", before)
    assert run_plan(short, store).results["never_cached"].status == "done"


@pytest.mark.slow
@pytest.mark.parametrize("graph", ["chain", "fan"])
def test_runs_killed_at_random_lose_nothing_that_was_committed(graph: str, tmp_path: Path) -> None:
    """Ten kills; each time the next look ends the run, keeps what it had finished, and leaves nothing half-made.

    At the end the value is that of an undisturbed run, and every attempt folder is one that a commit names.
    """
    store, rng = Store(tmp_path), random.Random(7)
    kept: set[str] = set()
    for _ in range(10):
        process = start(graph, store)
        while not open_leases(store) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        close_killed_runs(store)
        assert open_leases(store) == []
        assert all(store.exists(f"{run}/end.json") for run in store.list("runs"))
        done = {key for run in store.list("runs") for key in _keys_done(store, run)}
        assert kept <= done
        assert all(store.exists(f"cache/{key[:2]}/{key}.json") for key in done)
        kept = done
    name = {"chain": "chain", "fan": "fan"}[graph]
    outcome = run_plan(plan_of({"chain": chain, "fan": fan}[graph], name=name), store)
    assert outcome.exit_code == OK
    assert value_of(list(outcome.results.values())[-1], store) == {"chain": 8, "fan": 12345678}[graph]
    named = {attempt for run in store.list("runs") for attempt in _attempts(store, run)}
    found = {key.rsplit("/", 1)[1] for node in store.list(f"artifacts/{name}") for key in store.list(node)}
    assert found == named


def _results(store: Store, run: str) -> list[dict[str, object]]:
    keys = store.list(f"{run}/nodes") + [key for node in store.list(f"{run}/items") for key in store.list(node)]
    return [store.read_json(key) for key in keys]


def _keys_done(store: Store, run: str) -> list[str]:
    return [str(form["key"]) for form in _results(store, run) if form["status"] == "done" and "items" not in form]


def _attempts(store: Store, run: str) -> list[str]:
    return [str(form["attempt"]) for form in _results(store, run) if form["status"] == "done" and "items" not in form]


def test_two_runs_of_one_pipeline_at_once_both_succeed(tmp_path: Path) -> None:
    """They share the store, and neither takes the other for dead."""
    store = Store(tmp_path)
    racers = [start("chain", store) for _ in range(2)]
    while any(racer.poll() is None for racer in racers):
        assert close_killed_runs(store) == []
        time.sleep(0.02)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [store.read_json(f"{run}/end.json")["status"] for run in store.list("runs")] == ["finished"] * 2


# -- whose process is gone ------------------------------------------------------------------------------


def test_a_process_is_told_by_more_than_its_number() -> None:
    """Another one with the same number is not it; one elsewhere cannot be seen."""
    here = this_process()
    assert state_of(here) == "running"
    assert state_of(replace(here, started="1")) == "gone"
    assert state_of(replace(here, pid=2**22 + 1)) == "gone"
    assert state_of(replace(here, host="elsewhere")) == "unknown"
    assert state_of(replace(here, namespace="pid:[1]")) == "unknown"
    assert state_of(replace(here, boot="before")) == "unknown"


def test_a_zombie_is_gone() -> None:
    """It does nothing any more, though its parent has not asked."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    while (status := Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split())[0] != "Z":
        time.sleep(0.01)
    assert state_of(replace(this_process(), pid=process.pid, started=status[19])) == "gone"
    process.wait()


def lease(process: Identity, silent: float) -> Lease:
    return Lease("run-1", process, time.time() - silent)


def test_a_run_elsewhere_is_dead_when_it_has_long_been_silent() -> None:
    """A day, for nobody here can see its process; minutes, if it is this machine that was started anew."""
    here = this_process()
    elsewhere, rebooted = replace(here, host="elsewhere"), replace(here, boot="before")
    assert [lease(elsewhere, silent).state for silent in (0, SILENCE - 60, SILENCE + 60)] == [
        "unknown",
        "unknown",
        "gone",
    ]
    assert [lease(rebooted, silent).state for silent in (0, REBOOT + 60)] == ["unknown", "gone"]
    assert lease(here, 2 * SILENCE).state == "running"


def test_a_run_that_died_before_it_had_begun_leaves_nothing(tmp_path: Path) -> None:
    """A lease, and what was written before anything was known of it."""
    store = Store(tmp_path)
    store.write("runs/r/stderr.log", b"a word of a library")
    store.write("runs/r/plan.json", b"{}")
    gone = {**this_process().to_json(), "started": "1"}
    store.write("open/r.json", json.dumps({"run": "r", "process": gone, "renewed": time.time()}).encode())
    assert close_killed_runs(store) == []
    assert (store.list("open"), store.list("runs")) == ([], [])


def test_a_run_killed_while_it_ended_keeps_its_status(tmp_path: Path) -> None:
    """What it said first counts; the journal is completed from it."""
    store = Store(tmp_path)
    outcome = run_plan(plan_of(chain), store)
    for key in store.list(f"runs/{outcome.run_id}/journal"):
        lines = [line for line in (store.read(key) or b"").splitlines() if b'"run_finished"' not in line]
        store.write(key, b"\n".join([*lines, b""]))
    gone = {**this_process().to_json(), "started": "1"}
    content = json.dumps({"run": outcome.run_id, "process": gone, "renewed": time.time()}).encode()
    store.write(f"open/{outcome.run_id}.json", content)
    assert close_killed_runs(store) == []
    (last,) = [event for event in events(store, outcome.run_id) if event["kind"] == "run_finished"]
    assert (last["status"], os.path.exists(store.uri_of(f"open/{outcome.run_id}.json"))) == ("finished", False)
