"""A worker process as the one that started it sees it: its words, its log, how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TAIL = 12
"""Lines of a log that an error shows."""


class Member:
    """A running worker. Whatever happens to it, `end` must be called."""

    def __init__(
        self, place: int, size: int, alive: int, request: Mapping[str, Any], environment: Mapping[str, str], log: Path
    ) -> None:
        self.place = place
        self.name = f"worker {place} of {size}"
        self.log = log
        self.is_up = self.has_joined = False
        self._heard = b""
        self._words, said = os.pipe()
        os.set_blocking(self._words, False)
        try:
            with log.open("ab", buffering=0) as file, tempfile.TemporaryFile() as asked:
                file.write(f"-- {self.name}, started {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode())
                asked.write(json.dumps(request).encode())  # a file, since a pipe would wait for its reader
                asked.seek(0)
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "levada.training.worker", str(alive), str(said)],
                    stdin=asked,
                    stdout=file,
                    stderr=file,
                    pass_fds=(alive, said),
                    start_new_session=True,
                    env=dict(environment),
                )
        except BaseException:
            os.close(self._words)
            raise
        finally:
            os.close(said)

    def hear(self) -> list[dict[str, Any]]:
        """Return what it has said since the last time, in order."""
        while True:
            try:
                part = os.read(self._words, 1 << 16)
            except BlockingIOError:
                break
            if not part:
                break
            self._heard += part
        *lines, self._heard = self._heard.split(b"\n")
        forms: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for form in forms:
            self.is_up = self.is_up or form["kind"] == "up"
            self.has_joined = self.has_joined or form["kind"] == "joined"
        return forms

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it: somebody's, the system's for want of memory, or its own by a crash."""
        return (self.process.poll() or 0) < 0

    @property
    def ending(self) -> str:
        """How it ended, in words that go on from its name."""
        code = self.process.poll()
        if code is None:
            return "still runs"
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"was killed by {name}" + (": out of memory, or somebody killed it" if name == "SIGKILL" else "")

    def tail(self) -> str:
        """Return the end of its log, indented, for an error."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "".join(f"\n  | {line[:300]}" for line in lines[-TAIL:])

    def end(self) -> None:
        """Kill it, if it still runs, with all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._words)
