"""Keep what libraries write off the progress display."""

from __future__ import annotations

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
        content = path.read_bytes()
        if not content:
            path.unlink()
        elif (clean := redact_bytes(content)) != content:
            path.write_bytes(clean)


def quieten() -> None:
    """Keep the libraries' own log lines off the display; what matters is in the journal."""
    logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())
    for name in ("apache_beam", "mlflow", "alembic", "tensorflow", "absl", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)
