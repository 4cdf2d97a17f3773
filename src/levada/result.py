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
class Result:
    """The outcome of one node in one run.

    `reason` says why it was skipped, `closed` whether a closed gate was the first cause, `made_by` the run that
    really made the outputs, `effects` the outputs that stand for something outside the store.
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

    @property
    def ok(self) -> bool:
        """Whether the outputs are there."""
        return self.status in ("done", "cached")

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {"node": self.node, "status": self.status}
        if self.ok:
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
        )
