"""An evaluation in a notebook: metrics with their intervals beside the champion's, slices worst first, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from levada import html
from levada.artifacts.evaluation import Evaluation, percent_interval
from levada.artifacts.measured import CalibrationBin, Estimate, Part, Results, short
from levada.html import Html

_OPEN_ROWS = 12
_SIDE = 150
"""Pixels of a calibration's side."""


def evaluation_html(evaluation: Evaluation, said: Sequence[str]) -> Html:
    """Return metrics, slices, calibration and the reasons of the verdict."""
    results = evaluation.results
    about = [results.task, f"label {results.label}", f"{results.rows:,} rows of {results.split}"]
    if results.skipped:
        about.append(f"{results.skipped:,} without a label left out")
    parts = [_metrics(results)]
    if results.slices:
        parts.append(_slices(results))
    if results.reasons:
        parts.append(html.folded("why", html.table((), [(reason,) for reason in results.reasons], wide=(0,))))
    if len(results.charts.calibration) > 1:
        parts.append(html.folded("calibration", _calibration(results.charts.calibration)))
    return html.card("Evaluation", [*about, *said], *parts)


def _metrics(results: Results) -> Html:
    beside = results.champion is not None
    interval = percent_interval(results.confidence)
    columns = ["", *(["champion"] if beside else []), "this model", interval, *(["drop"] if beside else []), ""]
    rows: list[list[Any]] = []
    for name, found in results.whole.metrics.items():
        other = results.whole.champion.get(name)
        drop = results.whole.drops.get(name)
        rows.append(
            [
                name,
                *([_metric(other)] if beside else []),
                html.element("b", short(found.value)),
                html.note(found.interval.strip()),
                *([html.note(drop.interval.strip() if drop else "")] if beside else []),
                html.interval(found.value, _bounds(found), _value(other), _span(found, other)),
            ]
        )
    return html.table(columns, rows, numbers=range(1, len(columns) - 1))


def _metric(estimate: Estimate | None) -> str:
    return "–" if estimate is None else short(estimate.value)


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _bounds(estimate: Estimate) -> tuple[float, float] | None:
    return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def _span(found: Estimate, other: Estimate | None) -> tuple[float, float]:
    """From 0 to 1 where that is what a metric lies between, else around the numbers that are there."""
    numbers = [found.value, *(_bounds(found) or ()), *([other.value] if other is not None else [])]
    if all(0 <= number <= 1 for number in numbers):
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    room = (high - low or abs(high) or 1.0) * 0.25
    return low - room, high + room


def _slices(results: Results) -> Html:
    names = [measure.name for measure in results.measures]
    key = next(iter(results.whole.metrics), "")
    ranked = results.worst_first(key)
    others = [part for part in results.slices if part not in ranked]
    rows = [_slice(part, names) for part in (*ranked, *others)]
    drawn = html.table(["slice", "rows", *names], rows, numbers=range(1, len(names) + 2))
    worst = f", worst {key} first" if key else ""
    return html.folded(f"{len(rows)} slices{worst}", drawn, is_open=len(rows) <= _OPEN_ROWS)


def _slice(part: Part, names: Sequence[str]) -> list[Any]:
    return [part.name, part.rows, *(_metric(part.metrics.get(name)) for name in names)]


def _calibration(bins: Sequence[CalibrationBin]) -> Html:
    """Return what was observed over what was predicted, a dot for each bin; on the line is right."""
    numbers = [number for each in bins for number in (each.predicted, each.observed.value)]
    low, high = min([*numbers, 0.0]), max([*numbers, 0.0])

    def place(number: float) -> float:
        return 6 + (number - low) / ((high - low) or 1) * (_SIDE - 12)

    line = html.element(
        "line", x1=6, y1=_SIDE - 6, x2=_SIDE - 6, y2=6, stroke=html.GREY, stroke_opacity=".6", stroke_dasharray="3 3"
    )
    dots = [
        html.element(
            "circle",
            cx=f"{place(each.predicted):.1f}",
            cy=f"{_SIDE - place(each.observed.value):.1f}",
            r=3.5,
            fill=html.TEAL,
        )
        for each in bins
    ]
    said = f"observed over predicted, from {short(low)} to {short(high)}; on the line is right"
    return html.join([html.svg(_SIDE, _SIDE, line, *dots, label=said), html.note(f" {said}")])
