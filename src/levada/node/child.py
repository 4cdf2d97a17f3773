"""A node's own process: `python -m levada.node.child ALIVE SAID`, with the request as JSON on standard input.

It is two processes. The first watches: it ends the second, and all that this one started, when the parent is gone or
says so, and when the second has ended. The second calls the component. What came of it goes to the file
descriptor SAID: `{"result": ...}`, or `{"ended": {"exit": 3}}` or `{"ended": {"signal": 11}}` if there is none.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn

from levada.errors import Stopped
from levada.failure import Failure
from levada.node.attempt import Try, attempt_here
from levada.node.items import item_of
from levada.node.key import call_of, key_of
from levada.node.output import show_log_lines
from levada.node.own import GRACE
from levada.node.view import view_of
from levada.plan import Plan
from levada.process import adopt_orphans, kill_children
from levada.result import Result
from levada.store import Store
from levada.values import decode, json_bytes


def main() -> NoReturn:
    """Fork, and be the one or the other."""
    alive, said = int(sys.argv[1]), int(sys.argv[2])
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    adopt_orphans()
    worker = os.fork()
    if worker == 0:
        os.setpgid(0, 0)
        os.close(alive)
        _work(request, said)
    _watch(worker, alive, said)


def _watch(worker: int, alive: int, said: int) -> NoReturn:
    """Wait for the worker's end; bring it about if the parent is gone or asks for it."""
    asked: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = False
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            break
        orphaned = bool(select.select([alive], [], [], 0.02)[0])
        if orphaned or (asked and time.monotonic() - asked[0] > GRACE):
            os.kill(worker, signal.SIGKILL)
        elif asked and not told:
            os.kill(worker, signal.SIGTERM)
            told = True
    kill_children()
    code = os.waitstatus_to_exitcode(status)
    ended = {"signal": -code} if code < 0 else {"exit": code}
    if code != _SAID:
        os.write(said, json.dumps({"ended": ended}).encode())
    os._exit(0)


_SAID = 87
"""The exit code of a worker that has said its result; nobody else's, as far as one can choose."""


def _work(request: dict[str, Any], said: int) -> NoReturn:
    """Call the component, say what came of it, and end, whatever threads are left."""

    def stop(*_: Any) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]  a crash loses little
    show_log_lines()
    if request["path"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = request["path"]
    if request["memory"] is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (request["memory"], request["memory"]))
    try:
        result = _result(request)
    except Stopped:
        os._exit(128 + signal.SIGTERM)
    sys.stdout.flush()
    sys.stderr.flush()
    content = memoryview(json_bytes({"result": result.to_json()}))
    while content:
        content = content[os.write(said, content) :]
    os._exit(_SAID)


def _result(request: dict[str, Any]) -> Result:
    store = Store(request["store"], decode(request["options"]), request["verify"])
    plan = Plan.from_json(store.read_json(f"runs/{request['run']}/plan.json"))
    view, node = view_of(request["run"], store), plan.node(request["node"])
    item = item_of(view, node, request["item"]) if node.is_mapped else None
    call = call_of(view, node, item)
    this = Try(plan, node, item, call, key_of(view, node, call), request["attempt"], request["number"])
    result = attempt_here(view, this, lambda: False)
    if result.failure is not None and "builtins.MemoryError" in result.failure.kinds and request["memory"]:
        return _with_limit(result, result.failure, request["memory"])
    return result


def _with_limit(result: Result, failure: Failure, memory: int) -> Result:
    note = f"Its process may use {memory:,} bytes: needs={{'memory': ...}} says so, and can say more."
    return replace(result, failure=replace(failure, notes=(*failure.notes, note)))


if __name__ == "__main__":
    main()
