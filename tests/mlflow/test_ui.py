"""MLflow's pages: on this machine only, open on runs and models, and told everything before they are shown."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from levada.errors import LevadaError, ProjectError
from levada.mlflow.ui import ClassicPages, serve
from levada.store import Store
from tests.mlflow.samples import chain, plan_of, run_plan


def ask(application: Any, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    start, *bodies = sent
    found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], found, b"".join(body.get("body", b"") for body in bodies)


class Pages:
    """An application that remembers what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"<html><head><title>x</title></head></html>") -> None:
        self.status, self.body, self.seen = status, body, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append((scope["path"], dict(scope["headers"])))
        headers = [(b"content-length", str(len(self.body)).encode()), (b"etag", b"1"), (b"x-frame-options", b"DENY")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[:10], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[10:]})


def test_the_first_page_opens_on_runs_and_models_unless_the_browser_remembers_otherwise() -> None:
    pages = Pages()
    status, headers, body = ask(ClassicPages(pages), "/", {"if-none-match": "1", "accept-encoding": "gzip"})

    assert status == 200
    assert b'localStorage.getItem("mlflow.workflowType_v1")===null' in body
    assert rb'localStorage.setItem("mlflow.workflowType_v1","\"machine_learning\"")' in body
    assert body.index(b"<script>") < body.index(b"<title>")
    assert headers["content-length"] == str(len(body))
    assert (headers["cache-control"], headers["x-frame-options"], headers.get("etag")) == ("no-store", "DENY", None)
    assert pages.seen == [("/", {})]


def test_an_answer_that_is_not_the_page_is_not_changed() -> None:
    refused = b"Invalid Host header <head>"
    assert ask(ClassicPages(Pages(403, refused)), "/")[::2] == (403, refused)
    assert ask(ClassicPages(Pages(200, b"{}")), "/api/x")[::2] == (200, b"{}")


def test_the_assistant_cannot_be_reached() -> None:
    pages = Pages()
    assert ask(ClassicPages(pages), "/ajax-api/3.0/mlflow/assistant/message")[0] == 404
    assert pages.seen == []


def test_a_port_that_is_taken_is_named_with_the_way_out(store: Store, uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LevadaError, match=f"port {port} of 127.0.0.1 cannot be used") as raised:
            serve(store, uri, port)
    assert "--port" in raised.value.hint


def test_of_a_server_only_the_address_is_said(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    serve(store, "https://ana:secret@mlflow.example.org/team", 5000)

    assert capsys.readouterr().out.splitlines()[-1] == (
        "https://mlflow.example.org/team/#/experiments?workflowType=machine_learning"
    )


def test_without_any_mlflow_it_is_said_how_to_name_one() -> None:
    with pytest.raises(ProjectError, match="no MLflow is set up") as raised:
        serve(Store("memory://nowhere"), "", 5000)
    assert "MLFLOW_TRACKING_URI" in raised.value.hint


@pytest.mark.slow
def test_the_pages_are_served_to_this_machine_alone_with_all_runs_told(store: Store, uri: str, client: Any) -> None:
    run_plan(plan_of(chain, length=1), store, None)
    code = f"""
from levada.mlflow.ui import serve
from levada.store import Store
serve(Store({store.uri!r}), {uri!r}, 0)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "Told MLflow about 1 run.\n"
        said = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert address is not None
        with urllib.request.urlopen(f"{address[0]}/", timeout=60) as answer:
            assert b"machine_learning" in answer.read()
        request = urllib.request.Request(f"{address[0]}/", headers={"Host": "evil.example.org"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 403
        (run,) = client.search_runs(["1"], "tags.`levada.kind` = 'pipeline'")
        plan = f"{address[0]}/get-artifact?run_uuid={run.info.run_id}&path=plan.json"
        with urllib.request.urlopen(plan, timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in (0, 130, -2)
    finally:
        process.kill()
        process.communicate()
