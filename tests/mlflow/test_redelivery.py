"""What was delivered once is never delivered twice: after a crash, with a lost cursor, by two processes at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from levada.journal import Journal
from levada.mlflow.backlog import Backlog
from levada.mlflow.cursor import Cursors
from levada.mlflow.delivery import deliver_pending
from levada.mlflow.versions import Versions
from levada.recovery import close_killed_runs
from levada.registry import Registry
from levada.store import Store
from tests.mlflow.pages import NOTE, curve, everything, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import chain, flights, plan_of, run_plan

CALLS = {
    *("create_experiment", "set_experiment_tag", "create_run", "log_batch", "log_inputs", "log_outputs", "set_tag"),
    *("set_terminated", "create_logged_model", "finalize_logged_model", "set_logged_model_tags"),
    *("create_registered_model", "create_model_version", "set_model_version_tag", "update_model_version"),
    *("set_registered_model_alias", "delete_registered_model_alias"),
}


class Crash(BaseException):
    """The process dies here: nothing after this call happens, and nothing is written any more."""


class Dying:
    """A client that dies right after (or right before) its n-th writing call."""

    def __init__(self, client: Any, calls: int, before: bool) -> None:
        self._client, self._left, self._before, self.made = client, calls, before, 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name not in CALLS:
            return call

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.made += 1
            if self.made == self._left and self._before:
                raise Crash
            answer = call(*args, **kwargs)
            if self.made == self._left:
                raise Crash
            return answer

        return counted


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two runs that MLflow was not told of: a model that passed its gate, one that did not."""
    home = tmp_path_factory.mktemp("told")
    store = Store(home / "store")
    run_plan(plan_of(flights, epochs=2, pushed=False), store, None)
    run_plan(plan_of(flights, epochs=3, blessed=False), store, None)
    return home


@pytest.fixture
def copy(told: Path, tmp_path: Path) -> Store:
    for name in ("runs", "registry", "artifacts"):
        shutil.copytree(told / "store" / name, tmp_path / "store" / name)
    return Store(tmp_path / "store")


def crash_delivering(store: Store, uri: str, calls: int, before: bool, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Deliver until the n-th writing call, then die without a word; returns whether it got that far."""
    backlog = Backlog(store, uri)
    backlog.connect()
    connection = backlog.connection
    assert connection is not None
    connection.client = Dying(connection.client, calls, before)  # pyright: ignore[reportAttributeAccessIssue]
    backlog.use(connection, Versions(connection, store))
    with monkeypatch.context() as patch:
        # Dying means that no `finally` is reached either.
        patch.setattr(
            "levada.mlflow.runs.RunDelivery._save", lambda self: self._telling.changed and _save_if_alive(self)
        )
        try:
            backlog.clear()
        except Crash:
            return True
    return False


def _save_if_alive(self: Any) -> None:
    if sys.exc_info()[0] is not Crash:
        self._cursors.save(self.cursor)
        self._telling.changed = False


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
def test_a_crash_at_any_call_leaves_no_duplicate(
    before: bool, copy: Store, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    wanted: dict[str, Any] | None = None
    calls = 10**6  # the first time nothing happens, and shows how many calls there are
    database = tmp_path / "mlflow.db"
    empty = database.read_bytes()
    total = 0
    step = 0
    while True:
        home = tmp_path / f"try-{step}"
        shutil.copytree(copy.uri, home / "store")
        (home / "mlflow.db").write_bytes(empty)
        here, address = Store(home / "store"), f"sqlite:///{home}/mlflow.db"
        crashed = crash_delivering(here, address, calls, before, monkeypatch)
        assert crashed == (step > 0)
        report = deliver_pending(here, address)
        assert (report.trouble, report.refused, report.left) == ("", (), ())
        client = MlflowClient(address)
        found = everything(client)
        if wanted is None:
            wanted = found
            total = _count_calls(copy, tmp_path, empty)
        assert found == wanted, f"after a crash at call {calls} of {total}"
        assert len(client.search_runs(["1"])) == sum(1 + len(nodes) for nodes in wanted["nodes"])
        step += 1
        calls = step * 5 - (3 if before else 1)  # every fifth call, other ones in the other case
        if calls > total:
            return


def _count_calls(store: Store, tmp_path: Path, empty: bytes) -> int:
    home = tmp_path / "counted"
    shutil.copytree(store.uri, home / "store")
    (home / "mlflow.db").write_bytes(empty)
    backlog = Backlog(Store(home / "store"), f"sqlite:///{home}/mlflow.db")
    backlog.connect()
    connection = backlog.connection
    assert connection is not None
    dying = Dying(connection.client, 10**6, before=False)
    connection.client = dying  # pyright: ignore[reportAttributeAccessIssue]
    backlog.use(connection, Versions(connection, backlog.store))
    backlog.clear()
    assert dying.made > 30
    return dying.made


def test_a_lost_cursor_is_found_again_by_tags(copy: Store, uri: str, client: Any) -> None:
    deliver_pending(copy, uri)
    before = everything(client)
    copy.delete("delivery")
    assert len(Cursors(copy, uri).pending()) == 2

    assert len(deliver_pending(copy, uri).delivered) == 2

    assert everything(client) == before


def test_a_cursor_that_lags_behind_changes_nothing(copy: Store, uri: str, client: Any) -> None:
    deliver_pending(copy, uri)
    before = everything(client)
    cursors = Cursors(copy, uri)
    assert copy.local is not None
    for path in (copy.local / cursors._folder).glob("*.json"):
        if path.name == "done.json":
            path.unlink()
            continue
        form = json.loads(path.read_text())
        form["done"] = {writer: count // 2 for writer, count in form["done"].items()}
        form["children"] = dict(list(form["children"].items())[:1])
        path.write_text(json.dumps({**form, "finished": False}))

    deliver_pending(copy, uri)

    assert everything(client) == before


def test_a_run_at_which_mlflow_breaks_down_does_not_hold_up_the_next(
    copy: Store, uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Backlog._deliver_whole
    first, second = sorted(Cursors(copy, uri).pending())
    order: list[str] = []

    def break_down_once(self: Backlog, run_id: str) -> bool:
        order.append(run_id)
        if len(order) == 1:
            raise RuntimeError("500 Internal Server Error")
        return whole(self, run_id)

    monkeypatch.setattr(Backlog, "_deliver_whole", break_down_once)
    report = deliver_pending(copy, uri)

    assert sorted(order) == [first, second]
    assert len(report.delivered) == len(report.left) == 1
    assert "500 Internal Server Error" in str(report)
    assert len(deliver_pending(copy, uri).delivered) == 1
    assert len(runs_of(client, "flights")) == 2


def test_two_processes_deliver_one_backlog_once(copy: Store, uri: str, client: Any) -> None:
    code = f"""
from levada.mlflow.delivery import deliver_pending
from levada.store import Store
print(len(deliver_pending(Store({copy.uri!r}), {uri!r}).delivered))
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    counts = [int(process.communicate()[0]) for process in processes]

    assert sum(counts) == 2
    assert len(runs_of(client, "flights")) == 2
    assert [version.version for version in versions_of(client)] == [1, 2]


def test_the_same_model_twice_is_one_version(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(flights, auc=0.65, pushed=False), store, uri)
    run_plan(plan_of(flights, auc=0.7, pushed=False), store, uri)  # another evaluation of the same model

    (version,) = versions_of(client)
    assert "auc 0.7" in version.description
    assert Registry(store).versions("flights")[0].version == 1
    first, second = runs_of(client, "flights")
    models = [[output.model_id for output in run.outputs.model_outputs] for run in (first, second)]
    assert models[0] == models[1]
    assert len(models[0]) == 1


def test_only_the_attempt_that_was_committed_counts(store: Store, uri: str, client: Any) -> None:
    """A runner that replays lets two attempts overlap; both report, one is committed."""
    plan = plan_of(chain, length=1)
    run_id = "20261124-101502-7f3a"
    store.write(f"runs/{run_id}/plan.json", plan.dumps().encode())
    journal = Journal(store, run_id)
    journal.append("run_started", pipeline="chain", host="here", user="ana", pid=1)
    node = plan.nodes[0].id
    for attempt, offset in (("a", 0.0), ("b", 5.0)):
        journal.append("node_started", node=node, attempt=attempt, key="k", inputs={})
        for step in range(3 if attempt == "a" else 2):
            journal.append("metric", node=node, attempt=attempt, name="loss", value=offset + step, step=step)
    result = {"status": "done", "key": "k", "attempt": "b", "made_by": run_id, "outputs": {}, "metrics": {"loss": 6.0}}
    journal.append("node_finished", node=node, seconds=1.0, **result)
    journal.append("run_finished", status="finished", exit_code=0, seconds=1.0)

    deliver_pending(store, uri)

    (parent,) = runs_of(client, "chain")
    assert curve(client, nodes_of(client, parent)[node], "loss") == [(0, 5.0), (1, 6.0)]


def test_curves_of_an_attempt_that_did_not_count_are_taken_back(store: Store, uri: str, client: Any) -> None:
    """The same, while it is shown live: the child with the other attempt's curve goes, a new one comes."""
    plan = plan_of(chain, length=1)
    run_id, node = "20261124-101502-7f3b", plan.nodes[0].id
    store.write(f"runs/{run_id}/plan.json", plan.dumps().encode())
    journal = Journal(store, run_id)
    backlog = Backlog(store, uri)
    backlog.connect()
    live = backlog.open(run_id, is_new=True)
    assert live is not None
    started = journal.append("run_started", pipeline="chain", host="here", user="ana", pid=1)
    first = journal.append("node_started", node=node, attempt="a", key="k", inputs={})
    first["time"] = started["time"] = "2020-11-24T10:15:02.000+00:00"  # long ago, so it is shown at once
    point = journal.append("metric", node=node, attempt="a", name="loss", value=9.0, step=7)
    live.take([started, first, point])
    live.advance(live=True)
    (parent,) = runs_of(client, "chain")
    assert curve(client, nodes_of(client, parent)[node], "loss") == [(7, 9.0)]

    second = journal.append("node_started", node=node, attempt="b", key="k", inputs={})
    own = journal.append("metric", node=node, attempt="b", name="loss", value=1.0, step=0)
    result = {"status": "done", "key": "k", "attempt": "b", "made_by": run_id, "outputs": {}, "metrics": {"loss": 1.0}}
    finished = journal.append("node_finished", node=node, seconds=1.0, **result)
    live.take([second, own, finished])
    live.advance(live=True)

    child = nodes_of(client, parent)[node]
    assert curve(client, child, "loss") == [(0, 1.0)]
    assert child.data.tags["levada.attempt"] == "b"


@pytest.mark.slow
def test_a_run_whose_process_is_gone_ends_as_killed(store: Store, uri: str, client: Any) -> None:
    code = f"""
import os
from levada.store import Store
from tests.mlflow.samples import flights, plan_of, run_plan, when_shown
when_shown({uri!r}, lambda: os._exit(9))
run_plan(plan_of(flights, epochs=600, seconds=600), Store({store.uri!r}), {uri!r})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (parent,) = runs_of(client, "flights")
    assert parent.info.status == "RUNNING"

    assert deliver_pending(store, uri).delivered == ()  # nobody has said yet that it has ended
    assert len(close_killed_runs(store)) == 1
    assert len(deliver_pending(store, uri).delivered) == 1

    (parent,) = runs_of(client, "flights")
    children = nodes_of(client, parent)
    assert parent.info.status == "KILLED"
    assert first_line(parent) == "**Killed**: the process that ran it ended without a word"
    assert (children["ingest"].info.status, children["train"].info.status) == ("FINISHED", "KILLED")
    assert "evaluate" not in children
    assert deliver_pending(store, uri).delivered == ()


def test_a_run_that_goes_on_is_left_to_its_own_process(store: Store, uri: str, client: Any) -> None:
    plan = plan_of(chain, length=1)
    store.write("runs/20261124-101502-7f3c/plan.json", plan.dumps().encode())
    import os
    import platform

    Journal(store, "20261124-101502-7f3c").append("run_started", host=platform.node(), pid=os.getpid())

    assert deliver_pending(store, uri).delivered == ()
    assert client.get_experiment_by_name("chain") is None


@pytest.mark.slow
def test_a_stopped_run_closes_the_nodes_that_were_running(store: Store, uri: str, client: Any) -> None:
    code = f"""
import os, signal
from levada.store import Store
from tests.mlflow.samples import flights, plan_of, run_plan, when_shown
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background has it ignored
when_shown({uri!r}, lambda: os.kill(os.getpid(), signal.SIGINT))
outcome, _ = run_plan(plan_of(flights, epochs=600, seconds=600), Store({store.uri!r}), {uri!r})
print(outcome.status, flush=True)
os._exit(130)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["killed"], done.stderr
    (parent,) = runs_of(client, "flights")
    assert (parent.info.status, first_line(parent)) == ("KILLED", "**Stopped before its end**")
    assert nodes_of(client, parent)["train"].info.status == "KILLED"
    assert nodes_of(client, parent)["train"].data.tags[NOTE] != ""
