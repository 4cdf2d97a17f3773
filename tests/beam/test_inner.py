"""A component starts Beam jobs of its own: with the run's options, its own labels and counters, its own errors."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics import Metrics

from levada import Context, component
from levada.beam.inner import BeamJob
from levada.run import FAILED, OK
from levada.store import Store
from tests.arithmetic import Number, fail, make
from tests.inline import plan_of, run_plan, value_of

pytestmark = pytest.mark.filterwarnings("ignore")


class Count(beam.DoFn):
    """Pass elements on, counting them."""

    def process(self, element: int) -> Any:
        Metrics.counter("tests", "elements").inc()
        yield element


@component
def square(ctx: Context, *, upto: int, times: int = 1) -> Number:
    """Add up squares in Beam jobs of its own, one after the other."""
    out = ctx.output(Number)
    file = str(out.path / "sum")
    for _ in range(times):
        job = ctx.beam("squares")
        with job as p:
            (
                p
                | "numbers" >> beam.Create(range(upto))
                | "count" >> beam.ParDo(Count())
                | "square" >> beam.Map(lambda n: n * n)
                | "sum" >> beam.CombineGlobally(sum)
                | "write" >> beam.io.WriteToText(file, shard_name_template="")
            )
        ctx.metric("elements", job.counters["elements"])
    out.put(int(Path(file).read_text()))
    return out


def many() -> None:
    for upto in (10, 20, 30, 40):
        square(upto=upto, times=2)


def test_jobs_of_nodes_that_run_at_once_stay_apart(tmp_path: Path) -> None:
    """Equal labels, equal counters: results and counts are each node's own."""
    store = Store(tmp_path)
    outcome = run_plan(plan_of(many), store, jobs=4)
    assert outcome.exit_code == OK
    for result, upto in zip(outcome.results.values(), (10, 20, 30, 40), strict=True):
        assert value_of(result, store) == sum(n * n for n in range(upto))
        assert result.metrics == {"elements": upto}


def test_counters_of_one_name_are_added_up() -> None:
    """Two steps may count the same thing."""
    job = BeamJob("two-steps")
    with job as p:
        p | beam.Create([1, 2, 3]) | "a" >> beam.ParDo(Count()) | "b" >> beam.ParDo(Count())
    assert job.counters == {"elements": 6}


class RowError(Exception):
    """The user's own."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(row, why)


def parse(text: str) -> float:
    if text == "abc":
        raise RowError(7, "abc is no number")
    return float(text)


@component
def parse_all(ctx: Context) -> None:
    """Break inside a Beam job."""
    with ctx.beam() as p:
        p | beam.Create(["1", "abc"]) | beam.Map(parse)


def test_an_exception_in_a_job_is_the_nodes_failure(tmp_path: Path) -> None:
    """With the frames of the user's code, from the component to the line that raised, and no other."""
    failure = run_plan(plan_of(parse_all, name="p"), Store(tmp_path)).results["parse_all"].failure
    assert failure is not None
    assert (failure.type, failure.message) == ("RowError", "(7, 'abc is no number')")
    assert [(frame.file, frame.function) for frame in failure.frames] == [
        ("tests/beam/test_inner.py", "parse_all"),
        ("tests/beam/test_inner.py", "parse"),
    ]


threads: list[str] = []


def note_thread(_: int) -> None:
    threads.append(threading.current_thread().name)


def test_an_exception_before_the_job_is_left_alone() -> None:
    """Nothing is run then."""
    threads.clear()
    with pytest.raises(ZeroDivisionError), BeamJob("never") as p:
        p | beam.Create([1]) | beam.Map(note_thread) | beam.Map(1 / 0)
    assert threads == []


def test_a_job_runs_in_a_thread_of_its_own() -> None:
    """On the thread of the node Beam would mix up the metrics of the two jobs."""
    threads.clear()
    with BeamJob("threads") as p:
        p | beam.Create([1]) | beam.Map(note_thread)
    assert len(threads) == 1
    assert threads != [threading.current_thread().name]


def test_beam_does_not_read_the_command_line_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """`levada run --jobs 2` is not for Beam."""
    monkeypatch.setattr(sys, "argv", ["levada", "--runner=NoSuchRunner", "--direct_num_workers=many"])
    with BeamJob("argv") as p:
        p | beam.Create([1])


@component
def where(ctx: Context) -> Number:
    """Write down the processes of the node and of its job's elements, and the job's options."""
    out = ctx.output(Number)
    file = str(out.path / "pids")
    with ctx.beam() as p:
        p | beam.Create([1, 2]) | beam.Map(lambda _: os.getpid()) | beam.io.WriteToText(file, shard_name_template="")
        mode = p.options.get_all_options()["direct_running_mode"]
    out.put({"node": os.getpid(), "job": [int(line) for line in Path(file).read_text().split()], "mode": mode})
    return out


def elsewhere() -> None:
    where()
    fail(make(n=1))
    parse_all()


@pytest.mark.parametrize("mode", ["in_memory", "multi_threading"])
def test_a_job_inherits_the_options_of_the_run(tmp_path: Path, mode: str) -> None:
    """Any option goes through; both modes stay in this process."""
    store = Store(tmp_path)
    options = (f"--direct_running_mode={mode}", "--direct_num_workers=2")
    outcome = run_plan(plan_of(elsewhere), store, beam_options=options)
    assert outcome.exit_code == FAILED
    seen = value_of(outcome.results["where"], store)
    assert seen["mode"] == mode
    assert {seen["node"], *seen["job"]} == {os.getpid()}
    failures = [outcome.results[name].failure for name in ("fail", "parse_all")]
    assert [failure and failure.type for failure in failures] == ["ValueError", "RowError"]


@pytest.mark.slow
def test_a_job_may_use_other_processes(tmp_path: Path) -> None:
    """multi_processing: the nodes run in a worker, the elements of their jobs in workers of the worker."""
    store = Store(tmp_path)
    options = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    outcome = run_plan(
        plan_of(elsewhere), store, beam_options=options, packages={"tests": Path(__file__).parent.parent}
    )
    assert outcome.error is None
    seen = value_of(outcome.results["where"], store)
    assert seen["node"] != os.getpid()
    assert not {os.getpid(), seen["node"]} & set(seen["job"])
    failures = [outcome.results[name].failure for name in ("fail", "parse_all")]
    assert [failure and failure.type for failure in failures] == ["ValueError", "RowError"]
    assert failures[1] is not None
    assert failures[1].message == "(7, 'abc is no number')"
