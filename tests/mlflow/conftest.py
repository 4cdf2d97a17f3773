"""A store and an MLflow of its own for each test; the database's schema is made once a session and copied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from levada.mlflow.connection import connect
from levada.store import Store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("database")
    connect(Store(home / "store"), f"sqlite:///{home}/mlflow.db")
    return home / "mlflow.db"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def uri(tmp_path: Path, empty_database: Path) -> str:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri)


@pytest.fixture(autouse=True)
def _no_address_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
