"""What differs between two runs or plans, section by section."""

from __future__ import annotations

from collections.abc import Iterator

import click

from levada.history.changes import Change
from levada.history.difference import Difference
from levada.history.moments import number_text
from levada.terminal.columns import bold, columns, dim


def difference_lines(found: Difference, show_code: bool) -> Iterator[str]:
    """Yield what to print; `show_code` adds the diff of every file."""
    yield f"{bold(found.left.label)} -> {bold(found.right.label)}"
    if found.is_empty:
        yield "  no difference: same plan, same code, same inputs, same packages"
    yield from _section("arguments", [change.words for change in found.arguments])
    nodes = [f"+ {name}" for name in found.added] + [f"- {name}" for name in found.removed]
    yield from _section("nodes", nodes)
    rows = [[name if at == 0 else "", line] for name, said in _by_node(found) for at, line in enumerate(said)]
    yield from _section("what changed for", columns(rows))
    yield from _section("code", columns([[one.name, f"(+{one.added} -{one.removed})"] for one in found.files]))
    yield from _section("packages", [change.words for change in found.packages])
    yield from _metrics(found)
    yield from _again(found)
    if show_code:
        for one in found.files:
            yield ""
            yield from map(_coloured, one.text.splitlines())


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield dim(f"  {title}")
        yield from (f"    {line}" for line in lines)


def _by_node(found: Difference) -> Iterator[tuple[str, list[str]]]:
    """Yield nodes with what changed for them; nodes with the same changes share a line."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, changes in found.nodes.items():
        groups.setdefault(tuple(_words(changes)), []).append(name)
    for words, names in groups.items():
        yield ", ".join(names), list(words)


def _words(changes: list[Change]) -> Iterator[str]:
    for change in changes:
        yield change.words


def _metrics(found: Difference) -> Iterator[str]:
    differing = [row for row in found.metrics if row[2] != row[3]]
    rows = [
        [f"{node}: {name}", _number(left), _number(right), dim(_delta(left, right))]
        for node, name, left, right in differing
    ]
    if rows:
        rows.insert(0, ["", dim(found.left.label), dim(found.right.label), ""])
    lines = columns(rows, right={1, 2, 3})
    same = len(found.metrics) - len(differing)
    if same:
        lines.append(dim(f"{same} {'metrics are' if same > 1 else 'metric is'} the same"))
    yield from _section("metrics", lines)


def _number(value: float | None) -> str:
    return "" if value is None else number_text(value)


def _delta(left: float | None, right: float | None) -> str:
    return "" if left is None or right is None else f"{right - left:+.3g}"


def _again(found: Difference) -> Iterator[str]:
    forecast = found.right.forecast
    if forecast is not None:
        fate_of = {name: "runs" if item.is_sure else item.fate for name, item in forecast.nodes.items()}
        fates = {fate: [name for name, one in fate_of.items() if one == fate] for fate in _FATES}
        lines = [[words, ", ".join(fates[fate])] for fate, words in _FATES.items() if fates[fate]]
        yield from _section("a run now", columns(lines))
    elif found.right.run is not None:
        ran = [name for name, result in found.right.run.results.items() if result.status in ("done", "failed")]
        yield from _section(f"ran in {found.right.label}", [", ".join(ran) or "nothing: all was cached"])


_FATES = {
    "runs": "runs",
    "waits": "runs, if what is before it makes something else",
    "cached": "is cached",
    "skipped": "is skipped",
}


def _coloured(line: str) -> str:
    if line.startswith(("+++", "---")):
        return bold(line)
    if line.startswith("@@"):
        return click.style(line, fg="cyan")
    return click.style(line, fg="green" if line[0] == "+" else "red") if line[:1] in ("+", "-") else line
