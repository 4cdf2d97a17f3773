"""Curves of runs as TensorBoard's event files, written from the journals as these grow.

<folder>/<pipeline>/<run>/<node>/events.out.tfevents.levada               loss, auc
<folder>/<pipeline>/<run>/<node>/validation/events.out.tfevents.levada    val_loss as loss: on the same chart
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from levada.journal import Event, Tail
from levada.sources.tfrecord import framed
from levada.store import Store

FILE = "events.out.tfevents.levada"
HELD_OUT = "val_"


@dataclass
class EventFiles:
    """The event files of some runs, in a folder of their own. `points` counts what was written."""

    store: Store
    folder: Path
    points: int = 0
    _tails: dict[str, tuple[str, Tail]] = field(default_factory=dict[str, "tuple[str, Tail]"])

    def follow(self, run: str, pipeline: str) -> None:
        """Take a run's journal in, from its beginning."""
        self._tails.setdefault(run, (pipeline, Tail(self.store, run)))

    def poll(self) -> None:
        """Write what the journals have had to say since the last time."""
        for run, (pipeline, tail) in self._tails.items():
            waiting: dict[Path, list[Event]] = {}
            for event in tail.poll():
                if event["kind"] == "metric" and event.get("step") is not None:
                    waiting.setdefault(self._place(pipeline, run, event), []).append(event)
            for place, events in waiting.items():
                self._write(place, events)

    def _place(self, pipeline: str, run: str, event: Event) -> Path:
        parts = [pipeline, run, *str(event["node"]).split("/"), *([str(event["item"])] if event.get("item") else [])]
        if str(event["name"]).startswith(HELD_OUT):
            parts.append("validation")
        return self.folder.joinpath(*(re.sub(r"[^\w+=-]", "_", part) for part in parts), FILE)

    def _write(self, path: Path, events: Iterable[Event]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record  # pyright: ignore[reportAttributeAccessIssue]

        records: list[bytes] = []
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            records.append(Record(file_version="brain.Event:2").SerializeToString())
        for event in events:
            moment = datetime.fromisoformat(event["time"]).timestamp()
            record: Any = Record(wall_time=moment, step=int(event["step"]))
            name = str(event["name"]).removeprefix(HELD_OUT)
            record.summary.value.add(tag=name, simple_value=float(event["value"]))
            records.append(record.SerializeToString())
            self.points += 1
        with path.open("ab") as file:
            file.write(framed(records))
