"""Locked databases, many processes, clocks that differ, answers that are none: late perhaps, but never lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from levada.journal import Journal, Tail
from levada.mlflow.backlog import Backlog
from levada.mlflow.connection import is_refusal
from levada.mlflow.cursor import Cursors
from levada.mlflow.delivery import deliver_pending
from levada.store import Store
from tests.mlflow.pages import curve, nodes_of, runs_of, versions_of
from tests.mlflow.samples import chain, flights, plan_of, run_plan


@contextmanager
def locked(uri: str) -> Iterator[None]:
    """Hold MLflow's database as a writer that does not come to an end."""
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_a_database_that_is_locked_for_seconds_costs_only_these(store: Store, uri: str, client: Any) -> None:
    with locked(uri):
        released = threading.Event()
        found: list[Any] = []
        plan = plan_of(flights, pushed=False)
        thread = threading.Thread(target=lambda: (found.append(run_plan(plan, store, uri)), released.set()))
        thread.start()
        released.wait(6)
    thread.join()
    outcome, reader = found[0]
    assert (outcome.status, reader.trouble, reader.refused) == ("finished", "", "")
    (parent,) = runs_of(client, "flights")
    assert parent.info.status == "FINISHED"
    assert set(nodes_of(client, parent)) == {"ingest", "train", "evaluate"}
    assert [version.version for version in versions_of(client)] == [1]


@pytest.mark.slow
def test_a_database_that_stays_locked_is_told_later(store: Store, uri: str, client: Any) -> None:
    """Longer than MLflow waits for it (20 s): the run ends with a note, and nothing is there twice afterwards."""
    with locked(uri):
        outcome, reader = run_plan(plan_of(flights, pushed=False), store, uri)
        assert outcome.status == "finished"
        assert reader is not None
        assert reader.notes == [f"MLflow's database {uri} is locked by another process."]
    report = deliver_pending(store, uri)
    assert (report.delivered, report.refused) == ((outcome.run_id,), ())
    (parent,) = runs_of(client, "flights")
    assert len(curve(client, nodes_of(client, parent)["train"], "loss")) == 3
    assert [version.version for version in versions_of(client)] == [1]


@pytest.mark.slow
def test_several_processes_with_several_runs_each_lose_nothing(store: Store, uri: str, client: Any) -> None:
    code = f"""
import sys
from levada.store import Store
from tests.mlflow.samples import flights, plan_of, run_plan
for epochs in range(int(sys.argv[1]), int(sys.argv[1]) + 3):
    outcome, reader = run_plan(plan_of(flights, epochs=epochs, pushed=False), Store({store.uri!r}), {uri!r})
    print(outcome.run_id, outcome.status, reader.refused)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(first)], stdout=subprocess.PIPE, text=True)
        for first in (1, 4, 7)
    ]
    lines = [line.split() for process in started for line in process.communicate()[0].splitlines()]
    assert [line[1:] for line in lines] == [["finished"]] * 9

    deliver_pending(store, uri)

    assert Cursors(store, uri).pending() == []
    parents = runs_of(client, "flights")
    assert sorted(parent.data.tags["levada.run"] for parent in parents) == sorted(line[0] for line in lines)
    for parent in parents:
        epochs = int(parent.data.params["epochs"])
        children = nodes_of(client, parent)
        assert {"train", "evaluate"} <= set(children)
        assert len(curve(client, children["train"], "loss")) == epochs
        assert {run.info.status for run in [parent, *children.values()]} == {"FINISHED"}
    versions = versions_of(client)
    assert [version.version for version in versions] == list(range(1, 10))
    assert {version.tags["levada.fingerprint"] for version in versions} == {f"fp{seed}" for seed in range(1, 10)}


RUN = "20261124-101502-7f3e"


def test_a_worker_whose_clock_is_ahead_is_told_before_the_run_ends(
    store: Store, uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events are dated after the end of the run, which must still close the page."""
    plan = plan_of(chain, length=1)
    node = plan.nodes[0].id
    store.write(f"runs/{RUN}/plan.json", plan.dumps().encode())
    main, worker = Journal(store, RUN), Journal(store, RUN)
    monkeypatch.setattr("levada.journal.now", lambda: "2026-11-24T10:00:00.000+00:00")
    main.append("run_started", pipeline="chain", host="here", user="ana", pid=1)
    main.append("run_finished", status="finished", exit_code=0, seconds=1.0)
    monkeypatch.setattr("levada.journal.now", lambda: "2026-11-24T11:00:00.000+00:00")
    worker.append("node_started", node=node, attempt="a", key="k", inputs={})
    worker.append("metric", node=node, attempt="a", name="loss", value=0.5, step=0)
    done = {"status": "done", "key": "k", "attempt": "a", "made_by": RUN, "outputs": {}, "metrics": {"loss": 0.5}}
    worker.append("node_finished", node=node, seconds=1.0, **done)

    deliver_pending(store, uri)

    (parent,) = runs_of(client, "chain")
    child = nodes_of(client, parent)[node]
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert child.info.run_id in parent.data.tags["mlflow.note.content"]


def test_what_a_worker_said_and_was_seen_late_is_told_all_the_same(store: Store, uri: str, client: Any) -> None:
    """A shared disk shows a worker's file late, after another process has said that its nodes have ended."""
    outcome, _ = run_plan(plan_of(flights, pushed=False), store, None)
    events = Tail(store, outcome.run_id).poll()
    late = [event for event in events if event["kind"] in ("candidate", "metric", "run_finished")]
    backlog = Backlog(store, uri)
    backlog.connect()
    delivery = backlog.open(outcome.run_id)
    assert delivery is not None
    # Of a file of its own, since within one file nothing comes late.
    delivery.take([{**event, "id": f"other:{place}"} for place, event in enumerate(events) if event not in late])
    delivery.advance(live=True)
    assert versions_of(client) == []

    delivery.take(late)
    delivery.advance(live=True)

    (version,) = versions_of(client)
    (parent,) = runs_of(client, "flights")
    assert version.tags["levada.run"] == outcome.run_id
    assert "flights v1" in parent.data.tags["mlflow.note.content"]
    assert {(0, 0.5), (1, 0.25), (2, 0.166667)} <= set(curve(client, nodes_of(client, parent)["train"], "loss"))


class Proxy(BaseHTTPRequestHandler):
    """A proxy whose server restarts: pages of its own, with any status."""

    status = 404

    def do_GET(self) -> None:
        body = b"<html>The service is being restarted.</html>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing on the terminal."""


@pytest.mark.parametrize("status", [200, 400, 404, 502])
def test_a_page_of_a_proxy_is_not_taken_for_mlflows_refusal(
    status: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the records of the run would count as told, and be gone."""
    for name in ("TIMEOUT", "MAX_RETRIES", "BACKOFF_FACTOR"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "1" if name != "TIMEOUT" else "10")
    monkeypatch.setattr(Proxy, "status", status)
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_address[1]}"
        outcome, reader = run_plan(plan_of(chain, length=1), store, address)
        assert outcome.status == "finished"
        assert reader is not None
        assert reader.trouble.startswith(f"MLflow at {address}")
        assert reader.refused == ""
        assert Cursors(store, address).pending() == [outcome.run_id]
        proxy.shutdown()


def test_a_statement_that_is_at_fault_is_a_refusal_and_a_database_in_trouble_is_not() -> None:
    """MLflow reports both as if the request were bad."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy import exc

    said = [kind("INSERT", {}, Exception("why")) for kind in (exc.IntegrityError, exc.DataError, exc.OperationalError)]
    errors = [
        MlflowException(error, error_code=1) for error in [*said, exc.TimeoutError("QueuePool limit", code="3o7r")]
    ]
    assert [error.error_code for error in errors] == ["INTERNAL_ERROR"] * 4
    for error in errors:
        error.error_code = "BAD_REQUEST"
    assert [is_refusal(error) for error in errors] == [True, True, False, False]
    assert not is_refusal(json.JSONDecodeError("half an answer", "{", 1))
    assert not is_refusal(ConnectionResetError())
