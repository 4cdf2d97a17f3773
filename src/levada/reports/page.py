"""A report as one HTML file: everything in it, nothing fetched, readable in light and dark, on a phone, by keyboard.

All text goes through the template's escaping, numbers of pictures through JSON in which no `<` is left, and the page's
own policy (CSP) lets no script run but the two that stand in it, and nothing be loaded: a value that is markup stays
text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from levada import html
from levada.artifacts.measured import short
from levada.reports.cards import FULL, LEAST, LESS, Card, Detail
from levada.reports.compressions import CompressionReport
from levada.reports.evaluations import EvaluationReport
from levada.reports.kinds import AnyReport
from levada.reports.report import Report
from levada.reports.shapes import Bars, Curves, Shape
from levada.reports.study import StudyReport

LIMIT = 1_900_000
"""Bytes that a page may have: beyond, cards show less, and at last there are fewer of them."""

_MANY = {FULL: 120, LESS: 600}  # figures (columns times sides) up to which it is tried to show so much
_MOST = 2_000  # cards that a page could hold at all
_DIGITS = 5


def page_of(report: AnyReport) -> str:
    """Return the page of a report, of at most 2 MB: with many columns each says less, and the last are left out."""
    if isinstance(report, StudyReport):
        return _study_page(report)
    if isinstance(report, EvaluationReport):
        return _evaluation_page(report)
    if isinstance(report, CompressionReport):
        return _scripted(
            "compression.html",
            report=report,
            data='{"sides":[],"charts":[]}',
            style=_asset("report.css") + _asset("study.css"),
            library="",
        )
    figures = len(report.names) * max(len(report.sides), 1)
    for detail in (FULL, LESS):
        if figures <= _MANY[detail]:
            text = _render(report, report.cards(detail), detail)
            if len(text.encode()) <= LIMIT:
                return text
    kept = report.cards(LEAST, _MOST)
    while True:
        text = _render(report, kept, LEAST)
        if len(text.encode()) <= LIMIT or not kept:
            return text
        kept = kept[: int(len(kept) * min(LIMIT / len(text.encode()) * 0.97, 0.95))]


def _study_page(report: StudyReport) -> str:
    rows = report.rows()
    return _scripted(
        "study.html",
        report=report,
        pictures=report.pictures(),
        rows=rows,
        left_out=len(report.study.trials) - len(rows),
        style=_asset("report.css") + _asset("study.css"),
    )


def _evaluation_page(report: EvaluationReport) -> str:
    return _scripted(
        "evaluation.html",
        report=report,
        beside=report.results.champion is not None,
        data='{"sides":[],"charts":[]}',
        style=_asset("report.css"),
        library="",
    )


def _scripted(template: str, **given: Any) -> str:
    script = _asset("report.js")
    return _template(template).render(
        **given,
        script=script,
        hashes=[_hash(script)],
    )


def _render(report: Report, cards: list[Card], detail: Detail) -> str:
    charts: list[dict[str, Any]] = []

    def chart(shape: Curves) -> int:
        charts.append(_chart_form(shape))
        return len(charts) - 1

    drawn = [_drawn(place, card, chart) for place, card in enumerate(cards)]
    labels = [side.label for side in report.sides]
    data = json.dumps({"sides": labels, "charts": charts}, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    script, library = _asset("report.js"), _asset("uplot/uPlot.iife.min.js")
    return _template("page.html").render(
        report=report,
        cards=drawn,
        places={card.name: place for place, card in enumerate(cards)},
        left_out=len(report.names) - len(cards),
        is_short=detail is not FULL,
        data=data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        style=_asset("uplot/uPlot.min.css") + _asset("report.css"),
        library=library,
        script=script,
        hashes=[_hash(library), _hash(script)],
    )


def _drawn(place: int, card: Card, chart: Any) -> dict[str, Any]:
    """Return a card with its pictures as the template wants them: bars as they are, curves by number."""
    return {
        "place": place,
        "card": card,
        "picture": _picture(card.shape, chart) if card.shape is not None else None,
        "more": [(name, _picture(shape, chart)) for name, shape in card.more],
        "warnings": sum(remark.level == "warning" for remark in card.remarks),
    }


def _picture(shape: Shape, chart: Any) -> dict[str, Any]:
    if isinstance(shape, Bars):
        return {"bars": shape, "chart": None}
    return {"bars": None, "chart": chart(shape), "curves": shape}


def _chart_form(shape: Curves) -> dict[str, Any]:
    low, high, bins = shape.edges[0], shape.edges[-1], len(shape.edges) - 1
    shares = [[round(share, _DIGITS) for share in part] if part is not None else None for part in shape.shares]
    return {"axis": shape.axis, "whole": shape.whole, "low": low, "high": high, "bins": bins, "shares": shares}


@cache
def _asset(name: str) -> str:
    return (files("levada.reports") / "assets" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from levada.reports.remarks import percent

    environment = Environment(
        loader=PackageLoader("levada.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["shown"] = html.shown
    environment.filters["short"] = short
    return environment.get_template(name)
