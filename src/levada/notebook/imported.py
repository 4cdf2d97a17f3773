"""What this process runs of the project's modules, where their files have changed since they were imported.

A notebook's kernel lives on while files are edited. What runs is what was imported, so that is what must count in cache
keys, until it is reloaded (by `%autoreload`, `importlib.reload` or a restart).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levada.errors import ProjectError
from levada.notebook import BEGAN


@dataclass
class _Known:
    """A module as it was imported: the spec of that import (a reload has another), the file then, and its time."""

    spec: Any
    content: bytes
    stamp: tuple[int, int]


class Imported:
    """Keeps the content with which each module of a project was imported. Ask `look` often: it only compares times."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def look(self, files: Mapping[str, Path]) -> dict[str, bytes]:
        """Return the content that runs of those modules whose files say something else now.

        Raises ProjectError for a module that was imported and edited before anybody could note what it was.
        """
        stale: dict[str, bytes] = {}
        for name, file in files.items():
            module = sys.modules.get(name)
            if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
                continue
            running = self._running(name, module, file)
            if running is not None:
                stale[name] = running
        return stale

    def _running(self, name: str, module: types.ModuleType, file: Path) -> bytes | None:
        """Return what runs of a module, None if that is what its file says."""
        try:
            stamp = _stamp(file)
            known = self._known.get(name)
            if known is not None and known.spec is module.__spec__ and known.stamp == stamp:
                return None
            content = file.read_bytes()
        except OSError:
            return None  # gone: the code index says so
        if known is not None and known.spec is module.__spec__ and content != known.content:
            if not (_functions(known.content) != _functions(content) and _runs(module, content)):
                return known.content
        elif known is None and file.stat().st_mtime > BEGAN and not _runs(module, content):
            raise ProjectError(
                f"{name} was edited after it was imported, so what runs is not what its file says.",
                hint=f"Reload it (`%load_ext autoreload`, `%autoreload 2`; or importlib.reload({name})), "
                "or restart the kernel.",
            )
        self._known[name] = _Known(module.__spec__, content, stamp)
        return None


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


Functions = dict[str, set[tuple[Any, ...]]]


def _functions(content: bytes) -> Functions:
    """Return what each function of a module does, by its qualified name; empty if it is not Python now."""
    try:
        code = compile(content, "<module>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return {}
    found: Functions = {}
    for inner in _inner(code):
        found.setdefault(inner.co_qualname, set()).add(_does(inner))  # a property and its setter have one name
    return found


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inner(constant)


def _does(code: types.CodeType) -> tuple[Any, ...]:
    """Return what a function does, wherever it stands in its file."""
    constants = tuple(
        _does(item) if isinstance(item, types.CodeType) else (type(item).__name__, item) for item in code.co_consts
    )
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _runs(module: types.ModuleType, content: bytes) -> bool:
    """Whether the functions that a module has in memory are those of a content."""
    wanted = _functions(content)
    return all(
        _does(function.__code__) in wanted.get(function.__code__.co_qualname, ()) for function in _functions_in(module)
    )


def _functions_in(module: types.ModuleType) -> Iterator[types.FunctionType]:
    for thing in list(vars(module).values()):
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        inside = list(vars(thing).values()) if isinstance(thing, type) else [getattr(thing, "function", thing)]
        for item in inside:
            item = getattr(item, "fget", getattr(item, "__func__", item))
            if isinstance(item, types.FunctionType) and item.__code__.co_filename == getattr(module, "__file__", ""):
                yield item
