"""One run as its journal tells it: what is known so far, in the form that deliveries and descriptions need.

Nothing here knows MLflow. Taking the same events again gives the same story.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from levada.artifact import ArtifactRecord
from levada.journal import Event
from levada.plan import Node, Plan


def millis(time: str) -> int:
    """Return a journal's time as milliseconds since 1970, as MLflow wants it."""
    return int(datetime.fromisoformat(time).timestamp() * 1000)


@dataclass
class NodeStory:
    """One node: when it started, what its attempts reported, what became of it."""

    node: Node
    started: Event | None = None
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
        """Whether the node has ended and really ran in this run."""
        return self.status in ("done", "failed")

    @property
    def attempt(self) -> str:
        """The attempt that counts: the committed one, until then the last that started."""
        if self.finished is not None and self.finished.get("attempt"):
            return str(self.finished["attempt"])
        return str(self.started["attempt"]) if self.started else ""

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
        failure = self.finished.get("failure")
        if failure:
            lines = str(failure["message"]).strip().splitlines()
            return f"{failure['type']}: {lines[0][:500] if lines else ''}"
        return str(self.finished.get("summary") or self.finished.get("reason") or "")


@dataclass
class Story:
    """A run: its plan, its nodes in the plan's order, the first and the last event, the time of the newest."""

    run_id: str
    plan: Plan
    nodes: dict[str, NodeStory]
    started: Event | None = None
    finished: Event | None = None
    last: str = ""
    lost: bool = False
    promotions: list[Event] = field(default_factory=list[Event])
    registered: dict[str, Registered] = field(default_factory=dict[str, "Registered"])

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
            case "node_started" if node:
                node.started = event
            case "metric" if node:
                node.metrics.setdefault(event["attempt"], []).append(event)
            case "candidate" if node:
                node.candidates.setdefault(event["attempt"], []).append(event)
            case "node_finished" if node:
                node.finished = event
                node.outputs = {name: ArtifactRecord.from_json(form) for name, form in event.get("outputs", {}).items()}
            case "promoted":
                self.promotions.append(event)
            case _:
                pass

    def _grow(self, event: Event) -> None:
        """Take the new nodes of a session, unless the plan was read when it had them."""
        new = [Node.from_json(form) for form in event["nodes"] if form["id"] not in self.nodes]
        self.plan = replace(self.plan, nodes=(*self.plan.nodes, *new))
        self.nodes |= {node.id: NodeStory(node) for node in new}

    @property
    def status(self) -> str:
        """running, finished, closed, failed, killed, or lost: its process is gone without a word."""
        if self.finished is not None:
            return str(self.finished["status"])
        return "lost" if self.lost else "running"

    @property
    def ended_at(self) -> int:
        return millis(self.finished["time"] if self.finished else self.last)

    @property
    def started_at(self) -> int:
        return millis(self.started["time"]) if self.started else 0

    def candidates(self) -> Iterator[tuple[str, Event]]:
        """Yield the candidates of committed attempts, in the plan's order, with the node that made each."""
        for node_id, node in self.nodes.items():
            if node.status == "done":
                for event in node.candidates.get(node.attempt, []):
                    yield node_id, event

    def records(self) -> Iterator[tuple[str, str, ArtifactRecord]]:
        """Yield node, output and record of every artifact that the run has, made or found."""
        for node_id, node in self.nodes.items():
            for output, record in node.outputs.items():
                yield node_id, output, record

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
