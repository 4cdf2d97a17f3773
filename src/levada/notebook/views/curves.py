"""Curves of a training in a notebook: a line an epoch, training and validation on one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from levada import html
from levada.html import Html

_WIDTH, _HEIGHT, _EDGE = 180, 36, 3
_HELD_OUT = "val_"
_POINTS = 200
"""More epochs than this are thinned: a line has no room for them."""


def curves_html(curves: Mapping[str, Sequence[float]]) -> Html:
    """Return a table with a row for each metric: its picture, and where it began and ended; nothing without curves."""
    names = list(dict.fromkeys(name.removeprefix(_HELD_OUT) for name in curves))
    if not names:
        return Html("")
    held = any(name.startswith(_HELD_OUT) for name in curves)
    head = ("metric", "an epoch", "training", *(("validation",) if held else ()))
    return html.table(head, [_row(name, curves, held) for name in names])


def _row(name: str, curves: Mapping[str, Sequence[float]], held: bool) -> list[object]:
    lines = [curves.get(name, ()), curves.get(_HELD_OUT + name, ())]
    said = [f"{html.shown(line[0])} → {html.shown(line[-1])}" if line else "" for line in lines]
    return [html.code(name), _picture(name, lines), *(said if held else said[:1])]


def _picture(name: str, lines: Sequence[Sequence[float]]) -> Html:
    values = [value for line in lines for value in line if math.isfinite(value)]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    drawn = [
        html.element("path", d=_path(line, low, high), fill="none", stroke=colour, stroke_width=1.5)
        for line, colour in zip(lines, (html.TEAL, html.AMBER), strict=True)
        if line
    ]
    return html.svg(_WIDTH, _HEIGHT, *drawn, label=f"{name}: a value an epoch")


def _path(line: Sequence[float], low: float, high: float) -> str:
    step = max(1, len(line) // _POINTS)
    words: list[str] = []
    is_down = False
    for place in range(0, len(line), step):
        value = line[place]
        if not math.isfinite(value):
            is_down = False
            continue
        x = _EDGE + (_WIDTH - 2 * _EDGE) * (place / max(1, len(line) - 1))
        y = _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * ((value - low) / (high - low) if high > low else 0.5)
        words.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}")
        is_down = True
    return " ".join(words)
