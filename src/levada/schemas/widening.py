"""Widening: the schema that a project keeps, changed as little as lets the data through."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from levada.artifacts.annotations import is_sensitive
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.schemas.inference import (
    Columns,
    describe,
    describe_presence,
    describe_shape,
    describe_type,
    is_required,
    lengths,
    seen_columns,
    vocabulary,
)
from levada.schemas.physical import feature_type, fits_int64, is_whole, item_type, narrow, nesting
from levada.schemas.wording import bounds_of, domain_values, type_name

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

OUTGROWN = 2
"""A domain that would have to grow by more than this factor was none: it is dropped."""


def widen(
    schema: schema_pb2.Schema, statistics: Statistics, *, max_domain: int = 50, ranges: bool = False
) -> schema_pb2.Schema:
    """Return a schema that asks no more than the given one, and that some statistics fit without an error.

    What the data fits stays as it is, bounds that people set beyond it too: nothing is ever tightened. A column that
    the schema does not know is added as `infer` would propose it, one that it requires and the data does not have is
    left out, unless it is bound to an environment. Domains and ranges take in what lies outside, a domain that would
    more than double is dropped. What only rows can tell is left alone. Raises DataError if there are no columns.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    seen = seen_columns(statistics)
    wider = schema_pb2.Schema()
    wider.CopyFrom(schema)
    kept = [feature for feature in wider.feature if feature.name in seen or _may_be_absent(feature, wider)]
    if len(kept) < len(wider.feature):
        copies = [type(feature).FromString(feature.SerializeToString()) for feature in kept]
        del wider.feature[:]
        wider.feature.extend(copies)
    for feature in wider.feature:
        if feature.name in seen and in_use(feature):
            _widen(feature, wider, seen[feature.name], max_domain, ranges)
    known = {feature.name for feature in wider.feature}
    for name, columns in seen.items():
        if name not in known:
            describe(wider.feature.add(name=name), columns, max_domain, ranges)
    return wider


NOT_IN_USE = ("PLANNED", "ALPHA", "DEBUG_ONLY", "DEPRECATED", "DISABLED")


def in_use(feature: Any) -> bool:
    """Whether a feature's stage lets it be checked at all."""
    stages = feature.DESCRIPTOR.fields_by_name["lifecycle_stage"].enum_type.values_by_number
    return not getattr(feature, "deprecated", False) and stages[feature.lifecycle_stage].name not in NOT_IN_USE


def _may_be_absent(feature: Any, schema: Any) -> bool:
    required = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
    bound = feature.in_environment or feature.not_in_environment
    derived = feature.HasField("validation_derived_source")
    return bool(bound) or not required or not in_use(feature) or derived


def _widen(feature: Any, schema: Any, columns: Columns, max_domain: int, ranges: bool) -> None:
    first = columns[0]
    if not type_fits(feature, first):
        for name in ("type", "domain_info", "shape_type", "distribution_constraints", "unique_constraints"):
            _clear(feature, name)
        describe_type(feature, first)
        describe_shape(feature, columns)
        if not is_sensitive(feature):
            values = vocabulary(columns, max_domain)
            if values:
                feature.string_domain.name = feature.name
                feature.string_domain.value.extend(values)
    elif type_name(feature) == "TYPE_UNKNOWN":
        feature.ClearField("type")
        filled = type(feature)()
        describe_type(filled, first)
        if filled.HasField("type"):
            feature.type = filled.type
    _widen_presence(feature, columns)
    _widen_shape(feature, columns)
    _widen_domain(feature, schema, columns, max_domain)
    _widen_truth(feature, columns)
    _widen_text(feature, schema, columns)
    _widen_range(feature, schema, columns)
    _widen_distinct(feature, columns)


def _clear(feature: Any, name: str) -> None:
    """Clear a field, or whichever field of a oneof is set."""
    chosen = feature.WhichOneof(name) if name in feature.DESCRIPTOR.oneofs_by_name else name
    if chosen:
        feature.ClearField(chosen)


def type_fits(feature: Any, column: ColumnStatistics) -> bool:
    """Whether a column is of the type that a feature asks for; whole numbers are numbers, too."""
    wanted, got = type_name(feature), feature_type(column)
    if wanted in ("TYPE_UNKNOWN", got) or not got:
        return True
    item = item_type(column.type)
    if item.startswith("bool") and feature.HasField("bool_domain"):
        return True
    if column.kind in ("timestamp", "string") and (feature.HasField("time_domain") or wanted == "BYTES"):
        return True
    return (wanted, got) == ("FLOAT", "INT") and is_whole(column)


def _widen_presence(feature: Any, columns: Columns) -> None:
    presence = feature.presence
    least = min(1 - column.missing_share for column in columns)
    if any(column.count < presence.min_count for column in columns):
        presence.ClearField("min_count")
    if least < presence.min_fraction:
        count = presence.min_count if presence.HasField("min_count") else None
        describe_presence(feature, columns)
        if count is None:
            presence.ClearField("min_count")
        else:
            presence.min_count = count


def _widen_shape(feature: Any, columns: Columns) -> None:
    if not any(column.count for column in columns) or shape_fits(feature, columns):
        return
    _clear(feature, "shape_type")
    describe_shape(feature, columns)


def shape_fits(feature: Any, columns: Columns) -> bool:
    """Whether all rows have as many values as a feature asks for, nested as deep."""
    depth = nesting(columns[0].type)
    least, greatest = lengths(columns)
    if feature.HasField("value_counts"):
        levels = feature.value_counts.value_count
        return len(levels) == max(depth, 1) and _within(levels[0], least, greatest)
    if depth > 1 and (feature.HasField("shape") or feature.HasField("value_count")):
        return False
    if feature.HasField("shape"):
        size = math.prod(dim.size for dim in feature.shape.dim)
        return (least, greatest) == (size, size) and is_required(columns)
    return not feature.HasField("value_count") or _within(feature.value_count, least, greatest)


def _within(count: Any, least: int, greatest: int) -> bool:
    return least >= count.min and (not count.HasField("max") or greatest <= count.max)


def _widen_domain(feature: Any, schema: Any, columns: Columns, max_domain: int) -> None:
    allowed = domain_values(feature, schema)
    filled = [column for column in columns if column.values]
    if allowed is None or not item_type(columns[0].type).startswith("string") or not filled:
        return
    known = set(allowed)
    mass = 1 - feature.distribution_constraints.min_domain_mass
    seen: set[str] = set()
    for column in filled:
        counts = column.counts() if column.has_vocabulary else list(column.top)
        outside = {str(value): count for value, count in counts if value not in known}
        too_many = not column.has_vocabulary and column.distinct > len(known)
        if too_many or sum(outside.values()) / column.values > mass + 1e-12:
            seen |= set(outside)
            if not column.has_vocabulary:
                seen |= {f"{place}" for place in range(OUTGROWN * len(known) + max_domain)}  # more than can be listed
    if not seen:
        return
    if len(known | seen) > max(OUTGROWN * len(known), max_domain) or is_sensitive(feature):
        _clear(feature, "domain_info")
        feature.ClearField("distribution_constraints")
        return
    values = feature.string_domain.value
    if feature.HasField("domain"):
        values = next(domain.value for domain in schema.string_domain if domain.name == feature.domain)
    values.extend(sorted(seen))


def _widen_truth(feature: Any, columns: Columns) -> None:
    """Drop the domain of truth values where there are others: numbers beside 0 and 1, other words."""
    if not feature.HasField("bool_domain"):
        return
    words = {feature.bool_domain.true_value or "true", feature.bool_domain.false_value or "false"}
    for column in columns:
        if not column.values or item_type(column.type).startswith("bool"):
            continue
        if item_type(column.type).startswith("string"):
            fits = column.has_vocabulary and words.issuperset(column.vocabulary())
        else:
            fits = column.min in (0, 1) and column.max in (0, 1) and column.distinct <= 2 and not column.infinite
        if not fits:
            feature.ClearField("bool_domain")
            return


def _widen_text(feature: Any, schema: Any, columns: Columns) -> None:
    """Drop the range of text that stands for numbers where not all of it does, or where it lies beyond."""
    bounds = bounds_of(feature, schema)
    if bounds is None or not item_type(columns[0].type).startswith("string"):
        return
    kind = float if bounds.DESCRIPTOR.name == "FloatDomain" else int
    for column in columns:
        if column.values and not (column.has_vocabulary and _numbers_within(column.vocabulary(), kind, bounds)):
            _clear(feature, "domain_info")
            return


def _numbers_within(values: list[str], kind: type[int] | type[float], bounds: Any) -> bool:
    try:
        numbers = [kind(value) for value in values]
    except ValueError:
        return False
    low = bounds.min if bounds.HasField("min") else -math.inf
    high = bounds.max if bounds.HasField("max") else math.inf
    return all(low <= number <= high for number in numbers)


def _widen_range(feature: Any, schema: Any, columns: Columns) -> None:
    bounds = bounds_of(feature, schema)
    filled = [column for column in columns if column.values]
    if bounds is None or not filled:
        return
    is_float = bounds.DESCRIPTOR.name == "FloatDomain"
    if any(column.infinite for column in filled):
        for name in ("min", "max", "disallow_inf"):
            if is_float:
                bounds.ClearField(name)
    numbers = [
        value
        for column in filled
        for value in (column.min, column.max)
        if isinstance(value, int | float) and column.kind in ("numeric", "list")
    ]
    if not numbers:
        return
    for name, value, beyond in (("min", min(numbers), lambda a, b: a < b), ("max", max(numbers), lambda a, b: a > b)):
        held = narrow(value) if is_float else value
        if bounds.HasField(name) and beyond(held, getattr(bounds, name)):
            if is_float and math.isfinite(held):
                setattr(bounds, name, held)
            elif not is_float and fits_int64(value) and float(value).is_integer():
                setattr(bounds, name, int(value))
            else:
                bounds.ClearField(name)


def _widen_distinct(feature: Any, columns: Columns) -> None:
    if feature.HasField("unique_constraints"):
        unique = feature.unique_constraints
        numbers = [column.distinct for column in columns if column.values]
        if numbers:
            unique.min, unique.max = min(unique.min, *numbers), max(unique.max, *numbers)
