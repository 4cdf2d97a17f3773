"""Gates in a notebook: anomalies of data, and the blessing of a model."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.anomalies import Anomalies
from levada.artifacts.evaluation import Blessing
from levada.html import Html


def verdict(is_open: bool) -> Html:
    """Return whether a gate is open, as a badge."""
    return html.badge("open", html.GREEN) if is_open else html.badge("closed", html.RED)


def anomalies_html(anomalies: Anomalies, said: Sequence[str]) -> Html:
    """Return the anomalies as a table, errors first."""
    found = anomalies.all()
    errors = len(anomalies.errors)
    title = html.join(["Anomalies ", verdict(not errors)])
    if not found:
        return html.card(title, said, html.note("The data is as its schema says."))
    rows = [
        (
            html.badge(item.severity, html.RED if item.severity == "error" else html.AMBER),
            html.code(item.column) if item.column else html.note("all"),
            item.kind,
            item.split,
            item.description,
        )
        for item in found
    ]
    return html.card(title, said, html.table(("", "column", "kind", "split", "what"), rows, wide=(4,)))


def blessing_html(blessing: Blessing, said: Sequence[str]) -> Html:
    """Return the verdict, why it is so, and which models it covers."""
    baseline = blessing.baseline
    champion = ""
    if baseline:
        version = baseline.get("version")
        champion = f"version {version}" if version is not None else "without a version"
    return html.card(
        html.join(["Blessing ", verdict(blessing.open)]),
        said,
        html.table((), [(reason,) for reason in blessing.reasons], wide=(0,)),
        html.facts(
            {
                "model": blessing.model or "",
                "against": f"the champion, {champion}" if champion else "",
                "covers": html.code(", ".join(print_[:12] for print_ in blessing.fingerprints)),
            }
        ),
    )
