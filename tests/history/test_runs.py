"""Runs of a store, found and read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from levada.errors import LevadaError, StoreError
from levada.history import History
from levada.history.moments import ago, since, size_of, took
from levada.history.outline import outcome
from levada.lease import End, begin, end
from levada.mlflow.cursor import Cursors
from levada.resumption import cut_short
from levada.store import Store
from tests import arithmetic
from tests.inline import plan_of, run_plan


def put_run(store: Store, run_id: str, pipeline: str = "p", status: str = "finished") -> None:
    """Write the records of a run's start and end, as the engine does."""
    begin(store, run_id, {"run": run_id, "pipeline": pipeline, "time": "2026-11-24T10:00:00.000+00:00", "nodes": []})
    if status != "running":
        end(store, run_id, End(status, 0, 1.0, "2026-11-24T10:00:01.000+00:00"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    store = Store(tmp_path)
    put_run(store, "20261124-100000-aaaa", "flights")
    put_run(store, "20261124-110000-abcd", "digits", "failed")
    put_run(store, "20261125-100000-abcd", "flights", "running")
    return History(store)


def test_a_run_is_found_by_its_ending_its_beginning_its_pipeline_and_last(history: History) -> None:
    """Whatever is typed that means one run."""
    for word, run_id in {
        "aaaa": "20261124-100000-aaaa",
        "20261124-10": "20261124-100000-aaaa",
        "20261125": "20261125-100000-abcd",
        "last": "20261125-100000-abcd",
        "flights": "20261125-100000-abcd",
        "digits": "20261124-110000-abcd",
        "20261124-110000-abcd": "20261124-110000-abcd",
    }.items():
        assert history.find(word).id == run_id


def test_what_means_several_runs_is_answered_with_all_of_them(history: History) -> None:
    """Two runs can end alike: then more of the id is wanted, and shown."""
    with pytest.raises(StoreError, match="names 2 runs") as caught:
        history.find("abcd")
    assert "20261124-110000-abcd" in str(caught.value) and "20261125-100000-abcd" in str(caught.value)
    assert history.short("20261124-100000-aaaa") == "aaaa"
    assert history.short("20261124-110000-abcd") == "20261124-110000-abcd"


def test_runs_of_one_second_are_in_the_order_in_which_they_started(tmp_path: Path) -> None:
    """Their ids end at random; whoever asks for the last one is told the same."""
    store = Store(tmp_path)
    for ending, milliseconds in (("bbbb", 100), ("cccc", 900), ("aaaa", 500)):
        run_id = f"20261124-100000-{ending}"
        begin(store, run_id, {"pipeline": "p", "time": f"2026-11-24T10:00:00.{milliseconds}+00:00", "nodes": []})
    history = History(store)
    assert [run.id[-4:] for run in history.newest()] == ["cccc", "aaaa", "bbbb"]
    assert [run.id[-4:] for run in history.before(history.find("aaaa"))] == ["bbbb"]
    for ending, status in (("bbbb", "failed"), ("aaaa", "finished"), ("cccc", "killed")):
        end(store, f"20261124-100000-{ending}", End(status, 0, 1.0, "2026-11-24T10:00:01.000+00:00"))
    last = cut_short(store, "p")
    assert last is not None and last.run_id.endswith("cccc")
    assert [run_id[-4:] for run_id in Cursors(store, "sqlite:///x.db").pending()] == ["bbbb", "aaaa", "cccc"]


@pytest.mark.parametrize("word", ["../../etc/passwd", "..", "", "aaa/../aaaa"])
def test_a_word_is_never_a_path(word: str, history: History, tmp_path: Path) -> None:
    """Only ids name runs."""
    (tmp_path / "run.json").write_text(json.dumps({"pipeline": "planted"}))
    with pytest.raises(StoreError):
        history.find(word)


def test_a_champion_that_is_not_there_is_said(history: History) -> None:
    """Before anything was pushed."""
    with pytest.raises(StoreError, match="nothing was ever pushed"):
        history.find("champion")


def test_statuses_are_those_of_the_end_or_running(history: History) -> None:
    """A run without an end goes on."""
    assert [run.status for run in history.newest()] == ["running", "failed", "finished"]


def test_a_run_that_never_started_is_not_listed(history: History) -> None:
    """Its process died between the plan and the facts."""
    history.store.write("runs/20261126-100000-dead/plan.json", b"{}")
    assert next(run.id for run in History(history.store).newest()) == "20261125-100000-abcd"


def judged() -> None:
    arithmetic.positive(arithmetic.make(n=-1))


def failing() -> None:
    arithmetic.fail(arithmetic.make(n=1))


def measured() -> None:
    arithmetic.read(arithmetic.make(n=7))


def test_the_outcome_is_the_verdict_the_failure_or_the_metric(tmp_path: Path) -> None:
    """Of real runs, in this order."""
    store = Store(tmp_path)
    for graph in (judged, failing, measured):
        run_plan(plan_of(graph), store)
    runs = {run.pipeline: run for run in History(store).newest()}
    assert outcome(runs["judged"]) == "closed"
    assert outcome(runs["failing"]) == "fail: ValueError"
    assert outcome(runs["measured"]) == "value 7"
    assert runs["failing"].counts["failed"] == 1 and runs["judged"].status == "closed"


NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def test_times_and_sizes_are_said_as_one_says_them() -> None:
    """One unit, at most three figures."""
    assert [ago(NOW - timedelta(seconds=each), NOW) for each in (1, 60, 7200, 86400, 3 * 86400)] == [
        "just now",
        "1 minute ago",
        "2 hours ago",
        "1 day ago",
        "3 days ago",
    ]
    assert [took(each) for each in (0.04, 9.96, 31.4, 125, 3720)] == [
        "0.0 s",
        "10.0 s",
        "31 s",
        "2 min 05 s",
        "1 h 02 min",
    ]
    assert [size_of(each) for each in (999, 1000, 212_000, 1_900_000, 3e9, 5e13)] == [
        "999 B",
        "1.0 kB",
        "212 kB",
        "1.9 MB",
        "3.0 GB",
        "50 TB",
    ]


def test_since_takes_dates_times_and_durations() -> None:
    """A zone where one is given, this machine's where not."""
    assert since("2h", NOW) == NOW - timedelta(hours=2)
    assert since("2026-11-24T10:15+01:00") == datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
    assert since("2026-11-24").tzinfo is not None
    with pytest.raises(LevadaError, match="neither"):
        since("tomorrow")
