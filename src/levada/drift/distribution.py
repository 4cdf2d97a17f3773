"""The distribution of a column, from its statistics or from its rows: what comparisons start from."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics
from levada.drift.categories import LISTED, Categories
from levada.drift.ordered import Ordered
from levada.profiling.column import SAMPLED_NUMBERS, SAMPLED_TEXTS
from levada.tables.types import item_type, kind_of, plain_type

if TYPE_CHECKING:
    import pyarrow as pa


TOP = 20
"""Of columns without a vocabulary (floats, say), the distinct values that statistics keep with their counts."""


@dataclass(frozen=True)
class Distribution:
    """One side of a comparison.

    `family` is what the column's values are, whatever their Arrow type: only distributions of one family compare.
    `mean` is there for numbers; `scale` is their standard deviation, 0 if they have none. `ordered` is there for
    numbers and times, `categories` for text, truth values and numbers of few values, `lengths` (in characters) for
    text.
    """

    name: str
    type: str
    family: str
    rows: int
    missing: int
    infinite: int = 0
    mean: float | None = None
    scale: float = 0.0
    ordered: Ordered | None = None
    categories: Categories | None = None
    lengths: Ordered | None = None

    @property
    def missing_share(self) -> float:
        """The share of rows without a value, 0 for no rows."""
        return self.missing / self.rows if self.rows else 0.0


def of_statistics(column: ColumnStatistics) -> Distribution:
    """Return the distribution that a column's statistics tell.

    It is exact where every value was counted. Else numbers are known by their quantiles and text by its most frequent
    values, and both rest on the sample that the profile kept.
    """
    family = family_of(column.kind, column.type)
    kind = family.removeprefix("list of ")
    finite = column.values - column.infinite
    # The items of one list are not independent of each other, so a list counts as one value in tests.
    rows = min(column.count, finite) if column.kind == "list" else finite
    ordered = categories = lengths = None
    if kind in ("numeric", "timestamp") and finite > 0:
        counts = _few_counts(column, finite) if kind == "numeric" else None
        ordered = _of_counts(counts, rows) if counts is not None else _of_quantiles(column, rows, kind)
        if counts is not None:
            categories = Categories.of_counts(counts, finite, rows)
    elif kind in ("string", "boolean") and column.values > 0:
        known = rows if column.exact else min(rows, SAMPLED_TEXTS)
        counts = column.counts() if column.has_vocabulary and column.distinct > len(column.top) else list(column.top)
        categories = Categories.of_counts(counts, column.values, known)
        if column.kind == "string" and column.lengths is not None and column.lengths.histogram is not None:
            lengths = Ordered.of_histogram(column.lengths.histogram, rows)
    return Distribution(
        column.name,
        column.type,
        family,
        column.rows,
        column.missing,
        column.infinite,
        _mean(column) if kind == "numeric" else None,
        _scale(column, ordered),
        ordered,
        categories,
        lengths,
    )


def _few_counts(column: ColumnStatistics, finite: int) -> list[tuple[Any, int]] | None:
    """Return all finite values with their counts, if they are few enough and were all kept."""
    counts = list(column.top)
    if column.has_vocabulary and len(counts) < column.distinct <= LISTED:
        counts = column.counts()
    return counts if column.exact and sum(count for _, count in counts) == finite else None


def _of_counts(counts: list[tuple[Any, int]], values: int) -> Ordered:
    import numpy as np

    points, place = np.unique(np.asarray([value for value, _ in counts], np.float64), return_inverse=True)
    weights = np.bincount(place, np.asarray([count for _, count in counts], np.float64)).astype(np.float64)
    return replace(Ordered.of_counts(points, weights), values=values)


def _of_quantiles(column: ColumnStatistics, values: int, kind: str) -> Ordered | None:
    import numpy as np

    if not column.quantiles:
        return None
    points = _ticks(column.quantiles) if kind == "timestamp" else np.asarray(column.quantiles, np.float64)
    if points is None or not np.isfinite(points).all():
        return None
    return Ordered.of_quantiles(np.maximum.accumulate(points), min(values, SAMPLED_NUMBERS))


def _ticks(texts: tuple[Any, ...]) -> Any:
    """Return dates and times in ISO 8601 as microseconds, None if numpy cannot read them."""
    import numpy as np

    plain = [str(text).removesuffix("Z") for text in texts]
    if all(":" in text and "-" not in text for text in plain):
        plain = [f"1970-01-01T{text}" for text in plain]
    try:
        return np.asarray(plain, "datetime64[us]").astype(np.int64).astype(np.float64)
    except ValueError:
        return None


def _mean(column: ColumnStatistics) -> float | None:
    return column.moments[0] if column.moments is not None and math.isfinite(column.moments[0]) else None


def _scale(column: ColumnStatistics, ordered: Ordered | None) -> float:
    if ordered is None:
        return 0.0
    if column.moments is None:
        return ordered.spread
    deviation = math.sqrt(max(column.moments[1], 0.0))
    return deviation if math.isfinite(deviation) else ordered.spread


def family_of(kind: str, type_: str) -> str:
    """Return what values are, by the kind and the Arrow type of their column."""
    if kind != "list":
        return kind
    item = type_.partition("item: ")[2] or type_
    for start, family in (
        ("string", "string"),
        ("large_string", "string"),
        ("bool", "boolean"),
        ("timestamp", "timestamp"),
        ("date", "timestamp"),
        ("time", "timestamp"),
    ):
        if item.startswith(start):
            return f"list of {family}"
    numbers = ("int", "uint", "float", "double", "halffloat", "decimal", "duration")
    return f"list of {'numeric' if item.startswith(numbers) else 'other'}"


def of_rows(name: str, column: pa.ChunkedArray) -> Distribution:
    """Return the exact distribution of a column's rows.

    The same as `of_statistics` gives after profiling them, but for what that knows within bounds only.
    """
    import numpy as np
    import pyarrow.compute as pc

    type_ = plain_type(column.type)
    is_list = kind_of(type_) == "list"
    kind = kind_of(item_type(type_))
    present = column.drop_null()
    missing, lists = len(column) - len(present), len(present)
    if is_list:
        present = pc.list_flatten(present).drop_null()
    found = Distribution(name, str(type_), family_of(kind_of(type_), str(type_)), len(column), missing)
    if kind in ("numeric", "timestamp"):
        numbers = _as_floats(present, kind)
        known = numbers[~np.isnan(numbers)]
        finite = known[np.isfinite(known)]
        absent = 0 if is_list else len(numbers) - len(known)
        found = replace(found, missing=missing + absent, infinite=len(known) - len(finite))
        rows = min(len(finite), lists) if is_list else len(finite)
        return _with_numbers(found, finite, rows, kind) if len(finite) else found
    if kind in ("string", "boolean") and len(present):
        rows = min(len(present), lists)
        counts = _value_counts(present)
        found = replace(found, categories=Categories.of_counts(counts, len(present), rows))
        if kind == "string" and not is_list:
            lengths = pc.utf8_length(present).to_numpy().astype(np.float64)
            found = replace(found, lengths=replace(Ordered.of_values(lengths), values=rows))
    return found


def _with_numbers(found: Distribution, finite: Any, rows: int, kind: str) -> Distribution:
    import numpy as np

    exact = Ordered.of_values(finite)
    ordered = replace(exact, values=rows)
    if kind == "timestamp":
        return replace(found, ordered=ordered, scale=ordered.spread)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(finite.mean()), float(finite.std())
    categories = None
    if len(exact.points) <= (LISTED if _is_whole(found.type) else TOP):
        counts = np.round(np.diff(exact.at.likely, prepend=0.0) * len(finite)).astype(np.int64).tolist()
        pairs = sorted(zip(exact.points.tolist(), counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
        categories = Categories.of_counts(pairs, len(finite), rows)
    scale = deviation if np.isfinite(deviation) else ordered.spread
    return replace(found, mean=mean if np.isfinite(mean) else None, scale=scale, ordered=ordered, categories=categories)


def _is_whole(type_: str) -> bool:
    return "int" in type_


def _value_counts(values: Any) -> list[tuple[Any, int]]:
    """Return the most frequent values with their counts, one more than are listed."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(plain_type(values.type))
    counted = pc.value_counts(values)
    counts = counted.field("counts").to_numpy()
    order = np.argsort(-counts, kind="stable")[: LISTED + 1]
    return list(zip(counted.field("values").take(pa.array(order)).to_pylist(), counts[order].tolist(), strict=True))


def _as_floats(values: Any, kind: str) -> Any:
    """Return numbers, or times as microseconds, as float64."""
    import numpy as np
    import pyarrow as pa

    if kind == "timestamp":
        unit = pa.timestamp("us")
        if pa.types.is_time(values.type):
            values = values.cast(pa.time64("us"), safe=False).cast(pa.int64())
        else:
            plain = pa.timestamp(values.type.unit) if pa.types.is_timestamp(values.type) else values.type
            values = values.cast(plain).cast(unit, safe=False).cast(pa.int64())
    elif pa.types.is_duration(values.type):
        values = values.cast(pa.int64())
    elif not pa.types.is_float64(values.type):
        values = values.cast(pa.float64(), safe=False)
    return values.to_numpy().astype(np.float64, copy=False)
