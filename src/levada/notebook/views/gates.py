"""Gates in a notebook: whether one is open, and the blessing of a model."""

from __future__ import annotations

from collections.abc import Sequence

from levada import html
from levada.artifacts.evaluation import Blessing
from levada.html import Html


def verdict(is_open: bool) -> Html:
    """Return whether a gate is open, as a badge."""
    return html.badge("open", html.GREEN) if is_open else html.badge("closed", html.RED)


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
