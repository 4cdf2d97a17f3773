"""What a picture of a run says of each node."""

from __future__ import annotations

from levada.history import RunRecord
from levada.history.documents import node_status
from levada.history.moments import number_text, took

Texts = dict[str, str]


def pictured(run: RunRecord) -> tuple[Texts, Texts, Texts]:
    """Return status, note and tooltip lines of each node of a run."""
    statuses: Texts = {}
    notes: Texts = {}
    details: Texts = {}
    for node in run.plan.nodes:
        status = statuses[node.id] = node_status(run, node.id)
        result = run.result(node.id)
        if result is None:
            continue
        when = "" if status == "skipped" else "cached" if result.status == "cached" else took(result.seconds)
        said = f"{result.failure.type}: {result.failure.message}" if result.failure else result.summary
        notes[node.id] = " · ".join(text for text in (when, (result.reason or said).partition("\n")[0]) if text)
        metrics = [f"{name} {number_text(value)}" for name, value in result.metrics.items()]
        frames = (
            [f"{frame.file}:{frame.line}  {frame.text}" for frame in result.failure.frames] if result.failure else []
        )
        details[node.id] = "\n".join([*metrics, *frames])
    return statuses, notes, details
