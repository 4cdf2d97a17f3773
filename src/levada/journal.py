"""The journal: what happened in a run, as events appended by each writing process.

The terminal, MLflow and logs are readers of journals; the engine knows none of them. Events are JSON
objects, one a line; `schemas/journal.schema.json` in the repository describes them. The kinds:

    run_started     pipeline, plan, arguments, host, user, git, versions, command
    plan_grew       plan, nodes   a notebook session goes on with these nodes
    resumed         before, status, reused, changed               it goes on from a run that was cut short
    node_started    node, attempt, key; of a mapped node: total, settled
    item_started    node, item, label, place, attempt, key        a mapped node's call for one item
    progress        node, [item,] attempt, done, total, message
    metric          node, [item,] attempt, name, value, step
    attempt_failed  node, [item,] attempt, number, failure, wait  another attempt follows
    candidate       node, attempt, model, record, blessing, ...   a model that was evaluated, to be registered
    promoted        node, attempt, model, version, alias, ...     an alias was moved
    decided         node, attempt, model, fingerprint, state, by  a person's decision on a version was read
    push_settled    node, attempt, model, status, why, ...        a push that waited was completed, or dropped
    item_finished   node, item, label, and the rest as node_finished
    node_finished   node, status, reason, seconds, outputs, metrics, summary, failure, attempts, items
    run_finished    status, exit_code, seconds, error, closed_by
"""

from __future__ import annotations

import heapq
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from levada.secret import redacted
from levada.store import Store
from levada.values import float_or_object, json_text, utf8

Event = dict[str, Any]

_PROSE = ("message", "reasons")
"""Fields that hold a component's own words, which may repeat a secret; results come here without any."""


def now() -> str:
    """Return the time as the journal writes it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Journal:
    """This process's part of a run's journal. Safe to use from several threads.

    Its times never go back, though the clock may, and begin no earlier than `after`.
    """

    def __init__(self, store: Store, run_id: str, after: str = "") -> None:
        self._store = store
        self.run_id = run_id
        host = "".join(char if char.isalnum() or char in "-." else "-" for char in os.uname().nodename)
        self.writer = f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
        self._key = f"runs/{run_id}/journal/{self.writer}.jsonl"
        self._lock = threading.Lock()
        self._written = b""
        self._count = 0
        self._latest = after

    def append(self, kind: str, **fields: Any) -> Event:
        """Append one event and return it. It is on disk (or in the object store) when this returns."""
        with self._lock:
            self._latest = max(self._latest, now())
            event: Event = {
                "kind": kind,
                "time": self._latest,
                "run": self.run_id,
                "id": f"{self.writer}:{self._count}",
                **{name: redacted(value) if name in _PROSE else value for name, value in fields.items()},
            }
            line = utf8(json_text(event)) + b"\n"
            self._store.append(self._key, line, self._written)
            if self._store.local is None:
                self._written += line
            self._count += 1
            return event


@dataclass
class Tail:
    """Reads a run's journal as it grows: each `poll` returns the events that are new, oldest first.

    Within a writer events come in the order in which they were written, whatever its clock did; between writers they
    are merged by time, a run's end after all else of its moment. Records in them say where their files are as this
    process sees the store; in the journal itself they are named from the store's root.
    """

    store: Store
    run_id: str
    _read: dict[str, int] = field(default_factory=dict[str, int])
    _latest: dict[str, str] = field(default_factory=dict[str, str])

    def poll(self) -> list[Event]:
        writers: list[list[tuple[str, Event]]] = []
        for key in self.store.list(f"runs/{self.run_id}/journal"):
            start = self._read.get(key, 0)
            content = self._from(key, start)
            whole = content.rfind(b"\n") + 1  # a line that is being written is left for the next poll
            if whole:
                writers.append(self._in_order(key, content[:whole].split(b"\n")))
                self._read[key] = start + whole
        return [event for _, event in heapq.merge(*writers, key=_place)]

    def _in_order(self, key: str, lines: list[bytes]) -> list[tuple[str, Event]]:
        """Return a writer's events, each with the latest time that its clock has shown so far."""
        latest = self._latest.get(key, "")
        timed: list[tuple[str, Event]] = []
        for line in lines:
            try:
                event = json.loads(line, object_hook=self._understood)
                latest = max(latest, event["time"])
            except (ValueError, KeyError, TypeError):
                continue  # a disk that was full tore it: the events beside it still count
            timed.append((latest, event))
        self._latest[key] = latest
        return timed

    def _understood(self, form: dict[str, Any]) -> Any:
        if isinstance(form.get("uri"), str):
            form["uri"] = self.store.address(form["uri"])
        return float_or_object(form)

    def _from(self, key: str, start: int) -> bytes:
        if self.store.local is None:
            return (self.store.read(key) or b"")[start:]
        with (self.store.local / key).open("rb") as file:
            file.seek(start)
            return file.read()


def _place(timed: tuple[str, Event]) -> tuple[str, bool]:
    return timed[0], timed[1]["kind"] == "run_finished"


def follow(tail: Tail, seen: Callable[[Event], None], stop: threading.Event, seconds: float) -> None:
    """Hand new events to `seen` until `stop` is set and nothing is left to read."""
    while True:
        last = stop.is_set()
        for event in tail.poll():
            seen(event)
        if last:
            return
        stop.wait(seconds)


def new_run_id() -> str:
    """Return a run id that sorts by time and reads well: `20261123-101502-7f3a`."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
