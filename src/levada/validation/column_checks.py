"""Whether a column is there, of the right type, present often enough, of the right shape."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from levada.artifacts.statistics import ColumnStatistics
from levada.errors import did_you_mean
from levada.schemas.physical import TYPE_WORDS, feature_type, is_whole, nesting
from levada.schemas.widening import type_fits
from levada.schemas.wording import type_name
from levada.validation import row_tests
from levada.validation.finding import Finding, counted, percent

UNIQUE_MARGIN = 0.05
"""Three standard errors of an estimated number of distinct values: what lies within is let through."""


def check_columns(
    columns: Mapping[str, ColumnStatistics], expected: Mapping[str, Any], known: set[str]
) -> Iterator[Finding]:
    """Yield what is the same in all splits: columns that are missing, new, or of another type."""
    for name, feature in expected.items():
        if name in columns:
            yield from _check_type(columns[name], feature)
            continue
        required = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
        renamed = did_you_mean(name, [column for column in columns if column not in known])
        hint = f" ({renamed[0].lower()}{renamed[1:]})" if renamed else ""
        yield Finding(name, "SCHEMA_MISSING_COLUMN", f"not in the data{hint}", "error" if required else "warning")
    for name, column in columns.items():
        if name not in known:
            what = f"a new column ({column.type}), not in the schema"
            yield Finding(name, "SCHEMA_NEW_COLUMN", what, "warning")


def _check_type(column: ColumnStatistics, feature: Any) -> Iterator[Finding]:
    wanted, got = type_name(feature), feature_type(column)
    if not got:
        return
    if wanted == "TYPE_UNKNOWN":
        what = f"the schema says no type; the data has {TYPE_WORDS[got]} ({column.type})"
        yield Finding(column.name, "FEATURE_MISSING_TYPE", what, "warning")
        return
    what = f"{TYPE_WORDS[got]} ({column.type}), the schema says {wanted}"
    if not type_fits(feature, column):
        yield Finding(column.name, "UNEXPECTED_DATA_TYPE", what)
    elif (wanted, got) == ("FLOAT", "INT") and is_whole(column):
        yield Finding(column.name, "UNEXPECTED_DATA_TYPE", what, "warning")


def check_presence(column: ColumnStatistics, feature: Any) -> Iterator[Finding]:
    """Yield where there are too few values."""
    presence, name = feature.presence, column.name
    test = row_tests.missing(name)
    if not column.count and (presence.min_count > 0 or presence.min_fraction > 0):
        yield Finding(name, "FEATURE_TYPE_NOT_PRESENT", "missing in all rows", count=column.missing, test=test)
    elif column.count < presence.min_count:
        what = f"values in {column.count:,} rows, the schema wants at least {presence.min_count:,}"
        yield Finding(name, "FEATURE_TYPE_LOW_NUMBER_PRESENT", what)
    elif 1 - column.missing_share < presence.min_fraction:
        allowed = percent(1 - presence.min_fraction) if presence.min_fraction < 1 else "none"
        what = f"{percent(column.missing_share)} missing, the schema allows {allowed}"
        yield Finding(name, "FEATURE_TYPE_LOW_FRACTION_PRESENT", what, count=column.missing, test=test)
    elif column.missing and not presence.HasField("min_fraction"):
        what = f"{percent(column.missing_share)} missing"
        yield Finding(name, "FEATURE_TYPE_LOW_FRACTION_PRESENT", what, "warning", count=column.missing, test=test)


def check_shape(column: ColumnStatistics, feature: Any) -> Iterator[Finding]:
    """Yield where rows have too few or too many values, or lists that are nested otherwise."""
    depth = nesting(column.type)
    is_constrained = feature.WhichOneof("shape_type") is not None
    if not column.count or not is_constrained or (column.kind == "list" and column.lengths is None):
        return
    levels = len(feature.value_counts.value_count)
    if (levels and levels != max(depth, 1)) or (not levels and depth > 1):
        wanted = levels or 1
        what = f"lists nested {counted(depth, 'level')} deep, the schema says {counted(wanted, 'level')}"
        yield Finding(column.name, "VALUE_NESTEDNESS_MISMATCH", what)
        return
    least, greatest = (column.lengths.min, column.lengths.max) if column.kind == "list" and column.lengths else (1, 1)
    got = f"{least}" if least == greatest else f"{least} to {greatest}"
    if feature.HasField("shape"):
        wanted = math.prod(dim.size for dim in feature.shape.dim)
        if (least, greatest) != (wanted, wanted):
            test = row_tests.of_length(column.name, wanted, wanted) if column.kind == "list" else None
            what = f"{got} values a row, the schema says {wanted}"
            yield Finding(column.name, "INVALID_FEATURE_SHAPE", what, test=test)
        elif column.missing and feature.presence.min_fraction < 1:
            what = f"{percent(column.missing_share)} missing, a column with a shape has a value in every row"
            yield Finding(column.name, "INVALID_FEATURE_SHAPE", what, count=column.missing)
        return
    count = feature.value_count if feature.HasField("value_count") else feature.value_counts.value_count[0]
    most = count.max if count.HasField("max") else None
    if least >= count.min and (most is None or greatest <= most):
        return
    type_ = "FEATURE_TYPE_LOW_NUMBER_VALUES" if least < count.min else "FEATURE_TYPE_HIGH_NUMBER_VALUES"
    wanted = f"{count.min} to {most}" if most is not None else f"{count.min} or more"
    test = row_tests.of_length(column.name, count.min, most) if column.kind == "list" else None
    yield Finding(column.name, type_, f"{got} values a row, the schema says {wanted}", test=test)


def check_distinct(column: ColumnStatistics, feature: Any) -> Iterator[Finding]:
    """Yield where a column has too few or too many different values; an estimate is given a margin."""
    if not feature.HasField("unique_constraints"):
        return
    unique = feature.unique_constraints
    if column.kind == "other":
        what = f"the schema asks for {unique.min:,} to {unique.max:,} distinct values, and {column.type} has no count"
        yield Finding(column.name, "FEATURE_TYPE_NO_UNIQUE", what)
        return
    margin = 0.0 if column.exact else UNIQUE_MARGIN
    about = "" if column.exact else "about "
    what = f"{about}{counted(column.distinct, 'distinct value')}, the schema allows "
    if column.distinct * (1 + margin) < unique.min:
        yield Finding(column.name, "FEATURE_TYPE_LOW_UNIQUE", f"{what}{unique.min:,} and more")
    elif column.distinct * (1 - margin) > unique.max:
        yield Finding(column.name, "FEATURE_TYPE_HIGH_UNIQUE", f"{what}{unique.max:,} and less")
