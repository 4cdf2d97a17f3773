"""A run in one line: what came out of it, at a glance and as a document."""

from __future__ import annotations

from typing import Any

from levada.history.moments import number_text
from levada.history.run import RunRecord
from levada.history.runs import History
from levada.result import Result


def outcome(run: RunRecord) -> str:
    """Return the verdict of a run and the metric that it rests on: "auc 0.681 · open", or why it failed.

    Of several gates the last one in the plan that has spoken counts; without any, the last node with metrics.
    """
    measured = ""
    judged = ""
    for node in reversed(run.node_ids):
        result = run.result(node)
        if result is None:
            continue
        if result.status == "failed":
            return f"{node}: {result.failure.type}" if result.failure else node
        verdict = next((each for record in result.outputs.values() if (each := record.verdict) is not None), None)
        if verdict is not None and not judged:
            judged = " · ".join([*_metric(result), "open" if verdict.open else "closed"])
        measured = measured or " ".join(_metric(result))
        if judged and run.status != "failed":
            break
    return judged or measured


def _metric(result: Result) -> list[str]:
    first = next(iter(result.metrics.items()), None)
    return [f"{first[0]} {number_text(first[1], '.3f')}"] if first else []


def run_form(run: RunRecord, history: History) -> dict[str, Any]:
    """Return what `levada runs --json` says of a run."""
    return {
        "run": run.id,
        "short": history.short(run.id),
        "pipeline": run.pipeline,
        "status": run.status,
        "started": run.facts.get("time"),
        "seconds": run.seconds,
        "counts": run.counts,
        "outcome": outcome(run),
        "arguments": run.arguments,
        "plan": run.facts.get("plan"),
        "command": run.command,
        "user": run.facts.get("user"),
        "host": run.facts.get("host"),
        "git": run.facts.get("git") or {},
        "exit_code": (run.end or {}).get("exit_code"),
    }
