"""Statistics held against others: of an earlier span (drift), or of what is served (skew), as a schema asks.

`drift_comparator` and `skew_comparator` of a feature, and `dataset_constraints` of the schema, have TensorFlow Data
Validation's meaning. The report on drift, with tests that know the sample's size, is a component of its own.
"""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from levada.artifacts.annotations import is_sensitive
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.validation.finding import Finding, counted

BINS = 10
"""The bins of the standard histogram by which TensorFlow Data Validation approximates divergences."""


def check_rows(rows: int, schema: Any) -> Iterator[Finding]:
    """Yield where a split has fewer or more rows than the schema allows."""
    constraints = schema.dataset_constraints
    least, most = constraints.min_examples_count, constraints.max_examples_count
    if constraints.HasField("min_examples_count") and rows < least:
        yield Finding("", "DATASET_LOW_NUM_EXAMPLES", f"{counted(rows, 'row')}, the schema wants at least {least:,}")
    if constraints.HasField("max_examples_count") and rows > most:
        yield Finding("", "DATASET_HIGH_NUM_EXAMPLES", f"{counted(rows, 'row')}, the schema allows at most {most:,}")


def check_row_change(rows: int, before: int, schema: Any) -> Iterator[Finding]:
    """Yield where a split has too few or too many rows beside an earlier one."""
    if not rows or not before:
        return
    share = rows / before
    said = f"{counted(rows, 'row')}, {share:.2f} times as many as the {before:,} before"
    for name in ("num_examples_drift_comparator", "num_examples_version_comparator"):
        comparator = getattr(schema.dataset_constraints, name)
        low, high = comparator.min_fraction_threshold, comparator.max_fraction_threshold
        if comparator.HasField("min_fraction_threshold") and share < low:
            yield Finding("", "COMPARATOR_LOW_NUM_EXAMPLES", f"{said}; the schema wants at least {low:g}")
        if comparator.HasField("max_fraction_threshold") and share > high:
            yield Finding("", "COMPARATOR_HIGH_NUM_EXAMPLES", f"{said}; the schema allows at most {high:g}")


def check_against(
    other: Statistics, split: str, columns: Mapping[str, ColumnStatistics], expected: Mapping[str, Any], kind: str
) -> Iterator[Finding]:
    """Yield where a column is distributed otherwise; `kind` is `drift` or `skew`, and says which comparator holds."""
    against = other.columns(split if split in other.splits else None)
    words = "the span before" if kind == "drift" else "what is served"
    for name, feature in expected.items():
        field = f"{kind}_comparator"
        if name not in columns or not feature.HasField(field):
            continue
        if name not in against or not against[name].values:
            yield Finding(name, "COMPARATOR_CONTROL_DATA_MISSING", f"{words} has no values to compare with")
        elif columns[name].values:
            yield from _compare(columns[name], against[name], getattr(feature, field), words, is_sensitive(feature))


def _compare(
    column: ColumnStatistics, other: ColumnStatistics, comparator: Any, words: str, hidden: bool
) -> Iterator[Finding]:
    norms = (
        ("infinity_norm", "COMPARATOR_L_INFTY_HIGH", "the greatest difference of a value's share"),
        ("normalized_abs_difference", "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH", "the normalized difference"),
    )
    for field, type_, label in norms:
        if not comparator.HasField(field):
            continue
        limit = getattr(comparator, field).threshold
        shares = _shares(column), _shares(other)
        if shares[0] is None or shares[1] is None:
            yield Finding(column.name, "STATS_NOT_AVAILABLE", f"{label} needs counts of values", "warning")
            continue
        gaps = {value: abs(shares[0].get(value, 0) - shares[1].get(value, 0)) for value in {**shares[0], **shares[1]}}
        worst = max(gaps, key=lambda value: (gaps[value], str(value)))
        found = gaps[worst] if field == "infinity_norm" else sum(gaps.values())
        if found > limit:
            example = "" if hidden or field != "infinity_norm" else f" ('{worst}')"
            what = f"{label} from {words} is {found:.3f}{example}, the schema allows {limit:g}"
            yield Finding(column.name, type_, what)
    if comparator.HasField("jensen_shannon_divergence"):
        limit = comparator.jensen_shannon_divergence.threshold
        divergence = jensen_shannon(column, other)
        if divergence is None:
            yield Finding(column.name, "STATS_NOT_AVAILABLE", "a divergence needs numbers or counts", "warning")
        elif divergence > limit:
            what = f"Jensen-Shannon divergence from {words} is {divergence:.3f}, the schema allows {limit:g}"
            yield Finding(column.name, "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", what)


def _shares(column: ColumnStatistics) -> dict[Any, float] | None:
    """Return the share of each value, None for a column whose values were not counted."""
    counts = column.counts() if column.has_vocabulary else list(column.top)
    if not counts or (column.kind == "numeric" and not column.is_integer):
        return None
    return {value: count / column.values for value, count in counts}


def jensen_shannon(column: ColumnStatistics, other: ColumnStatistics) -> float | None:
    """Return the Jensen-Shannon divergence of two columns, in bits (0 to 1); None if it cannot be told.

    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991).
    Numbers are taken by ten bins of equal width over the range of both, text by its values.
    """
    if column.moments is not None and other.moments is not None and column.quantiles and other.quantiles:
        low = min(float(column.quantiles[0]), float(other.quantiles[0]))
        high = max(float(column.quantiles[-1]), float(other.quantiles[-1]))
        if low == high:
            return 0.0
        edges = [low + (high - low) * place / BINS for place in range(1, BINS)]
        return _divergence(_binned(column, edges), _binned(other, edges))
    shares = _shares(column), _shares(other)
    if shares[0] is None or shares[1] is None:
        return None
    values = sorted({**shares[0], **shares[1]}, key=str)
    return _divergence(*([side.get(value, 0.0) for value in values] for side in (shares[0], shares[1])))


def _binned(column: ColumnStatistics, edges: Sequence[float]) -> list[float]:
    """Return the share of a column between edges, from its quantiles."""
    points = [float(value) for value in column.quantiles]
    below = [bisect.bisect_left(points, edge) / len(points) for edge in edges]
    ends = [0.0, *below, 1.0]
    return [after - before for before, after in pairwise(ends)]


def _divergence(left: Sequence[float], right: Sequence[float]) -> float:
    total = 0.0
    for p, q in zip(left, right, strict=True):
        middle = (p + q) / 2
        total += sum(part * math.log2(part / middle) / 2 for part in (p, q) if part > 0)
    return max(total, 0.0)
