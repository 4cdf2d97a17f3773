"""Files of runs and models, where MLflow looks for them: hard links on this machine, uploads elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from levada.mlflow.connection import Connection, local_folder


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`; a copy where the file system has no hard links between them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)
        os.replace(beside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):  # replacing a file with itself leaves both names
            beside.unlink()


def link_tree(files: Iterable[str], source: Path, target: Path) -> None:
    """Make the named files below `source` appear below `target`, without a second copy."""
    for name in files:
        link(source / name, target / name)


def put_json(connection: Connection, run_id: str, artifact_uri: str, name: str, content: Any) -> None:
    """Write a JSON document as an artifact of a run."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    put_text(connection, run_id, artifact_uri, name, text)


def put_text(connection: Connection, run_id: str, artifact_uri: str, name: str, text: str) -> None:
    """Write a text as an artifact of a run."""
    folder = local_folder(artifact_uri)
    if folder is None:
        connection.client.log_text(run_id, text, name)
        return
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def put_model(connection: Connection, model_id: str, location: str, fill: Callable[[Path], None]) -> None:
    """Let `fill` write the files of a logged model into a folder, and bring them to where MLflow keeps them."""
    folder = local_folder(location)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        fill(folder)
        return
    with tempfile.TemporaryDirectory(prefix="levada-model-") as temporary:
        fill(Path(temporary))
        connection.client.log_model_artifacts(model_id, temporary)
