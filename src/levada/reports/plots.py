"""Small pictures of an evaluation, as SVG that takes its colours from the page's style: light, dark, printed.

Everything in them stands in the tables beside them too. Classes: `p0` the model, `p1` the champion, `axis`, `rule`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from levada import html
from levada.artifacts.measured import CalibrationBin, Estimate, ThresholdCurve, short
from levada.html import Html

BAR, BAR_HEIGHT = 130, 18
SIDE, MARGIN = 300, 44

Line = Sequence[tuple[float, float]]


def span_of(numbers: Sequence[float | None], *, within: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return a range that has room for all numbers, not beyond `within`."""
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    room = (high - low or abs(high) or 1.0) * 0.06
    low, high = low - room, high + room
    return (max(low, within[0]), min(high, within[1])) if within and within[0] < within[1] else (low, high)


def interval_bar(
    found: Estimate, other: Estimate | None, span: tuple[float, float], *, marks: Sequence[float] = (), kind: str = "p0"
) -> Html:
    """Return a dot on its interval; `other` is a hollow one, `marks` are bounds that the dot is held against."""

    def place(number: float) -> str:
        share = (number - span[0]) / ((span[1] - span[0]) or 1)
        return f"{5 + min(max(share, 0.0), 1.0) * (BAR - 10):.1f}"

    middle = BAR_HEIGHT / 2
    parts = [html.element("line", x1=5, x2=BAR - 5, y1=middle, y2=middle, class_="axis")]
    parts += [
        html.element("line", x1=place(mark), x2=place(mark), y1=2, y2=BAR_HEIGHT - 2, class_="rule") for mark in marks
    ]
    if found.low is not None and found.high is not None:
        ends = {"x1": place(found.low), "x2": place(found.high)}
        parts.append(html.element("line", **ends, y1=middle, y2=middle, class_=f"{kind} thick"))
    if other is not None:
        parts.append(html.element("circle", cx=place(other.value), cy=middle, r=4, class_="p1 hollow"))
    parts.append(html.element("circle", cx=place(found.value), cy=middle, r=4, class_=f"{kind} full"))
    beside = f"; champion {short(other.value)}" if other is not None else ""
    return html.svg(BAR, BAR_HEIGHT, *parts, label=f"{found}{beside}")


def calibration(sides: Sequence[Sequence[CalibrationBin]], label: str) -> Html:
    """Return what was observed over what was predicted, with intervals; on the dashed line is right."""
    numbers = [
        number
        for bins in sides
        for each in bins
        for number in (each.predicted, each.observed.value, each.observed.low, each.observed.high)
    ]
    shares = all(number is None or 0 <= number <= 1 for number in numbers)
    span = (0.0, 1.0) if shares else span_of(numbers)
    frame = _Frame(span, span)
    parts = [frame.line([(span[0], span[0]), (span[1], span[1])], "rule")]
    for place, bins in reversed(list(enumerate(sides))):
        parts.append(frame.line([(each.predicted, each.observed.value) for each in bins], f"p{place} thin"))
        for each in bins:
            low, high = each.observed.low, each.observed.high
            if low is not None and high is not None:
                parts.append(frame.line([(each.predicted, low), (each.predicted, high)], f"p{place} soft"))
            said = f"{short(each.predicted)} predicted, {each.observed} observed, {each.rows:,} rows"
            parts.append(
                frame.dot(each.predicted, each.observed.value, f"p{place} {'hollow' if place else 'full'}", said)
            )
    return frame.drawn(parts, "predicted", "observed", label)


def roc(curves: Sequence[ThresholdCurve], label: str) -> Html:
    """Return the share of ones that are found over the share of zeros that are taken for ones."""
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    parts = [frame.line([(0.0, 0.0), (1.0, 1.0)], "rule")]
    for place, curve in reversed(list(enumerate(curves))):
        pairs = zip(curve.false_positives, curve.recall, strict=True)
        line = [(x, y) for x, y in pairs if x is not None and y is not None]
        parts.append(frame.line([*line, (0.0, 0.0)], f"p{place}"))
    return frame.drawn(parts, "false positive rate", "recall", label)


def thresholds(curve: ThresholdCurve, cut: float, label: str) -> Html:
    """Return precision, recall and the share that is said to be a one, over the probability that is cut at."""
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    lines: list[tuple[str, Sequence[float | None]]] = [
        ("precision", curve.precision),
        ("recall", curve.recall),
        ("said", curve.said),
    ]
    parts = [frame.line([(cut, 0.0), (cut, 1.0)], "rule")]
    for place, (name, values) in enumerate(lines):
        points = [(x, y) for x, y in zip(curve.at, values, strict=True) if y is not None]
        parts.append(frame.line(points, f"p{(0, 1, 2)[place]} {('', 'dashed', 'dotted')[place]}".strip(), name))
    return frame.drawn(parts, "cut at", "share", label)


class _Frame:
    """A square with axes; numbers are placed in it."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self._xs, self._ys = xs, ys

    def _x(self, number: float) -> float:
        return MARGIN + (number - self._xs[0]) / ((self._xs[1] - self._xs[0]) or 1) * (SIDE - MARGIN - 8)

    def _y(self, number: float) -> float:
        return SIDE - MARGIN - (number - self._ys[0]) / ((self._ys[1] - self._ys[0]) or 1) * (SIDE - MARGIN - 8)

    def line(self, points: Line, kind: str, title: str = "") -> Html:
        path = " ".join(
            f"{'L' if place else 'M'}{self._x(x):.1f} {self._y(y):.1f}" for place, (x, y) in enumerate(points)
        )
        if not title:
            return html.element("path", d=path, class_=f"line {kind}")
        return html.element("g", html.element("title", title), html.element("path", d=path, class_=f"line {kind}"))

    def dot(self, x: float, y: float, kind: str, title: str) -> Html:
        circle = html.element("circle", cx=f"{self._x(x):.1f}", cy=f"{self._y(y):.1f}", r=4, class_=kind)
        return html.element("g", html.element("title", title), circle)

    def drawn(self, parts: Sequence[Html], across: str, up: str, label: str) -> Html:
        ticks: list[Html] = []
        for number in _ticks(self._xs):
            x = f"{self._x(number):.1f}"
            ticks.append(html.element("line", x1=x, x2=x, y1=8, y2=SIDE - MARGIN, class_="axis"))
            ticks.append(html.element("text", f"{number:g}", x=x, y=SIDE - MARGIN + 14, text_anchor="middle"))
        for number in _ticks(self._ys):
            y = f"{self._y(number):.1f}"
            ticks.append(html.element("line", x1=MARGIN, x2=SIDE - 8, y1=y, y2=y, class_="axis"))
            ticks.append(
                html.element("text", f"{number:g}", x=MARGIN - 5, y=f"{self._y(number) + 4:.1f}", text_anchor="end")
            )
        names = [
            html.element("text", across, x=(SIDE + MARGIN) / 2, y=SIDE - 4, text_anchor="middle", class_="name"),
            html.element(
                "text",
                up,
                x=0,
                y=0,
                text_anchor="middle",
                class_="name",
                transform=f"translate(10 {SIDE / 2 - 12:g}) rotate(-90)",
            ),
        ]
        return html.element(
            "svg",
            html.element("title", label),
            *ticks,
            *names,
            *parts,
            viewBox=f"0 0 {SIDE} {SIDE}",
            role="img",
            class_="plane",
        )


def _ticks(span: tuple[float, float]) -> list[float]:
    """Return about five round numbers within a range."""
    width = span[1] - span[0]
    if width <= 0:
        return [span[0]]
    rough = width / 5
    step = 10 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough * 0.999)
    first = math.ceil(span[0] / step - 1e-9)
    last = math.floor(span[1] / step + 1e-9)
    found = [round(place * step, 10) for place in range(first, last + 1)]
    assert all(low < high for low, high in pairwise(found))
    return found
