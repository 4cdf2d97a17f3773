"""Digests of files, and of artifacts as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from levada.artifact import FileEntry


def entries_of(folder: Path) -> Iterator[FileEntry]:
    """Yield the files below a folder in sorted order, with size and sha256."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield FileEntry(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(path))


def file_digest(path: str | Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifact_digest(files: tuple[FileEntry, ...], properties: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) over an artifact's file names, sizes, digests and properties."""
    document = {"files": [[file.path, file.size, file.sha256] for file in files], "properties": properties}
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
