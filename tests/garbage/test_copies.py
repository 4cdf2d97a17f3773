"""Copies in the machine's temporary folder: those of Levada that nobody uses go, and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from levada.garbage.copies import copies_in_temporary_folder, remove_copies
from levada.store.temporary import KINDS, private_folder


def test_only_old_copies_of_its_own_kinds_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's `levada-backup` is somebody's, however old."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in KINDS:
        for age in ("old", "new"):
            (private_folder(name) / age).mkdir()
            (private_folder(name) / age / "file").write_bytes(b"x")
    (tmp_path / "levada-backup").mkdir()
    (tmp_path / "levada-backup" / "file").write_bytes(b"x")
    ages = {"old": 1.0, "new": 4e9}  # seconds since 1970; a folder's change time cannot be set back
    for folder in tmp_path.glob("levada-*/*"):
        if folder.is_dir():
            os.utime(folder, (ages[folder.name],) * 2)
    remove_copies(copies_in_temporary_folder(seconds=-1e6))  # all but those that were used in the future
    assert sorted(path.name for path in tmp_path.glob("levada-*/*")) == ["file", *["new"] * len(KINDS)]
