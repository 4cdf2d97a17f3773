"""Whether the process that drives a run is still there, as far as this machine can tell."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

from levada.journal import Event
from levada.mlflow.story import millis

SILENCE = 24 * 3600
"""Seconds without an event after which a run of another machine is taken for lost."""


def is_gone(started: Event, last: str) -> bool:
    """Whether nobody will end a run, by its first event and the time of its newest.

    Only the machine itself knows its processes; a run of another one must have been silent for a day.
    """
    if started.get("host") != platform.node():
        return time.time() - millis(last) / 1000 > SILENCE
    pid = int(started.get("pid") or 0)
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # there, and another user's
    began = _began(pid)
    return began is not None and began > millis(started["time"]) / 1000 + 2  # the number was given to another process


def _began(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970, where /proc tells it."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        lines = Path("/proc/stat").read_text().splitlines()
    except (OSError, IndexError, ValueError):
        return None
    boot = next((int(line.split()[1]) for line in lines if line.startswith("btime")), None)
    return None if boot is None else boot + ticks / os.sysconf("SC_CLK_TCK")
