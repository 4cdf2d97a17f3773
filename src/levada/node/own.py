"""One attempt in a process of its own, as its parent sees it: start it, wait, stop it, say how it ended."""

from __future__ import annotations

import json
import linecache
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from levada.draw import shown_path
from levada.errors import NodeTimeoutError, ProcessError, ProjectError, Stopped
from levada.failure import Frame, is_users
from levada.node.attempt import Try
from levada.node.output import Log
from levada.node.view import RunView
from levada.resources import parse_bytes
from levada.result import Result
from levada.values import encode

GRACE = 2.0
"""Seconds that a node has to clean up after it is told to stop; then it is killed."""

_LOOK = 0.05

_running: set[int] = set()


def any_running() -> bool:
    """Whether a node of this process has a process of its own at this moment."""
    return bool(_running)


def attempt_in_own_process(view: RunView, this: Try, log: Log, stopped: Callable[[], bool]) -> Result:
    """Run an attempt in a fresh interpreter, and return what came of it; raises `Stopped` if the run is stopped.

    Its standard output and error are the log. It dies with this process, and with it whatever it started.
    """
    if view.store.uri.startswith("memory://"):
        return this.failed(
            ProjectError(
                f"{this.node.id} wants a process of its own, and the store is in the memory of this one.",
                where=this.node.position,
                hint="Use a folder, or an object store.",
            )
        )
    this.guard_secrets()
    alive_read, alive_write = os.pipe()  # its end in the child is closed when this process is no more
    said_read, said_write = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "levada.node.child", str(alive_read), str(said_write)],
        stdin=subprocess.PIPE,
        stdout=log.file,
        stderr=log.file,
        pass_fds=(alive_read, said_write),
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONFAULTHANDLER": "1"},
    )
    os.close(alive_read)
    os.close(said_write)
    _running.add(child.pid)
    try:
        assert child.stdin is not None
        with suppress(BrokenPipeError), child.stdin:  # a child that cannot start says so by its exit
            child.stdin.write(json.dumps(_request(view, this)).encode())
        said, ending = _listen(child, said_read, this.node.timeout, stopped)
    finally:
        _end(child)
        _running.discard(child.pid)
        os.close(said_read)
        os.close(alive_write)
    if ending == "stopped":
        raise Stopped
    if ending == "timeout":
        return this.failed(
            NodeTimeoutError(
                f"{_name(this)} took longer than its timeout of {this.node.timeout:g} s and was stopped.",
                where=this.node.position,
                hint="Give it more with timeout=, or see in its log where it was.",
            )
        )
    return _result(this, said, log)


def _request(view: RunView, this: Try) -> dict[str, Any]:
    needs: Any = this.node.needs
    return {
        "store": view.store.uri,
        "options": encode(dict(view.store.options)),
        "verify": view.store.verify,
        "run": view.run_id,
        "node": this.node.id,
        "item": this.item_id,
        "attempt": this.name,
        "number": this.number,
        "memory": parse_bytes(needs["memory"]) if "memory" in needs else None,
        "path": os.environ.get("PYTHONPATH"),
    }


def _listen(
    child: subprocess.Popen[bytes], said: int, timeout: float | None, stopped: Callable[[], bool]
) -> tuple[bytes, str]:
    """Read what the child says until it says no more; "timeout" or "stopped" if it was not let finish."""
    deadline = None if timeout is None else time.monotonic() + timeout
    heard = b""
    while True:
        ready, _, _ = select.select([said], [], [], _LOOK)
        if ready:
            part = os.read(said, 1 << 16)
            if not part:
                return heard, ""
            heard += part
        if stopped():
            return heard, "stopped"
        if deadline is not None and time.monotonic() > deadline:
            return heard, "timeout"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop a child that still runs, first politely."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(GRACE + 1)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _result(this: Try, said: bytes, log: Log) -> Result:
    try:
        form = json.loads(said)
    except ValueError:  # it died before it could say how
        form = {"ended": {"signal": signal.SIGKILL.value}}
    if "result" in form:
        return Result.from_json(form["result"])
    ended = form["ended"]
    failed = this.failed(_error(this, ended))
    assert failed.failure is not None
    frames = _frames(log.tail()) if "signal" in ended else ()
    return replace(failed, failure=replace(failed.failure, frames=frames, traceback=""))


def _error(this: Try, ended: dict[str, int]) -> ProcessError:
    if "signal" in ended:
        name = signal.Signals(ended["signal"]).name
        why = ": out of memory, or somebody killed it" if name == "SIGKILL" else ""
        return ProcessError(
            f"{_name(this)} ran in its own process, which was killed by {name}{why}.", where=this.node.position
        )
    return ProcessError(
        f"{_name(this)} ran in its own process, which ended with exit code {ended['exit']} and no result.",
        where=this.node.position,
        hint="Something called os._exit(). Raise an exception to fail, return to finish.",
    )


def _name(this: Try) -> str:
    return f"{this.node.id} ({this.label})" if this.item else this.node.id


def _frames(log: str) -> tuple[Frame, ...]:
    """Return the user's frames of the traceback that Python's fault handler wrote, outermost first."""
    _, _, dump = log.rpartition("(most recent call first):")
    found = re.findall(r'File "(.+)", line (\d+) in (\S+)', dump.partition("\n\n")[0])
    return tuple(
        Frame(shown_path(file), int(line), _unescaped(function), linecache.getline(file, int(line)).strip())
        for file, line, function in ((_unescaped(file), line, function) for file, line, function in reversed(found))
        if is_users(file) and os.path.isabs(file)
    )


def _unescaped(name: str) -> str:
    r"""Return a name as it is, which the fault handler wrote in ASCII: `m\xe4rz.py`."""
    return re.sub(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", lambda match: chr(int(match[1][1:], 16)), name)
