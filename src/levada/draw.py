"""Drawing: while a `@pipeline` function runs, each call of a component adds a node here."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from levada.errors import Position, WiringError
from levada.ipython import shell
from levada.plan import Node, in_order

HERE = str(Path(__file__).parent) + os.sep

UNPACKED: list[Path] = []
"""Where this process unpacked a project's code: its files are named from there, as in the project."""


@dataclass
class Drawing:
    """The nodes drawn so far, and the names that are taken. `root` is what source files are named from.

    `run` is the run that a session's drawing goes with: what that run made is an output of its nodes.
    """

    root: Path
    run: str = ""
    nodes: list[Node] = field(default_factory=list[Node])
    scope: tuple[str, ...] = ()
    taken: set[str] = field(default_factory=set[str])

    def claim(self, name: str, explicit: bool, position: Position | None) -> str:
        """Return the node id for a name in the current scope: `ingest`, then `ingest_2`, and so on.

        Raises WiringError if a name that the user chose is taken; in a session, where a cell may be executed again,
        that is numbered too.
        """
        path = "/".join((*self.scope, name))
        if path in self.taken and explicit and not self.run:
            hint = f"Give this one another before it is called: ....with_options(name='{name}_2')(...)."
            raise WiringError(f"there is already a node '{path}'.", where=position, hint=hint)
        chosen, count = path, 1
        while chosen in self.taken:
            count += 1
            chosen = f"{path}_{count}"
        self.taken.add(chosen)
        return chosen

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Put the nodes drawn inside under `name`."""
        before = self.scope
        self.scope = tuple(name.split("/"))
        try:
            yield
        finally:
            self.scope = before

    def ordered(self) -> tuple[Node, ...]:
        return in_order(self.nodes)


class Caller(Protocol):
    """What runs a call at once, outside a drawing: a notebook session."""

    @property
    def is_idle(self) -> bool: ...

    @property
    def store(self) -> Any: ...

    @property
    def root(self) -> Path: ...

    def call(self, component: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def call_pipeline(self, pipeline: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...


_callers: list[Caller] = []


def caller() -> Caller | None:
    """Return the session in which a call runs at once; None without one, and within a component that it runs."""
    return _callers[-1] if _callers and _callers[-1].is_idle else None


def session_in_force() -> Caller | None:
    """Return the session that is open, whether it is running something or not; None without one."""
    return _callers[-1] if _callers else None


def open_session(session: Caller) -> None:
    """Let calls outside a drawing run at once in `session`, until it is closed."""
    _callers.append(session)


def close_session(session: Caller) -> None:
    """Let calls run in the session before again, or in none; nothing happens to one that is closed."""
    if session in _callers:
        _callers.remove(session)


_current: ContextVar[Drawing | None] = ContextVar("levada_drawing", default=None)


def current() -> Drawing | None:
    """Return the drawing in progress in this context, if any."""
    return _current.get()


@contextmanager
def drawing(root: Path) -> Iterator[Drawing]:
    """Start a drawing; component calls in this context add to it."""
    with continued(Drawing(root)) as fresh:
        yield fresh


@contextmanager
def continued(drawing: Drawing) -> Iterator[Drawing]:
    """Go on with a drawing; component calls in this context add to it."""
    token = _current.set(drawing)
    try:
        yield drawing
    finally:
        _current.reset(token)


def caller_frame() -> FrameType | None:
    """Return the innermost frame that is not Levada's own."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    return frame


def caller_position() -> Position | None:
    """Return the line of user code that is being executed."""
    frame = caller_frame()
    if frame is None:
        return None
    file, line = frame.f_code.co_filename, frame.f_lineno
    return Position(shown_path(file), line, linecache.getline(file, line).strip())


def shown_path(file: str) -> str:
    """Return a file's path as the user would type it: from the project's root, if it is below it.

    A notebook's cell is `In[5]`, by the number of its last execution.
    """
    number = cells().get(file)
    if number is not None:
        return f"In[{number}]"
    active = current()
    for root in ([active.root] if active else []) + UNPACKED + [Path.cwd()]:
        try:
            return Path(file).relative_to(root).as_posix()
        except ValueError:
            continue
    return file


def cells() -> dict[str, int]:
    """Return the names under which a notebook's cells were compiled, with the number of their last execution."""
    return dict(getattr(getattr(shell(), "compile", None), "_filename_map", {}))
