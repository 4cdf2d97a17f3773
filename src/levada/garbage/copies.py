"""Copies of artifacts and code in the machine's temporary folder, made for stores and workers elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from levada.garbage.heaps import COPIES, Heap
from levada.store.objects import Found, Objects
from levada.store.temporary import KINDS


def copies_in_temporary_folder(seconds: float) -> Heap:
    """Return this user's copies that nobody has used for that long."""
    heap = Heap(COPIES)
    for folder in _folders():
        with suppress(OSError):  # others clean up here too
            used = max(folder.stat().st_mtime, folder.stat().st_ctime)
            if time.time() - used < seconds:
                continue
            heap.add(str(folder), Found("", 0, used))
            for item in Objects(folder).walk():
                heap.add(str(folder), Found(item.key, item.size, used, item.names))
    return heap


def _folders() -> Iterator[Path]:
    """Yield folders that Levada makes there: fetched artifacts, unpacked code, outputs on their way to a store."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    for kind in KINDS:
        folder = Path(tempfile.gettempdir()) / f"levada-{kind}-{user}"
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == user:
            yield from (inside for inside in sorted(folder.iterdir()) if inside.is_dir())


def remove_copies(heap: Heap) -> None:
    """Remove those copies."""
    for folder in heap.sizes:
        shutil.rmtree(folder, ignore_errors=True)
