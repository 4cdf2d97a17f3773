"""Where statistics depart from a schema."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from levada.artifacts.anomalies import Anomaly
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.errors import DataError
from levada.schemas.widening import in_use
from levada.validation.column_checks import check_columns, check_distinct, check_presence, check_shape
from levada.validation.comparison import check_against, check_row_change, check_rows
from levada.validation.domain_checks import check_domain, check_embedding
from levada.validation.finding import Finding
from levada.validation.pair_checks import check_pairs
from levada.validation.schema_faults import find_faults
from levada.validation.text_checks import check_language

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2


def find_anomalies(
    statistics: Statistics, schema: schema_pb2.Schema, splits: list[str] | None = None, environment: str = ""
) -> list[Anomaly]:
    """Return every departure from a schema that statistics show, errors first, then in the order of the schema.

    What only rows can tell is a warning of the kind `not checked`.
    """
    found = find_departures(statistics, schema, splits, environment)
    told = [finding.unanswered() if finding.judge else finding for finding in found]
    return in_order([finding.anomaly() for finding in told])


def in_order(anomalies: list[Anomaly]) -> list[Anomaly]:
    """Return anomalies, errors first."""
    return sorted(anomalies, key=lambda anomaly: anomaly.severity != "error")


def find_departures(
    statistics: Statistics,
    schema: schema_pb2.Schema,
    splits: list[str] | None = None,
    environment: str = "",
    previous: Statistics | None = None,
    serving: Statistics | None = None,
) -> list[Finding]:
    """Return every departure from a schema, and what there is to ask the rows.

    `previous` are the statistics of an earlier span, `serving` those of what the model is asked: the schema's drift and
    skew comparators hold against them. Raises DataError if there is no split to check.
    """
    chosen = statistics.splits if splits is None else splits
    if not chosen:
        raise DataError("there is no split to check.")
    expected = {feature.name: feature for feature in schema.feature if _is_expected(feature, schema, environment)}
    known = {feature.name for feature in schema.feature}
    filled = [split for split in chosen if statistics.rows(split)]
    found = list(find_faults(schema))
    empty = [split for split in chosen if split not in filled]
    found += [Finding("", "NO_DATA_IN_SPAN", f"split {split} has no rows", split=split) for split in empty]
    if filled:
        found += check_columns(statistics.columns(filled[0]), expected, known)
    for split in filled:
        where = split if len(chosen) > 1 else ""
        columns = statistics.columns(split)
        found += [finding.within(where) for finding in _of_split(columns, expected, schema)]
        rows = [*check_rows(statistics.rows(split), schema)]
        if previous is not None:
            before = previous.rows(split) if split in previous.splits else _total(previous)
            rows += check_row_change(statistics.rows(split), before, schema)
            rows += check_against(previous, split, columns, expected, "drift")
        if serving is not None:
            rows += check_against(serving, split, columns, expected, "skew")
        found += [finding.within(where) for finding in rows]
    return found


def _total(statistics: Statistics) -> int:
    return sum(statistics.rows(split) for split in statistics.splits)


def _of_split(columns: dict[str, ColumnStatistics], expected: dict[str, Any], schema: Any) -> Iterator[Finding]:
    for name, feature in expected.items():
        if name in columns:
            column = columns[name]
            yield from check_presence(column, feature)
            yield from check_domain(column, feature, schema)
            yield from check_shape(column, feature)
            yield from check_distinct(column, feature)
            yield from check_embedding(column, feature)
            yield from check_language(column, feature, schema)
    yield from check_pairs(columns, schema)


def _is_expected(feature: Any, schema: Any, environment: str) -> bool:
    """Whether data must have a feature: it is in use, not derived from others, and of the environment."""
    if not feature.HasField("name") or not in_use(feature) or feature.HasField("validation_derived_source"):
        return False
    if not environment:
        return True
    included = environment in feature.in_environment or environment in schema.default_environment
    return included and environment not in feature.not_in_environment
