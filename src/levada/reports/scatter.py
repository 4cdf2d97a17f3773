"""Points and lines as SVG that needs no script: in a report, in a notebook, in print, on light and on dark.

A plot has two axes with a few round numbers, and marks that say what they are when the pointer is over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from levada import html
from levada.html import GREY, TEAL, Html, element

WIDTH, HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 36
_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """What lies along one side: a range of numbers (with `log` by their size), or `places`, names one after another."""

    label: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    places: tuple[str, ...] = ()

    @staticmethod
    def of(label: str, values: Sequence[float], *, log: bool = False, whole: bool = False) -> Axis:
        """Return an axis that has room for all values; with `whole` only whole numbers are written at it."""
        known = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if log and known:
            room = (high / low) ** 0.05 if high > low else 2.0
            return Axis(label, low / room, high * room, log=True)
        room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        return Axis(label, low - room, high + room, whole=whole)

    @staticmethod
    def of_places(label: str, places: Sequence[str]) -> Axis:
        """Return an axis of names: the first is at 0."""
        return Axis(label, -0.5, len(places) - 0.5, places=tuple(places))

    def share(self, value: float) -> float:
        """Return where a value is, from 0 to 1."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return a few values with what is written there."""
        if self.places:
            shown = [name if len(name) < 13 else f"{name[:11]}…" for name in self.places]
            return [(float(at), name) for at, name in enumerate(shown)][:: math.ceil(len(shown) / 8)]
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            powers = [10.0**power for power in range(first, last + 1)]
            steps = powers if len(powers) > 1 else [m * 10.0**p for p in range(first - 1, last + 2) for m in (1, 2, 5)]
            kept = [value for value in steps if self.low <= value <= self.high]
            shown = kept[:: math.ceil(len(kept) / _TICKS) or 1]
            return [(value, _short(value)) for value in shown]
        step = _round_step((self.high - self.low) / _TICKS)
        step = max(step, 1.0) if self.whole else step
        first = math.ceil(self.low / step)
        values = [number * step for number in range(first, math.floor(self.high / step) + 1)]
        return [(value, f"{value:,.6g}") for value in values]


def _short(value: float) -> str:
    """Return a number that has room beside an axis: `50,000`, `200k`, `3M`."""
    if value < 1e5:
        return f"{value:,.4g}"
    size, unit = next((pair for pair in ((1e9, "G"), (1e6, "M")) if value >= pair[0]), (1e3, "k"))
    return f"{value / size:g}{unit}" if value < 1e12 else f"{value:.0e}"


def _round_step(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, about as large as `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


@dataclass(frozen=True)
class Mark:
    """A point: where, what it says, how it looks. `ring` draws attention to it, `label` is written above or `below`."""

    x: float
    y: float
    said: str
    colour: str = TEAL
    opacity: float = 0.85
    hollow: bool = False
    ring: bool = False
    label: str = ""
    below: bool = False


@dataclass(frozen=True)
class Line:
    """A line through points; `steps` goes across before it goes up."""

    points: Sequence[tuple[float, float]]
    said: str = ""
    colour: str = TEAL
    opacity: float = 1.0
    width: float = 1.6
    steps: bool = False


@dataclass(frozen=True)
class Plot:
    """A picture: axes, lines, marks over them. `label` is what somebody hears who cannot see it."""

    label: str
    x: Axis
    y: Axis
    marks: Sequence[Mark] = field(default_factory=list[Mark])
    lines: Sequence[Line] = field(default_factory=list[Line])

    def draw(self) -> Html:
        """Return the picture."""
        parts = [*self._grid(), *(self._line(line) for line in self.lines), *(self._mark(mark) for mark in self.marks)]
        return html.svg(WIDTH, HEIGHT, *parts, label=self.label)

    def _across(self, value: float) -> float:
        return _LEFT + self.x.share(value) * (WIDTH - _LEFT - _RIGHT)

    def _up(self, value: float) -> float:
        return HEIGHT - _BOTTOM - self.y.share(value) * (HEIGHT - _TOP - _BOTTOM)

    def _grid(self) -> list[Html]:
        bottom = HEIGHT - _BOTTOM
        parts: list[Html] = []
        for value, text in self.y.ticks():
            y = f"{self._up(value):.1f}"
            parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, stroke=GREY, stroke_opacity=".22"))
            parts.append(_text(_LEFT - 6, float(y) + 3.5, text, "end"))
        for value, text in self.x.ticks():
            x = f"{self._across(value):.1f}"
            parts.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, stroke=GREY))
            parts.append(_text(float(x), bottom + 16, text, "middle"))
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=bottom, y2=bottom, stroke=GREY))
        parts.append(_text((WIDTH + _LEFT) / 2, HEIGHT - 4, self.x.label, "middle", strong=True))
        middle = f"translate(12 {(HEIGHT - _BOTTOM + _TOP) / 2:.0f}) rotate(-90)"
        parts.append(element("g", _text(0, 0, self.y.label, "middle", strong=True), transform=middle))
        return parts

    def _line(self, line: Line) -> Html:
        path, before = "", None
        for x, y in line.points:
            across, up = f"{self._across(x):.1f}", f"{self._up(y):.1f}"
            path += f"M{across},{up}" if before is None else f"H{across}V{up}" if line.steps else f"L{across},{up}"
            before = x
        drawn = element(
            "path",
            d=path,
            fill="none",
            stroke=line.colour,
            stroke_width=line.width,
            stroke_opacity=line.opacity,
            stroke_linejoin="round",
        )
        return element("g", element("title", line.said), drawn) if line.said else drawn

    def _mark(self, mark: Mark) -> Html:
        x, y = f"{self._across(mark.x):.1f}", f"{self._up(mark.y):.1f}"
        fill, stroke = ("none", mark.colour) if mark.hollow else (mark.colour, "none")
        parts = [element("circle", cx=x, cy=y, r=3.4, fill=fill, stroke=stroke, opacity=mark.opacity)]
        if mark.ring:
            parts.append(element("circle", cx=x, cy=y, r=7, fill="none", stroke=html.AMBER, stroke_width=2))
        if mark.label:
            side, anchor = (-8, "end") if self.x.share(mark.x) > 0.94 else (8, "start")
            parts.append(_text(float(x) + side, float(y) + (13 if mark.below else -5), mark.label, anchor))
        return element("g", element("title", mark.said), *parts)


def _text(x: float, y: float, text: str, anchor: str, *, strong: bool = False) -> Html:
    return element(
        "text",
        text,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        text_anchor=anchor,
        font_size=11,
        fill="currentColor",
        opacity=".9" if strong else ".66",
    )
