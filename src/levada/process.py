"""Which process this is, and whether another one is still there.

A process id alone says little: it is given to others again, and counts only on one machine, in one container,
until the next boot. So a process is named by all of these; of one elsewhere nothing can be said.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "gone", "unknown"]


@dataclass(frozen=True)
class Identity:
    """A process: host name, boot id, pid namespace, pid, and its start in clock ticks since boot ("" if unknown)."""

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(form: dict[str, Any]) -> Identity:
        return Identity(**form)


@lru_cache
def _here() -> tuple[str, str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return platform.node(), boot, os.readlink("/proc/self/ns/pid")
    except OSError:
        return platform.node(), "", ""


def _status(pid: int) -> list[str] | None:
    """Return the fields of `/proc/<pid>/stat` behind the command's name; None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


def this_process() -> Identity:
    """Return the identity of the process that asks."""
    status = _status(os.getpid())
    return Identity(*_here(), os.getpid(), status[19] if status else "")


def state_of(identity: Identity) -> State:
    """Say whether a process still runs; "unknown" for one of another machine, another boot or another container.

    A zombie is gone: it does nothing any more, whether or not its parent has asked.
    """
    if (identity.host, identity.boot, identity.namespace) != _here():
        return "unknown"
    if not identity.started:
        return _answers(identity.pid)
    status = _status(identity.pid)
    return "running" if status and status[0] not in "ZX" and status[19] == identity.started else "gone"


def _answers(pid: int) -> State:
    """Say whether a pid is in use, where no /proc tells more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass  # there, and another user's
    return "running"


def adopt_orphans() -> None:
    """Let processes whose parent ends become this one's children, so that `kill_children` finds them (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def kill_children() -> None:
    """Kill all children of this process, and theirs, and reap them.

    With `adopt_orphans` also those that have sessions of their own or whose parents have ended. Only for a process that
    is about to end: whoever waits for one of its children finds it gone.
    """
    while children := _children():
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += [int(pid) for pid in task.read_text().split()]
    return found
