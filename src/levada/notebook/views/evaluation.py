"""An evaluation in a notebook: metrics with their intervals beside the champion's, and the slices, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.artifacts.evaluation import LOWER_IS_BETTER, Evaluation, Report
from levada.html import Html

_OPEN_ROWS = 12


def evaluation_html(evaluation: Evaluation, said: Sequence[str]) -> Html:
    """Return metrics, slices and the reasons of the verdict."""
    report = evaluation.report
    about = [report.task, f"label {report.label}", f"{report.rows:,} rows of {report.split}"]
    if report.skipped:
        about.append(f"{report.skipped:,} without a label left out")
    parts = [_metrics(report)]
    if report.slices["data"]:
        parts.append(_slices(report))
    if report.reasons:
        parts.append(html.folded("why", html.table((), [(reason,) for reason in report.reasons], wide=(0,))))
    return html.card("Evaluation", [*about, *said], *parts)


def _metrics(report: Report) -> Html:
    beside = report.champion
    columns = ["", *(["champion"] if beside is not None else []), "this model", "95 % interval", ""]
    rows: list[list[Any]] = []
    for name, value in report.metrics.items():
        other = beside.get(name) if beside is not None else None
        bounds = report.bounds.get(name)
        rows.append(
            [
                name,
                *([_metric(other)] if beside is not None else []),
                html.element("b", _metric(value)),
                html.note(f"[{_metric(bounds[0])}, {_metric(bounds[1])}]") if bounds else "",
                html.interval(value, bounds, other, _span(value, bounds, other)),
            ]
        )
    return html.table(columns, rows, numbers=range(1, len(columns) - 1))


def _metric(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _span(value: float, bounds: tuple[float, float] | None, other: float | None) -> tuple[float, float]:
    """From 0 to 1 where that is what a metric lies between, else around the numbers that are there."""
    numbers = [value, *(bounds or ()), *([other] if other is not None else [])]
    if all(0 <= number <= 1 for number in numbers):
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    room = (high - low or abs(high) or 1.0) * 0.25
    return low - room, high + room


def _slices(report: Report) -> Html:
    names = [str(name) for name in report.slices["columns"]]
    place = {name: index for index, name in enumerate(names)}
    metric = next((name for name in report.metrics if name in place), "")
    data: list[list[Any]] = list(report.slices["data"])
    if metric:
        known = [row for row in data if row[place[metric]] is not None]
        known.sort(key=lambda row: row[place[metric]], reverse=metric in LOWER_IS_BETTER)
        data = known + [row for row in data if row[place[metric]] is None]
    metrics = [name for name in names if name not in ("column", "value", "rows")]
    rows = [
        [
            _slice(row[place["column"]], row[place["value"]]),
            row[place["rows"]],
            *(_metric(row[place[name]]) for name in metrics),
        ]
        for row in data
    ]
    drawn = html.table(["slice", "rows", *metrics], rows, numbers=range(1, len(metrics) + 2))
    worst = f", worst {metric} first" if metric else ""
    return html.folded(f"{len(rows)} slices{worst}", drawn, is_open=len(rows) <= _OPEN_ROWS)


def _slice(column: str, value: str | None) -> Html:
    return html.join([html.note(f"{column} = "), "(missing)" if value is None else value])
