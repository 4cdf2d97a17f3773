"""Statistics in a notebook: a row per column, with a histogram or the most frequent values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from levada import html
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.html import Html

_TOP = 4
_MUCH = 0.05


def statistics_html(statistics: Statistics, said: Sequence[str]) -> Html:
    """Return a table per split, the first one unfolded."""
    parts: list[Html] = []
    for place, split in enumerate(statistics.splits):
        columns = list(statistics.columns(split).values())
        summary = f"{split}: {statistics.rows(split):,} rows, {len(columns)} columns"
        parts.append(html.folded(summary, _table(columns), is_open=place == 0))
    return html.card("Statistics", said, *(parts or [html.note("nothing was looked at")]))


def _table(columns: list[ColumnStatistics]) -> Html:
    return html.table(
        ("column", "type", "missing", "distinct", "range", "mean ± std", "distribution"),
        [_row(column) for column in columns],
        numbers=(3,),
    )


def _row(column: ColumnStatistics) -> list[Any]:
    return [
        html.code(column.name),
        html.note(column.type),
        _missing(column),
        ("" if column.exact else "≈ ") + f"{column.distinct:,}",
        _range(column),
        _mean(column),
        _picture(column),
    ]


def _missing(column: ColumnStatistics) -> Any:
    part = column.missing_share
    if not column.missing:
        return html.note("–")
    text = f"{part:.1%}" if part >= 0.0005 else "< 0.1%"
    return html.join([html.share(part, html.RED if part > _MUCH else html.AMBER, 40), f" {text}"])


def _range(column: ColumnStatistics) -> Any:
    if column.kind in ("string", "bytes") and column.lengths is not None:
        return html.note(f"{column.lengths.min:,} to {column.lengths.max:,} long")
    if column.min is None or column.max is None or column.kind not in ("numeric", "timestamp", "list"):
        return ""
    low, high = (_moment(item) if column.kind == "timestamp" else html.shown(item) for item in (column.min, column.max))
    return f"{low} to {high}"


def _moment(value: Any) -> str:
    return str(value)[:16].replace("T", " ").removesuffix(" 00:00")


def _mean(column: ColumnStatistics) -> str:
    if column.moments is None:
        return ""
    return f"{html.shown(float(column.mean))} ± {html.shown(float(column.std))}"


def _picture(column: ColumnStatistics) -> Any:
    if column.kind in ("numeric", "timestamp", "list") and column.distinct > _TOP:
        points = _points(column)
        if points:
            return html.bars(html.density(points), f"{column.name}: {_range(column)}")
    return _top(column)


def _points(column: ColumnStatistics) -> list[float]:
    try:
        return [_as_number(value) for value in column.quantiles]
    except (ValueError, TypeError):
        return []


def _as_number(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if value[:1].isdigit() and value[2:3] == ":":
        moment = time.fromisoformat(value)
        return moment.hour * 3600 + moment.minute * 60 + moment.second
    return datetime.fromisoformat(value).timestamp()


def _top(column: ColumnStatistics) -> Any:
    if not column.top or not column.values:
        return ""
    rest = column.distinct - min(_TOP, len(column.top))
    values = [
        html.join([html.share(count / column.values, width=30), " ", html.code(_short(value))])
        for value, count in column.top[:_TOP]
    ]
    more = [html.note(f"+ {rest:,}")] if rest > 0 else []
    return html.join([*values, *more], " \u2002")


def _short(value: Any) -> str:
    text = html.shown(value) if value != "" else "(empty)"
    return text if len(text) <= 18 else text[:17] + "…"
