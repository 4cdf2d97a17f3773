"""MLflow's SQLite file: made and upgraded whole, or not at all.

MLflow runs some seventy migrations on a new file. Two processes that do it at once break it, and one that is
killed half-way leaves a file that can never be used. So a schema is made in a temporary folder, under a
lock, and moved into place; an older one is upgraded as a copy. The migrations take seconds and end in the same file
every time: the first empty one on a machine is kept, and later ones are copies of it.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from levada.errors import StoreError
from levada.store import private_folder

PREFIX = "sqlite:///"


def database_path(tracking_uri: str) -> Path | None:
    """Return the file of a `sqlite:///` address, None for any other (a server looks after its own)."""
    if not tracking_uri.startswith(PREFIX):
        return None
    name = tracking_uri.removeprefix(PREFIX).partition("?")[0]
    return Path(name).absolute() if name and name != ":memory:" else None


def prepare(path: Path, artifacts: Path) -> None:
    """Make the file usable by the installed MLflow; when this returns it has the newest schema, in WAL mode.

    `artifacts` is the folder below which a new database keeps the files of runs that name no other place. Safe to
    call from several processes, and to kill at any moment. Raises StoreError if the folder cannot be written, if a
    file that must be upgraded is in use, or if it belongs to a newer MLflow.
    """
    if _revision(path) == newest_revision():
        return
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            current = _revision(path)
            if current is None:
                _create(path, artifacts)
            elif current != newest_revision():
                _upgrade(path, current)
    except OSError as error:
        raise StoreError(
            f"cannot make MLflow's database {path}: {error.strerror or error}.",
            hint="Check that its folder is writable and has space, or name another with MLFLOW_TRACKING_URI.",
        ) from error


def import_all() -> None:
    """Import what MLflow opens a database with."""
    importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    newest_revision()


@cache
def newest_revision() -> str:
    """Return the revision of the installed MLflow's schema, as its migrations name it."""
    import mlflow
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    return ScriptDirectory.from_config(config).get_heads()[0]


def _revision(path: Path) -> str | None:
    """Return the revision of a database file, None if there is none or it is empty."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    with contextlib.closing(sqlite3.connect(_read_only(path), uri=True, timeout=20)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreError(f"MLflow's database {path} is locked by another process.") from error
            if "no such table" not in str(error):
                raise _unusable(path, str(error)) from error
            found = None
        except sqlite3.DatabaseError as error:
            raise _unusable(path, str(error)) from error
    if found is None:
        raise _unusable(path, "it has tables that MLflow did not make, or was left half-made by another program")
    return str(found[0])


def _read_only(path: Path) -> str:
    return f"file:{urllib.parse.quote(str(path))}?mode=ro"


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{path} is not a database of MLflow: {why}.",
        hint="Move it away; what Levada recorded there can be delivered again from the journal.",
    )


def _create(path: Path, artifacts: Path) -> None:
    with _workshop(path) as folder:
        made = folder / path.name
        shutil.copyfile(_empty(), made)
        _add_default_experiment(made, artifacts)
        _seal(made)
        os.replace(made, path)


def _empty() -> Path:
    """Return an empty database of the installed MLflow; the first on this machine who wants one makes it."""
    import mlflow
    from filelock import FileLock

    kept = private_folder("mlflow") / f"{mlflow.__version__}-{newest_revision()}.db"
    with FileLock(f"{kept}.lock"):
        if not _is_usable(kept):
            with _workshop(kept) as folder:
                made = folder / kept.name
                _migrate(made)
                _flush(made)
                os.replace(made, kept)
    return kept


def _is_usable(kept: Path) -> bool:
    try:
        if _revision(kept) != newest_revision():
            return False
        with contextlib.closing(sqlite3.connect(_read_only(kept), uri=True)) as connection:
            return connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except (StoreError, sqlite3.DatabaseError):
        return False


def _upgrade(path: Path, current: str) -> None:
    _close_wal(path)
    with _workshop(path) as folder:
        made = folder / path.name
        shutil.copy2(path, made)
        try:
            _migrate(made)
        except Exception as error:
            raise StoreError(
                f"{path} has MLflow's schema {current}, which the installed MLflow cannot upgrade: "
                f"{str(error).splitlines()[0]}.",
                hint="The file is unchanged. It may come from a newer MLflow: install that one.",
            ) from error
        _seal(made)
        kept = path.with_name(f"{path.name}.before-{newest_revision()}")
        shutil.copy2(path, kept)
        os.replace(made, path)


def _close_wal(path: Path) -> None:
    """Fold the write-ahead log into the file; only possible while nobody else has it open."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection:
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        mode = str(error)
    if mode != "delete":
        raise StoreError(
            f"{path} must be upgraded for the installed MLflow, and another process has it open ({mode}).",
            hint="Stop the MLflow pages or servers that use it, and run again.",
        )


@contextlib.contextmanager
def _workshop(path: Path) -> Iterator[Path]:
    """A temporary folder beside the file, so that moving into place is one rename."""
    for left in path.parent.glob(f".{path.name}-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a process that was killed: we hold the lock
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _migrate(made: Path) -> None:
    """Let MLflow's own `mlflow db upgrade` bring a file to its newest schema, without a word on the terminal."""
    from mlflow.db import upgrade

    assert upgrade.callback is not None
    with _silenced("mlflow.store.db.utils", "alembic"):
        upgrade.callback(f"{PREFIX}{made}")


def _add_default_experiment(made: Path, artifacts: Path) -> None:
    """Open the file once, which adds the experiment that MLflow calls Default, with its artifacts in our folder.

    Left to the first client it would point into the folder that happened to be the current one.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"{PREFIX}{made}", artifacts.as_uri()).engine.dispose()


@contextlib.contextmanager
def _silenced(*names: str) -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _seal(made: Path) -> None:
    """Set the write-ahead log, which persists and halves the time of a write, and close the file cleanly."""
    with contextlib.closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _flush(made)


def _flush(made: Path) -> None:
    with made.open("rb") as file:
        os.fsync(file.fileno())
