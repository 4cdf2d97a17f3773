"""Columns of a report in a notebook: a row each, the sides in it under each other, with a picture. No script runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.html import Html
from levada.reports.cards import Card, Detail
from levada.reports.remarks import percent
from levada.reports.report import Report
from levada.reports.shapes import Bars, Curves
from levada.reports.sides import Side

COLOURS = (html.TEAL, "#d9731a", "#8b6fd6", html.GREY)
"""Of the sides, in their order: readable on a light page and on a dark one."""

_DETAIL = Detail(30, 4, 0, ())
_WIDTH, _HEIGHT = 170, 34
_LETTERS = 18


def sides_html(sides: Sequence[Side]) -> Html:
    """Return what is beside each other: `train: 400 rows, 8 columns`, with the colour of each."""
    said = [
        html.join([_dot(place), f" {side.label}: {side.rows:,} rows, {len(side.columns)} columns"])
        for place, side in enumerate(sides)
    ]
    return html.element("div", *said, class_="soft") if len(said) == 1 else html.table((), [(each,) for each in said])


def columns_html(report: Report) -> Html:
    """Return a table with a row a column: name and remarks, figures of each side, a picture of all."""
    cards = report.cards(_DETAIL)
    several = len(report.sides) > 1
    heads = ("column", "missing", "distinct", "range, mean", "distribution")
    return html.table(heads, [_row(card, several) for card in cards])


def _row(card: Card, several: bool) -> list[Html]:
    rows = {row.name: row.cells for row in card.rows}
    sides = len(rows["missing"])

    def stacked(*names: str) -> Html:
        found = [[rows[name][place] for name in names if name in rows] for place in range(sides)]
        dots = [_dot(place) if several else Html("") for place in range(sides)]
        lines = [
            html.join([dot, " " if several else "", ", ".join(filter(None, cells)) or "–"])
            for dot, cells in zip(dots, found, strict=True)
        ]
        return html.join([html.element("div", line) for line in lines])

    remarks = [
        html.element(
            "div",
            remark.text,
            class_="soft",
            style=f"color:{html.AMBER};opacity:1" if remark.level == "warning" else "",
        )
        for remark in card.remarks
    ]
    name = html.join([html.code(card.name), " ", html.note(card.type), *remarks])
    return [name, stacked("missing"), stacked("distinct"), stacked("range", "length", "mean ± std"), _picture(card)]


def _picture(card: Card) -> Html:
    if card.is_hidden:
        return html.note("sensitive: not shown")
    if card.shape is None:
        return html.note("–")
    return _values(card.shape) if isinstance(card.shape, Bars) else _histograms(card.shape, card.name)


def _values(shape: Bars) -> Html:
    """Return the most frequent values, a line each, with a bar for each side."""
    lines: list[Html] = []
    for place, label in enumerate(shape.labels):
        short = label if len(label) <= _LETTERS else label[: _LETTERS - 1] + "…"
        parts: list[Any] = [html.code(short), " "]
        for side, shares in enumerate(shape.shares):
            share = shares[place] if shares is not None else None
            if share is not None:
                parts += [" ", html.share(share, COLOURS[side % len(COLOURS)], 24), f" {percent(share)}"]
        lines.append(html.element("div", *parts))
    rest = [html.note(f"+ {shape.others:,}")] if shape.others else []
    return html.join([*lines, *rest])


def _histograms(shape: Curves, name: str) -> Html:
    """Return histograms over each other, each an outline with a light ground."""
    highest = max((share for part in shape.shares if part for share in part), default=0.0) or 1.0
    step = _WIDTH / (len(shape.edges) - 1)
    drawn: list[Html] = []
    for side, part in enumerate(shape.shares):
        if part is None:
            continue
        path = f"M0 {_HEIGHT - 1}"
        for place, share in enumerate(part):
            y = f"{_HEIGHT - 1 - share / highest * (_HEIGHT - 3):.1f}"
            path += f"L{place * step:.1f} {y}L{(place + 1) * step:.1f} {y}"
        path += f"L{_WIDTH} {_HEIGHT - 1}"
        colour = COLOURS[side % len(COLOURS)]
        dash = {"stroke_dasharray": "4 2"} if side % 2 else {}
        drawn.append(
            html.element("path", d=path, fill=colour, fill_opacity=".22", stroke=colour, stroke_width="1.2", **dash)
        )
    return html.svg(_WIDTH, _HEIGHT, *drawn, label=f"{name}: a histogram")


def _dot(place: int) -> Html:
    colour = COLOURS[place % len(COLOURS)]
    return html.svg(9, 9, html.element("rect", width=9, height=9, rx=2, fill=colour), label="")
