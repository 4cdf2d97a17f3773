"""The attempts at a node, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada.history import RunRecord
from levada.history.items import items_by_label
from levada.history.moments import moment_of, on_the_clock, took
from levada.history.run import Log
from levada.terminal.columns import columns, dim, mark


def attempt_form(run: RunRecord, node: str, log: Log) -> dict[str, Any]:
    """Return what is known of an attempt: when it began, how it ended, where its log is."""
    events = [event for event in run.events if event.get("attempt") == log.attempt and event.get("node") == node]
    started = next((event["time"] for event in events if event["kind"] in ("node_started", "item_started")), None)
    failed = next((event for event in events if event["kind"] == "attempt_failed"), None)
    results = [run.items(node).get(log.item) if log.item else run.result(node)]
    result = next((one for one in results if one is not None and one.attempt in ("", log.attempt)), None)
    status = "failed" if failed else result.status if result else "running" if run.end is None else "killed"
    failure = (failed or {}).get("failure") or (result.failure.to_json() if result and result.failure else None)
    return {
        "attempt": log.attempt,
        "item": log.item,
        "status": status,
        "started": started,
        "seconds": (failed or {}).get("seconds") or (result.seconds if result and not failed else None),
        "failure": {"type": failure["type"], "message": failure["message"]} if failure else None,
        "log": run.store.uri_of(log.key),
    }


def attempts_table(run: RunRecord, node: str, logs: Sequence[Log]) -> list[str]:
    """Return a line an attempt, under no heading: number, when, how long, how it ended."""
    if not logs:
        return [f"{node} left no logs in this run"]
    rows: list[list[str]] = []
    labels = {item: label for label, item in items_by_label(run, node).items()}
    numbers: dict[str, int] = {}
    for log in logs:
        form = attempt_form(run, node, log)
        numbers[log.item] = numbers.get(log.item, 0) + 1
        failure = form["failure"]
        said = f"{failure['type']}: {(failure['message'].splitlines() or [''])[0]}" if failure else ""
        rows.append([
            mark(form["status"]),
            labels.get(log.item, log.item[:12]),
            f"attempt {numbers[log.item]}",
            on_the_clock(moment_of(form["started"])) if form["started"] else "",
            took(form["seconds"]) if form["seconds"] is not None else "",
            form["status"],
            said,
            dim(log.attempt),
        ])  # fmt: skip
    return columns(rows, right={4})
