"""Runs as a table, a line each."""

from __future__ import annotations

from datetime import datetime

from levada.history import History, RunRecord
from levada.history.moments import ago, on_the_clock, took
from levada.history.outline import outcome
from levada.terminal.columns import bold, columns, dim, mark, styled


def run_took(run: RunRecord) -> str:
    """Return how long a run took, empty while it goes on; of one that was found dead the last sign of life tells."""
    if run.seconds is None:
        return ""
    return f"{'> ' if (run.end or {}).get('closed_by') else ''}{took(run.seconds)}"


def runs_table(runs: list[RunRecord], history: History, now: datetime | None = None) -> list[str]:
    """Return a line a run, under a heading."""
    heading = ["", "run", "pipeline", "status", "started", "", "took", "ran", "cached", "failed", "result", "git"]
    rows = [[dim(cell) for cell in heading]]
    for run in runs:
        counts = run.counts
        ran = counts.get("done", 0) + counts.get("failed", 0)
        rows.append([
            mark(run.status),
            bold(history.short(run.id)),
            run.pipeline,
            styled(run.status, run.status),
            on_the_clock(run.started),
            dim(ago(run.started, now)),
            run_took(run),
            str(ran or ""),
            str(counts.get("cached", 0) or ""),
            styled("failed", str(counts.get("failed", 0) or "")),
            outcome(run),
            dim(run.commit),
        ])  # fmt: skip
    return columns(rows, right={6, 7, 8, 9})
