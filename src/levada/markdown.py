"""Markdown: text that is escaped, tables that have room between cells where MLflow's pages draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_GAP = "&emsp;"


def escaped(text: object) -> str:
    """Return text on one line that is not taken for Markdown or HTML.

    A `<` is an entity, since not every renderer (MLflow's) knows a backslash before it.
    """
    flat = " ".join(str(text).split())
    for char in "\\`*_[]>|":
        flat = flat.replace(char, f"\\{char}")
    return flat.replace("<", "&lt;")


def code(text: str) -> str:
    """Return text as inline code, on one line."""
    return f"`{' '.join(text.replace('`', '').split())}`"


def block(text: str) -> str:
    """Return text as a block of code."""
    return "\n".join(["```", text.replace("```", "'''"), "```"])


def row(cells: Iterable[str]) -> str:
    """Return a table's row of cells that are Markdown already."""
    return "| " + " | ".join(f"{cell}{_GAP}" for cell in cells) + " |"


def plain_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table that is read as text too; `spaced` gives its cells room for MLflow's pages."""
    lines = [titles, ["---"] * len(titles), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def spaced(text: str) -> str:
    """Return a text whose tables (`plain_table`) have room between cells."""
    return "\n".join(
        line.replace(" |", f"{_GAP} |") if line.startswith("| ") and "---" not in line else line
        for line in text.splitlines()
    )


def head(titles: Sequence[str]) -> list[str]:
    """Return the two lines that a table begins with."""
    return [row(titles), "|" + "---|" * len(titles)]


def fitting(rows: list[str], room: int) -> list[str]:
    """Return the rows, from the first on, that take no more than `room` characters."""
    kept: list[str] = []
    for line in rows:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept
