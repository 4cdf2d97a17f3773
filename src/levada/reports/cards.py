"""A column as a card of a report: its figures side by side, its picture, what is worth a look.

A card holds text and numbers, no markup. Of a sensitive column it holds nothing that comes from a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from levada import html
from levada.artifacts.statistics import ColumnStatistics
from levada.artifacts.summaries import Lengths
from levada.reports.differences import Difference
from levada.reports.remarks import Remark, number, percent, remarks_on, shown_value
from levada.reports.shapes import Bars, Shape, bars, lengths, of_lengths, shape_of
from levada.reports.sides import Side

HIDDEN_KINDS = frozenset({"constant", "almost constant", "mostly zero", "skewed", "new values", "blank", "infinite"})
"""Remarks that tell something of the values of a column."""

_SECONDS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Detail:
    """How much a card shows: bins and values of its picture, values and quantiles behind the fold."""

    bins: int
    values: int
    folded: int
    quantiles: tuple[float, ...]


FULL = Detail(40, 6, 15, (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1))
LESS = Detail(24, 4, 6, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
LEAST = Detail(16, 3, 0, ())


@dataclass(frozen=True)
class Row:
    """A figure of a column: what it is, and what it is on each side (empty where a side has none)."""

    name: str
    cells: list[str]


@dataclass(frozen=True)
class Card:
    """A column across sides; `missing` and `distinct` are for sorting, `moved` says how far the sides are apart."""

    name: str
    type: str
    kind: str
    is_hidden: bool
    missing: float
    distinct: int
    rows: list[Row]
    folded: list[Row]
    shape: Shape | None
    more: list[tuple[str, Shape]] = field(default_factory=list[tuple[str, Shape]])
    remarks: list[Remark] = field(default_factory=list[Remark])
    moved: Difference | None = None
    description: str = ""


def card_of(name: str, sides: Sequence[Side], detail: Detail, *, is_hidden: bool = False) -> Card:
    """Return the card of a column, which at least one side has."""
    columns = [side.columns.get(name) for side in sides]
    first = next(column for column in columns if column is not None)
    remarks = remarks_on(name, sides)
    if is_hidden:
        remarks = [remark for remark in remarks if remark.kind not in HIDDEN_KINDS]
    return Card(
        name=name,
        type=" / ".join(dict.fromkeys(column.type for column in columns if column is not None)),
        kind=first.kind,
        is_hidden=is_hidden,
        missing=max(column.missing_share for column in columns if column is not None),
        distinct=max(column.distinct for column in columns if column is not None),
        rows=[_missing(columns)] if is_hidden else _rows(columns),
        folded=[] if is_hidden else _folded(columns, detail),
        shape=None if is_hidden else shape_of(columns, detail.bins, detail.values),
        more=[] if is_hidden else _more(columns, detail),
        remarks=remarks,
    )


Columns = Sequence[ColumnStatistics | None]


def _row(name: str, columns: Columns, say: Callable[[ColumnStatistics], str]) -> list[Row]:
    """Return the row of a figure, none if no side has anything to say."""
    cells = [say(column) if column is not None else "" for column in columns]
    return [Row(name, cells)] if any(cells) else []


def _missing(columns: Columns) -> Row:
    return Row(
        "missing",
        [
            "" if column is None else f"{percent(column.missing_share)} ({column.missing:,})" if column.missing else "0"
            for column in columns
        ],
    )


def _rows(columns: Columns) -> list[Row]:
    return [
        _missing(columns),
        *_row("distinct", columns, lambda column: f"{'' if column.exact else '≈ '}{column.distinct:,}"),
        *_row("mean ± std", columns, _mean),
        *_row("range", columns, _range),
        *_row("length", columns, lambda column: _lengths(column.lengths)),
        *_row("zeros", columns, lambda column: _part(column.zeros, column) if column.kind == "numeric" else ""),
    ]


def _folded(columns: Columns, detail: Detail) -> list[Row]:
    if not detail.folded:
        return []
    rows = [
        *_row("values", columns, lambda column: f"{column.values:,}"),
        *_row("infinite", columns, lambda column: f"{column.infinite:,}" if column.infinite else ""),
        *_row("with the label", columns, _correlation),
        *_row("empty", columns, lambda column: _part(column.text.empty, column) if column.text else ""),
        *_row("only blanks", columns, lambda column: _part(column.text.blank, column) if column.text else ""),
        *_row("beyond ASCII", columns, lambda column: _part(column.text.non_ascii, column) if column.text else ""),
        *_row("words a value", columns, lambda column: _lengths(column.text.tokens) if column.text else ""),
        *_row("different words", columns, lambda column: f"{column.text.distinct_tokens:,}" if column.text else ""),
        *_row("time zone", columns, lambda column: column.times.zone or "none" if column.times else ""),
        *_row("resolution", columns, lambda column: _seconds(column.times.resolution) if column.times else ""),
        *_row("median step", columns, lambda column: _seconds(column.times.step) if column.times else ""),
        *_row("largest gap", columns, _gap),
        *_row("format", columns, lambda column: _counted(column.images.formats) if column.images else ""),
        *_row("mode", columns, lambda column: _counted(column.images.modes) if column.images else ""),
        *_row("width", columns, lambda column: _lengths(column.images.widths) if column.images else ""),
        *_row("height", columns, lambda column: _lengths(column.images.heights) if column.images else ""),
        *_row("channel means", columns, lambda column: _numbers(column.images.means) if column.images else ""),
        *_row("channel stds", columns, lambda column: _numbers(column.images.stds) if column.images else ""),
    ]
    for share in detail.quantiles:
        name = {0: "least", 0.5: "median", 1: "greatest"}.get(share, f"{share:.0%}".replace("%", " %"))
        rows += _row(name, columns, lambda column, share=share: _quantile(column, share))
    return rows


def _more(columns: Columns, detail: Detail) -> list[tuple[str, Shape]]:
    """Return further pictures: values, lengths and words of text, lengths of lists, sizes of images."""
    if not detail.folded:
        return []
    texts = [column.text if column else None for column in columns]
    images = [column.images if column else None for column in columns]
    found: list[tuple[str, Shape | None]] = []
    if any(column is not None and column.kind in ("string", "list", "bytes") for column in columns):
        found.append(("most frequent values", bars(columns, detail.folded)))
        found.append(("lengths", lengths(columns, detail.bins)))
    if any(text is not None and text.tokens is not None and text.tokens.max > 1 for text in texts):
        found.append(("words", _words(columns, detail.folded)))
    for name in ("widths", "heights"):
        sizes: list[Lengths | None] = [getattr(image, name) if image else None for image in images]
        found.append((name, of_lengths(sizes, detail.bins)))
    numeric = [column for column in columns if column is not None and column.kind == "numeric" and not column.exact]
    if not numeric and any(column is not None and column.kind == "numeric" for column in columns):
        found.append(("most frequent values", bars(columns, detail.folded)))
    return [(name, shape) for name, shape in found if shape is not None]


def _words(columns: Columns, most: int) -> Bars | None:
    """Return the most frequent words, as values a word: the share of what was looked at."""
    shares: dict[str, list[float | None]] = {}
    for place, column in enumerate(columns):
        text = column.text if column is not None else None
        if column is not None and text is not None:
            for word, count in text.top_tokens:
                shares.setdefault(word, [None] * len(columns))[place] = count / max(column.values, 1)
    if not shares:
        return None
    chosen = sorted(shares, key=lambda word: -max(share or 0.0 for share in shares[word]))[:most]
    drawn: list[list[float | None] | None] = [[shares[word][place] for word in chosen] for place in range(len(columns))]
    return Bars([html.shown(word) for word in chosen], drawn, [0.0] * len(columns), 0)


# -- figures as text ------------------------------------------------------------------------------------


def _mean(column: ColumnStatistics) -> str:
    return f"{number(float(column.mean))} ± {number(float(column.std))}" if column.moments else ""


def _range(column: ColumnStatistics) -> str:
    if column.min is None or column.max is None or column.kind not in ("numeric", "timestamp", "list"):
        return ""
    return f"{_figure(column, column.min)} to {_figure(column, column.max)}"


def _figure(column: ColumnStatistics, value: Any) -> str:
    return html.shown(value) if isinstance(value, str) and column.kind != "timestamp" else shown_value(value)


def _lengths(found: Lengths | None) -> str:
    if found is None:
        return ""
    return f"{found.min:,}" if found.min == found.max else f"{found.min:,} to {found.max:,}, mean {number(found.mean)}"


def _part(count: int, column: ColumnStatistics) -> str:
    return f"{percent(count / column.values)} ({count:,})" if count and column.values else ""


def _correlation(column: ColumnStatistics) -> str:
    if column.correlation is None:
        return ""
    name = {"pearson": "r", "eta": "η", "cramers_v": "V"}.get(column.correlation_kind or "", "")
    return f"{name} {column.correlation:.2f}".strip()


def _gap(column: ColumnStatistics) -> str:
    times = column.times
    if times is None or times.largest_gap is None:
        return ""
    since = f" from {shown_value(times.gap_start)}" if times.gap_start else ""
    return f"{_seconds(times.largest_gap)}{since}"


def _seconds(count: float | None) -> str:
    if count is None:
        return ""
    for size, unit in _SECONDS:
        if count >= size:
            return f"{number(round(count / size, 1))} {unit}"
    return f"{count:.3g} s"


def _counted(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(number(float(value)) for value in values)


def _quantile(column: ColumnStatistics, share: float) -> str:
    if not column.quantiles or column.kind not in ("numeric", "timestamp", "list"):
        return ""
    steps = len(column.quantiles) - 1
    return _figure(column, column.quantiles[round(share * steps)])
