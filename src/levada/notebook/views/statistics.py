"""Statistics and what was found in them, in a notebook: the short form of the reports (`levada report`)."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.anomalies import Anomalies
from levada.artifacts.drift import DriftReport
from levada.artifacts.statistics import Statistics
from levada.html import Html
from levada.notebook.views.columns import columns_html, sides_html
from levada.notebook.views.gates import verdict
from levada.notebook.views.sensitive import sensitive_near
from levada.reports import of_drift, profile_report, sides_of
from levada.reports.findings import Finding, findings_of

_EXAMPLES = 5
_SEVERITY = {"error": html.RED, "warning": html.AMBER}
_VERDICT = {"fail": html.RED, "warn": html.AMBER, "none": html.GREY}


def statistics_html(statistics: Statistics, said: Sequence[str]) -> Html:
    """Return a row a column, the splits beside each other."""
    sides = sides_of(statistics)
    if not sides:
        return html.card("Statistics", said, html.note("nothing was looked at"))
    report = profile_report(sides, title="Statistics", sensitive=sensitive_near(statistics))
    return html.card("Statistics", said, sides_html(sides), columns_html(report))


def anomalies_html(anomalies: Anomalies, said: Sequence[str]) -> Html:
    """Return the anomalies as a table, errors first, with rows that show them."""
    found = findings_of(anomalies.all(), sensitive_near(anomalies))
    title = html.join(["Anomalies ", verdict(not any(finding.severity == "error" for finding in found))])
    if not found:
        return html.card(title, said, html.note("The data is as its schema says."))
    rows = [
        (
            html.badge(finding.severity, _SEVERITY[finding.severity]),
            html.code(finding.column) if finding.column else html.note("all"),
            finding.kind,
            finding.split,
            html.join([finding.text, _examples(finding)]),
        )
        for finding in found
    ]
    return html.card(title, said, html.table(("", "column", "kind", "split", "what"), rows, wide=(4,)))


def _examples(finding: Finding) -> Html:
    if not finding.examples:
        return Html("")
    of = f" of {finding.count:,}" if finding.count is not None else ""
    rows = html.table(finding.columns, finding.examples[:_EXAMPLES])
    return html.folded(f"{min(len(finding.examples), _EXAMPLES)}{of} rows", rows)


def drift_html(report: DriftReport, said: Sequence[str]) -> Html:
    """Return the columns of a drift report, the worst first."""
    drift = report.drift
    title = html.join([f"{drift.kind.capitalize()} ", verdict(report.open)])
    sides = [rows for rows in (drift.baseline, drift.current) if rows is not None]
    about = " against ".join(f"{rows.name} {rows.split} ({rows.rows:,} rows)" for rows in sides)
    if drift.baseline is None:
        return html.card(title, said, html.note("There is no baseline yet: nothing was compared."))
    rows = [
        (html.badge(found.verdict, _VERDICT[found.verdict]), html.code(found.label), found.text, found.sentence)
        for found in of_drift(drift, sensitive_near(report))
    ]
    return html.card(title, [about, *said], html.table(("", "column", "moved", "what"), rows, wide=(3,)))
