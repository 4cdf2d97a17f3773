"""Where statistics depart from a schema."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from levada.artifacts.anomalies import Anomaly
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError, did_you_mean
from levada.schemas.inference import feature_type

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

SHOWN_VALUES = 5
NOT_IN_USE = ("PLANNED", "ALPHA", "DEBUG_ONLY", "DEPRECATED", "DISABLED")


def find_anomalies(
    statistics: Statistics, schema: schema_pb2.Schema, splits: list[str] | None = None, environment: str = ""
) -> list[Anomaly]:
    """Return every departure from a schema, errors first, then in the order of the schema."""
    chosen = statistics.splits if splits is None else splits
    if not chosen:
        raise DataError("there is no split to check.")
    expected = {feature.name: feature for feature in schema.feature if _in_use(feature, schema, environment)}
    known = {feature.name for feature in schema.feature}
    filled = [split for split in chosen if statistics.rows(split)]
    found = [
        Anomaly("", "empty split", "error", f"split {split} has no rows", split)
        for split in chosen
        if split not in filled
    ]
    if filled:
        found += _check_columns(statistics.columns(filled[0]), expected, known)
    for split in filled:
        where = split if len(chosen) > 1 else ""
        columns = statistics.columns(split)
        for name, feature in expected.items():
            if name in columns:
                found += _check_values(columns[name], feature, schema, where)
    return sorted(found, key=lambda anomaly: anomaly.severity != "error")


def _in_use(feature: Any, schema: Any, environment: str) -> bool:
    from tensorflow_metadata.proto.v0 import schema_pb2

    if schema_pb2.LifecycleStage.Name(feature.lifecycle_stage) in NOT_IN_USE:
        return False
    if not environment:
        return True
    included = environment in feature.in_environment or environment in schema.default_environment
    return included and environment not in feature.not_in_environment


# -- columns: what is the same in all splits ----------------------------------------------------------


def _check_columns(
    columns: dict[str, ColumnStatistics], expected: dict[str, Any], known: set[str]
) -> Iterator[Anomaly]:
    for name, feature in expected.items():
        if name not in columns:
            required = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
            renamed = did_you_mean(name, [column for column in columns if column not in known])
            hint = f" ({renamed[0].lower()}{renamed[1:]})" if renamed else ""
            yield Anomaly(name, "missing column", "error" if required else "warning", f"{name}: not in the data{hint}")
        else:
            yield from _check_type(columns[name], feature)
    for name, column in columns.items():
        if name not in known:
            yield Anomaly(name, "new column", "warning", f"{name}: a new column ({column.type}), not in the schema")


def _check_type(column: ColumnStatistics, feature: Any) -> Iterator[Anomaly]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    wanted, got = schema_pb2.FeatureType.Name(feature.type), feature_type(column)
    if wanted in ("TYPE_UNKNOWN", got) or not got:
        return
    if column.kind == "boolean" and feature.HasField("bool_domain"):
        return
    if column.kind in ("timestamp", "string") and (feature.HasField("time_domain") or wanted == "BYTES"):
        return
    severity: Literal["error", "warning"] = (
        "warning" if (wanted, got) == ("FLOAT", "INT") and column.is_integer else "error"
    )
    yield Anomaly(
        column.name, "type", severity, f"{column.name}: {_words(got)} ({column.type}), the schema says {wanted}"
    )


def _words(type_: str) -> str:
    return {"INT": "whole numbers", "FLOAT": "numbers", "BYTES": "text", "STRUCT": "a structure"}[type_]


# -- values: split by split ---------------------------------------------------------------------------


def _check_values(column: ColumnStatistics, feature: Any, schema: Any, split: str) -> Iterator[Anomaly]:
    label = f"{column.name} in {split}" if split else column.name
    for kind, severity, what in (
        *_check_presence(column, feature),
        *_check_domain(column, feature, schema),
        *_check_range(column, feature),
        *_check_lengths(column, feature),
    ):
        yield Anomaly(column.name, kind, severity, f"{label}: {what}", split)


Found = Iterator[tuple[str, Literal["error", "warning"], str]]


def _check_presence(column: ColumnStatistics, feature: Any) -> Found:
    presence = feature.presence
    if column.count < presence.min_count and not column.count:
        yield "missing values", "error", "missing in all rows"
    elif column.count < presence.min_count:
        yield (
            "missing values",
            "error",
            f"values in {column.count:,} rows, the schema wants at least {presence.min_count:,}",
        )
    elif 1 - column.missing_share < presence.min_fraction:
        allowed = percent(1 - presence.min_fraction) if presence.min_fraction < 1 else "none"
        yield "missing values", "error", f"{percent(column.missing_share)} missing, the schema allows {allowed}"
    elif column.missing and not presence.HasField("min_fraction"):
        yield "missing values", "warning", f"{percent(column.missing_share)} missing"


def _check_domain(column: ColumnStatistics, feature: Any, schema: Any) -> Found:
    domain = _domain_of(feature, schema)
    if domain is None or not (column.kind == "string" or column.type.endswith("string>")) or not column.values:
        return
    counts = column.counts() if column.has_vocabulary else list(column.top)
    outside = [(value, count) for value, count in counts if value not in domain]
    unseen = not column.has_vocabulary and column.distinct > len(domain)
    share = sum(count for _, count in outside) / column.values
    allowed = 1 - feature.distribution_constraints.min_domain_mass
    if outside and share > allowed + 1e-12:
        shown = ", ".join(f"'{value}'" for value, _ in outside[:SHOWN_VALUES]) + ", ..." * (len(outside) > SHOWN_VALUES)
        number = f"{len(outside):,} {'value' if len(outside) == 1 else 'values'}"
        rows = "values" if column.kind == "list" else "rows"
        yield (
            "domain",
            "error",
            f"{'at least ' * unseen}{number} outside the domain: {shown} ({percent(share)} of {rows})",
        )
    elif unseen:
        yield "domain", "error", f"about {column.distinct:,} distinct values, the domain has {len(domain):,}"


def _domain_of(feature: Any, schema: Any) -> set[str] | None:
    if feature.HasField("string_domain"):
        return set(feature.string_domain.value)
    if feature.HasField("domain"):
        return next((set(domain.value) for domain in schema.string_domain if domain.name == feature.domain), None)
    return None


def _check_range(column: ColumnStatistics, feature: Any) -> Found:
    domain = next((getattr(feature, name) for name in ("int_domain", "float_domain") if feature.HasField(name)), None)
    if domain is None or column.moments is None or column.kind not in ("numeric", "list"):
        return
    low, high = column.min, column.max
    if domain.HasField("min") and low < domain.min:  # pyright: ignore[reportOperatorIssue]
        yield "range", "error", f"the least value is {low}, the schema allows {domain.min} and more"
    if domain.HasField("max") and high > domain.max:  # pyright: ignore[reportOperatorIssue]
        yield "range", "error", f"the greatest value is {high}, the schema allows {domain.max} and less"
    if feature.HasField("float_domain") and domain.disallow_inf and column.infinite:
        yield "range", "error", f"{column.infinite:,} infinite {'value' if column.infinite == 1 else 'values'}"


def _check_lengths(column: ColumnStatistics, feature: Any) -> Found:
    lengths = column.lengths if column.kind == "list" else None
    least, greatest = (lengths.min, lengths.max) if lengths else (1, 1)
    if not column.count or (column.kind == "list" and lengths is None):
        return
    got = f"{least}" if least == greatest else f"{least} to {greatest}"
    if feature.HasField("shape"):
        wanted = math.prod(dim.size for dim in feature.shape.dim)
        if (least, greatest) != (wanted, wanted):
            yield "length", "error", f"{got} values a row, the schema says {wanted}"
    elif feature.HasField("value_count"):
        count = feature.value_count
        if least < count.min or (count.HasField("max") and greatest > count.max):
            wanted = f"{count.min} to {count.max}" if count.HasField("max") else f"{count.min} or more"
            yield "length", "error", f"{got} values a row, the schema says {wanted}"


def percent(share: float) -> str:
    """Return a share for people: '78 %', '0.5 %', 'less than 0.1 %'."""
    value = 100 * share
    if 0 < value < 0.1:
        return "less than 0.1 %"
    return f"{value:.1f} %" if value < 10 and round(value, 1) != round(value) else f"{value:.0f} %"
