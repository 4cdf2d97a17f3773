"""Libraries that a process has no use for, hidden while another one is imported that would load them if it could."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def hidden(*libraries: str) -> Iterator[None]:
    """Let nobody find some libraries meanwhile, unless they are there already."""
    modules: dict[str, Any] = sys.modules
    absent = [name for name in libraries if name not in modules]
    for name in absent:
        modules[name] = None
    try:
        yield
    finally:
        for name in absent:
            if modules.get(name, ...) is None:
                del modules[name]
