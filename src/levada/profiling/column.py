"""The profile of one column while data is read: what to look at for each kind of column."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.profiling.accumulators import Extent, Moments, Sample, chosen_places
from levada.profiling.arrays import arrow_of, numpy_of
from levada.profiling.correlation import Together
from levada.profiling.distinct import Distinct, hash_any
from levada.profiling.images import SAMPLED_IMAGES, Images
from levada.profiling.order import Ordered, lengths_of, ordered
from levada.profiling.short_texts import count_short
from levada.profiling.texts import TextCounts
from levada.profiling.times import Gaps
from levada.tables.types import Kind, item_type, kind_of, plain_type

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from levada.artifacts.summaries import Lengths

SAMPLED_NUMBERS = 131_072
SAMPLED_TEXTS = 16_384
SAMPLED_CHARACTERS = 1024
MEASUREMENTS = 1_000
"""Floats, times and lengths with more distinct values than this are measurements: their values are not counted each."""
VOCABULARY_BYTES = 4 << 20


@dataclass
class Spread:
    """Whole numbers, counted each if few are distinct, else sampled: how long texts, bytes and lists are."""

    total: int
    extent: Extent = field(default_factory=Extent)
    distinct: Distinct = field(init=False)
    sample: Sample = field(init=False)

    def __post_init__(self) -> None:
        self.distinct = Distinct(MEASUREMENTS, 0)
        self.sample = Sample.of(SAMPLED_NUMBERS, self.total)

    def add(self, piece: int, numbers: np.ndarray[Any, Any]) -> None:
        """Take in the whole numbers of a piece."""
        if len(numbers):
            self.extent.add(len(numbers), int(numbers.min()), int(numbers.max()), int(numbers.sum()))
            self.distinct.add(arrow_of(numbers))
            self.sample.add(piece, numbers)

    def merge(self, other: Spread) -> None:
        self.extent.merge(other.extent)
        self.distinct.merge(other.distinct)
        self.sample.merge(other.sample)

    def finish(self) -> Lengths | None:
        """Return the lengths."""
        return lengths_of(ordered(self.distinct, self.sample, self.extent.count), self.extent)


@dataclass
class ColumnProfile:
    """What has been seen of one column; profiles of the same column merge in any order.

    `type` is the column's Arrow type, `total` the number of values that the whole column has (items, for lists): it
    sets the rate of the samples and must be the same in all profiles that are merged. `label` is the label's type, if
    there is one to correlate with.
    """

    type: pa.DataType
    total: int
    vocabulary: int
    label: pa.DataType | None = None
    rows: int = 0
    missing: int = 0
    values: int = 0
    zeros: int = 0
    infinite: int = 0
    moments: Moments = field(default_factory=Moments)
    extent: Extent = field(default_factory=Extent)
    texts: TextCounts = field(default_factory=TextCounts)
    images: Images = field(default_factory=Images)
    gaps: Gaps = field(default_factory=Gaps)
    lengths: Spread = field(init=False)
    distinct: Distinct = field(init=False)
    sample: Sample = field(init=False)
    together: Together | None = field(init=False)

    def __post_init__(self) -> None:
        self.type = plain_type(self.type)
        self.item = item_type(self.type)
        self.kind: Kind = kind_of(self.type)
        self.item_kind: Kind = kind_of(self.item)
        counted = self.vocabulary if self.item_kind in ("string", "boolean") or self.is_integer else MEASUREMENTS
        self.distinct = Distinct(min(counted, self.vocabulary), VOCABULARY_BYTES)
        self.sample = Sample.of(SAMPLED_TEXTS if self.item_kind == "string" else SAMPLED_NUMBERS, self.total)
        self.lengths = Spread(self.total)
        self.together = None if self.label is None else Together.of(self.type, self.label)

    @property
    def is_integer(self) -> bool:
        """Whether the values are whole numbers."""
        import pyarrow as pa

        return pa.types.is_integer(self.item)

    def in_order(self) -> Ordered:
        """Return the finite numbers, or the times as ticks, in order."""
        return ordered(self.distinct, self.sample, self.values - self.infinite)

    # -- reading --------------------------------------------------------------------------------------

    def add(self, piece: int, column: pa.ChunkedArray, label: pa.Array | None = None) -> None:
        """Take in the column's values of one piece, and the label's; every piece has its own number, given once.

        Text may be dictionary-coded: it makes the same profile, sooner.
        """
        import pyarrow as pa

        values = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
        if pa.types.is_dictionary(values.type) and self.kind != "string":
            values = values.dictionary_decode()
        if self.together is not None and label is not None:
            self.together.add(piece, values, label)
        self.rows += len(values)
        present = values.drop_null() if values.null_count else values
        self.missing += len(values) - len(present)
        if self.kind == "list":
            present = self._open_lists(piece, present)
        self._add_values(piece, present)

    def _open_lists(self, piece: int, lists: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        self.lengths.add(piece, numpy_of(pc.list_value_length(lists)))
        return lists.flatten().drop_null()

    def _add_values(self, piece: int, values: pa.Array) -> None:
        import pyarrow as pa

        counted: tuple[pa.Array, Any] | None = None
        match self.item_kind:
            case "numeric":
                values = self._add_numbers(piece, _as_numbers(values))
            case "boolean":
                self._add_booleans(piece, values)
            case "timestamp":
                values = self._add_times(piece, values)
            case "string":
                counted = None if pa.types.is_dictionary(values.type) else count_short(values)
                self._add_texts(piece, values, counted)
            case "bytes":
                values = self._add_bytes(piece, values)
            case _:
                self.values += len(values)
                return
        self.values += len(values)
        if counted is None:
            self.distinct.add(values)
        else:
            self.distinct.add_counted(*counted)

    def _add_numbers(self, piece: int, values: pa.Array) -> pa.Array:
        """Take in numbers; returns those that are not NaN."""
        import numpy as np

        numbers = numpy_of(values)
        is_float = numbers.dtype.kind == "f"
        if is_float and len(numbers) and not np.isfinite([numbers.min(), numbers.max()]).all():
            absent = np.isnan(numbers)
            if self.kind != "list":
                self.missing += int(absent.sum())
            values = arrow_of(numbers[~absent])
            numbers = numbers[np.isfinite(numbers)]
            self.infinite += len(values) - len(numbers)
        zeros = len(numbers) - int(np.count_nonzero(numbers))
        if zeros and is_float:  # -0.0 is 0.0, whichever comes first
            numbers = numbers + 0.0
            values = arrow_of(numpy_of(values) + 0.0)
        self.zeros += zeros
        self._add_ordered(piece, numbers)
        self.moments.add(piece, numbers)
        return values

    def _add_ordered(self, piece: int, numbers: np.ndarray[Any, Any]) -> None:
        if len(numbers):
            self.extent.add(len(numbers), numbers.min().item(), numbers.max().item())
            self.sample.add(piece, numbers)

    def _add_booleans(self, piece: int, values: pa.Array) -> None:
        import numpy as np

        flags = numpy_of(values)
        self.zeros += len(flags) - int(np.count_nonzero(flags))
        self.moments.add(piece, flags)

    def _add_times(self, piece: int, values: pa.Array) -> pa.Array:
        """Take in dates and times as their ticks; returns the ticks."""
        import pyarrow as pa

        wide = pa.int32() if values.type.bit_width == 32 else pa.int64()
        ticks = values.cast(wide).cast(pa.int64())
        numbers = numpy_of(ticks)
        self._add_ordered(piece, numbers)
        self.gaps.add(numbers)
        return ticks

    def _add_texts(self, piece: int, values: pa.Array, counted: tuple[pa.Array, Any] | None) -> None:
        """Take in texts; `counted` are the different ones with how often each comes, if that is known."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_dictionary(values.type):
            texts, indices = values.dictionary, numpy_of(values.indices)
            each = _lengths(pc.utf8_length(texts))
            counts = np.bincount(indices, minlength=len(texts))
            lengths = each[indices]
            self.texts.add(texts, each, counts)
        else:
            lengths = _lengths(pc.utf8_length(values))
            if counted is None:
                self.texts.add(values, lengths)
            else:
                self.texts.add(counted[0], _lengths(pc.utf8_length(counted[0])), counted[1])
        self.zeros += len(lengths) - int(np.count_nonzero(lengths))
        if self.kind == "string":
            self.lengths.add(piece, lengths)
        if self.sample.rate < 1:
            values = values.take(arrow_of(chosen_places(piece, len(values), self.sample.rate)))
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if len(lengths) and lengths.max() > SAMPLED_CHARACTERS:
            values = pc.utf8_slice_codeunits(values, 0, SAMPLED_CHARACTERS)
        self.sample.keep(values)

    def _add_bytes(self, piece: int, values: pa.Array) -> pa.Array:
        """Take in binary values; returns their hashes, so that no image is kept to tell it from others."""
        import numpy as np
        import pyarrow.compute as pc

        lengths = _lengths(pc.binary_length(values))
        self.zeros += len(lengths) - int(np.count_nonzero(lengths))
        if self.kind != "list":
            self.lengths.add(piece, lengths)
        rate = min(1.0, SAMPLED_IMAGES / self.total) if self.total else 1.0
        self.images.add(values.take(arrow_of(chosen_places(piece, len(values), rate))))
        return arrow_of(hash_any(values))

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
        self.texts.merge(other.texts)
        self.images.merge(other.images)
        self.gaps.merge(other.gaps)
        self.lengths.merge(other.lengths)
        self.distinct.merge(other.distinct)
        self.sample.merge(other.sample)
        if self.together is not None and other.together is not None:
            self.together.merge(other.together)


def _lengths(lengths: pa.Array) -> np.ndarray[Any, Any]:
    """Return lengths as numpy whole numbers."""
    import numpy as np

    return numpy_of(lengths).astype(np.int64)


def _as_numbers(values: pa.Array) -> pa.Array:
    """Return numbers of a type that numpy counts with."""
    import pyarrow as pa

    if pa.types.is_decimal(values.type):
        return values.cast(pa.float64())
    if pa.types.is_duration(values.type):
        return values.cast(pa.int64())
    return values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
