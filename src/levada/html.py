"""Markup for notebooks: what an artifact, a plan or a run looks like in a cell.

Whatever is not `Html` is text and is escaped when it is put into an element: values come from data. The pictures
are inline SVG and the colours follow the text's own, so that a cell needs nothing from elsewhere and looks right
on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

ROWS = 60
"""How many rows of a table a cell shows; the rest is counted below it."""

WIDEST = 80
"""Characters of a value that a cell shows."""

GREY, TEAL, GREEN, AMBER, RED = "#888", "#0e9384", "#2e9e5b", "#c98a00", "#d64545"

_VOID = frozenset({"br", "circle", "line", "path", "rect"})

VIEWS: dict[str, Callable[..., str]] = {}
"""What draws an `artifact` and a `plan` in a notebook, where there is one.

Not the types' own methods: how something looks is no part of a cache key, and the code of artifact types is.
"""

_STYLE = (
    ".levada{font-size:13px;line-height:1.45;margin:.4em 0;color:inherit;max-width:72em;overflow-x:auto}"
    ".levada .head{font-weight:600;font-size:1.08em;margin-bottom:.35em}"
    ".levada .soft{opacity:.66;font-weight:400}"
    ".levada table{border-collapse:collapse;margin:.2em 0 .5em;background:none;border:0;display:table;width:auto}"
    ".levada th,.levada td{text-align:left;vertical-align:top;padding:.2em .5em;border:0;background:none;"
    "font-size:1em;color:inherit;white-space:nowrap;min-width:0}"
    ".levada td.wide{white-space:normal;min-width:16em}"
    ".levada th{font-weight:600;opacity:.75;border-bottom:1px solid rgba(128,128,128,.45)}"
    ".levada tbody tr{border-bottom:1px solid rgba(128,128,128,.16);background:none}"
    ".levada .number{text-align:right;font-variant-numeric:tabular-nums}"
    ".levada .code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.94em}"
    ".levada .badge{border-radius:.7em;padding:.05em .6em;font-size:.9em;font-weight:600;color:#fff}"
    ".levada summary{cursor:pointer;opacity:.75}.levada svg{vertical-align:middle;display:inline-block}"
)


class Html(str):
    """Text that is markup already, and safe: what makes one has escaped what is in it."""

    __slots__ = ()


def element(name: str, *content: Any, **attributes: Any) -> Html:
    """Return an element; content that is not `Html` is escaped, `class_` is the attribute `class`, `_` is `-`."""
    said = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value != ""
    )
    if name in _VOID:
        return Html(f"<{name}{said}/>" if name != "br" else "<br>")
    return Html(f"<{name}{said}>{join(content)}</{name}>")


def join(parts: Iterable[Any], between: str = "") -> Html:
    """Return parts one after the other; what is not `Html` is escaped."""
    return Html(escape(between).join(part if isinstance(part, Html) else escape(_read(part)) for part in parts))


def card(title: Any, facts: Sequence[str], *body: Any) -> Html:
    """Return a whole cell: a heading with small facts behind it, and what is below."""
    said = [fact for fact in facts if fact]
    head = element(
        "div", title, *([" ", element("span", " · ".join(said), class_="soft")] if said else []), class_="head"
    )
    return element("div", Html(f"<style>{_STYLE}</style>"), head, *body, class_="levada")


def table(
    columns: Sequence[Any], rows: Sequence[Sequence[Any]], numbers: Iterable[int] = (), wide: Iterable[int] = ()
) -> Html:
    """Return a table of at most `ROWS` rows.

    `numbers` are the places of columns that stand to the right, `wide` those of columns whose text may be broken.
    """
    right, broad = set(numbers), set(wide)

    def row(cells: Sequence[Any], name: str) -> Html:
        return element(
            "tr",
            *(
                element(
                    name,
                    cell if isinstance(cell, Html) or place in broad else shown(cell),
                    class_="number" if place in right else "wide" if place in broad else "",
                )
                for place, cell in enumerate(cells)
            ),
        )

    body = element("tbody", *(row(cells, "td") for cells in rows[:ROWS]))
    head = [element("thead", row(columns, "th"))] if any(columns) else []
    drawn = element("table", *head, body, class_="sheet")
    return join([drawn, note(f"… and {len(rows) - ROWS:,} more")]) if len(rows) > ROWS else drawn


def facts(pairs: Mapping[str, Any]) -> Html:
    """Return names with their values, one a line; those without a value are left out."""
    return table((), [(note(name), value) for name, value in pairs.items() if value not in ("", None)], wide=(1,))


def note(text: Any) -> Html:
    """Return text that stands back."""
    return element("span", text, class_="soft")


def code(text: Any) -> Html:
    """Return a name or a value as it stands in code."""
    return element("span", shown(text), class_="code")


def badge(text: str, colour: str) -> Html:
    """Return a word in a coloured lozenge."""
    return element("span", text, class_="badge", style=f"background:{colour}")


def folded(summary: Any, *body: Any, is_open: bool = False) -> Html:
    """Return something that is unfolded by a click."""
    return element("details", element("summary", summary), *body, **({"open": "open"} if is_open else {}))


# -- values ---------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """Return a value as people read it, cut to `WIDEST` characters: numbers in few digits, nothing as `–`."""
    text = _read(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _read(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.3f}".rstrip("0")


def size_of(count: int) -> str:
    """Return a number of bytes in words."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


# -- pictures -------------------------------------------------------------------------------------------


def svg(width: int, height: int, *content: Html, label: str) -> Html:
    """Return a picture; `label` is what somebody hears who cannot see it, and the tip over it."""
    return element(
        "svg",
        element("title", label),
        *content,
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
    )


def share(part: float, colour: str = TEAL, width: int = 60) -> Html:
    """Return a bar that is filled for a share between 0 and 1."""
    filled = min(max(part, 0.0), 1.0) * width
    return svg(
        width,
        8,
        element("rect", width=width, height=8, rx=2, fill=GREY, fill_opacity=".22"),
        element("rect", width=f"{filled:.1f}", height=8, rx=2, fill=colour),
        label=f"{part:.1%}",
    )


def interval(value: float, bounds: tuple[float, float] | None, other: float | None, span: tuple[float, float]) -> Html:
    """Return a dot with its 95 % interval on the range `span`; `other` (a champion's value) is a hollow one."""
    low, high = span
    width, height = 140, 14

    def place(number: float) -> str:
        return f"{4 + (number - low) / ((high - low) or 1) * (width - 8):.1f}"

    parts = [element("line", x1=4, x2=width - 4, y1=7, y2=7, stroke=GREY, stroke_opacity=".35")]
    if bounds:
        parts.append(element("line", x1=place(bounds[0]), x2=place(bounds[1]), y1=7, y2=7, stroke=TEAL, stroke_width=4))
    if other is not None:
        parts.append(element("circle", cx=place(other), cy=7, r=3.5, fill="none", stroke=GREY, stroke_width=1.5))
    parts.append(element("circle", cx=place(value), cy=7, r=3.5, fill=TEAL))
    said = shown(value) + (f", 95 % interval {shown(bounds[0])} to {shown(bounds[1])}" if bounds else "")
    return svg(width, height, *parts, label=said)
