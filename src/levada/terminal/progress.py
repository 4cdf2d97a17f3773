"""What is known of each node so far, from the journal's events."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from levada.journal import Event
from levada.plan import Plan


@dataclass
class NodeView:
    """One node: its status, since when it runs, what it last said."""

    id: str
    status: str = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    cached: bool = False
    message: str = ""
    fraction: float | None = None
    metrics: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started if self.status == "running" else self.seconds

    @property
    def said(self) -> str:
        """The last message and the live metrics: "epoch 3/5 · loss 0.482"."""
        shown = [f"{name} {value:.4g}" for name, value in list(self.metrics.items())[-3:]]
        return " · ".join([self.message, *shown] if self.message else shown)


class Progress:
    """The nodes of a run as they stand."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.nodes = {node.id: NodeView(node.id) for node in plan.nodes}

    def see(self, event: Event) -> NodeView | None:
        """Take in an event; returns the node it is about."""
        view = self.nodes.get(event.get("node", ""))
        if view is None:
            return None
        match event["kind"]:
            case "node_started":
                view.status, view.started = "running", time.monotonic()
            case "progress":
                done, total = event["done"], event["total"]
                view.fraction = min(1.0, done / total) if total else None
                view.message = event["message"] or view.message
            case "metric" if event["step"] is not None:
                view.metrics[event["name"]] = event["value"]
            case "node_finished":
                view.status, view.seconds = event["status"], event["seconds"]
                view.cached = event["status"] == "cached"
                view.message, view.metrics, view.fraction = said_at_end(event), {}, None
                if event["status"] in ("done", "cached") and _has_closed_gate(event):
                    view.status = "closed"
            case _:
                pass
        return view

    def waits_for(self, node_id: str) -> list[str]:
        """Return the nodes that a waiting node still waits for."""
        upstream = self._plan.by_id[node_id].upstream
        return [name for name in upstream if self.nodes[name].status in ("waiting", "running")]


def said_at_end(event: Event) -> str:
    """Return the few words to show behind a node that has ended."""
    if event["status"] == "failed":
        failure = event.get("failure") or {}
        message = str(failure.get("message", "")).splitlines() or [""]
        return f"{failure.get('type', '')}: {message[0]}"
    return str(event.get("reason") or event.get("summary") or "")


def _has_closed_gate(event: Event) -> bool:
    verdicts = [output["properties"].get("verdict") for output in event.get("outputs", {}).values()]
    return any(verdict and not verdict.get("open") for verdict in verdicts)
