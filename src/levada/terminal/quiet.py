"""Keep what libraries write off the progress display."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from levada.secret import redact_bytes


@contextmanager
def stderr_into(path: Path) -> Iterator[TextIO]:
    """Send file descriptor 2 into a file, also for C++ code (TensorFlow's); yields the real standard error.

    Afterwards an empty file is removed, and the values of secrets are taken out of one that is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    real = os.fdopen(os.dup(kept), "w", encoding=sys.stderr.encoding or "utf-8")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 2)
    try:
        yield real
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        for descriptor in (kept, file):
            os.close(descriptor)
        real.close()
        content = path.read_bytes() if path.exists() else b""  # a run that never began leaves nothing
        if not content:
            path.unlink(missing_ok=True)
        elif (clean := redact_bytes(content)) != content:
            path.write_bytes(clean)


class UntilClosed(io.TextIOBase):
    """A text stream whose reader may go away (`levada run flights | head`): what is written from then on is lost.

    What is shown of a run is no part of it, so that this neither ends the run nor changes how it ends.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._until_closed():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._until_closed():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stream.encoding

    @contextmanager
    def _until_closed(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # what is left in buffers goes nowhere too, and quietly
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def quieten() -> None:
    """Keep the libraries' own log lines off the display; what matters is in the journal."""
    logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())
    for name in ("apache_beam", "mlflow", "alembic", "tensorflow", "absl", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)
