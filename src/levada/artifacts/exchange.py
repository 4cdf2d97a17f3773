"""Statistics as TensorFlow Metadata's `DatasetFeatureStatisticsList`, which TFX and TFDV read and write.

One list holds one split: the dataset "All Examples", and a dataset for each slice. What the messages have no field for
(the Arrow type, whether counts are exact) stands in `custom_stats`, under names that begin with `levada.`.
"""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Counts, RowStatistics
from levada.artifacts.summaries import Histogram, Lengths
from levada.errors import DataError
from levada.tables.types import Kind

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

WHOLE = "All Examples"
"""What TFDV calls the dataset that is no slice."""
RANKS = 1000
STEPS = 100
"""Quantile buckets of a column: a bucket takes thirty bytes, and TFDV itself makes ten."""
VALENCIES = 10
TYPES = {"INT": "int64", "FLOAT": "double", "STRING": "string", "BYTES": "binary", "STRUCT": "struct"}


def to_proto(found: RowStatistics) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return the statistics of a split and of its slices as a message.

    Dates and times are INT, in ticks of their type; truth values INT, 0 and 1; lists are of what their items are.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    message = statistics_pb2.DatasetFeatureStatisticsList()
    for name, part in [(WHOLE, found), *found.slices.items()]:
        dataset = message.datasets.add(name=name, num_examples=part.rows)
        for column in part.columns.values():
            _put_column(dataset.features.add(), column)
    return message


def _put_column(feature: Any, column: ColumnStatistics) -> None:
    feature.path.step.append(column.name)
    name = type_name(column)
    feature.type = feature.Type.Value(name)
    if name in ("INT", "FLOAT"):
        _put_numbers(feature.num_stats, column)
    elif name == "STRING":
        _put_texts(feature.string_stats, column)
    elif name == "BYTES":
        _put_bytes(feature.bytes_stats, column)
    stats: Any = {"STRING": feature.string_stats, "BYTES": feature.bytes_stats, "STRUCT": feature.struct_stats}.get(
        name, feature.num_stats
    )
    _put_common(stats.common_stats, column)
    feature.custom_stats.add(name="levada.type", str=column.type)
    feature.custom_stats.add(name="levada.kind", str=column.kind)
    feature.custom_stats.add(name="levada.exact", num=column.exact)
    feature.custom_stats.add(name="levada.distinct", num=column.distinct)
    feature.custom_stats.add(name="levada.zeros", num=column.zeros)
    feature.custom_stats.add(name="levada.infinite", num=column.infinite)
    if column.correlation is not None:
        feature.custom_stats.add(name=f"levada.correlation.{column.correlation_kind}", num=column.correlation)


def type_name(column: ColumnStatistics) -> str:
    """Return what TensorFlow Metadata calls the type of a column's values: INT, FLOAT, STRING, BYTES or STRUCT."""
    item = _item_type(column.type)
    if item.startswith(("bool", "int", "uint", "timestamp", "date", "time", "duration")):
        return "INT"
    if item.startswith(("float", "double", "halffloat", "decimal")):
        return "FLOAT"
    if item.startswith(("binary", "fixed_size_binary")):
        return "BYTES"
    return "STRUCT" if column.kind == "other" or item.startswith(("list", "struct", "map")) else "STRING"


def _item_type(type_: str) -> str:
    """Return the type of a list's items, by the names that Arrow gives types."""
    if type_.startswith(("list<", "large_list<", "fixed_size_list<")) and ": " in type_:
        inner = type_.split(": ", 1)[1]
        return inner[: inner.rindex(">")]
    return type_


def _put_common(common: Any, column: ColumnStatistics) -> None:
    common.num_non_missing, common.num_missing = column.count, column.missing
    lengths = column.lengths if column.kind == "list" else Lengths(1, 1, 1.0) if column.count else None
    common.tot_num_values = column.values
    if lengths is None:
        return
    common.min_num_values, common.max_num_values, common.avg_num_values = lengths.min, lengths.max, lengths.mean
    valencies = common.num_values_histogram
    valencies.type = valencies.QUANTILES
    if lengths.histogram is None:
        for _ in range(VALENCIES):
            valencies.buckets.add(low_value=1, high_value=1, sample_count=column.count / VALENCIES)
    else:
        valencies.type = valencies.STANDARD
        _put_histogram(valencies, lengths.histogram)


def _put_histogram(message: Any, histogram: Histogram) -> None:
    for (low, high), count in zip(itertools.pairwise(histogram.edges), histogram.counts, strict=True):
        message.buckets.add(low_value=low, high_value=high, sample_count=count)


def _put_numbers(stats: Any, column: ColumnStatistics) -> None:
    stats.num_zeros = column.zeros
    if column.moments is not None:
        stats.mean, stats.std_dev = column.mean, column.std
    points = [float(value) for value in ticks_of(column.quantiles, column.type)]
    if column.kind == "boolean" and column.values:
        stats.min, stats.max = float(not column.zeros), float(column.zeros < column.values)
    if not points:
        return
    low, high = ticks_of((column.min, column.max), column.type)
    stats.min, stats.max, stats.median = float(low), float(high), points[len(points) // 2]
    if column.histogram is not None:
        standard = stats.histograms.add()
        standard.type = standard.STANDARD
        _put_histogram(standard, column.histogram)
    quantiles = stats.histograms.add()
    quantiles.type = quantiles.QUANTILES
    kept = points[:: max((len(points) - 1) // STEPS, 1)]
    share = (column.values - column.infinite) / (len(kept) - 1)
    for low, high in itertools.pairwise(kept):
        quantiles.buckets.add(low_value=low, high_value=high, sample_count=share)


def _put_texts(stats: Any, column: ColumnStatistics) -> None:
    stats.unique = column.distinct
    if column.lengths is not None and column.kind == "string":
        stats.avg_length = column.lengths.mean
    for value, count in column.top:
        stats.top_values.add(value=str(value), frequency=count)
    ranked = column.counts(RANKS) if column.has_vocabulary else column.top
    for place, (value, count) in enumerate(ranked):
        stats.rank_histogram.buckets.add(low_rank=place, high_rank=place, label=str(value), sample_count=count)


def _put_bytes(stats: Any, column: ColumnStatistics) -> None:
    stats.unique = column.distinct
    if column.lengths is not None and column.kind == "bytes":
        stats.avg_num_bytes, stats.min_num_bytes = column.lengths.mean, column.lengths.min
        stats.max_num_bytes, stats.max_num_bytes_int = column.lengths.max, column.lengths.max


def ticks_of(values: Any, type_: str) -> list[Any]:
    """Return times, as statistics have them, as ticks of their Arrow type (by its name); numbers as they are."""
    import pyarrow as pa

    unit = type_.split("[", 1)[-1].split("]", 1)[0].split(",", 1)[0]
    if not values or not isinstance(values[0], str):
        return list(values)
    texts = pa.array([value.removesuffix("Z") for value in values])
    if _item_type(type_).startswith("timestamp"):
        return texts.cast(pa.timestamp(unit.strip())).cast(pa.int64()).to_pylist()
    if _item_type(type_).startswith("date"):
        days = texts.cast(pa.date32()).cast(pa.int32()).to_pylist()
        return days if "date32" in type_ else [day * 86_400_000 for day in days]
    # Arrow reads no times of day from text, but the moments of the first day.
    return (
        pa.array([f"1970-01-01T{text}" for text in texts.to_pylist()])
        .cast(pa.timestamp(unit))
        .cast(pa.int64())
        .to_pylist()
    )


def from_proto(message: statistics_pb2.DatasetFeatureStatisticsList) -> RowStatistics:
    """Return the statistics that a message has of a split and of its slices, with what it has no field for left out.

    Raises DataError if there is neither a dataset "All Examples" nor a single one.
    """
    parts = {dataset.name or WHOLE: dataset for dataset in message.datasets}
    whole = parts.pop(WHOLE, None) or (parts.popitem()[1] if len(parts) == 1 else None)
    if whole is None:
        raise DataError(
            f"these statistics have {len(message.datasets)} datasets, and none is called '{WHOLE}'.",
            hint="One file holds the statistics of one split and of its slices.",
        )
    return RowStatistics(
        whole.num_examples,
        _columns(whole),
        {name: RowStatistics(part.num_examples, _columns(part)) for name, part in parts.items()},
    )


def _columns(dataset: Any) -> dict[str, ColumnStatistics]:
    columns = [_column(feature, dataset.num_examples) for feature in dataset.features]
    return {column.name: column for column in columns}


def _column(feature: Any, rows: int) -> ColumnStatistics:
    name = ".".join(feature.path.step) or feature.name
    stats = getattr(feature, feature.WhichOneof("stats") or "num_stats")
    common = stats.common_stats
    own = {stat.name: stat.str if stat.WhichOneof("val") == "str" else stat.num for stat in feature.custom_stats}
    type_ = feature.Type.Name(feature.type)
    is_list = common.num_non_missing > 0 and (common.min_num_values, common.max_num_values) != (1, 1)
    kind: Any = own.get("levada.kind") or ("list" if is_list else _kind(type_))
    arrow = str(own.get("levada.type") or (f"list<item: {TYPES[type_]}>" if is_list else TYPES[type_]))
    missing = rows - common.num_non_missing
    shared: dict[str, Any] = {"name": name, "type": arrow, "kind": kind, "rows": rows, "missing": missing}
    shared["lengths"] = _lengths(common) if kind == "list" else None
    shared |= _correlation(own)
    if type_ in ("INT", "FLOAT"):
        return _numbers(stats, shared, own)
    if type_ == "STRING":
        return _texts(stats, shared, own)
    if type_ == "BYTES" and kind == "bytes" and stats.common_stats.num_non_missing:
        shared["lengths"] = Lengths(int(stats.min_num_bytes), int(stats.max_num_bytes), stats.avg_num_bytes)
    distinct = int(own.get("levada.distinct", getattr(stats, "unique", 0)))
    return ColumnStatistics(
        **shared, values=common.tot_num_values, distinct=distinct, exact=bool(own.get("levada.exact", True))
    )


def _kind(type_: str) -> Kind:
    kinds: dict[str, Kind] = {"INT": "numeric", "FLOAT": "numeric", "STRING": "string", "BYTES": "bytes"}
    return kinds.get(type_, "other")


def _correlation(own: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "levada.correlation."
    return next(
        (
            {"correlation": value, "correlation_kind": name.removeprefix(prefix)}
            for name, value in own.items()
            if name.startswith(prefix)
        ),
        {},
    )


def _lengths(common: Any) -> Lengths | None:
    if not common.num_non_missing:
        return None
    histogram = _histogram(common.num_values_histogram)
    return Lengths(common.min_num_values, common.max_num_values, common.avg_num_values, histogram)


def _histogram(message: Any) -> Histogram | None:
    """Return a histogram of equal widths, None if there is none or it is one of quantiles."""
    buckets = message.buckets
    if not buckets or message.type != message.STANDARD:
        return None
    edges = [buckets[0].low_value, *(bucket.high_value for bucket in buckets)]
    rises = all(math.isfinite(low) and low < high for low, high in itertools.pairwise(edges))
    return Histogram(tuple(edges), tuple(bucket.sample_count for bucket in buckets)) if rises else None


def _numbers(stats: Any, shared: dict[str, Any], own: Mapping[str, Any]) -> ColumnStatistics:
    absent = max((histogram.num_nan for histogram in stats.histograms), default=0)
    if shared["kind"] != "list" and "levada.kind" not in own:
        shared["missing"] += absent  # TFDV counts NaN as values
    values = stats.common_stats.tot_num_values - (0 if "levada.kind" in own else absent)
    shown = [histogram for histogram in stats.histograms if histogram.buckets]
    points: list[float] = []
    standard = None
    for histogram in shown:
        if histogram.type == histogram.QUANTILES:
            points = [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
        else:
            standard = _histogram(histogram)
    is_time = shared["kind"] == "timestamp" or "time" in shared["type"] or "date" in shared["type"]
    is_whole = not is_time and "int" in shared["type"]
    present = _whole if is_whole else list
    has_numbers = values > 0 and shared["kind"] != "boolean" and not is_time
    return ColumnStatistics(
        **shared,
        values=values,
        zeros=stats.num_zeros,
        infinite=int(own.get("levada.infinite", 0)),
        distinct=int(own.get("levada.distinct", 0)),
        exact=bool(own.get("levada.exact", False)),
        min=present([stats.min])[0] if has_numbers else None,
        max=present([stats.max])[0] if has_numbers else None,
        moments=(stats.mean, stats.std_dev**2) if values > 0 and not is_time else None,
        quantiles=tuple(present(points)) if has_numbers else (),
        histogram=standard,
    )


def _whole(values: list[float]) -> list[Any]:
    return [int(value) if math.isfinite(value) and value == int(value) else value for value in values]


def _texts(stats: Any, shared: dict[str, Any], own: Mapping[str, Any]) -> ColumnStatistics:
    ranked: Counts = [(bucket.label, round(bucket.sample_count)) for bucket in stats.rank_histogram.buckets]
    top = tuple((value.value, round(value.frequency)) for value in stats.top_values)
    values = stats.common_stats.tot_num_values
    distinct = int(own.get("levada.distinct", stats.unique))
    is_known = 0 < distinct <= len(ranked)
    return ColumnStatistics(
        **shared,
        values=values,
        zeros=int(own.get("levada.zeros", 0)),
        distinct=distinct,
        exact=bool(own.get("levada.exact", is_known)),
        top=top,
        has_vocabulary=is_known,
        _load=(lambda: ranked) if is_known else None,
    )


def write_proto(message: Any, path: Path) -> None:
    """Write a message: in text form if the file's name ends in `.pbtxt`, else in binary form."""
    from google.protobuf import text_format

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pbtxt":
        path.write_text(text_format.MessageToString(message, as_utf8=True), encoding="utf-8")
    else:
        path.write_bytes(message.SerializeToString(deterministic=True))


def read_proto(path: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Read a message that `write_proto` or TFX wrote. Raises DataError if the file is not one."""
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import statistics_pb2

    message = statistics_pb2.DatasetFeatureStatisticsList()
    try:
        if path.suffix == ".pbtxt":
            return text_format.Parse(path.read_text(encoding="utf-8"), message)
        message.ParseFromString(path.read_bytes())
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} holds no statistics: {error}.",
            hint="Wanted a DatasetFeatureStatisticsList: binary, or in text form as *.pbtxt.",
        ) from None
    return message
