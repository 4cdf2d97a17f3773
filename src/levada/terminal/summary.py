"""What a run came to: what ran, the metrics, the gates, what was pushed, what to type next.

It shows what artifacts say of themselves in their properties: `table` (title, columns, data), `verdict`
(open, reasons), and of a pushed model `destination` and `version`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from levada.artifact import ArtifactRecord
from levada.failure import Failure
from levada.result import Result
from levada.run import CLOSED, FAILED, Outcome


def show_summary(outcome: Outcome, console: Console, command: str, notes: list[str]) -> None:
    """Print the summary of a run. `command` is what would run it again; `notes` are added lines."""
    console.print()
    console.print(_headline(outcome), highlight=False)
    for result in outcome.results.values():
        for record in result.outputs.values():
            _show_artifact(result, record, console)
    for result in outcome.results.values():
        if result.failure is not None:
            _show_failure(result.node, result.failure, console)
    if outcome.error is not None:
        _show_failure("the run", outcome.error, console)
    _show_left_out(outcome, console)
    for note in notes:
        console.print(f"\n[yellow]note[/]   {note}", highlight=False)
    lines = list(_next(outcome, command))
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
        console.print(Padding(_table(table), (0, 0, 0, 2)))
    verdict = record.properties.get("verdict")
    if isinstance(verdict, dict):
        is_open = bool(verdict.get("open"))
        reasons = record.reasons
        if is_open and not reasons:
            return
        word = Text("open", "green") if is_open else Text("closed", "bold yellow")
        console.print()
        start = Text.assemble(f"  gate {result.node}: ", word, "   ")
        for reason in reasons or [""]:
            console.print(Text.assemble(start, reason))
            start = Text(" " * len(start))
    destination = record.properties.get("destination")
    if isinstance(destination, str):
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


def _table(form: dict[str, Any]) -> Table:
    table = Table(title=form.get("title"), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(form.get("columns", [])):
        table.add_column(str(column), justify="left" if index == 0 else "right", no_wrap=True)
    for row in form.get("data", []):
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


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
    if outcome.exit_code == FAILED and (skipped or kept):
        said = f"{', '.join(skipped)} skipped. " if skipped else ""
        console.print(Text(f"\n{said}{', '.join(kept)} kept." if kept else f"\n{said}"))
    elif outcome.exit_code == CLOSED and skipped:
        reasons = {result.reason for result in outcome.results.values() if result.status == "skipped"}
        console.print(Text(f"\n  skipped     {', '.join(skipped)}: {min(reasons, key=len)}"))


def _next(outcome: Outcome, command: str) -> Iterator[tuple[str, str]]:
    if outcome.exit_code == FAILED:
        failed = [result.node for result in outcome.results.values() if result.status == "failed"]
        yield command, f"after mending it; starts at {failed[0]}" if failed else "after mending it"
        yield f"{_with_debug(command)}", "with whole tracebacks"
    elif outcome.status == "killed":
        yield command, "goes on from what was done"
    else:
        yield f"{shlex.split(command)[0]} ui", "the run, its metrics and the versions in MLflow"
        yield f"{_as_plan(command)} --graph", "the graph"


def _with_debug(command: str) -> str:
    words = shlex.split(command)
    return shlex.join([words[0], "--debug", *words[1:]])


def _as_plan(command: str) -> str:
    words = shlex.split(command.partition(" -- ")[0])
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("--jobs", "--fresh"):
            skip = True
        elif word not in ("--no-cache", "--json", "--debug") and not word.startswith(("--jobs=", "--fresh=")):
            kept.append("plan" if word == "run" else word)
    return shlex.join(kept)
