"""Inference: features that suit columns as their statistics describe them, as a proposal to edit."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from levada.artifacts.annotations import is_sensitive
from levada.artifacts.schema import Schema
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError, did_you_mean
from levada.features.columns import item_kind
from levada.features.description import Features
from levada.features.kinds import Hashed, Image, Kind, Number, Text, Time, TimePart, Words

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

FEW_NUMBERS = 12
"""Whole numbers with at most so many distinct values are taken as words: codes, days, grades."""
FEW_WORDS = 50
"""Up to so many words get a place each; more an embedding."""
LONG = 25
"""Text with more characters than this on average, and no more repeated than an identifier, is read as text."""
UNIQUE = 0.9
"""Words of which more than this share are distinct name a row, and tell nothing of the next one."""
SKEWED = 20
"""A column never below 0 whose largest value is this many times its median is logged."""
GAPS = 0.01
"""A column that misses more than this share says where."""
DAY = 86_400


def infer(statistics: Statistics, schema: Schema | None, *, label: str | None, leave_out: Iterable[str]) -> Features:
    """Return defaults for every column but the label; see `Features.infer`."""
    columns = statistics.columns()
    for name in (*leave_out, *([label] if label else [])):
        if name not in columns:
            raise DataError(
                f"there is no column '{name}' to leave out.",
                hint=did_you_mean(name, columns) or f"There are {', '.join(columns)}.",
            )
    kinds: dict[str, Kind] = {}
    reasons: dict[str, str] = {}
    absent = _absent(schema.proto()) if schema is not None else {}
    for name, column in columns.items():
        if name == label:
            reasons[name] = "the label"
        elif name in set(leave_out):
            reasons[name] = "left out on demand"
        elif name in absent:
            reasons[name] = absent[name]
        else:
            kind = _kind(column)
            if isinstance(kind, str):
                reasons[name] = kind
            else:
                kinds[name] = kind
    return Features(kinds, reasons)


def _absent(schema: schema_pb2.Schema) -> dict[str, str]:
    """Return why columns must not be used, by what people said of them in the schema."""
    found: dict[str, str] = {}
    for feature in schema.feature:
        if any(word.upper() == "SERVING" for word in feature.not_in_environment):
            found[feature.name] = "the schema says it is not there when serving"
        elif is_sensitive(feature):
            found[feature.name] = "the schema says it is sensitive"
    return found


def _kind(column: ColumnStatistics) -> Kind | str:
    """Return what suits a column, or why nothing does."""
    if not column.values or column.kind == "empty":
        return "has no values"
    if column.distinct <= 1 and column.kind != "list":
        return "never changes" + (", but is missing in places" if column.missing else "")
    match item_kind(column):
        case "numeric":
            return _number(column)
        case "boolean":
            return Number(scale="none", indicator=column.missing_share > GAPS)
        case "string":
            return _text(column)
        case "timestamp":
            return _time(column)
        case "bytes":
            has_images = column.images is not None
            return Image() if has_images else f"{column.type}: describe it as Image() if it holds images"
        case _:
            return f"{column.type}: there is no kind of feature for it"


def _number(column: ColumnStatistics) -> Kind | str:
    if column.moments is None:
        return "has no finite numbers"
    if column.is_integer and column.has_vocabulary and column.distinct <= FEW_NUMBERS and column.kind != "list":
        return Words()
    whole = column.is_integer and column.kind != "list"
    if whole and column.distinct > UNIQUE * column.count and column.count > 100 and _is_name(column.name):
        return f"{column.distinct:,} distinct values in {column.count:,} rows: an identifier"
    if not column.variance > 0:
        return "never changes"
    median = float(column.quantiles[len(column.quantiles) // 2])
    largest = float(column.max or 0)
    skewed = float(column.min or 0) >= 0 and largest > SKEWED * max(median, 0) and largest > SKEWED
    return Number(log=skewed, indicator=column.missing_share > GAPS)


def _is_name(name: str) -> bool:
    parts = name.lower().replace("-", "_").split("_")
    return parts[-1] in ("id", "key", "number", "no", "index") or parts[0] == "id" or name.endswith(("Id", "ID"))


def _text(column: ColumnStatistics) -> Kind | str:
    length = column.lengths.mean if column.lengths and column.kind == "string" else 0
    scattered = column.distinct > UNIQUE * column.values and column.values > 100
    if length > LONG and (scattered or not column.has_vocabulary or column.distinct > FEW_WORDS):
        return Text()
    if scattered and column.kind == "string":
        return f"{column.distinct:,} distinct values in {column.values:,} rows: an identifier"
    if not column.has_vocabulary:
        return Hashed(bins=min(1 << max(column.distinct.bit_length() - 3, 4), 1 << 20))
    if column.distinct <= FEW_WORDS:
        return Words()
    return Words(encode="embedding", min_count=2 if column.distinct > 1000 else 1)


def _time(column: ColumnStatistics) -> Kind | str:
    """Return the parts that differ within the column: a date has no hour, a week no month."""
    from levada.features.civil import seconds_of

    span = seconds_of(str(column.max)) - seconds_of(str(column.min))
    has_clock = not column.type.startswith("date")
    has_date = not column.type.startswith("time") or column.type.startswith("timestamp")
    parts: list[TimePart] = []
    if has_clock:
        parts.append("hour" if span > 3600 else "minute")
    if has_date and span > 2 * DAY:
        parts.append("weekday")
    if has_date and span > 62 * DAY:
        parts.append("month")
    return Time(tuple(parts)) if parts else "all its times are on one day or two"
