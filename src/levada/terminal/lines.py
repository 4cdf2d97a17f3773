"""Plain lines, for pipes and CI: one when a node starts, one when it ends; or one JSON object an event."""

from __future__ import annotations

from datetime import datetime
from typing import TextIO

from levada.journal import Event
from levada.plan import Plan
from levada.terminal.progress import Progress, said_at_end, said_of_resumption
from levada.values import json_text


class LineReader:
    """Prints a heading, a line when a node starts and when it ends, and at each quarter of its progress."""

    seconds = 0.1

    def __init__(self, plan: Plan, out: TextIO, heading: str = "") -> None:
        self._heading = heading
        self._progress = Progress(plan)
        self._out = out
        self._width = max((len(node.id) for node in plan.nodes), default=0)
        self._quarter: dict[str, int] = {}

    def see(self, event: Event) -> None:
        view = self._progress.see(event)
        if event["kind"] == "run_started" and self._heading:
            print(self._heading, file=self._out, flush=True)
        if event["kind"] == "resumed":
            print(f"{_clock(event)}  {said_of_resumption(event)}", file=self._out, flush=True)
        if view is None:
            return
        match event["kind"]:
            case "node_started":
                self._print(event, view.id, "started", f"{view.items.total} items" if view.items else "")
            case "attempt_failed":
                self._print(event, view.id, "failed once", view.message)
            case "progress" | "item_finished" if view.fraction is not None and view.status == "running":
                quarter = int(view.fraction * 4)
                if quarter > self._quarter.get(view.id, 0):
                    self._quarter[view.id] = quarter
                    self._print(event, view.id, f"{view.fraction:.0%}", view.said)
            case "node_finished":
                took = f" {event['seconds']:.1f} s" if event["status"] in ("done", "failed") else ""
                self._print(event, view.id, f"{event['status']}{took}", said_at_end(event))
            case _:
                pass

    def _print(self, event: Event, node: str, what: str, said: str) -> None:
        print(f"{_clock(event)}  {node:<{self._width}}  {what:<12}  {said}".rstrip(), file=self._out, flush=True)


def _clock(event: Event) -> str:
    return datetime.fromisoformat(event["time"]).astimezone().strftime("%H:%M:%S")


class JsonReader:
    """Prints each event of the journal as one JSON object."""

    seconds = 0.1

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def see(self, event: Event) -> None:
        print(json_text(event), file=self._out, flush=True)
