"""Lines of text in columns and trees, coloured where the terminal shows colours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import click

STYLES = {
    "done": ("✓", {"fg": "green"}),
    "cached": ("✓", {"fg": "cyan"}),
    "failed": ("✗", {"fg": "red", "bold": True}),
    "closed": ("✗", {"fg": "yellow", "bold": True}),
    "killed": ("✗", {"fg": "red"}),
    "skipped": ("−", {"dim": True}),
    "running": ("▸", {"fg": "yellow"}),
    "waiting": ("·", {"dim": True}),
    "finished": ("✓", {"fg": "green"}),
}
"""The mark of a node or a run by its status, and how it is drawn."""


def styled(status: str, text: str) -> str:
    """Return a text in the colour of a status."""
    style = STYLES.get(status, ("", {}))[1]
    return click.style(text, **style)  # pyright: ignore[reportArgumentType]


def mark(status: str) -> str:
    """Return the sign of a status, in its colour."""
    return styled(status, STYLES.get(status, ("?", {}))[0])


def dim(text: str) -> str:
    """Return a text that stands back."""
    return click.style(text, dim=True) if text else ""


def bold(text: str) -> str:
    """Return a text that stands out."""
    return click.style(text, bold=True) if text else ""


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = (), gap: str = "  ") -> list[str]:
    """Align the cells of rows; the columns of `right` to the right. Columns that are empty throughout are left out."""
    count = max(map(len, rows), default=0)
    widths = [max((len(click.unstyle(row[at])) for row in rows if at < len(row)), default=0) for at in range(count)]
    lines: list[str] = []
    for row in rows:
        cells: list[str] = []
        for at, cell in enumerate(row):
            if widths[at]:
                space = " " * (widths[at] - len(click.unstyle(cell)))
                cells.append(space + cell if at in right else cell + space)
        lines.append(gap.join(cells).rstrip())
    return lines


@dataclass
class Branch:
    """A line of a tree, and what hangs on it."""

    text: str
    children: list[Branch] = field(default_factory=list["Branch"])

    def lines(self) -> list[str]:
        """Return the tree drawn with the usual lines."""
        drawn = [self.text]
        for at, child in enumerate(self.children):
            last = at == len(self.children) - 1
            first, *rest = child.lines()
            drawn.append(f"{'└─ ' if last else '├─ '}{first}")
            drawn += [f"{'   ' if last else '│  '}{line}" for line in rest]
        return drawn
