"""A node, or one item of it, is tried until an attempt works or none is left; then what came of it is committed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import Stopped
from levada.node.attempt import Try, attempt_here
from levada.node.key import Inputs, Item, call_of, key_of
from levada.node.output import Log, captured, log_key
from levada.node.view import RunView
from levada.plan import Node, Plan
from levada.result import Attempt, Result
from levada.retry import Policy

_LOOK = 0.2
"""Seconds between looks, while waiting, at whether the run is being stopped."""


def execute(view: RunView, plan: Plan, node: Node, item: Item | None, stopped: Callable[[], bool]) -> Result:
    """Run the component and commit what it made, or its last failure; raises `Stopped` if the run is stopped."""
    call = call_of(view, node, item)
    key = key_of(view, node, call)
    policy = Policy.of(node.retry)
    earlier: list[Attempt] = []
    while not stopped():
        name = f"{view.run_id}-{secrets.token_hex(3)}"
        this = Try(plan, node, item, call, key, name, number=len(earlier) + 1)
        given = {"given": call.given} if call.given else {}
        facts = {"key": key, "inputs": _input_facts(call.inputs), **given}
        _tell(view, this, "item_started" if item else "node_started", **facts)
        started = time.monotonic()
        result = _attempt(view, this, stopped)
        seconds = round(time.monotonic() - started, 3)
        if result.failure is None or not policy.goes_on(this.number, result.failure):
            return view.commit(replace(result, seconds=seconds, attempts=tuple(earlier)))
        wait = policy.pause(this.number)
        earlier.append(Attempt(name, this.number, seconds, wait, result.failure))
        _tell(view, this, "attempt_failed", number=this.number, failure=result.failure.to_json(), wait=wait)
        _sleep(wait, stopped)
    raise Stopped


def _attempt(view: RunView, this: Try, stopped: Callable[[], bool]) -> Result:
    log = Log(view.store, log_key(view.run_id, this.node.id, this.item_id, this.name))
    try:
        if this.node.has_own_process:
            from levada.node.own import attempt_in_own_process

            result = attempt_in_own_process(view, this, log, stopped)
        else:
            with captured(log, echo=view.is_in_sight):
                result = attempt_here(view, this, stopped)
        if result.failure is not None:
            view.store.delete(this.home)  # nothing names it
            with suppress(OSError):  # a full disk, which may be what the failure is about
                log.write(result.failure.traceback)
    except Stopped:
        view.store.delete(this.home)
        raise
    finally:
        key = log.close()
    return replace(result, log=key)


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stopped():
            raise Stopped
        time.sleep(min(left, _LOOK))


def _tell(view: RunView, this: Try, kind: str, **fields: Any) -> None:
    about: dict[str, Any] = {"node": this.node.id}
    if this.item is not None:
        about |= {"item": this.item.id, "label": this.item.label, "place": this.item.place}
    view.journal.append(kind, **about, attempt=this.name, **fields)


def _input_facts(inputs: Inputs) -> dict[str, Any]:
    """What the journal says of a node's inputs: enough to name each without its file list."""

    def fact(record: ArtifactRecord) -> dict[str, Any]:
        return {"type": record.type, "uri": record.uri, "digest": record.digest, "producer": record.producer}

    return {
        name: [fact(record) for record in item] if isinstance(item, list) else fact(item) if item else None
        for name, item in inputs.items()
    }
