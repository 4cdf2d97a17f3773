"""The stores that the engine must work with, as fixtures: a folder, memory, an S3 server."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from levada.store import Store

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "levada", "AWS_SECRET_ACCESS_KEY": "levada", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 from this process; gives its address. It has one bucket, `bucket`.

    One request at a time: S3 decides a conditional write in one step, which moto's threads do not.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    moto = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()

    def app(environ: Any, start_response: Any) -> Any:
        with one_at_a_time:
            return list(moto(environ, start_response))

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        import s3fs

        s3fs.S3FileSystem(endpoint_url=address).makedirs("bucket", exist_ok=True)
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    with s3_server() as address:
        yield address
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of each kind; copies of remote artifacts go to a folder of the test's own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    name = secrets.token_hex(6)
    match request.param:
        case "folder":
            return Store(tmp_path / "store")
        case "memory":
            return Store(f"memory://{name}")
        case _:
            return Store(f"s3://bucket/{name}", {"endpoint_url": request.getfixturevalue("s3_address")})


def again(store: Store) -> Store:
    """Open a store as another process would."""
    return Store(store.uri, store.options)
