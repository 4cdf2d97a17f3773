"""Columns as tf.Example messages: the other way round of levada.sources.tf_examples, a column at a time too."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_BYTES, _FLOATS, _INTS = b"\x0a", b"\x12", b"\x1a"
_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"


def encode(batch: pa.RecordBatch) -> pa.Array:
    """Return each row as the bytes of a tf.Example, with its features in the order of the columns.

    Whole numbers, durations and booleans are int64 lists, other numbers float lists (float32: what is finer is
    rounded), text and bytes are bytes lists, dates and times their ISO 8601 text; lists of these hold their items.
    What is missing is no feature. Raises DataError for a column of any other type, a number beyond int64, and a list
    with missing items.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    entries = [_entries(name, batch.column(number)) for number, name in enumerate(batch.schema.names)]
    entries = [entry for entry in entries if entry is not None]
    nothing = pa.scalar(b"", pa.binary())
    if not entries:
        return pa.array([b"\x0a\x00"] * batch.num_rows, pa.binary())
    features = pc.binary_join_element_wise(*entries, nothing, null_handling="replace", null_replacement=b"")
    return _joined(_FIELD_1, _size(features), features)


def _entries(name: str, column: pa.Array) -> pa.Array | None:
    """Return the map entries of a column, null where the value is; None for a column that holds nothing."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return None
    tag, lists = _lists(name, column)
    feature = _joined(tag, _size(lists), lists)
    key = name.encode()
    value = _joined(_FIELD_1 + _number(len(key)) + key + _FIELD_2, _size(feature), feature)
    return _joined(_FIELD_1, _size(value), value)


def _lists(name: str, column: pa.Array) -> tuple[bytes, pa.Array]:
    """Return the tag of the list message that a column's values become, and its content by row."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    type_ = column.type
    if types.is_dictionary(type_):
        return _lists(name, column.cast(type_.value_type))
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        column = column.cast(pa.list_(type_.value_type))
        items, counts = column.flatten(), pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        if items.null_count:
            raise DataError(f"column '{name}' has lists with missing items, which a tf.Example cannot hold.")
    else:
        items, counts = column.drop_null(), column.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    tag, content, sizes = _items(name, items)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    edges = bounds[np.concatenate([[0], np.cumsum(counts)])]
    if edges[-1] > np.iinfo(np.int32).max:
        raise DataError(f"column '{name}' has more than 2 GB in {len(column):,} rows.", hint="Write fewer at a time.")
    buffers = [None, pa.py_buffer(edges.astype(np.int32)), pa.py_buffer(content)]
    packed = pa.Array.from_buffers(pa.binary(), len(column), buffers)
    if tag != _BYTES:  # numbers are packed: one field holds all of a list
        packed = pc.if_else(pa.array(counts > 0), _joined(_FIELD_1, _size(packed), packed), packed)
    return tag, pc.if_else(column.is_valid(), packed, pa.scalar(None, pa.binary()))


def _items(name: str, items: pa.Array) -> tuple[bytes, Any, Any]:
    """Return values as they stand in a list message, one behind the other, and the bytes that each takes."""
    import numpy as np
    import pyarrow as pa

    types = pa.types
    type_ = items.type
    if types.is_date(type_) or types.is_timestamp(type_) or types.is_time(type_):
        items = items.cast(pa.string())
    if types.is_duration(type_):
        items = items.cast(pa.int64())
    type_ = items.type
    if types.is_boolean(type_) or types.is_integer(type_):
        try:
            numbers = items.cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            raise DataError(f"column '{name}' has numbers beyond int64, which a tf.Example cannot hold.") from None
        content, sizes = _varints(numbers.astype(np.int64).view(np.uint64))
        return _INTS, content, sizes
    if types.is_floating(type_) or types.is_decimal(type_):
        if types.is_decimal(type_):
            items = items.cast(pa.float64())
        with np.errstate(over="ignore"):  # beyond float32 is infinity there too
            floats = items.to_numpy(zero_copy_only=False).astype("<f4")
        return _FLOATS, floats.view(np.uint8), np.full(len(floats), 4)
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        items = items.cast(pa.binary())
    elif not (types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_)):
        raise DataError(
            f"column '{name}' is {type_}, which a tf.Example cannot hold.",
            hint="It holds numbers, text, bytes, times, and lists of these.",
        )
    texts = items.cast(pa.binary())
    fields = _joined(_FIELD_1, _size(texts), texts)
    offsets = np.frombuffer(fields.buffers()[1], np.int32)[fields.offset : fields.offset + len(fields) + 1]
    content = np.frombuffer(fields.buffers()[2] or b"", np.uint8)
    return _BYTES, content[offsets[0] :], np.diff(offsets)


def _joined(before: bytes, size: pa.Array, content: pa.Array) -> pa.Array:
    """Return a tag (or more that is the same everywhere), the size, and the content, null where that is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(pa.scalar(before, pa.binary()), size, content, pa.scalar(b"", pa.binary()))


def _size(content: pa.Array) -> pa.Array:
    """Return the lengths of binary values as varints."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.binary_length(content), 0).to_numpy(zero_copy_only=False).astype(np.uint64)
    data, sizes = _varints(lengths)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _varints(numbers: Any) -> tuple[Any, Any]:
    """Return numbers (uint64) as varints one behind the other, and the bytes that each takes."""
    import numpy as np

    if not len(numbers) or numbers.max() < 0x80:
        return numbers.astype(np.uint8), np.ones(len(numbers), np.int64)
    shifts = np.arange(10, dtype=np.uint64) * np.uint64(7)
    groups = numbers[:, None] >> shifts
    sizes = np.maximum((groups > 0).sum(axis=1), 1)
    digits = (groups & np.uint64(0x7F)).astype(np.uint8)
    places = np.arange(10)
    digits |= np.where(places < sizes[:, None] - 1, 0x80, 0).astype(np.uint8)
    return digits[places < sizes[:, None]], sizes


def _number(value: int) -> bytes:
    """Return one number as a varint."""
    content = bytearray()
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])
