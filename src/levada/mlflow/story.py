"""One run as its journal tells it: what is known so far, in the form that deliveries and descriptions need.

Nothing here knows MLflow. Taking the same events again gives the same story.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from levada.artifact import ArtifactRecord
from levada.journal import Event
from levada.plan import Node, Plan


def millis(time: str) -> int:
    """Return a journal's time as milliseconds since 1970, as MLflow wants it."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


@dataclass
class ItemStory:
    """One item of a mapped node: what its attempts reported, which of them counts."""

    item: str
    label: str = ""
    metrics: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    started: Event | None = None
    finished: Event | None = None

    @property
    def attempt(self) -> str:
        event = self.finished or self.started or {}
        return str(event.get("attempt") or (self.started or {}).get("attempt") or "")

    @property
    def status(self) -> str:
        return str(self.finished["status"]) if self.finished else "running"

    @property
    def last_metrics(self) -> dict[str, float]:
        """The last value of each metric that the attempt that counts reported; what its commit says goes first."""
        reported = {event["name"]: event["value"] for event in self.metrics.get(self.attempt, [])}
        return {**reported, **((self.finished or {}).get("metrics") or {})}


@dataclass
class NodeStory:
    """One node: when it started, what its attempts reported, what became of it, item by item if it is mapped."""

    node: Node
    started: Event | None = None
    items: dict[str, ItemStory] = field(default_factory=dict[str, ItemStory])
    failed_attempts: list[Event] = field(default_factory=list[Event])
    metrics: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    candidates: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    finished: Event | None = None
    outputs: dict[str, ArtifactRecord] = field(default_factory=dict[str, ArtifactRecord])

    @property
    def status(self) -> str:
        """What the journal says of the node now: waiting, running, done, cached, failed or skipped."""
        if self.finished is not None:
            return str(self.finished["status"])
        return "running" if self.started else "waiting"

    @property
    def ran(self) -> bool:
        """Whether the node has ended and really ran in this run; a mapped node if any of its items did."""
        if self.is_mapped:
            return self.finished is not None and self.started is not None
        return self.status in ("done", "failed")

    @property
    def attempt(self) -> str:
        """The attempt that counts: the committed one, until then the last that started."""
        if self.finished is not None and self.finished.get("attempt"):
            return str(self.finished["attempt"])
        return str(self.started.get("attempt") or "") if self.started else ""

    @property
    def attempts_that_count(self) -> set[str]:
        """The committed attempts: the node's, or those of its items; of what failed, none."""
        if self.is_mapped:
            return {item.attempt for item in self.items.values() if item.status == "done"}
        return {self.attempt} if self.status == "done" else set()

    @property
    def is_mapped(self) -> bool:
        return bool(self.items) or bool(self._counted) or (self.started or {}).get("total") is not None

    @property
    def _counted(self) -> dict[str, Any]:
        counted = (self.finished or {}).get("items")
        return dict(counted) if isinstance(counted, dict) else {}

    @property
    def counts(self) -> dict[str, int]:
        """How many items of a mapped node there are (`total`), and how many are done, cached, failed, skipped."""
        said = {key: int(value) for key, value in self._counted.items() if isinstance(value, int)}
        if said:
            return said
        statuses = [item.status for item in self.items.values()]
        names = [name for name in ("done", "cached", "failed", "skipped") if name in statuses]
        total = (self.started or {}).get("total")
        found = {"total": int(total) if total is not None else len(statuses)}
        return {**found, **{name: statuses.count(name) for name in names}}

    def items_in_place(self) -> list[ItemStory]:
        """Return the items that said anything in the list's order; until it is told, as they started."""
        places = {str(item): place for place, item in enumerate(self._counted.get("order") or ())}
        return sorted(self.items.values(), key=lambda item: places.get(item.item, len(places)))

    def missing(self) -> dict[str, str]:
        """Return why items gave nothing, by what people call them."""
        labels: dict[str, str] = self._counted.get("labels") or {}
        missing: dict[str, str] = self._counted.get("missing") or {}
        return {labels.get(item, item): why for item, why in missing.items()}

    def take(self, event: Event) -> None:
        """Add one event of this node."""
        if event.get("item"):
            self._take_item(event, str(event["item"]))
            return
        match event["kind"]:
            case "node_started":
                self.started = event
            case "metric":
                self.metrics.setdefault(event["attempt"], []).append(event)
            case "candidate":
                self._take_candidate(event)
            case "attempt_failed":
                self.failed_attempts.append(event)
            case "node_finished":
                self.finished = event
                self.outputs = {name: ArtifactRecord.from_json(form) for name, form in event.get("outputs", {}).items()}
            case _:
                pass

    def _take_item(self, event: Event, name: str) -> None:
        item = self.items.setdefault(name, ItemStory(name))
        item.label = str(event.get("label") or item.label)
        match event["kind"]:
            case "item_started":
                item.started = event
            case "item_finished":
                item.finished = event
            case "metric":
                item.metrics.setdefault(event["attempt"], []).append(event)
            case "candidate":
                self._take_candidate(event)
            case "attempt_failed":
                self.failed_attempts.append(event)
            case _:
                pass

    def _take_candidate(self, event: Event) -> None:
        self.candidates.setdefault(event["attempt"], []).append(event)

    def counted_candidates(self) -> list[Event]:
        """Return the candidates of attempts that count, as they were proposed."""
        counting = self.attempts_that_count
        return [event for attempt, events in self.candidates.items() if attempt in counting for event in events]

    @property
    def final_metrics(self) -> dict[str, float]:
        return dict(self.finished.get("metrics", {})) if self.finished else {}

    @property
    def started_at(self) -> int:
        event = self.started or self.finished
        return millis(event["time"]) if event else 0

    @property
    def ended_at(self) -> int:
        return millis(self.finished["time"]) if self.finished else 0

    @property
    def remark(self) -> str:
        """What came out, in the words of the component or of its failure, on one line."""
        if self.finished is None:
            return ""
        said = said_of(self.finished.get("failure"))
        return said or str(self.finished.get("summary") or self.finished.get("reason") or "")


def said_of(failure: Any) -> str:
    """Return type and first line of a failure, empty for none."""
    if not failure:
        return ""
    lines = str(failure["message"]).strip().splitlines()
    return f"{failure['type']}: {lines[0][:500] if lines else ''}"


@dataclass
class Story:
    """A run: its plan, its nodes in the plan's order, the first and the last event, the time of the newest."""

    run_id: str
    plan: Plan
    nodes: dict[str, NodeStory]
    started: Event | None = None
    finished: Event | None = None
    last: str = ""
    promotions: list[Event] = field(default_factory=list[Event])
    settled: list[Event] = field(default_factory=list[Event])
    registered: dict[str, Registered] = field(default_factory=dict[str, "Registered"])
    judged_before: list[Event] = field(default_factory=list[Event])
    """Candidates of earlier runs that this one promoted: once a person had said so, or a gate was another."""

    @staticmethod
    def of(run_id: str, plan: Plan) -> Story:
        return Story(run_id, plan, {node.id: NodeStory(node) for node in plan.nodes})

    def take(self, event: Event) -> None:
        """Add one event; events of one writer come in order, those of several in any."""
        self.last = max(self.last, event["time"])
        node = self.nodes.get(event.get("node", ""))
        match event["kind"]:
            case "run_started":
                self.started = event
            case "plan_grew":
                self._grow(event)
            case "run_finished":
                self.finished = event
            case "promoted":
                self.promotions.append(event)
            case "push_settled":
                self.settled.append(event)
            case _ if node:
                node.take(event)
            case _:
                pass

    def _grow(self, event: Event) -> None:
        """Take the new nodes of a session, unless the plan was read when it had them."""
        new = [Node.from_json(form) for form in event["nodes"] if form["id"] not in self.nodes]
        self.plan = replace(self.plan, nodes=(*self.plan.nodes, *new))
        self.nodes |= {node.id: NodeStory(node) for node in new}

    @property
    def status(self) -> str:
        """running, finished, closed, failed or killed."""
        return str(self.finished["status"]) if self.finished is not None else "running"

    @property
    def ended_at(self) -> int:
        return millis(self.finished["time"] if self.finished else self.last)

    def pending_pushes(self) -> Iterator[tuple[str, ArtifactRecord]]:
        """Yield the pushes of this run that wait for the registry, with the node of each."""
        settled = {(event["node"], event["fingerprint"]) for event in self.settled}
        for node_id, _, record in self.records():
            facts = record.properties
            which = (node_id, facts.get("fingerprint"))
            if facts.get("pending") and self.nodes[node_id].status == "done" and which not in settled:
                yield node_id, record

    @property
    def started_at(self) -> int:
        return millis(self.started["time"]) if self.started else 0

    def candidates(self) -> Iterator[tuple[str, Event]]:
        """Yield the candidates of committed attempts, in the plan's order, with the node that made each."""
        for node_id, node in self.nodes.items():
            for event in node.counted_candidates():
                yield node_id, event

    def records(self) -> Iterator[tuple[str, str, ArtifactRecord]]:
        """Yield node, output and record of every artifact that the run has, made or found; of a list, of its items."""
        for node_id, node in self.nodes.items():
            for output, record in node.outputs.items():
                for leaf in record.leaves():
                    yield node_id, output, leaf

    def closed_gates(self) -> Iterator[tuple[str, str]]:
        """Yield the nodes whose verdict is closed, with the first reason."""
        for node_id, _, record in self.records():
            if not record.open:
                yield node_id, record.reasons[0] if record.reasons else ""


@dataclass(frozen=True)
class Registered:
    """A candidate's version in the registry, for links."""

    model: str
    version: int
    blessed: bool
