"""MLflow's own pages on this machine, light: one process, only for this machine, open on runs and models.

MLflow opens on its pages for language-model applications unless the browser remembers otherwise, so the first
page is given what a browser would remember.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import warnings
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from levada.errors import LevadaError, ProjectError
from levada.mlflow.connection import connect, is_server, without_secrets
from levada.mlflow.delivery import deliver_pending
from levada.store import Store

REMEMBERED = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.home.getting-started.collapsed_v1": True,
    "mlflow.telemetry.info.alert.dismissed_v1": True,
    "mlflow.settings.telemetry.enabled_v1": False,
}
OPENING = "#/experiments?workflowType=machine_learning"

# What `mlflow server` tells its workers by these names; it is not documented, so it is checked after the import.
_DATABASE, _ARTIFACTS = "_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_ARTIFACT_ROOT"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ASSISTANT = "/ajax-api/3.0/mlflow/assistant"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def serve(store: Store, tracking_uri: str, port: int, host: str = "127.0.0.1", root: Path | None = None) -> None:
    """Deliver what MLflow has not been told (`root` as for `deliver_pending`), then serve its pages until Ctrl-C.

    Of a tracking server only the address is printed: it has pages of its own. Raises LevadaError when the port is
    taken, ProjectError when no MLflow is set up or it is of another kind.
    """
    if not tracking_uri:
        raise ProjectError(
            f"no MLflow is set up: the store {store.uri} is not on this machine, so there is no database beside it.",
            hint='Set MLFLOW_TRACKING_URI, or mlflow = "..." in [tool.levada].',
        )
    if is_server(tracking_uri):
        _say(str(deliver_pending(store, tracking_uri, root)))
        _say(f"{without_secrets(tracking_uri)}/{OPENING}")
        return
    if tracking_uri.partition(":")[0].partition("+")[0] not in _DATABASES:
        raise ProjectError(
            f"{without_secrets(tracking_uri)} has no pages that can be shown from here.",
            hint="Wanted a database (sqlite, postgresql, mysql, mssql) or the address of a server (http, https).",
        )
    with _listening(host, port) as listener:
        report = deliver_pending(store, tracking_uri, root)
        if report.delivered or report.left or report.trouble or report.said:
            _say(str(report))
        number = listener.getsockname()[1]
        _say(f"MLflow on http://{host}:{number}/{OPENING}   (Ctrl-C stops it)")
        _run(_application(store, tracking_uri, host, number), listener)


def _listening(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done, so that nobody waits for an error."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise LevadaError(
            f"port {port} of {host} cannot be used: {(error.strerror or str(error)).lower()}.",
            hint=f"Another MLflow may be running there: open http://{host}:{port}/, or choose another with --port.",
        ) from None
    return listener


def _run(application: App, listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(application, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def _application(store: Store, tracking_uri: str, host: str, port: int) -> App:
    """Return MLflow's application, told where its database is, behind ours."""
    connection = connect(store, tracking_uri)
    names = [host, "127.0.0.1", "localhost"]
    os.environ |= {
        _DATABASE: connection.uri,
        **({_ARTIFACTS: connection.artifacts.as_uri()} if connection.artifacts is not None else {}),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{name}:{port}" for name in dict.fromkeys(names)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": os.environ.get("MLFLOW_FLASK_SERVER_SECRET_KEY") or secrets.token_hex(16),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow should change in itself
        import mlflow.server.constants as names_of_mlflow
        from mlflow.server.fastapi_app import app

    if (names_of_mlflow.BACKEND_STORE_URI_ENV_VAR, names_of_mlflow.ARTIFACT_ROOT_ENV_VAR) != (_DATABASE, _ARTIFACTS):
        raise LevadaError(
            "the installed MLflow takes the address of its database in another way.",
            hint=f"Start its pages yourself: mlflow server --backend-store-uri {connection.uri} --port {port}",
        )
    return ClassicPages(app)  # pyright: ignore[reportArgumentType]


class ClassicPages:
    """MLflow's application, opening on runs and models, without the assistant that runs commands on this machine.

    Every request goes through MLflow's own check of the host it names before anything is answered or changed.
    """

    def __init__(self, application: App) -> None:
        self._application = application
        lines = [
            f"if(localStorage.getItem({json.dumps(key)})===null)"
            f"localStorage.setItem({json.dumps(key)},{json.dumps(json.dumps(value))});"
            for key, value in REMEMBERED.items()
        ]
        hidden = "<style>[data-assistant-ui]{display:none!important}</style>"
        self._extra = f"<script>try{{{''.join(lines)}}}catch(e){{}}</script>{hidden}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path == "/":
            await self._first_page(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(_ASSISTANT):
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._application(scope, receive, send)

    async def _first_page(self, scope: Message, receive: Receive, send: Send) -> None:
        # Without these the answer is the whole page as plain text, never "unchanged" or compressed.
        conditional = (b"if-none-match", b"if-modified-since", b"accept-encoding", b"range")
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in conditional]
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._answer(start, bytes(body), send)

        await self._application({**scope, "headers": headers}, receive, collect)

    async def _answer(self, start: Message, body: bytes, send: Send) -> None:
        head = body.find(b"<head>")
        if start["status"] == 200 and head >= 0:
            place = head + len(b"<head>")
            body = body[:place] + self._extra + body[place:]
        dropped = (b"content-length", b"etag", b"last-modified", b"cache-control")
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in dropped]
        headers += [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
