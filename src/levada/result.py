"""What became of a node: the document whose existence commits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from levada.artifact import ArtifactRecord
from levada.failure import Failure
from levada.values import decode, encode

Status = Literal["done", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class Attempt:
    """One try that failed and was followed by another, after `wait` seconds."""

    attempt: str
    number: int
    seconds: float
    wait: float
    failure: Failure

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "failure": self.failure.to_json()}

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Attempt:
        fields: dict[str, Any] = {**form, "failure": Failure.from_json(form["failure"])}
        return Attempt(**fields)


@dataclass(frozen=True)
class Items:
    """What became of a mapped node's items: how many, and why those are missing that gave nothing.

    `order` holds the items' ids in the order of the list, `missing` says of an id why it gave nothing.
    """

    total: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0
    order: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        """Return the counts in words: "500 items · 2 failed"."""
        counts = {"cached": self.cached, "failed": self.failed, "skipped": self.skipped}
        return " · ".join([f"{self.total} items", *(f"{count} {name}" for name, count in counts.items() if count)])

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "order": list(self.order)}

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Items:
        fields: dict[str, Any] = {**form, "order": tuple(form["order"])}
        return Items(**fields)


@dataclass(frozen=True)
class Result:
    """The outcome of one node in one run, or of one item of a mapped node (`item` names it, `label` for people).

    `reason` says why it was skipped, `closed` whether a closed gate was the first cause, `made_by` the run that
    really made the outputs, `effects` the outputs that stand for something outside the store, `attempts` the
    tries that failed before the one that counts, `log` the key of what that one wrote. A mapped node has `items`;
    its outputs are lists, of what could be made.
    """

    node: str
    status: Status
    key: str = ""
    attempt: str = ""
    made_by: str = ""
    outputs: dict[str, ArtifactRecord] = field(default_factory=dict[str, ArtifactRecord])
    effects: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    seconds: float = 0.0
    summary: str = ""
    reason: str = ""
    closed: bool = False
    failure: Failure | None = None
    attempts: tuple[Attempt, ...] = ()
    item: str = ""
    label: str = ""
    items: Items | None = None
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether the outputs are there."""
        return self.status in ("done", "cached")

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {"node": self.node, "status": self.status}
        if self.item:
            form |= {"item": self.item, "label": self.label}
        if self.ok or self.items is not None:
            form |= {
                "key": self.key,
                "attempt": self.attempt,
                "made_by": self.made_by,
                "outputs": {name: record.to_json() for name, record in self.outputs.items()},
                "effects": list(self.effects),
                "metrics": {name: encode(value) for name, value in self.metrics.items()},
                "summary": self.summary,
            }
        form["seconds"] = self.seconds
        if self.reason:
            form["reason"] = self.reason
        if self.closed:
            form["closed"] = True
        if self.failure is not None:
            form["failure"] = self.failure.to_json()
            form["attempt"] = self.attempt
        if self.attempts:
            form["attempts"] = [attempt.to_json() for attempt in self.attempts]
        if self.items is not None:
            form["items"] = self.items.to_json()
        if self.log:
            form["log"] = self.log
        return form

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Result:
        return Result(
            node=form["node"],
            status=form["status"],
            key=form.get("key", ""),
            attempt=form.get("attempt", ""),
            made_by=form.get("made_by", ""),
            outputs={name: ArtifactRecord.from_json(item) for name, item in form.get("outputs", {}).items()},
            effects=tuple(form.get("effects", ())),
            metrics={name: decode(value) for name, value in form.get("metrics", {}).items()},
            seconds=form.get("seconds", 0.0),
            summary=form.get("summary", ""),
            reason=form.get("reason", ""),
            closed=form.get("closed", False),
            failure=Failure.from_json(form["failure"]) if form.get("failure") else None,
            attempts=tuple(Attempt.from_json(item) for item in form.get("attempts", ())),
            item=form.get("item", ""),
            label=form.get("label", ""),
            items=Items.from_json(form["items"]) if form.get("items") else None,
            log=form.get("log", ""),
        )
