"""A real tracking server: away during a run, back for the next; then models load from it by alias."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada import Context, component
from levada.journal import Tail
from levada.mlflow.connection import connect
from levada.mlflow.delivery import deliver_pending
from levada.mlflow.rebuild import rebuild
from levada.store import Store
from tests.mlflow.pages import alias, curve, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import Examples, chain, flights, plan_of, run_plan
from tests.mlflow.serving import placed, served


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first connection to a server sets for the whole process is taken back after the test."""
    for name in ("TIMEOUT", "MAX_RETRIES", "BACKOFF_FACTOR"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "1" if name != "TIMEOUT" else "10")


class Server:
    """`mlflow server` as people run it: its own database, artifacts through it."""

    def __init__(self, address: str, home: Path) -> None:
        port = address.rsplit(":", 1)[1]
        database = connect(Store(home), f"sqlite:///{home}/server.db").uri
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--port", port]
        command += ["--artifacts-destination", str(home / "served"), "--host", "127.0.0.1", "--workers", "1"]
        off = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_ENABLE_AI_GATEWAY": "false"}
        with (home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **off}, start_new_session=True
            )
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError((home / "server.log").read_text())

    def stop(self) -> None:
        os.killpg(self._process.pid, 9)
        self._process.wait()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "server").mkdir()
    return tmp_path / "server"


@pytest.fixture
def server(address: str, home: Path, patience: None) -> Iterator[Server]:
    server = Server(address, home)
    yield server
    server.stop()


@pytest.mark.slow
def test_a_server_that_is_away_costs_seconds_and_hears_everything_later(
    store: Store, address: str, home: Path, patience: None, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    folder = tmp_path / "serving"
    outcome, reader = run_plan(plan_of(served, to=str(folder)), store, address.replace("//", "//ana:secret@"))
    assert outcome.status == "finished"
    assert outcome.results["push"].summary.startswith("pending: the registry is away")
    assert reader is not None
    assert reader.notes == [f"MLflow at {address} does not answer (connection refused)."]
    assert not folder.exists()

    server = Server(address, home)
    try:
        _, reader = run_plan(plan_of(chain, length=1), store, address)
        assert reader is not None
        assert (reader.trouble, reader.refused) == ("", "")
        assert [note.partition(" is done: ")[2] for note in reader.notes] == ["version 1 is live there."]
        client = MlflowClient(address)
        (first,) = runs_of(client, "served")
        assert first_line(first).endswith("flights v1 is now champion")
        assert set(nodes_of(client, first)) == {"ingest", "fit", "judge", "push"}
        assert len(curve(client, nodes_of(client, first)["fit"], "loss")) == 2
        assert [version.version for version in versions_of(client)] in (["1"], [1])
        assert (alias(client, "champion"), placed(folder)) == (1, ["1"])
    finally:
        server.stop()


@component
def train_until(ctx: Context, *, flag: str) -> Examples:
    """Report a curve until a file is there."""
    step = 0
    while not Path(flag).exists():
        ctx.metric("loss", 1 / (step + 1), step=step)
        step += 1
        time.sleep(0.2)
    return ctx.output(Examples)


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_during_a_run_has_all_of_it(
    store: Store, address: str, home: Path, patience: None, tmp_path: Path
) -> None:
    """Told live, with no other command: the run's own process goes on where it was."""
    from mlflow import MlflowClient

    def watched() -> None:
        train_until(flag=str(tmp_path / "enough"))

    server = Server(address, home)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(run_plan(plan_of(watched), store, address)))
    thread.start()
    client = MlflowClient(address)

    def points() -> int:
        parents = runs_of(client, "watched")
        children = nodes_of(client, parents[0]) if parents else {}
        return len(curve(client, children["train_until"], "loss")) if children else 0

    while points() < 3:
        time.sleep(0.3)
    server.stop()
    time.sleep(2)  # the run goes on meanwhile
    server = Server(address, home)
    try:
        seen = points()
        while points() == seen:
            time.sleep(0.3)
        (tmp_path / "enough").touch()
        thread.join()
        outcome, reader = found[0]
        assert (outcome.status, reader.notes) == ("finished", [])
        (parent,) = runs_of(client, "watched")
        child = nodes_of(client, parent)["train_until"]
        assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
        told = [step for step, _ in curve(client, child, "loss")]
        events = [event for event in Tail(store, outcome.run_id).poll() if event["kind"] == "metric"]
        assert told == [event["step"] for event in events]
        assert deliver_pending(store, address).delivered == ()
    finally:
        (tmp_path / "enough").touch()
        server.stop()


@pytest.mark.slow
def test_an_empty_server_is_filled_from_the_journals(
    store: Store, uri: str, server: Server, address: str, tmp_path: Path
) -> None:
    """After a database: the same numbers with their gap, the same champion, files on the server."""
    from mlflow import MlflowClient

    for seed in (1, 2, 3):
        run_plan(plan_of(served, to=str(tmp_path / "serving"), seed=seed), store, uri)
    store.delete("registry/flights/versions/fp1.json")
    for run in [key.rsplit("/", 1)[1] for key in store.list("runs")]:
        if any(event.get("fingerprint") == "fp1" for event in Tail(store, run).poll()):
            store.delete(f"runs/{run}")
    report = deliver_pending(store, address)
    assert "does not know version 3 of flights" in report.trouble

    rebuilt = rebuild(store, address)

    client = MlflowClient(address)
    assert rebuilt.models["flights"].left_out == (1,)
    assert [(int(item.version), item.tags["levada.fingerprint"]) for item in versions_of(client)] == [
        (2, "fp2"),
        (3, "fp3"),
    ]
    assert alias(client, "champion") == 3
    assert len(runs_of(client, "served")) == 2
    assert client.list_artifacts(runs_of(client, "served")[0].info.run_id)
    run_plan(plan_of(served, to=str(tmp_path / "serving"), seed=4), store, address)
    assert (alias(client, "champion"), placed(tmp_path / "serving")) == (4, ["1", "2", "3", "4"])


@pytest.mark.slow
def test_a_model_loads_from_the_server_by_alias(store: Store, server: Server, address: str) -> None:
    outcome, reader = run_plan(plan_of(flights), store, address)
    assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
    code = """
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/flights@champion")
frame = pandas.DataFrame({"distance": [0.1, 0.9], "carrier": ["UA", "UA"]})
print(model.predict(frame)["label"].tolist())
"""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout.split("\n")[0] == "[0, 1]"
    from mlflow import MlflowClient

    client = MlflowClient(address)
    assert (alias(client, "champion"), alias(client, "challenger")) == (1, None)
    (parent,) = runs_of(client, "flights")
    assert {item.path for item in client.list_artifacts(parent.info.run_id)} == {
        "artifacts.json",
        "plan.json",
        "slices.json",
    }
    assert len(parent.outputs.model_outputs) == 1


@pytest.mark.slow
def test_a_server_that_goes_away_during_a_run_hears_the_rest_later(
    store: Store, address: str, home: Path, patience: None
) -> None:
    from mlflow import MlflowClient

    server = Server(address, home)
    timer = threading.Timer(4, server.stop)
    timer.start()
    try:
        outcome, reader = run_plan(plan_of(flights, epochs=8, seconds=8, pushed=False), store, address)
    finally:
        timer.join()
    assert outcome.status == "finished"
    assert reader is not None
    assert "does not answer" in reader.trouble

    server = Server(address, home)
    try:
        report = deliver_pending(store, address)
        assert (report.delivered, report.trouble) == ((outcome.run_id,), "")
        client = MlflowClient(address)
        (parent,) = runs_of(client, "flights")
        train = nodes_of(client, parent)["train"]
        assert (parent.info.status, train.info.status) == ("FINISHED", "FINISHED")
        assert len(curve(client, train, "loss")) == 8
        assert versions_of(client)[0].tags["levada.run"] == outcome.run_id
    finally:
        server.stop()


def test_an_address_of_another_kind_is_said_to_be_none(store: Store) -> None:
    outcome, reader = run_plan(plan_of(chain, length=1), store, "gopher://mlflow")

    assert outcome.status == "finished"
    assert reader is not None
    assert "gopher" in reader.trouble
