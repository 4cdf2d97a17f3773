"""What a run came to: what ran, the metrics, the gates, what was pushed, what to type next.

It shows what artifacts say of themselves in their properties: `table` (title, columns, data), `verdict`
(open, reasons), and of a pushed model `destination` and `version`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from levada.artifact import ArtifactRecord
from levada.failure import Failure
from levada.result import Items, Result
from levada.run import CLOSED, FAILED, Outcome
from levada.terminal.hints import hints

SHOWN_REASONS = 8
"""What a gate says in a run's summary; `levada show RUN --node NODE` has the rest."""


def show_summary(outcome: Outcome, console: Console, command: str, notes: list[str], name: str = "") -> None:
    """Print the summary of a run.

    `command` would run it again, `name` is what commands call it by (else its id), `notes` are added lines.
    """
    console.print()
    console.print(_headline(outcome), highlight=False)
    for result in outcome.results.values():
        for record in result.outputs.values():
            _show_artifact(result, record, console)
    for result in outcome.results.values():
        if result.items is not None and result.items.missing:
            _show_missing(result.node, result.items, outcome.plan.tolerates(result.node), console)
        if result.failure is not None:
            _show_failure(result.node, result.failure, console)
    if outcome.error is not None:
        _show_failure("the run", outcome.error, console)
    _show_left_out(outcome, console)
    for note in notes:
        console.print(f"\n[yellow]note[/]   {note}", highlight=False)
    lines = list(hints(outcome, command, name or outcome.run_id))
    if lines:
        console.print()
    width = max((len(typed) for typed, _ in lines), default=0)
    for index, (typed, why) in enumerate(lines):
        console.print(
            Text.assemble(("next   " if index == 0 else "       "), (f"{typed:<{width}}", "bold"), f"   {why}")
        )


def _headline(outcome: Outcome) -> str:
    statuses = [result.status for result in outcome.results.values()]
    counts = {
        "ran": statuses.count("done"),
        "cached": statuses.count("cached"),
        "failed": statuses.count("failed"),
        "skipped": statuses.count("skipped"),
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    style = {"finished": "green", "closed": "yellow"}.get(outcome.status, "red")
    took = f"{outcome.seconds:.1f} s" if outcome.seconds < 100 else f"{outcome.seconds / 60:.1f} min"
    word = {CLOSED: "ended with a closed gate"}.get(outcome.exit_code, outcome.status)
    return f"[bold]run {outcome.run_id} [{style}]{word}[/][/] in {took}" + (f" · {shown}" if shown else "")


def _show_artifact(result: Result, record: ArtifactRecord, console: Console) -> None:
    table = record.properties.get("table")
    if isinstance(table, dict):
        console.print()
        for line in _table(table, console.width - 2 if console.is_terminal else None):
            console.print(Text.assemble("  ", line), soft_wrap=True)
    verdict = record.verdict
    if verdict is not None:
        reasons = verdict.reasons
        if verdict.open and not reasons:
            return
        word = Text("open", "green") if verdict.open else Text("closed", "bold yellow")
        console.print()
        start = Text.assemble(f"  gate {result.node}: ", word, "   ")
        more = [f"... and {len(reasons) - SHOWN_REASONS} more"] if len(reasons) > SHOWN_REASONS + 1 else []
        for reason in [*reasons[: SHOWN_REASONS if more else None], *more] or [""]:
            console.print(Text.assemble(start, reason))
            start = Text(" " * len(start))
    destination = record.properties.get("destination")
    if isinstance(destination, str) and record.properties.get("pending"):
        console.print(
            Text.assemble(
                "\n  push        ",
                ("pending", "bold yellow"),
                f"   {record.properties.get('model')} goes to {_near(destination)} when the registry is back",
            )
        )
    elif isinstance(destination, str):
        before = record.properties.get("before")
        was = f" (before: {before})" if before else ""
        console.print(
            Text.assemble(
                "\n  pushed      ",
                (f"{_near(destination)}/{record.properties.get('version')}", "bold"),
                f"   models:/{record.properties.get('model')}@champion is version "
                f"{record.properties.get('version')}{was}",
            )
        )


def _near(place: str) -> str:
    """Return a folder as one would type it from here, if it is below here."""
    with suppress(ValueError):
        return Path(place).relative_to(Path.cwd()).as_posix()
    return place


def _table(form: dict[str, Any], room: int | None) -> Iterator[Text]:
    """Yield the lines of a table. Where `room` is too little, names in the first column are cut, and never numbers."""
    rows = [[str(column) for column in form.get("columns", [])]]
    rows += [[_cell(value) for value in row] for row in form.get("data", [])]
    count = max(map(len, rows))
    rows = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(count)]
    if room is not None and count:
        widths[0] = min(widths[0], max(_NAME, room - sum(widths[1:]) - len(_GAP) * (count - 1)))
    if form.get("title"):
        yield Text(str(form["title"]), "bold")
    for place, (first, *others) in enumerate(rows if count else ()):
        name = first if cell_len(first) <= widths[0] else set_cell_size(first, widths[0] - 1) + "…"
        cells = [" " * (width - cell_len(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        yield Text(_GAP.join([set_cell_size(name, widths[0]), *cells]).rstrip(), "" if place else "bold")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else " ".join(str(value).split())


_GAP = "  "
_NAME = 12
"""What is left of a name at least."""


def _show_missing(node: str, items: Items, tolerated: bool, console: Console) -> None:
    """Say which items of a mapped node gave nothing, and why: the first few of them."""
    said = f"{len(items.missing)} of {items.total} items of {node} gave nothing" + (" (tolerated)" if tolerated else "")
    console.print(Text.assemble("\n", (said, "yellow" if tolerated else "bold red")))
    for item, why in list(items.missing.items())[:_MISSING]:
        console.print(Text(f"  {items.labels.get(item, item)}   {why}"))
    if len(items.missing) > _MISSING:
        console.print(Text(f"  and {len(items.missing) - _MISSING} more"))


_MISSING = 5


def _show_failure(name: str, failure: Failure, console: Console) -> None:
    console.print(Text.assemble("\n", (f"{name} failed", "bold red")))
    console.print(Text.assemble((f"{failure.type}: ", "red"), failure.message))
    for frame in failure.frames:
        console.print(Text(f"  {frame.file}:{frame.line}   {frame.text}"))
    for note in failure.notes:
        console.print(Text(note))


def _show_left_out(outcome: Outcome, console: Console) -> None:
    """Say what a failure or a closed gate kept from running, and what is kept."""
    skipped = [result.node for result in outcome.results.values() if result.status == "skipped"]
    kept = [result.node for result in outcome.results.values() if result.ok]
    some = [result for result in outcome.results.values() if result.items is not None and not result.ok]
    kept += [f"{result.items.done + result.items.cached} items of {result.node}" for result in some if result.items]
    if outcome.exit_code == FAILED and (skipped or kept):
        said = [f"{', '.join(names)} {what}." for names, what in ((skipped, "skipped"), (kept, "kept")) if names]
        console.print(Text(f"\n{' '.join(said)}"))
    elif outcome.exit_code == CLOSED and skipped:
        by_reason: dict[str, list[str]] = {}
        for node in skipped:
            by_reason.setdefault(_why_skipped(outcome, node), []).append(node)
        start = "\n  skipped     "
        for reason, nodes in by_reason.items():
            console.print(Text(f"{start}{', '.join(nodes)}: {reason}"))
            start = " " * (len(start) - 1)


def _why_skipped(outcome: Outcome, node: str) -> str:
    """Return what kept a node from running in the first place, though nodes between the two were skipped as well."""
    for name in outcome.plan.node(node).upstream:
        above = outcome.results.get(name)
        if above is not None and above.status == "skipped":
            return _why_skipped(outcome, name)
    return outcome.results[node].reason
