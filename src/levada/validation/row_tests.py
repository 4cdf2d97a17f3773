"""Which rows a finding is about: the questions of schema checks, put to record batches."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from levada.validation.finding import RowTest

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, Any]

NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$|^\s*(?i)[+-]?(inf|infinity|nan)\s*$"
WHOLE = r"^\s*[+-]?\d+\s*$"
IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
"""How the images begin that TensorFlow decodes: JPEG, PNG, GIF, BMP."""


def of_values(column: str, bad: Callable[[pa.Array], pa.Array]) -> RowTest:
    """Return the test for rows that have a bad value; of a list, any. `bad` gives a truth value for each value."""

    def test(batch: pa.RecordBatch) -> Mask:
        import numpy as np

        values = plain(batch.column(column))
        items, parents = opened(values)
        marks = as_mask(bad(items))
        if parents is None:
            return marks
        return np.bincount(parents[marks], minlength=len(values)) > 0

    return RowTest((column,), test)


def missing(column: str) -> RowTest:
    """Return the test for rows without a value: null or NaN."""

    def test(batch: pa.RecordBatch) -> Mask:
        import pyarrow.compute as pc

        return as_mask(pc.is_null(batch.column(column), nan_is_null=True))

    return RowTest((column,), test)


def not_a_number(column: str) -> RowTest:
    """Return the test for rows that have NaN, which is not the same as nothing."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.is_nan(values) if pa.types.is_floating(values.type) else pc.is_null(values)

    return of_values(column, bad)


def outside(column: str, domain: Collection[str]) -> RowTest:
    """Return the test for rows of text, or of bytes, with a value that is not one of a domain."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        allowed = pa.array([value.encode() for value in domain], pa.binary())
        bytes_ = values.cast(pa.binary()) if not pa.types.is_fixed_size_binary(values.type) else values
        return pc.and_(pc.is_valid(values), pc.invert(pc.is_in(bytes_.cast(pa.binary()), value_set=allowed)))

    return of_values(column, bad)


def not_utf8(column: str) -> RowTest:
    """Return the test for rows with bytes that are no text."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow as pa

        distinct = values.cast(pa.binary()).dictionary_encode()
        faults = pa.array([not _decodes(value) for value in distinct.dictionary.to_pylist()], pa.bool_())
        return faults.take(distinct.indices)

    return of_values(column, bad)


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def beyond(
    column: str, low: float | None, high: float | None, *, infinite: bool = False, narrow: bool = False
) -> RowTest:
    """Return the test for rows with a number below `low` or above `high`, or an infinite one.

    With `narrow` numbers are held against the bounds with 32 bits, as a schema keeps these.
    """

    def bad(values: pa.Array) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        numbers = as_numbers(values)
        if narrow:
            with np.errstate(over="ignore"):
                numbers = numbers.astype(np.float32)
        marks = np.zeros(len(numbers), bool)
        with np.errstate(invalid="ignore"):
            if low is not None:
                marks |= numbers < low
            if high is not None:
                marks |= numbers > high
        if numbers.dtype.kind == "f":
            marks = marks & np.isfinite(numbers) if not infinite else marks | np.isinf(numbers)
        return pa.array(marks & as_mask(values.is_valid()))

    return of_values(column, bad)


def unlike(column: str, pattern: str) -> RowTest:
    """Return the test for rows of text that does not match a pattern."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        return pc.invert(pc.match_substring_regex(values, pattern))

    return of_values(column, bad)


def no_image(column: str) -> RowTest:
    """Return the test for rows whose bytes do not begin as an image that TensorFlow decodes."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pa.array([False] * len(values))
        for start in IMAGES:
            found = pc.or_(found, pc.fill_null(pc.starts_with(values, pattern=start), True))
        return pc.invert(found)

    return of_values(column, bad)


def longer(column: str, most: int) -> RowTest:
    """Return the test for rows with more than so many bytes."""

    def bad(values: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        return pc.greater(pc.binary_length(values), most)

    return of_values(column, bad)


def of_length(column: str, least: int, most: int | None) -> RowTest:
    """Return the test for rows whose list has fewer or more items."""

    def test(batch: pa.RecordBatch) -> Mask:
        import pyarrow.compute as pc

        lengths = pc.list_value_length(batch.column(column))
        wrong = pc.less(lengths, least)
        return as_mask(wrong if most is None else pc.or_(wrong, pc.greater(lengths, most)))

    return RowTest((column,), test)


# -- Arrow ----------------------------------------------------------------------------------------------


def as_mask(values: Any) -> Mask:
    """Return truth values as a numpy array; what is null is not true."""
    import pyarrow.compute as pc

    return pc.fill_null(values, False).to_numpy(zero_copy_only=False)


def plain(values: Any) -> pa.Array:
    """Return an array in one piece, lists of a fixed size as lists."""
    import pyarrow as pa

    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    if pa.types.is_fixed_size_list(whole.type):
        return whole.cast(pa.list_(whole.type.value_type))
    return whole


def opened(values: pa.Array) -> tuple[pa.Array, Mask | None]:
    """Return the items of lists and for each the row that it is of; what is no list as it is, and None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        return values, None
    return values.flatten(), pc.list_parent_indices(values).to_numpy(zero_copy_only=False)


def as_numbers(values: pa.Array) -> Mask:
    """Return numbers as numpy has them; null is NaN in a column of floats, 0 in one of whole numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    elif pa.types.is_duration(values.type):
        values = values.cast(pa.int64())
    elif pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    if pa.types.is_integer(values.type):
        values = pc.fill_null(values, pa.scalar(0, values.type))
    return values.to_numpy(zero_copy_only=False)
