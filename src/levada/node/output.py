"""What a node writes (standard output, standard error, `ctx.log`) goes to a log of its own, not over the display.

Python's two streams are replaced once by ones that ask which node's thread is writing. Threads that a component
starts are not known; what they write goes to the one log that is open, if there is just one. What compiled code
writes past Python ends up in the run's `stderr.log`; a node in its own process has everything in its log.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from levada.secret import knows_secrets, redact, redact_bytes
from levada.store import Store


class Log:
    """One attempt's log while it is written; there is none until something is."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._path = store.local / key if store.local is not None else None
        self._file: BinaryIO | None = None
        self._opening = threading.Lock()

    @property
    def file(self) -> BinaryIO:
        """The file to write to; raises StoreError if there can be none."""
        with self._opening:
            if self._file is None:
                self._file = self._open()
        return self._file

    def _open(self) -> BinaryIO:
        if self._path is None:
            return cast("BinaryIO", tempfile.TemporaryFile())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("ab", buffering=0)  # what is written is there, also if this process is killed
        except OSError as error:
            raise self._store.broken("write", self._key, error) from error

    def write(self, text: str) -> None:
        """Add text; raises ValueError when the log is closed."""
        self.file.write(text.encode(errors="backslashreplace"))

    def close(self) -> str:
        """Bring the log to its place and return its key; an empty one leaves nothing.

        What other processes wrote, or in several parts, may hold the value of a secret until now.
        """
        if self._file is None:
            return ""
        size = self.file.seek(0, io.SEEK_END)
        if self._path is None and size:
            self.file.seek(0)
            self._store.write(self._key, redact_bytes(self.file.read()))
        elif self._path is not None and size and knows_secrets():
            content = self._path.read_bytes()
            if (clean := redact_bytes(content)) != content:
                self._store.write(self._key, clean)
        with suppress(OSError):  # a full disk, which may be what the failure is about
            self.file.close()
        if self._path is not None and not size:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):  # other attempts may have left something there
                self._path.parent.rmdir()
        return self._key if size else ""

    def tail(self, size: int = 8192) -> str:
        """Return the end of what was written, at most `size` bytes."""
        end = self.file.seek(0, io.SEEK_END)
        if self._path is None:
            self.file.seek(max(0, end - size))
            content = self.file.read()
        else:
            with Path(self._path).open("rb") as file:
                file.seek(max(0, end - size))
                content = file.read()
        return content.decode(errors="replace")


def log_key(run_id: str, node_id: str, item: str, attempt: str) -> str:
    """Return where the log of an attempt lies."""
    return "/".join(filter(None, ("runs", run_id, "logs", node_id, item, f"{attempt}.log")))


_open: dict[int, Log] = {}
_echoed: set[Log] = set()
_lock = threading.Lock()


@contextmanager
def captured(log: Log, echo: bool = False) -> Iterator[None]:
    """Send what this thread writes into a log; with `echo` also to where it would have gone."""
    _install()
    thread = threading.get_ident()
    with _lock:
        _open[thread] = log
        if echo:
            _echoed.add(log)
    try:
        yield
    finally:
        with _lock:
            del _open[thread]
            _echoed.discard(log)


def _log_of_this_thread() -> Log | None:
    thread = threading.current_thread()
    known = _open.get(thread.ident or 0)
    if known is not None or thread is threading.main_thread() or thread.name.startswith("levada"):
        return known
    with _lock:
        return next(iter(_open.values())) if len(_open) == 1 else None


class _Router(io.TextIOBase):
    """A text stream that writes to the log of the node whose thread asks, else to the stream it stands for."""

    def __init__(self, real: TextIO) -> None:
        self.real = real

    def write(self, text: str) -> int:
        log = _log_of_this_thread()
        if log is None:
            return self.real.write(text)
        if log in _echoed:
            self.real.write(redact(text))
        with suppress(ValueError):  # a thread of a component that has returned: its log is closed
            log.write(redact(text))
        return len(text)

    def flush(self) -> None:
        if _log_of_this_thread() is None:
            self.real.flush()

    def fileno(self) -> int:
        return self.real.fileno()

    def isatty(self) -> bool:
        return _log_of_this_thread() is None and self.real.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def _install() -> None:
    with _lock:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if not isinstance(stream, _Router):
                setattr(sys, name, _Router(stream))
    show_log_lines()


def show_log_lines() -> None:
    """Let `ctx.log` write its lines, from INFO on, to standard error."""
    logger = logging.getLogger("levada.node")
    with _lock:
        if not logger.handlers:
            handler = _Handler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)


class _Handler(logging.Handler):
    """Writes `ctx.log` to whatever standard error is when it is used."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)  # noqa: T201
