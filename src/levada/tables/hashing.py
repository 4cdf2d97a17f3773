"""64-bit hashes of Arrow columns and rows, vectorised.

They decide which split a row belongs to, so they must never change: they depend on the values alone, not on
the machine, the process, or the version of a library. The mixing function is the finaliser of SplitMix64
(G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants
of D. Stafford's variant 13). What is equal for a person hashes equal: 1 in a narrow or wide integer column and
1.0 in a float column, 0.0 and -0.0, all NaN and null, a moment in seconds or nanoseconds, a string of any Arrow
string type.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from levada.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

GOLDEN = 0x9E3779B97F4A7C15
MISSING = 0x6A09E667F3BCC908
NOT_WHOLE = 0xBB67AE8584CAA73B
PLAIN_INTEGERS_BELOW = 2.0**63


def mix(x: Hashes) -> Hashes:
    """Scramble 64-bit words, in place: SplitMix64's finaliser, a bijection."""
    import numpy as np

    shifted = x >> np.uint64(30)
    x ^= shifted
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= np.right_shift(x, np.uint64(27), out=shifted)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= np.right_shift(x, np.uint64(31), out=shifted)
    return x


def seed_of(text: str) -> int:
    """Return 64 bits that stand for a text: the first of its sha256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def hash_rows(batch: pa.RecordBatch | pa.Table, columns: Sequence[str], salt: str = "") -> Hashes:
    """Return a hash of each row over `columns`; their order does not matter, their names do.

    Each column's hashes are mixed with its name's and summed (modulo 2**64), so a row's hash depends on that row only.
    """
    import numpy as np

    total = np.full(batch.num_rows, seed_of(salt), np.uint64)
    for name in columns:
        hashes = hash_values(batch.column(name))
        hashes ^= np.uint64(seed_of(name))
        total += mix(hashes)
    return mix(total)


def hash_values(values: pa.Array | pa.ChunkedArray) -> Hashes:
    """Return a hash of each value of a column. Raises DataError for a type that has no hash (maps, unions)."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return np.concatenate([np.empty(0, np.uint64), *(hash_values(chunk) for chunk in values.chunks)])
    hashes = _hash_present(values)
    if values.null_count:
        hashes[_null_mask(values)] = MISSING
    return hashes


def _null_mask(values: pa.Array) -> Any:
    return values.is_null().to_numpy(zero_copy_only=False)


def _hash_present(values: pa.Array) -> Hashes:
    """Return hashes that are right for all values that are not null."""
    import numpy as np
    import pyarrow as pa

    types, type_ = pa.types, values.type
    if types.is_null(type_):
        return np.full(len(values), MISSING, np.uint64)
    if types.is_dictionary(type_):
        indices = values.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return hash_values(values.dictionary)[indices] if len(values.dictionary) else np.zeros(len(values), np.uint64)
    if types.is_boolean(type_):
        return _hash_integers(values.cast(pa.uint8()).fill_null(0).to_numpy(zero_copy_only=False))
    if types.is_integer(type_):
        return _hash_integers(values.fill_null(0).to_numpy(zero_copy_only=False))
    if types.is_floating(type_):
        return _hash_floats(values.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False))
    if types.is_temporal(type_) and not types.is_interval(type_):
        wide = values.cast(pa.int32() if type_.bit_width == 32 else pa.int64()).cast(pa.int64())
        ticks = wide.fill_null(0).to_numpy(zero_copy_only=False)
        # Nanoseconds modulo 2**64, so that the unit a file happens to have does not matter.
        return _hash_integers(ticks.view(np.uint64) * np.uint64(_nanoseconds(type_)))
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return _hash_bytes(values.cast(pa.large_binary()))
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_binary_view(type_):
        return _hash_bytes(values.cast(pa.large_binary()))
    if types.is_fixed_size_binary(type_):
        return _hash_bytes(values.cast(pa.binary()).cast(pa.large_binary()))
    if types.is_decimal(type_):
        return _hash_bytes(values.cast(pa.string()).cast(pa.large_binary()))
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return _hash_lists(values)
    if types.is_struct(type_):
        return hash_rows(pa.RecordBatch.from_struct_array(values), [field.name for field in type_])
    raise DataError(f"a column of type {type_} cannot be hashed.", hint="Split by key columns instead: split_by=[...].")


def _nanoseconds(type_: Any) -> int:
    """Return the nanoseconds in one tick of a date, time, timestamp or duration."""
    if not hasattr(type_, "unit"):
        return 86_400_000_000_000 if type_.bit_width == 32 else 1_000_000
    return {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[type_.unit]


def _hash_integers(values: Any) -> Hashes:
    import numpy as np

    wide = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64, copy=False).view(np.uint64)
    return mix(wide + np.uint64(GOLDEN))


def _hash_floats(values: Any) -> Hashes:
    """Hash as integers the floats that are whole numbers of 64 bits, and by their IEEE 754 bits the others."""
    import numpy as np

    whole = (np.floor(values) == values) & (np.abs(values) < PLAIN_INTEGERS_BELOW)
    words = np.ascontiguousarray(values).view(np.uint64) ^ np.uint64(NOT_WHOLE)
    if whole.any():
        words[whole] = values[whole].astype(np.int64).view(np.uint64) + np.uint64(GOLDEN)
    hashes = mix(words)
    absent = np.isnan(values)
    if absent.any():
        hashes[absent] = MISSING
    return hashes


def _hash_bytes(values: pa.Array) -> Hashes:
    """Hash byte strings eight bytes at a time, all strings of a column together, beginning with their lengths."""
    import numpy as np

    _, offset_buffer, data_buffer = values.buffers()
    if len(values) == 0:
        return np.empty(0, np.uint64)
    offsets = np.frombuffer(offset_buffer, "<i8")[values.offset : values.offset + len(values) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    padded = np.zeros(last - first + 8, np.uint8)
    if last > first:
        padded[:-8] = np.frombuffer(data_buffer, np.uint8)[first:last]
    # A view of the eight bytes that begin at each position.
    words = np.ndarray((last - first + 1,), "<u8", padded, strides=(1,))
    starts, lengths = offsets[:-1] - first, np.diff(offsets)
    keep = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
    hashes = mix(lengths.astype(np.uint64) + np.uint64(GOLDEN))
    going = np.flatnonzero(lengths > 0)
    done = 0
    while len(going):
        left = lengths[going] - done
        word = words[starts[going] + done] & keep[np.minimum(left, 8)]
        hashes[going] = mix((hashes[going] ^ word) * np.uint64(GOLDEN))
        going = going[left > 8]
        done += 8
    return hashes


def _hash_lists(values: Any) -> Hashes:
    """Hash lists by length, items and the items' places: a sum of mixed words, by difference of running sums."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    items = hash_values(pa.array(values).flatten())
    ends = np.cumsum(lengths)
    places = np.arange(len(items), dtype=np.int64) - np.repeat(ends - lengths, lengths)
    # Not as integers are hashed: an item that is a small number would cancel out its own place.
    words = mix(items ^ mix(places.astype(np.uint64) + np.uint64(MISSING)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words, dtype=np.uint64)])
    return mix((sums[ends] - sums[ends - lengths]) ^ mix(lengths.astype(np.uint64)))
