"""Importing heavy packages at the least cost."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_importing = 0
_was_enabled = True


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import heavy packages without the garbage collector walking over them again and again.

    The collector is back when the last of the threads that import has left; what is there then it never looks at again.
    """
    global _importing, _was_enabled  # noqa: PLW0603  the collector is one for all threads
    with _lock:
        if not _importing:
            _was_enabled = gc.isenabled()
            gc.disable()
        _importing += 1
    try:
        yield
    finally:
        with _lock:
            _importing -= 1
            if not _importing:
                gc.freeze()
                if _was_enabled:
                    gc.enable()
