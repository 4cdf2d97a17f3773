"""One run as MLflow's runs: a parent for the run, a child for each node that really ran.

Events are delivered in order, and each once: `levada.mlflow.telling` says how a delivery that was cut off finds its own
work again. What is said of the run is in `levada.mlflow.parent`, of its nodes in `levada.mlflow.children`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile

from levada.errors import StoreError
from levada.journal import Event
from levada.mlflow import labels
from levada.mlflow.children import Children
from levada.mlflow.connection import Connection, is_refusal
from levada.mlflow.cursor import Cursor, Cursors
from levada.mlflow.parent import Parent
from levada.mlflow.promotions import Promotions
from levada.mlflow.reports import report_files
from levada.mlflow.story import NodeStory, Story
from levada.mlflow.telling import Telling
from levada.mlflow.transaction import has_transactions
from levada.mlflow.versions import Versions
from levada.registry import Registry
from levada.store import Store

_AT_ONCE = 100
_LONGEST = 0.5
"""Events that are told in one transaction, and seconds after which it takes no more: others who write must wait."""

_PHASES = {"run_started": 0, "run_finished": 2}


class RunDelivery:
    """Delivers the events of one run. `pending` holds those that are taken and not delivered yet.

    `is_fresh` says that nobody can have delivered any of it before, which saves looking. With `registers` off
    candidates are left out: who fills an empty MLflow registers them afterwards, in the order of their numbers.
    """

    def __init__(
        self,
        connection: Connection,
        store: Store,
        cursors: Cursors,
        versions: Versions,
        promotions: Promotions,
        story: Story,
        cursor: Cursor,
        is_fresh: bool,
    ) -> None:
        self._telling = Telling(connection, story, cursor, doubtful=not is_fresh)
        self._parent = Parent(self._telling, store)
        self._children = Children(self._telling, store, self._parent)
        self._client = connection.client
        self._store = store
        self._cursors = cursors
        self._versions = versions
        self._promotions = promotions
        self.registers = True
        self.story = story
        self.cursor = cursor
        self.pending: deque[Event] = deque()

    def take(self, events: Iterable[Event]) -> None:
        """Add events to the story, and those that are new to what must be delivered."""
        for event in events:
            self.story.take(event)
            if not self.cursor.has(event):
                self.pending.append(event)

    def advance(self, live: bool) -> None:
        """Deliver what is pending, and for a live run what its running nodes report.

        Raises what MLflow raised when it is away; what was delivered before that is on record, the rest stays.
        """
        if self.pending and not self.cursor.parent:
            self._announce()
        # Events of several writers are merged by clocks that may differ: the first and the last are known as such.
        self.pending = deque(sorted(self.pending, key=lambda event: _PHASES.get(event["kind"], 1)))
        if self.pending and self.cursor.finished:
            self.cursor.finished = False  # something came after the end: its page is written again
            self._telling.changed = True
        try:
            while self.pending:
                self._deliver_first()
            finished = self.story.finished
            if finished is not None and self.cursor.has(finished) and not self.cursor.finished:
                self._telling.offer("end of the run", self._end)
                self.cursor.finished = self._telling.changed = True
            if live:
                self._children.show_running()
        except Exception:
            self._telling.doubtful = True  # the call may have been taken, and only its answer lost
            raise
        finally:
            self._save()

    def tell_but_the_end(self) -> None:
        """Deliver what is pending, all but the end of the run and the candidates."""
        self.registers = False
        last = [event for event in self.pending if event["kind"] == "run_finished"]
        self.pending = deque(event for event in self.pending if event["kind"] != "run_finished")
        self.advance(live=False)
        self.pending.extend(last)
        self.registers = True

    def register(self, candidate: Event) -> int | None:
        """Register a candidate of this run; returns its number, None if MLflow refuses it."""
        self._telling.offer(f"candidate {candidate['model']}", self._register, candidate)
        self._save()
        known = self.story.registered.get(candidate["id"])
        return known.version if known else None

    def _announce(self) -> None:
        """Write the cursor before the first call; if there is one, the first call may have been made."""
        if self._cursors.load(self.cursor.run) is None:
            self._cursors.save(self.cursor)
        else:
            self._telling.doubtful = True

    def _save(self) -> None:
        if self._telling.changed:
            self._cursors.save(self.cursor)
            self._telling.changed = False

    def _deliver_first(self) -> None:
        """Deliver the first pending event, with those after it that MLflow can be told of at once."""
        ahead = self._ahead()
        told = self._tell_at_once(ahead) if ahead else []
        self._count(told)
        for event in [] if told else ahead or [self.pending[0]]:
            self._deliver(event)
            self._count([event])

    def _ahead(self) -> list[Event]:
        """Return the events that stand first and ask for nothing but MLflow's database: no file, no version."""
        if not self.cursor.parent or not has_transactions(self._client):
            return []
        return list(takewhile(self._is_plain, islice(self.pending, _AT_ONCE)))

    def _is_plain(self, event: Event) -> bool:
        node = self.story.nodes.get(event.get("node") or "")
        if event["kind"] == "node_finished":
            return node is None or not (node.counted_candidates() or report_files(node.outputs))
        return event["kind"] not in ("run_started", "item_finished", "candidate", "promoted")

    def _tell_at_once(self, events: Sequence[Event]) -> list[Event]:
        """Tell of the first of some events in one transaction, and return them: none if MLflow refuses any of it."""
        if self._telling.doubtful:
            self._telling.recall()  # what it does must not be taken back
        told, enough = list[Event](), time.monotonic() + _LONGEST
        try:
            with self._telling.as_a_whole():
                for event in events:
                    self._deliver(event)
                    told.append(event)
                    if time.monotonic() > enough:
                        break
        except Exception as error:
            if not is_refusal(error):
                raise
            return []
        return told

    def _count(self, events: Iterable[Event]) -> None:
        for event in events:
            self.cursor.count(event)
            self.pending.popleft()
        self._telling.changed = True

    def _deliver(self, event: Event) -> None:
        match event["kind"]:
            case "run_started":
                self._telling.offer("run", self._parent.run)
            case "node_finished" if event["node"] in self.story.nodes:
                self._telling.offer(event["node"], self._end_node, self.story.nodes[event["node"]])
            case "candidate" if event["node"] in self.story.nodes:
                self._late_candidate(self.story.nodes[event["node"]], event)
            case "metric" if event["node"] in self.story.nodes:
                self._children.late_point(self.story.nodes[event["node"]], event)
            case "trial" if event["node"] in self.story.nodes:
                node = self.story.nodes[event["node"]]
                self._telling.offer(f"trial {event['number']}", self._children.trial, node, event)
            case "item_finished" if event["node"] in self.story.nodes and self.registers:
                node = self.story.nodes[event["node"]]
                made = [found for found in node.counted_candidates() if found.get("item") == event["item"]]
                self._register_all(made)
            case "promoted" if self.registers:
                self._telling.offer("promotion", self._follow, event["model"])
            case _:
                pass  # the end of the run is written when all of this is told

    def _end(self) -> None:
        self._children.close()
        self._parent.end()

    def _end_node(self, node: NodeStory) -> None:
        self._children.end(node)
        if node.ran and self.registers:
            self._register_all(node.counted_candidates())

    def _late_candidate(self, node: NodeStory, event: Event) -> None:
        """Register a candidate whose node's (or item's) end was told before: another process was seen first."""
        item = node.items.get(event.get("item") or "")
        end = item.finished if item is not None else node.finished
        if self.registers and end is not None and self.cursor.has(end) and event in node.counted_candidates():
            self._register_all([event])

    def _register_all(self, candidates: list[Event]) -> None:
        for candidate in candidates:
            if candidate["id"] not in self.story.registered:
                self._telling.offer(f"candidate {candidate['model']}", self._register, candidate)

    def _follow(self, model: str) -> None:
        with self._registry_alone():
            self._promotions.follow(model)

    @contextmanager
    def _registry_alone(self) -> Iterator[None]:
        with self._cursors.lock("registry", seconds=60) as mine:
            if not mine:
                raise StoreError("another process is registering models, for a minute now.")
            yield

    def _register(self, candidate: Event) -> None:
        pipeline, origin = self.story.plan.pipeline, labels.origin_tags(self.story)
        try:
            with self._registry_alone():
                registered = self._versions.register(
                    candidate, pipeline, self.cursor.experiment, self._parent.run(), origin
                )
        except Exception as error:
            if is_refusal(error):  # nobody will ever number it: a push must not wait
                why = (str(error).splitlines() or [type(error).__name__])[0]
                Registry(self._store).refuse(candidate["model"], candidate["fingerprint"], why)
            raise
        self.story.registered[candidate["id"]] = registered
