"""MLflow's SQLite file is made and upgraded whole: by many processes at once, and through kill -9."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from levada.errors import StoreError
from levada.mlflow import database
from levada.mlflow.database import database_path, newest_revision, prepare

CREATE = """
import sys
from pathlib import Path
from levada.mlflow.database import prepare
from mlflow import MlflowClient
path = Path(sys.argv[1])
print("ready", flush=True)
prepare(path, path.parent / "artifacts")
print(len(MlflowClient(f"sqlite:///{path}").search_experiments()))
"""
ENVIRONMENT = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def creating(path: Path) -> subprocess.Popen[str]:
    """Make a database in another process, on a machine that has made none."""
    temporary = path.parent / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", CREATE, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {"TMPDIR": str(temporary)},
    )


def is_usable(path: Path) -> bool:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{path}")
    return client.get_run(client.create_run("0").info.run_id).info.status == "RUNNING"


def test_only_sqlite_files_are_ours() -> None:
    assert database_path("sqlite:////a/b c.db?timeout=5") == Path("/a/b c.db")
    assert database_path("sqlite:///b.db") == Path.cwd() / "b.db"
    for other in ("sqlite://", "sqlite:///:memory:", "http://127.0.0.1:5000", "postgresql://u:p@h/db", "file:///x"):
        assert database_path(other) is None


def schema(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY sql")]


def test_a_new_database_is_complete_in_wal_mode_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first on a machine, and the next, which is a copy; a copy that is damaged counts as none."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    migrated: list[Path] = []
    migrate = database._migrate
    monkeypatch.setattr(database, "_migrate", lambda made: (migrated.append(made), migrate(made)))
    for home, migrations in (("first", 1), ("second", 1), ("third", 2)):
        path = tmp_path / home / "deep" / "mlflow.db"
        if home == "third":
            (kept,) = (tmp_path / "temporary").glob("levada-mlflow-*/*.db")
            kept.write_bytes(kept.read_bytes()[:100_000])
        prepare(path, tmp_path / home / "artifacts")

        assert len(migrated) == migrations
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_revision(),)
            (place,) = connection.execute("SELECT artifact_location FROM experiments").fetchone()
            assert place == (tmp_path / home / "artifacts" / "0").as_uri()
        assert [entry.name for entry in path.parent.iterdir() if not entry.name.startswith("mlflow.db")] == []
        assert is_usable(path)
    first, second = (schema(tmp_path / home / "deep" / "mlflow.db") for home in ("first", "second"))
    assert first == second  # the order of constraints is the migrations' own, each time another


@pytest.mark.slow
def test_processes_that_make_it_at_once_all_can_use_it(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    processes = [creating(path) for _ in range(3)]
    for process in processes:
        output, errors = process.communicate()
        assert (process.returncode, output.split()) == (0, ["ready", "1"]), errors
    assert is_usable(path)


@pytest.mark.slow
def test_killed_while_it_is_made_it_can_be_made_again(tmp_path: Path) -> None:
    rng = random.Random(7)
    for attempt in range(3):
        path = tmp_path / str(attempt) / "mlflow.db"
        process = creating(path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.1, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()

        prepare(path, tmp_path / "artifacts")

        assert is_usable(path)
        assert list(path.parent.glob(".*")) == []


@pytest.fixture
def older(tmp_path: Path, empty_database: Path) -> Path:
    """A database as the MLflow before the last schema change left it, with an experiment in it."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import InitialBase, _get_alembic_config, create_sqlalchemy_engine

    path = tmp_path / "older.db"
    engine = create_sqlalchemy_engine(f"sqlite:///{path}")
    InitialBase.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{path}")
    before = ScriptDirectory.from_config(config).get_revision(newest_revision()).down_revision
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO experiments (name, lifecycle_stage) VALUES ('kept', 'active')")
    connection.close()
    return path


def test_an_older_database_is_upgraded_with_what_is_in_it(older: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    prepare(older, tmp_path / "artifacts")

    assert MlflowClient(f"sqlite:///{older}").get_experiment_by_name("kept") is not None
    assert is_usable(older)
    (kept,) = tmp_path.glob("older.db.before-*")
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() != (newest_revision(),)


def test_an_older_database_that_somebody_uses_is_left_alone(older: Path, tmp_path: Path) -> None:
    user = sqlite3.connect(older)
    user.execute("SELECT count(*) FROM experiments").fetchone()
    before = older.read_bytes()
    try:
        with pytest.raises(StoreError, match="another process has it open") as raised:
            prepare(older, tmp_path / "artifacts")
    finally:
        user.close()
    assert "Stop the MLflow pages" in raised.value.hint
    assert older.read_bytes() == before


def test_an_upgrade_that_breaks_leaves_the_file_as_it_was(
    older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(made: Path) -> None:
        made.write_bytes(b"half")
        raise RuntimeError("no space\nand more")

    monkeypatch.setattr("levada.mlflow.database._migrate", break_down)
    with pytest.raises(StoreError, match=r"cannot upgrade: no space\."):
        prepare(older, tmp_path / "artifacts")

    monkeypatch.undo()
    prepare(older, tmp_path / "artifacts")
    assert is_usable(older)


def test_a_database_of_a_newer_mlflow_is_refused_and_kept(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "newer.db"
    shutil.copyfile(empty_database, path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'f00f00f00f00'")
    connection.close()

    with pytest.raises(StoreError, match="cannot upgrade") as raised:
        prepare(path, tmp_path / "artifacts")

    assert "f00f00f00f00" in raised.value.message
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("f00f00f00f00",)


@pytest.mark.parametrize("content", [b"not a database at all" * 50, b""])
def test_a_file_that_is_no_database_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    if not content:  # an empty file is what `touch` or a cut-off program leaves: it is filled
        prepare(path, tmp_path / "artifacts")
        assert is_usable(path)
        return
    with pytest.raises(StoreError, match=r"mlflow\.db is not a database of MLflow"):
        prepare(path, tmp_path / "artifacts")
    assert path.read_bytes() == content


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE diary (entry TEXT)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(StoreError, match="tables that MLflow did not make"):
        prepare(path, tmp_path / "artifacts")

    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=r"cannot make MLflow's database .*Permission denied"):
        prepare(tmp_path / "x" / "mlflow.db", tmp_path)
