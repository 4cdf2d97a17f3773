"""Schemas in a terminal: a table of what is asked of each column, and what differs between two of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import click

from levada.schemas.difference import Change, counted
from levada.schemas.wording import Worded, worded
from levada.terminal.columns import bold, columns, dim

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
HEADER = ("column", "type", "present", "a row", "values", "unit", "description")
SHOWN_VALUES = 6
WIDEST_VALUES = 48
WIDEST_DESCRIPTION = 72


def schema_lines(schema: Any, name: str) -> Iterator[str]:
    """Yield a table: a row for each column."""
    features = [worded(feature, schema) for feature in schema.feature]
    hidden = sum(feature.sensitive for feature in features)
    yield f"{bold(name)} · {len(features)} columns" + (f" · {hidden} sensitive" if hidden else "")
    if schema.default_environment:
        yield dim(f"environments {', '.join(schema.default_environment)}")
    yield ""
    rows = [_row(feature) for feature in features]
    used = [any(row[at] for row in rows) for at in range(len(HEADER))]
    shown = [[cell if used[at] else "" for at, cell in enumerate(row)] for row in (map(dim, HEADER), *rows)]
    yield from (f"  {line}" for line in columns(shown))


def _row(feature: Worded) -> list[str]:
    facets = feature.facets
    notes = [facets[name] for name in ("environments", "stage", "tags") if name in facets]
    notes += ["sensitive"] * feature.sensitive
    description = textwrap.shorten(facets.get("description", ""), WIDEST_DESCRIPTION, placeholder=" ...")
    said = [description] if description else []
    said += [click.style(", ".join(notes), fg="yellow")] if notes else []
    return [
        bold(feature.name),
        facets.get("type", "any"),
        facets.get("presence", "").removeprefix("there in "),
        facets.get("shape", "").removesuffix(" a row"),
        _values(feature),
        facets.get("unit", ""),
        "  ".join(said),
    ]


def _values(feature: Worded) -> str:
    if feature.values is None:
        return feature.facets.get("range", "") or feature.facets.get("distinct", "")
    if feature.sensitive:
        return f"{len(feature.values):,} values"
    shown = ", ".join(feature.values[:SHOWN_VALUES])
    more = len(feature.values) - SHOWN_VALUES
    text = textwrap.shorten(shown, WIDEST_VALUES, placeholder=" ...") if len(shown) > WIDEST_VALUES else shown
    return f"{text}, and {more:,} more" if more > 0 else text


def difference_lines(changes: list[Change], left: str, right: str) -> Iterator[str]:
    """Yield the changes, a line each, under the names of both sides."""
    yield f"{bold(left)} -> {bold(right)}"
    if not changes:
        yield "  no change"
        return
    yield ""
    width = max(len(change.column) for change in changes)
    before = ""
    for change in changes:
        sign, colour = SIGNS[change.kind if change.what == "column" else "changed"]
        again = bool(change.column) and change.column == before
        start = " " * (width + 2) if again else f"{click.style(sign, fg=colour)} {bold(change.column.ljust(width))}"
        before = change.column
        yield f"  {start}  {_coloured(change)}".rstrip()
    yield ""
    yield f"  {counted(changes)}"


def _coloured(change: Change) -> str:
    if change.what == "column":
        return click.style(change.words, fg=SIGNS[change.kind][1])
    if change.what == "domain":
        sides = [
            click.style(side, fg=colour) for side, colour in ((change.after, "green"), (change.before, "red")) if side
        ]
        return f"domain: {', '.join(sides)}"
    return change.words
