"""The line that a cell shows while something runs; it is gone when that is over."""

from __future__ import annotations

import contextvars
import sys
import threading
from types import TracebackType
from typing import Any, Protocol

from levada import html
from levada.ipython import shell
from levada.journal import Event
from levada.plan import Plan
from levada.terminal.progress import NodeView, Progress

_PATIENCE = 0.4
"""Seconds before anything is shown: what is done by then needs no line."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class ProgressLine:
    """Follows a run's journal, a `levada.run.Reader`; shows a line within its `with` block."""

    seconds = 0.1

    def __init__(self, plan: Plan) -> None:
        self._progress = Progress(plan)
        self._over = threading.Event()
        self._display = _display()
        # A copy of the context, in which the kernel finds the cell that output belongs to.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._show,), name="levada-line", daemon=True)

    def see(self, event: Event) -> None:
        self._progress.see(event)

    def __enter__(self) -> ProgressLine:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        if self._over.wait(_PATIENCE):
            return
        turn = 0
        while not self._over.wait(0.25):
            turn += 1
            running = [node for node in self._progress.nodes.values() if node.status == "running"]
            if running:
                self._display.show(_SPINNER[turn % len(_SPINNER)], running)
        self._display.clear()


def said(node: NodeView) -> str:
    """Return a running node in a few words: "train 12.4 s · epoch 3/5 · loss 0.482"."""
    return " · ".join(part for part in (f"{node.id} {node.elapsed:.0f} s", node.said) if part)


def _display() -> _Display:
    """Return where to show a line: a cell's output, a terminal, or nowhere."""
    if getattr(shell(), "kernel", None) is not None:
        return _Cell()
    return _Terminal() if sys.stderr.isatty() else _Nowhere()


class _Display(Protocol):
    def show(self, spinner: str, running: list[NodeView]) -> None: ...

    def clear(self) -> None: ...


class _Cell:
    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, spinner: str, running: list[NodeView]) -> None:
        lines = [self._line(spinner, node) for node in running]
        drawn = html.element("div", html.join(lines, " \u2002 "), class_="levada", style="opacity:.75;font-size:13px")
        text = f"{spinner} " + "   ".join(said(node) for node in running)
        self._put({"text/html": drawn, "text/plain": text})

    def _line(self, spinner: str, node: NodeView) -> html.Html:
        bar = [" ", html.share(node.fraction)] if node.fraction is not None else []
        return html.join([f"{spinner} {said(node)}", *bar])

    def clear(self) -> None:
        if self._handle is not None:
            self._put({"text/html": "", "text/plain": ""})

    def _put(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class _Terminal:
    def show(self, spinner: str, running: list[NodeView]) -> None:
        line = f"{spinner} " + "   ".join(said(node) for node in running)
        sys.stderr.write(f"\r\x1b[K{line[:100]}")
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class _Nowhere:
    def show(self, spinner: str, running: list[NodeView]) -> None:
        return None

    def clear(self) -> None:
        return None


def say(text: str) -> None:
    """Say something to whoever sits before the notebook."""
    if isinstance(_display(), _Cell):
        from IPython.display import display

        drawn = html.element("div", html.note(text), style="font-size:13px")
        display({"text/html": drawn, "text/plain": text}, raw=True)
    else:
        sys.stderr.write(f"{text}\n")
