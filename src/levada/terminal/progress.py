"""What is known of each node so far, from the journal's events."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from levada.artifact import Verdict
from levada.history.moments import number_text
from levada.journal import Event
from levada.plan import Plan


@dataclass
class ItemCounts:
    """How far a mapped node has come: its items, those that have ended (any way), that failed, that run now."""

    total: int
    ended: int = 0
    failed: int = 0
    running: int = 0

    def __str__(self) -> str:
        """Return the counts in words: "312/500 · 2 failed · 8 running"."""
        counts = {"failed": self.failed, "running": self.running}
        return " · ".join(
            [f"{self.ended}/{self.total}", *(f"{count} {name}" for name, count in counts.items() if count)]
        )


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
    items: ItemCounts | None = None
    attempts: int = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started if self.status == "running" else self.seconds

    @property
    def said(self) -> str:
        """The last message, and the live metrics that it does not name: "epoch 3/5 · loss 0.482".

        Metrics have their places, whichever of them a message names.
        """
        if self.items is not None and self.status == "running":
            return str(self.items)
        told = {part.rpartition(" ")[0]: part for part in self.message.split(" · ")}
        untold = [name for name in self.metrics if name not in told][:-3]
        shown = [
            told.get(name) or f"{name} {number_text(value)}"
            for name, value in self.metrics.items()
            if name not in untold
        ]
        words = [part for part in self.message.split(" · ") if part and part.rpartition(" ")[0] not in self.metrics]
        return " · ".join([*words, *shown])


class Progress:
    """The nodes of a run as they stand."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun: set[tuple[str, str]] = set()
        self.nodes = {node.id: NodeView(node.id) for node in plan.nodes}

    def see(self, event: Event) -> NodeView | None:
        """Take in an event; returns the node it is about."""
        if event["kind"] == "run_finished":
            self._cut_off()
        view = self.nodes.get(event.get("node", ""))
        if view is None:
            return None
        match event["kind"]:
            case "node_started":
                view.status, view.started = "running", time.monotonic()
                if "total" in event:
                    view.items = ItemCounts(event["total"], event["settled"])
            case "item_started" | "item_finished" if view.items is not None:
                self._count(view, view.items, event)
            case "attempt_failed":
                view.message = said_of_attempt(event)
            case "progress" | "metric" if "item" in event:
                pass  # the counts say more than one item of many
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

    def _cut_off(self) -> None:
        """Say of nodes that ran when the run ended how that was for them."""
        for view in self.nodes.values():
            if view.status == "running":
                view.status, view.seconds, view.fraction = "killed", view.elapsed, None

    def _count(self, view: NodeView, items: ItemCounts, event: Event) -> None:
        if event["kind"] == "item_started":
            if (event["item"], view.id) not in self._begun:
                self._begun.add((event["item"], view.id))
                items.running += 1
        elif (event["item"], view.id) in self._begun:  # those that need not run were settled before
            items.running -= 1
            items.ended += 1
            items.failed += event["status"] == "failed"
        view.fraction = items.ended / items.total if items.total else None

    def waits_for(self, node_id: str) -> list[str]:
        """Return the nodes that a waiting node still waits for."""
        upstream = self._plan.by_id[node_id].upstream
        return [name for name in upstream if self.nodes[name].status in ("waiting", "running")]


def said_of_resumption(event: Event) -> str:
    """Return what to show of a run that goes on from one that was cut short."""
    parts = [f"goes on from run {event['before']}, which {'was killed' if event['status'] == 'killed' else 'failed'}"]
    if event["reused"]:
        parts.append(f"{', '.join(event['reused'])} reused")
    for node, pieces in event["changed"].items():
        named = ", ".join(piece.replace(":<module>", "") for piece in pieces[:3])
        parts.append(f"{node} runs again: {named}{' ...' if len(pieces) > 3 else ''} changed since")
    return "; ".join(parts)


def said_of_attempt(event: Event) -> str:
    """Return what to show of an attempt that failed while another one is to come."""
    failure = event["failure"]
    first = str(failure["message"]).splitlines() or [""]
    return f"attempt {event['number']} failed, again in {event['wait']:.1f} s: {failure['type']}: {first[0]}"


def said_at_end(event: Event) -> str:
    """Return the few words to show behind a node that has ended."""
    if event["status"] == "failed" and not event.get("items"):
        failure = event.get("failure") or {}
        message = str(failure.get("message", "")).splitlines() or [""]
        return f"{failure.get('type', '')}: {message[0]}"
    tries = [f"attempt {len(event['attempts']) + 1}"] if event.get("attempts") else []
    return " · ".join(filter(None, [str(event.get("reason") or event.get("summary") or ""), *tries]))


def _has_closed_gate(event: Event) -> bool:
    verdicts = [Verdict.of(output["properties"]) for output in event.get("outputs", {}).values()]
    return any(verdict is not None and not verdict.open for verdict in verdicts)
