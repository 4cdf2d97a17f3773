"""MLflow, opened: the client, where it keeps files, and what its errors mean.

This is the only module that imports MLflow for the others, with telemetry off and short patience.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import LevadaError, ModelError
from levada.imports import quick_imports
from levada.mlflow.database import database_path, import_all, prepare
from levada.mlflow.limits import EXPERIMENT_TAG, cut
from levada.secret import redact
from levada.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

# What MLflow says when it will never take a call, however often it is made.
_REFUSALS = frozenset(
    {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}
)
# SQLAlchemy's numbers for what a statement itself is at fault for: a constraint, a value that does not fit.
_AT_FAULT = frozenset({"gkpj", "9h9h"})
VIEW = "levada"
"""The key of the view that an experiment's runs list opens on, in `?viewStateShareKey=levada`."""

_KNOCK = 4  # seconds
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


@dataclass
class Connection:
    """MLflow at one address. `artifacts` is the folder for files of new experiments; None lets the server decide."""

    uri: str
    client: MlflowClient
    artifacts: Path | None
    _experiments: dict[str, Experiment] = field(default_factory=dict[str, Any])

    @property
    def is_server(self) -> bool:
        return is_server(self.uri)

    def experiment(self, name: str, description: str = "") -> Experiment:
        """Return the experiment of a pipeline, made if it is not there, brought back if it was deleted."""
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name) or self._make_experiment(name, description)
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            self._experiments[name] = found
        return self._experiments[name]

    def _make_experiment(self, name: str, description: str) -> Experiment:
        place = (self.artifacts / _file_name(name)).as_uri() if self.artifacts else None
        tags = {"levada.pipeline": name}
        try:
            made = self.client.create_experiment(name, artifact_location=place, tags=tags)
        except Exception as error:
            found = self.client.get_experiment_by_name(name) if is_refusal(error) else None
            if found is None:
                raise
            return found  # another process was first
        # On the first line, as the page folds the others.
        first, _, rest = description.partition("\n")
        link = f"[Runs by verdict](#/experiments/{made}/runs?viewStateShareKey={VIEW})"
        note = cut(f"{first} {link}\n{rest}".strip(), EXPERIMENT_TAG)
        self.client.set_experiment_tag(made, "mlflow.note.content", note)
        return self.client.get_experiment(made)

    def tag_experiment(self, experiment: Experiment, key: str, value: str) -> None:
        """Set a tag of an experiment, unless it already has that value."""
        if experiment.tags.get(key) != value:
            self.client.set_experiment_tag(experiment.experiment_id, key, cut(value, EXPERIMENT_TAG))
            experiment.tags[key] = value


def connect(store: Store, tracking_uri: str) -> Connection:
    """Import MLflow, make its SQLite file usable if it is one, and return the connection.

    Raises StoreError for a database that cannot be used, OSError for a server that is not there.
    """
    _set_environment(tracking_uri)
    if is_server(tracking_uri):
        _knock(tracking_uri)
    path, artifacts = database_path(tracking_uri), _home_of_files(store, tracking_uri)
    with quick_imports():
        from mlflow import MlflowClient

        if path is not None:
            import_all()
    if path is not None:
        prepare(path, artifacts or path.parent / "artifacts")
        tracking_uri = f"sqlite:///{path}"
    client = MlflowClient(tracking_uri)
    if path is not None:
        client.get_experiment("0")  # opens the database
    return Connection(tracking_uri, client, artifacts)


def _home_of_files(store: Store, tracking_uri: str) -> Path | None:
    """Return the folder for files of new experiments: in the store if it is local, else beside the database."""
    if is_server(tracking_uri):
        return None
    if store.local is not None:
        return store.local / "mlflow" / "artifacts"
    path = database_path(tracking_uri)
    return path.parent / "artifacts" if path is not None else None


def _set_environment(tracking_uri: str) -> None:
    """Telemetry off, no chatter, and an absent server noticed within seconds; what the user set stays."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # A database that is locked, a server that is away: said once, by us, without their tracebacks.
    for name in ("mlflow.store.db.utils", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if is_server(tracking_uri):
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")


def _knock(tracking_uri: str) -> None:
    """Raise OSError within seconds if nobody listens at an address; behind a proxy that cannot be told."""
    parts = urllib.parse.urlsplit(tracking_uri)
    host = parts.hostname or ""
    if urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((host, port), timeout=_KNOCK).close()


def is_server(tracking_uri: str) -> bool:
    """Whether the address is that of an MLflow server."""
    return tracking_uri.startswith(("http://", "https://"))


def without_secrets(uri: str) -> str:
    """Return an address without user, password and query: fit for documents and for the screen."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.netloc:
        return uri.partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def name_of(tracking_uri: str) -> str:
    """Return a short name of a target that stays when its credentials change."""
    path = database_path(tracking_uri)
    plain = f"sqlite:///{path}" if path is not None else without_secrets(tracking_uri)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def is_refusal(error: BaseException) -> bool:
    """Whether MLflow is there and will not take this call, so that trying again would never help.

    What MLflow itself did not say is none: a proxy's page while the server behind it restarts, half an answer, a
    database that MLflow could not use and reports as if the request were at fault.
    """
    text = str(error)
    if isinstance(error, OSError | json.JSONDecodeError) or "API request to endpoint" in text:
        return False
    database = re.search(r"sqlalche\.me/e/\w+/(\w+)", text)
    if database is not None:
        return database[1] in _AT_FAULT
    code = getattr(error, "error_code", None)
    return code in _REFUSALS or isinstance(error, ModelError | TypeError | ValueError | KeyError | AttributeError)


def reason(error: BaseException, tracking_uri: str) -> str:
    """Return one sentence for the user on why MLflow could not be told, without secrets."""
    where = without_secrets(tracking_uri)
    if isinstance(error, LevadaError):
        return _redacted(error.message)
    text = str(error)
    refused = re.search(r"Connection refused|Name or service not known|timed out|No route to host|getaddrinfo", text)
    if isinstance(error, ImportError):
        return f"MLflow cannot be imported: {error}."
    if "database is locked" in text:
        return f"MLflow's database {where} is locked by another process."
    if refused and is_server(tracking_uri):
        return f"MLflow at {where} does not answer ({refused[0].lower()})."
    if getattr(error, "error_code", "") in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"):
        return f"MLflow at {where} refuses the credentials it was given."
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"MLflow at {where}: {cut(_redacted(first.replace(tracking_uri, where)), 200)}"


def _redacted(text: str) -> str:
    for variable in _SECRETS:
        secret = os.environ.get(variable)
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"//[^/\s@]+@", "//", redact(text))


@contextmanager
def as_default(uri: str) -> Iterator[None]:
    """Make `uri` what MLflow's module-level functions mean, for a moment.

    A registry in a database resolves `models:/<id>` by them, whatever client was asked; a server does it by itself.
    """
    import mlflow

    if is_server(uri) or mlflow.get_tracking_uri() == uri:
        yield
        return
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = uri
    chosen = None
    if mlflow.get_tracking_uri() != uri:  # somebody called set_tracking_uri, which goes before the environment
        chosen = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        if chosen is not None:
            mlflow.set_tracking_uri(chosen)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def local_folder(uri: str) -> Path | None:
    """Return the folder of an artifact address on this machine, None if it is elsewhere."""
    if uri.startswith("file:"):
        return Path(urllib.request.url2pathname(urllib.parse.urlsplit(uri).path))
    return Path(uri) if uri.startswith("/") else None


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)
