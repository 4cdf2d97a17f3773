"""A node in a process of its own may crash, hang or eat memory: it fails, and the run goes on."""

# ruff: noqa: F811  (fixtures)
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from levada import Context, Retry, component, each
from levada.errors import WiringError
from levada.plan import Plan
from levada.process import state_of, this_process
from levada.run import FAILED, OK
from levada.store import Store
from tests.arithmetic import add, make
from tests.hazards import end_with, leave_children, many_lines, sleep
from tests.inline import ROOT, plan_of, run_plan, value_of
from tests.stores import s3_address, store  # noqa: F401


def ending(how: str, **options: Any) -> Plan:
    return plan_of(lambda: end_with.with_options(process="own", **options)(how=how), name="p")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_it_is_another_process_and_gives_the_same(store: Store) -> None:
    """Outputs, metrics and summary come back as from this one."""
    result = run_plan(plan_of(many_lines.with_options(process="own"), name="p"), store).results["many_lines"]
    assert result.status == "done"
    assert value_of(result, store) != os.getpid()


@pytest.mark.parametrize(
    ("how", "type_", "said"),
    [
        ("exit 3", "ProcessError", "ended with exit code 3 and no result"),
        ("exit 0", "ProcessError", "ended with exit code 0 and no result"),
        ("segfault", "ProcessError", "was killed by SIGSEGV"),
        ("kill", "ProcessError", "was killed by SIGKILL: out of memory, or somebody killed it"),
        ("sys.exit", "SystemExit", "5"),
        ("raise", "ValueError", "it broke"),
    ],
)
def test_however_it_ends_the_run_goes_on(how: str, type_: str, said: str, tmp_path: Path) -> None:
    """The node failed, with a sentence that says how; its sibling is done."""
    plan = ending(how)
    beside = plan_of(lambda: add(make(n=1), make(n=2)), name="p")
    both = Plan("p", plan.reference, {}, (*plan.nodes, *beside.nodes))
    outcome = run_plan(both, Store(tmp_path))
    failure = outcome.results["end_with"].failure
    assert failure is not None
    assert (failure.type, said in failure.message) == (type_, True)
    assert outcome.results["add"].status == "done"
    assert (Store(tmp_path).read(outcome.results["end_with"].log) or b"").startswith(b"a word before the end")
    assert Store(tmp_path).list("artifacts/p/end_with") == []


def test_a_segfault_names_the_line(tmp_path: Path) -> None:
    """Python's fault handler knows it."""
    failure = run_plan(ending("segfault"), Store(tmp_path)).results["end_with"].failure
    assert failure is not None
    assert [frame.file for frame in failure.frames] == ["tests/hazards.py"]


def test_memory_is_limited_to_what_the_node_needs(tmp_path: Path) -> None:
    """What it asked for is also the most it gets; the failure says so."""
    outcome = run_plan(ending("memory", needs={"memory": "512MiB"}), Store(tmp_path))
    failure = outcome.results["end_with"].failure
    assert failure is not None
    assert failure.type == "MemoryError"
    assert failure.notes == ("Its process may use 536,870,912 bytes: needs={'memory': ...} says so, and can say more.",)


def test_a_timeout_stops_the_work(tmp_path: Path) -> None:
    """The process, a child, and a grandchild in a session of its own; what it had written is gone."""
    notes = tmp_path / "notes"
    store = Store(tmp_path / "store")
    plan = plan_of(lambda: leave_children.with_options(timeout=20)(notes=notes, wait=True), name="p")
    result = run_plan(plan, store).results["leave_children"]
    assert result.failure is not None
    assert result.failure.type == "NodeTimeoutError"
    assert "took longer than its timeout of 20 s and was stopped" in result.failure.message
    assert not any(is_alive(int((notes / name).read_text())) for name in ("child", "orphan"))
    assert store.list("artifacts/p/leave_children") == []


def test_a_timeout_may_be_tried_again(tmp_path: Path) -> None:
    """It counts as a TimeoutError."""
    node = sleep.with_options(timeout=timedelta(seconds=1), retry=Retry(2, on=(TimeoutError,), wait=0))
    result = run_plan(plan_of(node, name="p"), Store(tmp_path)).results["sleep"]
    assert [attempt.failure.type for attempt in result.attempts] == ["NodeTimeoutError"]


def test_what_is_never_joined_does_not_outlive_the_node(tmp_path: Path) -> None:
    """The node is done when its component returns; threads and children end with its process."""
    notes = tmp_path / "notes"
    plan = plan_of(lambda: leave_children.with_options(process="own")(notes=notes), name="p")
    outcome = run_plan(plan, Store(tmp_path / "store"))
    assert outcome.exit_code == OK
    assert not any(is_alive(int((notes / name).read_text())) for name in ("child", "orphan"))


def test_items_may_have_processes_of_their_own(tmp_path: Path) -> None:
    """One that crashes is one failed item."""
    plan = plan_of(lambda: end_with.with_options(process="own")(how=each(["fine", "segfault"])), name="p")
    outcome = run_plan(plan, Store(tmp_path))
    items = outcome.results["end_with"].items
    assert items is not None
    assert (outcome.exit_code, items.done, items.failed) == (FAILED, 1, 1)


def test_a_store_in_memory_cannot_be_shared_with_it() -> None:
    """Said before it starts."""
    failure = run_plan(ending("fine"), Store("memory://own-process")).results["end_with"].failure
    assert failure is not None
    assert "the store is in the memory of this one" in failure.message


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1.0}, {"process": "other"}, {"at_once": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """While the pipeline is drawn."""
    with pytest.raises(WiringError, match=next(iter(options))):
        sleep.with_options(**options)


# -- stopping a run -------------------------------------------------------------------------------------

RUN = """
import signal, sys
from pathlib import Path
from tests.hazards import leave_children, sleep
from tests.inline import plan_of

def graph():
    leave_children.with_options(process="own")(notes=Path(sys.argv[2]) / "own", wait=True)
    leave_children.with_options(name="here")(notes=Path(sys.argv[2]) / "here", wait=True)

from levada.run import Request, run
from levada.store import Store
from tests.inline import ROOT, one_code
from levada.cli.running import _leave
from levada.process import adopt_orphans
adopt_orphans()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background has it ignored
sys.exit(_leave(run(Request(plan_of(graph), Store(sys.argv[1]), ROOT, one_code, {}, jobs=4)).exit_code))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_stops_the_run_and_all_that_it_started(number: int, code: int, tmp_path: Path) -> None:
    """Children and grandchildren of nodes here and in processes of their own; the run is killed, and says so."""
    store, notes = Store(tmp_path / "store"), tmp_path / "notes"
    process = started(store, notes)
    process.send_signal(number)
    assert process.wait() == code
    assert left(notes) == []
    (run,) = store.list("runs")
    assert store.read_json(f"{run}/end.json")["status"] == "killed"
    assert store.list("open") == []


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    """A run goes on when its terminal is closed, if that was asked for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_plan(plan_of(hang_up, name="p"), Store(tmp_path)).exit_code == OK
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_killed_run_takes_processes_of_its_nodes_with_it(tmp_path: Path) -> None:
    """-9: nobody can tell them, and they notice."""
    store, notes = Store(tmp_path / "store"), tmp_path / "notes"
    process = started(store, notes)
    process.kill()
    process.wait()
    here = [int((notes / "here" / name).read_text()) for name in ("child", "orphan")]
    try:
        while left(notes / "own", ""):
            time.sleep(0.01)
    finally:
        for pid in here:  # of a component in the run's own process: nothing is left that could end them
            os.kill(pid, signal.SIGKILL)


@component
def closes_the_terminal(ctx: Context) -> None:
    """Send what a terminal sends when it is closed."""
    os.kill(os.getpid(), signal.SIGHUP)


def hang_up() -> None:
    closes_the_terminal()


def started(store: Store, notes: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", RUN, store.uri, str(notes)], cwd=ROOT)
    while not all((notes / name / "ready").exists() for name in ("own", "here")):
        assert process.poll() is None
        time.sleep(0.02)
    return process


def left(notes: Path, names: str = "*/") -> list[str]:
    """Return which of the processes that were noted still run."""
    noted = [path for name in ("child", "orphan") for path in notes.glob(f"{names}{name}")]
    assert noted
    return [str(path) for path in noted if is_alive(int(path.read_text()))]


def test_a_process_knows_itself() -> None:
    """And tells that it runs."""
    assert state_of(this_process()) == "running"
