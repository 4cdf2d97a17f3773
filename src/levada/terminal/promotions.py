"""What was live when, as a table, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from levada.history.live import Stretch
from levada.history.moments import ago, moment_of, on_the_clock
from levada.terminal.columns import bold, columns, dim

_WHY = 72
"""Characters of a reason."""


def stretches_table(stretches: Sequence[Stretch], now: datetime | None = None) -> list[str]:
    """Return a line a stretch, under a heading."""
    rows = [[dim(cell) for cell in ("version", "live since", "", "until", "by", "", "why")]]
    for stretch in stretches:
        since = moment_of(stretch.since)
        until = on_the_clock(moment_of(stretch.until)) if stretch.until else bold("now")
        how = "" if stretch.kind == "push" else stretch.kind
        where = "" if stretch.destination else "served nowhere"
        why = stretch.reason if len(stretch.reason) <= _WHY else f"{stretch.reason[: _WHY - 1]}…"
        rows.append([
            bold(str(stretch.version)),
            on_the_clock(since),
            dim(ago(since, now)),
            until,
            stretch.by,
            " · ".join(filter(None, (how, where))),
            dim(why),
        ])  # fmt: skip
    return columns(rows, right={0})
