"""The journal: each process appends to a file of its own, readers follow all of them as they grow."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from levada.journal import Event, Journal, Tail, follow, new_run_id, now
from levada.store import Store
from tests.stores import s3_address, store  # noqa: F401


def test_events_come_back_as_they_were_written(store: Store) -> None:
    """With time, run and an id that no other event has; text that UTF-8 cannot carry included."""
    journal = Journal(store, "run-1")
    written = [journal.append("metric", name="loss", value=0.5), journal.append("progress", message="half: \udcff é\n")]
    assert Tail(store, "run-1").poll() == written
    assert [event["id"] for event in written] == [f"{journal.writer}:0", f"{journal.writer}:1"]
    assert all(event["run"] == "run-1" and event["time"].endswith("+00:00") for event in written)


def test_a_tail_gives_each_event_once(store: Store) -> None:
    """Of all writers, old and new."""
    tail, one = Tail(store, "run-1"), Journal(store, "run-1")
    assert tail.poll() == []
    first = one.append("progress", done=1)
    assert tail.poll() == [first]
    assert tail.poll() == []
    two = Journal(store, "run-1")
    second, third = two.append("progress", done=2), one.append("progress", done=3)
    assert sorted(event["id"] for event in tail.poll()) == sorted([second["id"], third["id"]])
    assert tail.poll() == []


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    """A reader may come between two writes of the system."""
    store = Store(tmp_path)
    journal, tail = Journal(store, "run-1"), Tail(store, "run-1")
    event = journal.append("progress", done=1)
    (path,) = (tmp_path / "runs" / "run-1" / "journal").iterdir()
    whole = path.read_bytes()
    for cut in (0, 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert tail.poll() == []
    path.write_bytes(whole + whole[:10])
    assert tail.poll() == [event]


def test_threads_of_a_process_share_one_file(store: Store) -> None:
    """No event is lost or torn, and the numbers of a writer go up."""
    journal = Journal(store, "run-1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.append("metric", value=n, text="x" * 1000), range(40)))
    (key,) = store.list("runs/run-1/journal")
    events = [json.loads(line) for line in (store.read(key) or b"").splitlines()]
    assert sorted(event["value"] for event in events) == list(range(40))
    assert [int(event["id"].rpartition(":")[2]) for event in events] == list(range(40))


def test_events_of_several_writers_are_sorted_by_time(store: Store) -> None:
    """As far as one poll sees them."""
    journals = [Journal(store, "run-1") for _ in range(3)]
    for turn in range(4):
        for journal in journals:
            journal.append("progress", done=turn)
    times = [event["time"] for event in Tail(store, "run-1").poll()]
    assert times == sorted(times)
    assert len(times) == 12


def test_followers_see_the_last_event(tmp_path: Path) -> None:
    """What is written before `stop` is set is read before `follow` returns."""
    store = Store(tmp_path)
    seen: list[Event] = []
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(Tail(store, "run-1"), seen.append, stop, 60))
    thread.start()
    last = Journal(store, "run-1").append("run_finished", status="finished")
    stop.set()
    thread.join()
    assert seen == [last]


def test_run_ids_sort_by_time() -> None:
    """And differ within a second."""
    ids = [new_run_id() for _ in range(50)]
    assert len(set(ids)) > 45
    assert [name[:15] for name in ids] == sorted(name[:15] for name in ids)
    assert now() <= now()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_metric_that_is_no_number_is_written_as_json_that_every_reader_takes(store: Store, value: float) -> None:
    """A loss that went to NaN is news, to other programs too: JSON itself has no NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    Journal(store, "run-1").append("metric", name="loss", value=value, more={"deep": [value, 1.5]})
    (key,) = store.list("runs/run-1/journal")
    written = json.loads(store.read(key) or b"", parse_constant=refuse)
    assert written["value"] == {"$float": str(value)}
    (event,) = Tail(store, "run-1").poll()
    assert repr(event["value"]) == repr(value)
    assert repr(event["more"]["deep"]) == repr([value, 1.5])


def test_within_a_writer_the_order_of_writing_holds_when_its_clock_is_set_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over several polls, and with another writer in between; every event is seen."""
    one, two, tail = Journal(store, "run-1"), Journal(store, "run-1"), Tail(store, "run-1")
    seen: list[Event] = []
    clock = iter(["10:00:03", "10:00:01", "10:00:02", "09:00:00", "09:00:01", "10:00:04"])
    monkeypatch.setattr("levada.journal.now", lambda: f"2026-11-24T{next(clock)}.000+00:00")
    for number, journal in enumerate((one, one, two, one, one)):
        journal.append("progress", done=number)
        if number == 3:
            seen += tail.poll()
    seen += [*tail.poll()]
    two.append("progress", done=5)
    seen += tail.poll()
    assert [event["done"] for event in seen if event["id"].startswith(one.writer)] == [0, 1, 3, 4]
    assert [event["done"] for event in seen if event["id"].startswith(two.writer)] == [2, 5]
    assert [event["done"] for event in seen] == [2, 0, 1, 3, 4, 5]


def test_a_line_that_a_full_disk_tore_costs_no_other(store: Store) -> None:
    """The next event was appended behind what was left of it."""
    journal = Journal(store, "run-1")
    events = [journal.append("progress", done=number) for number in range(3)]
    (key,) = store.list("runs/run-1/journal")
    first, second, third = (store.read(key) or b"").splitlines(keepends=True)
    store.write(key, first + second[:20] + second + third)
    assert Tail(store, "run-1").poll() == [events[0], events[2]]


def test_times_never_go_back_though_the_clock_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers sort by time, and count on each writer's order; who ends the run of another comes after it."""
    clock = iter([f"2026-01-31T10:00:{second:02}.000+00:00" for second in (30, 20, 40, 5)])
    monkeypatch.setattr("levada.journal.now", lambda: next(clock))
    store = Store(tmp_path)
    journal = Journal(store, "r")
    for kind in ("run_started", "node_started", "node_finished"):
        journal.append(kind)
    last = Tail(store, "r").poll()[-1]["time"]
    Journal(store, "r", after=last).append("run_finished")
    assert [event["kind"] for event in Tail(store, "r").poll()] == [
        "run_started",
        "node_started",
        "node_finished",
        "run_finished",
    ]
