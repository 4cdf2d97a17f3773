"""A drift report in a notebook: the worst column first."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.drift import DriftReport
from levada.html import Html
from levada.notebook.views.gates import verdict

SHOWN = 30
SHADES = {"fail": html.RED, "warn": html.AMBER, "none": html.GREEN}


def drift_html(report: DriftReport, said: Sequence[str]) -> Html:
    """Return the columns as a table, those that drifted first."""
    drift = report.drift
    title = html.join([f"{drift.kind.capitalize()} ", verdict(not drift.with_verdict("fail"))])
    if drift.baseline is None:
        return html.card(title, said, html.note("There is no baseline yet."))
    rows = [
        (
            html.badge(column.verdict, SHADES[column.verdict]),
            html.code(column.label),
            f"{column.effect:.2f}",
            "" if column.q_value is None else f"{column.q_value:.2g}",
            column.sentence.partition(": ")[2],
        )
        for column in drift.columns[:SHOWN]
    ]
    more = len(drift.columns) - SHOWN
    sides = [f"{side.rows:,} rows of {side.name}, {side.split}" for side in (drift.current, drift.baseline)]
    return html.card(
        title,
        said,
        html.table(("", "column", "of its limit", "q-value", "what"), rows, numbers=(2, 3), wide=(4,)),
        html.note(f"and {more} more") if more > 0 else "",
        html.facts({"held": sides[0], "against": sides[1]}),
    )
