"""Inference: the schema that statistics fit, as a proposal."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError
from levada.schemas.physical import UNIX_TIMES, feature_type, fits_int64, item_type, narrow, nesting

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

Columns = Sequence[ColumnStatistics]
"""One column as each split has it, never empty."""


def infer(statistics: Statistics, *, max_domain: int = 50, ranges: bool = False) -> schema_pb2.Schema:
    """Return the schema that all splits of some statistics fit, the same for the same statistics.

    A column that is never missing is required; for the others a little more may be missing than now. Text of at most
    `max_domain` values, each seen twice on average, gets its values as a domain. With `ranges` numbers get their
    least and greatest value as bounds. Truth values are INT with a `bool_domain`, dates and timestamps INT with a
    `time_domain`; lists of lists have `value_counts`, a level each. Raises DataError if there are no columns.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = schema_pb2.Schema()
    for name, columns in seen_columns(statistics).items():
        describe(schema.feature.add(name=name), columns, max_domain, ranges)
    return schema


def seen_columns(statistics: Statistics) -> dict[str, list[ColumnStatistics]]:
    """Return each column as every split has it. Raises DataError if there are no columns."""
    seen: dict[str, list[ColumnStatistics]] = {}
    for split in statistics.splits:
        for name, column in statistics.columns(split).items():
            seen.setdefault(name, []).append(column)
    if not seen:
        raise DataError("the statistics have no columns to infer a schema from.")
    return seen


def describe(feature: Any, columns: Columns, max_domain: int, ranges: bool) -> None:
    """Write into a feature what all splits of a column fit."""
    describe_type(feature, columns[0])
    describe_presence(feature, columns)
    describe_shape(feature, columns)
    values = vocabulary(columns, max_domain)
    if values:
        feature.string_domain.name = columns[0].name
        feature.string_domain.value.extend(values)
    if ranges:
        describe_range(feature, columns)


def describe_type(feature: Any, column: ColumnStatistics) -> None:
    """Write the type, and what kind of truth value or time it is."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    name, item = feature_type(column), item_type(column.type)
    if name:
        feature.type = schema_pb2.FeatureType.Value(name)
    if item.startswith("bool"):
        feature.bool_domain.SetInParent()
    for start, unit in UNIX_TIMES.items():
        if item.startswith(start):
            feature.time_domain.integer_format = schema_pb2.TimeDomain.IntegerTimeFormat.Value(unit)


def describe_presence(feature: Any, columns: Columns) -> None:
    """Write how often there must be a value."""
    least = min(1 - column.missing_share for column in columns)
    feature.presence.min_fraction = 1.0 if is_required(columns) else math.floor(least * 90) / 100
    if all(column.count for column in columns):
        feature.presence.min_count = 1


def is_required(columns: Columns) -> bool:
    """Whether a column is never missing."""
    return all(column.missing == 0 for column in columns)


def describe_shape(feature: Any, columns: Columns) -> None:
    """Write how many values a row has, as TFX's parsers want to know it."""
    least, greatest = lengths(columns)
    depth = nesting(columns[0].type)
    if depth > 1:
        outer = feature.value_counts.value_count.add()
        if least > 0:
            outer.min = least if least == greatest else 1
        for _ in range(depth - 1):
            feature.value_counts.value_count.add()
    elif is_required(columns) and least == greatest and least > 0:
        feature.shape.dim.add(size=least)
    elif least == greatest == 1:
        feature.value_count.min = feature.value_count.max = 1
    elif least > 0:
        feature.value_count.min = 1


def lengths(columns: Columns) -> tuple[int, int]:
    """Return the fewest and the most values of a row that has any list at all; 1 and 1 for what is not a list."""
    if columns[0].kind != "list":
        return 1, 1
    sizes = [(column.lengths.min, column.lengths.max) for column in columns if column.lengths]
    return min((low for low, _ in sizes), default=0), max((high for _, high in sizes), default=0)


def describe_range(feature: Any, columns: Columns) -> None:
    """Write the least and greatest number as bounds, where a schema can hold them and there is no infinity."""
    type_ = feature_type(columns[0])
    filled = [column for column in columns if column.values]
    extremes = [value for column in filled for value in (column.min, column.max)]
    is_number = all(column.kind in ("numeric", "list") for column in filled)
    if not filled or type_ not in ("INT", "FLOAT") or not is_number or any(column.infinite for column in filled):
        return
    numbers = [value for value in extremes if isinstance(value, int | float)]
    if len(numbers) < len(extremes):
        return
    low, high = min(numbers), max(numbers)
    if type_ == "INT" and fits_int64(low) and fits_int64(high):
        feature.int_domain.min, feature.int_domain.max = int(low), int(high)
    elif type_ == "FLOAT" and math.isfinite(narrow(low)) and math.isfinite(narrow(high)):
        feature.float_domain.min, feature.float_domain.max = narrow(low), narrow(high)


def vocabulary(columns: Columns, max_domain: int) -> list[str]:
    """Return the values of a column of text, sorted, if they are few and each comes twice on average; else none."""
    if not item_type(columns[0].type).startswith("string"):
        return []
    filled = [column for column in columns if column.values]
    if not all(column.has_vocabulary and column.distinct <= max_domain for column in filled):
        return []  # long vocabularies are not even read
    values = {value for column in filled for value in column.vocabulary()}
    count = sum(column.values for column in filled)
    return sorted(values) if len(values) <= max_domain and count >= 2 * len(values) else []
