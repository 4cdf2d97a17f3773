"""Reports as tables in a terminal: what the page of a report shows, in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, cast

from levada.artifacts.compression import table_of
from levada.artifacts.measured import Measure, Part, short
from levada.reports.cards import Card, Detail
from levada.reports.compressions import CompressionReport
from levada.reports.differences import Difference
from levada.reports.evaluations import EvaluationReport
from levada.reports.kinds import AnyReport
from levada.reports.remarks import percent
from levada.reports.report import Report
from levada.reports.shapes import Bars, Shape
from levada.reports.study import StudyReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

BLOCKS = " ▁▂▃▄▅▆▇█"
MOST = 200
"""How many columns are listed; the rest is counted."""

_TOLD = 12
"""Conditions that do not hold whose sentence is told."""

_DETAIL = Detail(20, 3, 0, ())
_STYLES = ("cyan", "yellow", "magenta", "blue")
_SEVERITY = {"error": "bold red", "warning": "yellow"}
_VERDICT = {"fail": "bold red", "warn": "yellow", "none": ""}


def report_text(report: AnyReport, width: int, *, colours: bool = False) -> str:
    """Return a report as tables of at most so many characters a line."""
    from rich.console import Console

    console = Console(
        file=StringIO(),
        width=width,
        force_terminal=colours,
        no_color=not colours,
        highlight=False,
        legacy_windows=False,
    )
    console.print(_plain(report.title, "bold"))
    for line in report.about:
        console.print(_plain(line, "dim"))
    if isinstance(report, StudyReport):
        _study(report, console)
    elif isinstance(report, EvaluationReport):
        _evaluation(report, console)
    elif isinstance(report, CompressionReport):
        _compression(report, console)
    else:
        _data(report, console)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def _data(report: Report, console: Console) -> None:
    for place, side in enumerate(report.sides):
        console.print(_plain(f"{side.label}: {side.rows:,} rows, {len(side.columns)} columns", _STYLES[place % 4]))
    if report.findings is not None:
        console.print()
        console.print(_findings(report) if report.findings else _plain("The data is as its schema says.", "green"))
    judged = [found for found in report.moved if found.verdict != "none"]
    if judged:
        console.print()
        console.print(_moved(judged[:MOST]))
    cards = report.cards(_DETAIL, MOST)
    if cards:
        console.print()
        console.print(_columns(report, cards))
    if len(report.names) > MOST:
        console.print(_plain(f"and {len(report.names) - MOST:,} more columns", "dim"))


# -- an evaluation --------------------------------------------------------------------------------------


def _evaluation(report: EvaluationReport, console: Console) -> None:
    """Print the verdict, the metrics, and for the first metric the slices, worst first."""
    results = report.results
    for line in report.facts:
        console.print(_plain(line, "dim"))
    console.print()
    failed = [condition for condition in report.conditions if not condition.holds]
    held = [condition for condition in report.conditions if condition.holds]
    for condition in (*failed[:_TOLD], *held):
        mark, style = ("✓", "green") if condition.holds else ("✗", "bold red")
        console.print(_plain(f"{mark} {condition.sentence}", style))
    if len(failed) > _TOLD:
        console.print(_plain(f"and {len(failed) - _TOLD} more that do not hold", "bold red"))
    for note in report.notes:
        console.print(_plain(f"· {note}", "dim"))
    console.print()
    table = _table("metric", "this model", report.interval, *(["champion", "drop"] if results.champion else []))
    for measure in results.measures:
        if measure.name in results.whole.metrics:
            _add_measured(table, measure.name, measure, results.whole)
    console.print(table)
    key = next(iter(results.whole.metrics), "")
    hidden = report.hidden_slicings
    ranked = [part for part in results.worst_first(key) if part.by not in hidden][:MOST]
    first = results.measure(key)
    if ranked and first is not None:
        console.print()
        table = _table(
            f"{key}, worst first", "rows", "", report.interval, *(["champion", "drop"] if results.champion else [])
        )
        for part in ranked:
            _add_measured(table, part.name, first, part)
        console.print(table)


def _add_measured(table: Table, title: str, measure: Measure, part: Part) -> None:
    found, other, drop = (side.get(measure.name) for side in (part.metrics, part.champion, part.drops))
    assert found is not None
    rows = [f"{part.rows:,}"] if part.by else []
    beside = [short(other.value) if other else "", str(drop) if drop else ""] if part.champion else []
    table.add_row(
        _plain(title, "bold"), *(_plain(text) for text in (*rows, short(found.value), found.interval.strip(), *beside))
    )


# -- a compression --------------------------------------------------------------------------------------


def _compression(report: CompressionReport, console: Console) -> None:
    """Print the choice, what the chosen model keeps, all candidates, and what others miss."""
    for line in report.facts:
        console.print(_plain(line, "dim"))
    console.print()
    console.print(_plain(f"{report.why}.", "bold green" if report.is_open else "bold red"))
    for condition in report.conditions[:_TOLD]:
        mark, style = ("✓", "green") if condition.holds else ("✗", "bold red")
        console.print(_plain(f"{mark} {condition.sentence}", style))
    for note in report.document.notes:
        console.print(_plain(f"· {note}", "dim"))
    console.print()
    # A table of all columns is wider than most terminals: the rest is on the page.
    shown = table_of(report.document)
    columns, data = cast("list[str]", shown["columns"]), cast("list[list[str]]", shown["data"])
    table = _table(*columns)
    for row in data:
        style = "bold" if row[-1] == "chosen" else "red" if row[-1].startswith("misses") else ""
        table.add_row(*(_plain(cell, style) for cell in row))
    console.print(table)
    for name, missed in report.missed():
        for sentence in missed[:2]:
            console.print(_plain(f"✗ {name}: {sentence}", "dim"))


# -- columns --------------------------------------------------------------------------------------------


def _study(report: StudyReport, console: Console) -> None:
    """Print what a study found: the best, which parameters matter, the trials."""
    study = report.study
    goals = [f"{'highest' if goal['higher'] else 'lowest'} {goal['metric']}" for goal in study.goals]
    counted = [f"{count} {state}" for state, count in report.counts]
    console.print(_plain(" · ".join([study.component, *counted, *goals])))
    for note in study.notes:
        console.print(_plain(note, "yellow"))
    for heading, shares in report.importance:
        console.print()
        table = _table(heading, "", "")
        for name, share in shares:
            table.add_row(_plain(name, "bold"), _plain("█" * round(share * 30), "cyan"), _plain(f"{share:.0%}"))
        console.print(table)
    console.print()
    table = _table(*report.columns())
    for state, row in report.rows():
        chosen = state == "done" and row[-1] == "chosen"
        style = "bold" if chosen else {"failed": "red", "pruned": "dim"}.get(state, "")
        table.add_row(*(_plain(cell, style) for cell in row))
    console.print(table)


def _table(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in names:
        right = name in ("missing", "distinct", "rows")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def _columns(report: Report, cards: Sequence[Card]) -> Table:
    """Return a row for each column and side; what is the same for all sides stands once."""
    compares = bool(report.moved)
    names = ["column", "moved"] if compares else ["column"]
    table = _table(*names, "", "missing", "distinct", "mean ± std", "range", "values")
    for card in cards:
        rows = {row.name: row.cells for row in card.rows}
        for place, side in enumerate(report.sides):
            style = _STYLES[place % 4]
            first = place == 0
            said = [_plain(card.name if first else "", "bold")]
            if compares:
                said.append(
                    _plain(card.moved.text, _VERDICT[card.moved.verdict]) if first and card.moved else _plain("")
                )
            missing = rows["missing"][place].partition(" (")[0]
            figures = [_cell(rows, name, place) for name in ("distinct", "mean ± std")]
            spread = _cell(rows, "range", place) or _cell(rows, "length", place)
            drawn = _plain("(sensitive)", "dim") if card.is_hidden else _plain(_drawn(card.shape, place), style)
            label = _plain(side.label if len(report.sides) > 1 else "", style)
            table.add_row(*said, label, *(_plain(text) for text in (missing, *figures, spread)), drawn)
        for remark in card.remarks if not compares else ():
            indent = [""] * (len(names) - 1)
            table.add_row(_plain(f"  {remark.text}", "yellow" if remark.level == "warning" else "dim"), *indent)
    return table


def _cell(rows: dict[str, list[str]], name: str, place: int) -> str:
    return rows[name][place] if name in rows else ""


def _drawn(shape: Shape | None, place: int) -> str:
    """Return a side's picture: a line of blocks, or its values with their shares."""
    part = shape.shares[place] if shape is not None else None
    if shape is None or part is None:
        return ""
    if isinstance(shape, Bars):
        # In the order of this side's shares; a page draws the bars of all sides in one.
        pairs = sorted(zip(shape.labels, part, strict=True), key=lambda pair: -(pair[1] or 0.0))
        said = [f"{label} {percent(share)}" for label, share in pairs if share]
        return " · ".join([*said, *([f"+ {shape.others:,}"] if shape.others else [])])
    highest = max(max(other or [0.0]) for other in shape.shares if other is not None) or 1.0  # pyright: ignore[reportArgumentType]
    return "".join(BLOCKS[_height(share or 0.0, highest)] for share in part)


def _height(share: float, highest: float) -> int:
    return 0 if share <= 0 else max(round(share / highest * (len(BLOCKS) - 1)), 1)


def _findings(report: Report) -> Table:
    table = _table("", "column", "kind", "split", "what")
    for finding in report.findings or ():
        style = _SEVERITY[finding.severity]
        cells = [_plain(finding.severity, style), _plain(finding.column or "all", "bold")]
        table.add_row(*cells, *(_plain(text) for text in (finding.kind, finding.split, finding.text)))
    return table


def _moved(found: Sequence[Difference]) -> Table:
    table = _table("", "column", "moved", "what")
    for each in found:
        style = _VERDICT[each.verdict]
        words = (_plain(text) for text in (each.text, each.sentence))
        table.add_row(_plain(each.verdict, style), _plain(each.label, "bold"), *words)
    return table


def _plain(text: str, style: str = "") -> Text:
    """Return text as it is: no markup of Rich's in it counts, and what would steer a terminal is shown by its code."""
    from rich.text import Text

    return Text("".join(_safe(text)), style=style)


def _safe(text: str) -> Iterator[str]:
    for letter in text:
        yield letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
