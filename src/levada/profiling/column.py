"""The profile of one column while data is read: what to look at for each kind of column, and what comes out."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics, Counts, Lengths
from levada.profiling.accumulators import Distinct, Extent, Moments, Sample, rank
from levada.tables.hashing import hash_values
from levada.tables.types import item_type, kind_of, plain_type

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

QUANTILE_STEPS = 200
SAMPLED_NUMBERS = 131_072
SAMPLED_TEXTS = 16_384
SAMPLED_CHARACTERS = 256
MEASUREMENTS = 1_000
"""Floats and times with more distinct values than this are measurements: their values are not counted each."""
VOCABULARY_BYTES = 4 << 20


@dataclass
class ColumnProfile:
    """What has been seen of one column; profiles of the same column merge in any order.

    `type` is the column's Arrow type, `total` the number of values that the whole column has (items, for lists): it
    sets the rate of the sample and must be the same in all profiles that are merged.
    """

    type: pa.DataType
    total: int
    vocabulary: int
    rows: int = 0
    missing: int = 0
    values: int = 0
    zeros: int = 0
    infinite: int = 0
    moments: Moments = field(default_factory=Moments)
    extent: Extent = field(default_factory=Extent)
    lengths: Extent = field(default_factory=Extent)
    distinct: Distinct = field(init=False)
    sample: Sample = field(init=False)

    def __post_init__(self) -> None:
        self.type = plain_type(self.type)
        item = item_type(self.type)
        kind = kind_of(item)
        counted = self.vocabulary if kind in ("string", "boolean") or _is_integer(item) else MEASUREMENTS
        self.distinct = Distinct(min(counted, self.vocabulary), VOCABULARY_BYTES)
        self.sample = Sample.of(SAMPLED_TEXTS if kind == "string" else SAMPLED_NUMBERS, self.total)

    # -- reading --------------------------------------------------------------------------------------

    def add(self, piece: int, column: pa.ChunkedArray) -> None:
        """Take in the column's values of one piece; every piece has its own number and is given once."""
        import pyarrow as pa

        values = column.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        self.rows += len(values)
        present = values.drop_null() if values.null_count else values
        self.missing += len(values) - len(present)
        if kind_of(self.type) == "list":
            present = self._open_lists(present)
        self._add_values(piece, present)

    def _open_lists(self, lists: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        self._add_lengths(pc.list_value_length(lists))
        return lists.flatten().drop_null()

    def _add_values(self, piece: int, values: pa.Array) -> None:
        match kind_of(values.type):
            case "numeric":
                values = self._add_numbers(piece, _as_numbers(values))
            case "boolean":
                self._add_booleans(piece, values)
            case "timestamp":
                values = self._add_times(piece, values)
            case "string":
                self._add_texts(piece, values)
            case "bytes":
                values = self._add_bytes(values)
            case _:
                self.values += len(values)
                return
        self.values += len(values)
        self.distinct.add(values)

    def _add_numbers(self, piece: int, values: pa.Array) -> pa.Array:
        """Take in numbers; returns those that are not NaN."""
        import numpy as np
        import pyarrow as pa

        numbers = values.to_numpy(zero_copy_only=False)
        if numbers.dtype.kind == "f":
            absent = np.isnan(numbers)
            if absent.any():
                if kind_of(self.type) != "list":
                    self.missing += int(absent.sum())
                numbers = numbers[~absent]
                values = pa.array(numbers)
            finite = np.isfinite(numbers)
            if not finite.all():
                self.infinite += int(len(numbers) - finite.sum())
                numbers = numbers[finite]
        self.zeros += len(numbers) - int(np.count_nonzero(numbers))
        self._add_ordered(piece, numbers)
        self.moments.add(piece, numbers)
        return values

    def _add_ordered(self, piece: int, numbers: np.ndarray[Any, Any]) -> None:
        if len(numbers):
            self.extent.add(len(numbers), numbers.min().item(), numbers.max().item())
            self.sample.add(piece, numbers)

    def _add_booleans(self, piece: int, values: pa.Array) -> None:
        import numpy as np

        flags = values.to_numpy(zero_copy_only=False)
        self.zeros += len(flags) - int(np.count_nonzero(flags))
        self.moments.add(piece, flags)

    def _add_times(self, piece: int, values: pa.Array) -> pa.Array:
        """Take in dates and times as their ticks; returns the ticks."""
        import pyarrow as pa

        wide = pa.int32() if values.type.bit_width == 32 else pa.int64()
        ticks = values.cast(wide).cast(pa.int64())
        self._add_ordered(piece, ticks.to_numpy(zero_copy_only=False))
        return ticks

    def _add_texts(self, piece: int, values: pa.Array) -> None:
        import pyarrow.compute as pc

        lengths = pc.utf8_length(values)
        self.zeros += pc.sum(pc.equal(lengths, 0)).as_py() or 0
        if kind_of(self.type) == "string":
            self._add_lengths(lengths)
        self.sample.add(piece, values)

    def _add_bytes(self, values: pa.Array) -> pa.Array:
        """Take in binary values; returns their hashes, so that no image is kept to tell it from others."""
        import pyarrow as pa
        import pyarrow.compute as pc

        lengths = pc.binary_length(values)
        self.zeros += pc.sum(pc.equal(lengths, 0)).as_py() or 0
        self._add_lengths(lengths)
        return pa.array(hash_values(values))

    def _add_lengths(self, lengths: pa.Array) -> None:
        import pyarrow.compute as pc

        if len(lengths):
            ends = pc.min_max(lengths).as_py()
            self.lengths.add(len(lengths), ends["min"], ends["max"], pc.sum(lengths).as_py())

    # -- merging --------------------------------------------------------------------------------------

    def merge(self, other: ColumnProfile) -> None:
        """Take in what another profile of the same column has seen, in other pieces."""
        self.rows += other.rows
        self.missing += other.missing
        self.values += other.values
        self.zeros += other.zeros
        self.infinite += other.infinite
        self.moments.merge(other.moments)
        self.extent.merge(other.extent)
        self.lengths.merge(other.lengths)
        self.distinct.merge(other.distinct)
        self.sample.merge(other.sample)

    # -- what comes out -------------------------------------------------------------------------------

    def finish(self, name: str, top: int) -> ColumnStatistics:
        """Return the statistics, with the `top` most frequent values."""
        item = item_type(self.type)
        exact = self.distinct.is_exact
        ranked = self.distinct.ranked() if exact else self._estimated_top(top)
        counts = [] if kind_of(item) == "bytes" else self._presented(item, ranked)
        keeps_all = exact and (kind_of(item) == "string" or _is_integer(item)) and self.values > 0
        extent = self._presented_values(item, [self.extent.min, self.extent.max])
        return ColumnStatistics(
            name=name,
            type=str(self.type),
            kind=kind_of(self.type),
            rows=self.rows,
            missing=self.missing,
            values=self.values,
            zeros=self.zeros,
            infinite=self.infinite,
            distinct=self.distinct.number(),
            exact=exact,
            min=extent[0],
            max=extent[1],
            moments=self.moments.total(),
            quantiles=tuple(self._presented_values(item, self._quantiles(item))),
            top=tuple(counts[:top]),
            lengths=self._finished_lengths(),
            has_vocabulary=keeps_all,
            _load=(lambda: counts) if keeps_all else None,
        )

    def _finished_lengths(self) -> Lengths | None:
        if not self.lengths.count:
            return None
        return Lengths(self.lengths.min, self.lengths.max, self.lengths.sum / self.lengths.count)

    def _quantiles(self, item: pa.DataType) -> list[Any]:
        """Return the values at 0, 1/n, ... 1: the least value that at least this share of values does not exceed."""
        import numpy as np

        if kind_of(item) not in ("numeric", "timestamp"):
            return []
        shares = np.arange(QUANTILE_STEPS + 1) / QUANTILE_STEPS
        if self.distinct.is_exact and self.distinct.values is not None:
            values = self.distinct.values.to_numpy(zero_copy_only=False)
            finite = np.isfinite(values)
            order = np.argsort(values[finite])
            values, counts = values[finite][order], self.distinct.counts[finite][order]
            ends = np.cumsum(counts)
        else:
            values = np.sort(np.concatenate([*self.sample.parts])) if self.sample.parts else np.empty(0)
            ends = np.arange(1, len(values) + 1)
        if not len(values):
            return []
        places = np.searchsorted(ends, np.maximum(np.ceil(shares * ends[-1] - 1e-9), 1))
        found = values[places].tolist()
        return [self.extent.min, *found[1:-1], self.extent.max]

    def _estimated_top(self, top: int) -> list[tuple[Any, int]]:
        """Return the values most frequent in the sample (twice or more), with counts scaled up to the column."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = [pa.array(part) if not isinstance(part, pa.Array) else part for part in self.sample.parts]
        if not parts:
            return []
        sampled = pa.concat_arrays(parts)
        if kind_of(sampled.type) == "string":
            sampled = pc.utf8_slice_codeunits(sampled, 0, SAMPLED_CHARACTERS)
        found = pc.value_counts(sampled)
        found = found.filter(pc.greater(found.field("counts"), 1))
        scale = (self.values - self.infinite) / len(sampled)
        ranked = rank(found.field("values"), found.field("counts"))
        return [(value, round(count * scale)) for value, count in ranked[:top]]

    def _presented(self, item: pa.DataType, counts: list[tuple[Any, int]]) -> Counts:
        """Return counts with times as text, and without infinities, which JSON does not have."""
        kept = [(value, count) for value, count in counts if not isinstance(value, float) or math.isfinite(value)]
        values = self._presented_values(item, [value for value, _ in kept])
        return [(value, count) for value, (_, count) in zip(values, kept, strict=True) if value is not None]

    @staticmethod
    def _presented_values(item: pa.DataType, values: list[Any]) -> list[Any]:
        return _as_text(values, item) if kind_of(item) == "timestamp" else list(values)


def _is_integer(type_: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(type_)


def _as_numbers(values: pa.Array) -> pa.Array:
    """Return numbers of a type that numpy counts with."""
    import pyarrow as pa

    if pa.types.is_decimal(values.type):
        return values.cast(pa.float64())
    if pa.types.is_duration(values.type):
        return values.cast(pa.int64())
    return values.cast(pa.float32()) if pa.types.is_float16(values.type) else values


def _as_text(ticks: list[Any], type_: Any) -> list[str | None]:
    """Return dates and times, given as ticks, in ISO 8601; in UTC if the type has a time zone."""
    import pyarrow as pa

    array = pa.array(ticks, pa.int64())
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        plain = array.cast(pa.timestamp(type_.unit)).cast(pa.string()).to_pylist()
        return [text and text.replace(" ", "T") + "Z" for text in plain]
    narrow = array.cast(pa.int32()) if type_.bit_width == 32 else array
    return [text and text.replace(" ", "T") for text in narrow.cast(type_).cast(pa.string()).to_pylist()]
