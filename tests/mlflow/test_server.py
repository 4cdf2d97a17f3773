"""A real tracking server: away during a run, back for the next; then models load from it by alias."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from levada.mlflow.connection import connect
from levada.mlflow.delivery import deliver_pending
from levada.store import Store
from tests.mlflow.pages import alias, curve, first_line, nodes_of, runs_of, versions_of
from tests.mlflow.samples import chain, flights, plan_of, run_plan


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
    store: Store, address: str, home: Path, patience: None
) -> None:
    from mlflow import MlflowClient

    outcome, reader = run_plan(plan_of(flights, epochs=2), store, address.replace("//", "//ana:secret@"))
    assert outcome.results["evaluate"].status == "done"
    assert outcome.results["push"].status == "failed"
    assert reader is not None
    assert reader.trouble == f"MLflow at {address} does not answer (connection refused)."
    failure = outcome.results["push"].failure
    assert failure is not None
    assert reader.trouble in failure.message
    assert "secret" not in failure.message

    server = Server(address, home)
    try:
        outcome, reader = run_plan(plan_of(flights, epochs=2), store, address)
        assert (outcome.status, reader and reader.trouble, reader and reader.refused) == ("finished", "", "")
        client = MlflowClient(address)
        first, second = runs_of(client, "flights")
        assert first_line(first).startswith("**Failed at push**: RegistryError")
        assert first_line(second).endswith("flights v1 is now champion")
        assert set(nodes_of(client, first)) == {"ingest", "train", "evaluate", "push"}
        assert len(curve(client, nodes_of(client, first)["train"], "loss")) == 2
        assert [version.version for version in versions_of(client)] in (["1"], [1])
    finally:
        server.stop()


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
    import threading

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
