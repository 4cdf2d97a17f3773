"""Inference: the schema that statistics fit, as a proposal."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

UNIX_TIMES = {
    "date32": "UNIX_DAYS",
    "date64": "UNIX_MILLISECONDS",
    "timestamp[s": "UNIX_SECONDS",
    "timestamp[ms": "UNIX_MILLISECONDS",
    "timestamp[us": "UNIX_MICROSECONDS",
    "timestamp[ns": "UNIX_NANOSECONDS",
}
"""How the ticks of an Arrow type count, in TensorFlow Metadata's words."""


def infer(statistics: Statistics, *, max_domain: int = 50, ranges: bool = False) -> schema_pb2.Schema:
    """Return the schema that all splits of some statistics fit, the same for the same statistics.

    A column that is never missing is required; for the others a little more may be missing than now. Text of at most
    `max_domain` values, each seen twice on average, gets its values as a domain. With `ranges` numbers get their
    least and greatest value as bounds. Truth values are INT with a `bool_domain`, dates and timestamps INT with a
    `time_domain`. Raises DataError if there are no columns.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    seen: dict[str, list[ColumnStatistics]] = {}
    for split in statistics.splits:
        for name, column in statistics.columns(split).items():
            seen.setdefault(name, []).append(column)
    if not seen:
        raise DataError("the statistics have no columns to infer a schema from.")
    schema = schema_pb2.Schema()
    for name, columns in seen.items():
        _describe(schema.feature.add(name=name), columns, max_domain, ranges)
    return schema


def _describe(feature: Any, columns: list[ColumnStatistics], max_domain: int, ranges: bool) -> None:
    first = columns[0]
    _describe_type(feature, first)
    required = all(column.missing == 0 for column in columns)
    _describe_presence(feature, columns, required)
    _describe_shape(feature, columns, required)
    if first.kind == "string":
        values = _domain(columns, max_domain)
        if values:
            feature.string_domain.name = first.name
            feature.string_domain.value.extend(values)
    if ranges and first.kind == "numeric":
        lows, highs = [column.min for column in columns], [column.max for column in columns]
        if None not in (*lows, *highs):
            domain = feature.int_domain if first.is_integer else feature.float_domain
            domain.min, domain.max = min(lows), max(highs)  # pyright: ignore[reportArgumentType]


def _describe_type(feature: Any, column: ColumnStatistics) -> None:
    from tensorflow_metadata.proto.v0 import schema_pb2

    name = feature_type(column)
    if name:
        feature.type = schema_pb2.FeatureType.Value(name)
    if column.kind == "boolean":
        feature.bool_domain.SetInParent()
    for start, unit in UNIX_TIMES.items():
        if column.kind == "timestamp" and column.type.startswith(start):
            feature.time_domain.integer_format = schema_pb2.TimeDomain.IntegerTimeFormat.Value(unit)


def feature_type(column: ColumnStatistics) -> str:
    """Return the name of the schema type (INT, FLOAT, BYTES, STRUCT) of a column, or "" if it has no values."""
    type_ = column.type.split("item: ", 1)[-1] if column.kind == "list" else column.type
    if column.kind == "empty":
        return ""
    if column.kind in ("boolean", "timestamp") or type_.startswith(
        ("bool", "int", "uint", "timestamp", "date", "time")
    ):
        return "INT"
    if type_.startswith(("float", "double", "halffloat", "decimal", "duration")):
        return "INT" if type_.startswith("duration") else "FLOAT"
    return (
        "BYTES"
        if type_.startswith(("string", "large_string", "binary", "large_binary", "fixed_size_binary"))
        else "STRUCT"
    )


def _describe_presence(feature: Any, columns: list[ColumnStatistics], required: bool) -> None:
    least = min(1 - column.missing_share for column in columns)
    feature.presence.min_fraction = 1.0 if required else math.floor(least * 90) / 100
    if all(column.count for column in columns):
        feature.presence.min_count = 1


def _describe_shape(feature: Any, columns: list[ColumnStatistics], required: bool) -> None:
    """Say how many values a row has, as TFX's parsers want to know it."""
    sizes = [(1, 1)]
    if columns[0].kind == "list":
        sizes = [(column.lengths.min, column.lengths.max) for column in columns if column.lengths]
    least = min((low for low, _ in sizes), default=0)
    greatest = max((high for _, high in sizes), default=0)
    if required and least == greatest and least > 0:
        feature.shape.dim.add(size=least)
    elif least == greatest == 1:
        feature.value_count.min = feature.value_count.max = 1
    elif least > 0:
        feature.value_count.min = 1


def _domain(columns: list[ColumnStatistics], max_domain: int) -> list[str]:
    """Return the values of a text column, sorted, if there are few; else an empty list."""
    if not all(column.has_vocabulary or not column.count for column in columns):
        return []
    values = {value for column in columns if column.count for value in column.vocabulary()}
    count = sum(column.count for column in columns)
    return sorted(values) if len(values) <= max_domain and count >= 2 * len(values) else []
