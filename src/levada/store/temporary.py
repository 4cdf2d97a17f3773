"""Folders for temporary copies, in the machine's own place for them."""

from __future__ import annotations

import os
from pathlib import Path

from levada.errors import StoreError

KINDS = ("code", "fetched", "kept", "reports", "staging", "studies")
"""What is kept there: unpacked code, fetched artifacts, what attempts left to go on with, reports somebody looked at,
outputs on their way to a store, what the trials of a study make."""


def private_folder(name: str) -> Path:
    """Return a folder for temporary copies that this user alone can write to."""
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"levada-{name}-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:
        raise StoreError(f"{folder} belongs to another user.", hint="Set TMPDIR to a folder of your own.")
    return folder
