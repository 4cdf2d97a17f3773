"""Distinct values and how often each comes, as long as they are few; beyond that about how many there are."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.profiling.arrays import arrow_of, numpy_of
from levada.tables.hashing import GOLDEN, hash_values
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

WORDS = 1 << 64
SMALLEST = 4096


@dataclass
class Distinct:
    """Distinct values with their counts, as long as there are few; beyond that only about how many.

    Whether there are few (at most `limit` values of `limit_bytes` together) follows from the set of values, not from
    the order in which they come. The estimate keeps the k = 4096 smallest 64-bit hashes: (k - 1) / (k-th smallest as a
    fraction), with a relative standard error of about 1/sqrt(k) = 1.6 % (Z. Bar-Yossef et al., "Counting distinct
    elements in a data stream", RANDOM 2002; K. Beyer et al., SIGMOD 2007).
    """

    limit: int
    limit_bytes: int
    parts: list[tuple[pa.Array, Any]] = field(default_factory=list[Any])  # values with int64 counts, not yet joined
    smallest: np.ndarray[Any, np.dtype[np.uint64]] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the values were few enough to be counted each."""
        self._join()
        return self.smallest is None

    @property
    def values(self) -> pa.Array | None:
        """The different values, None if there are none or they were too many."""
        self._join()
        return self.parts[0][0] if self.parts else None

    @property
    def counts(self) -> Any:
        """How often each of `values` comes: int64."""
        self._join()
        return self.parts[0][1] if self.parts else None

    def add(self, values: pa.Array) -> None:
        """Take in values, none of them null."""
        if len(values) == 0:
            return
        if self.smallest is None and self._plainly_too_many(values):
            self._give_up()
        if self.smallest is None:
            self._put_aside(*count_each(values))
        else:
            self._take_smallest(values)

    def add_counted(self, values: pa.Array, counts: Any) -> None:
        """Take in values that are all different, with how often each comes (at least once)."""
        import numpy as np

        if len(values) == 0:
            return
        if self.smallest is None:
            self._put_aside(values, counts.astype(np.int64, copy=False))
        else:
            self._take_smallest(values)

    def _plainly_too_many(self, values: pa.Array) -> bool:
        """Whether the first few values are enough to say so: it saves counting columns of measurements."""
        import pyarrow as pa

        head = 4 * self.limit
        if pa.types.is_dictionary(values.type):
            return False
        return head < len(values) and len(values.slice(0, head).unique()) > self.limit

    def merge(self, other: Distinct) -> None:
        if other.smallest is not None:
            if self.smallest is None:
                self._give_up()
            self._keep_smallest(other.smallest)
        for values, counts in other.parts:
            self.add_counted(values, counts)

    def _put_aside(self, values: pa.Array, counts: Any) -> None:
        """Keep counted values to be joined with the others: a few times only, since that looks at all of them."""
        self.parts.append((values, counts))
        if len(values) > self.limit or sum(len(part) for part, _ in self.parts) > 4 * self.limit:
            self._join()

    def _join(self) -> None:
        import numpy as np
        import pyarrow as pa

        if len(self.parts) > 1:
            coded = pa.concat_arrays([values for values, _ in self.parts]).dictionary_encode()
            weights = np.concatenate([counts for _, counts in self.parts])
            summed = np.bincount(numpy_of(coded.indices), weights, len(coded.dictionary))  # exact up to 2**53
            self.parts = [(coded.dictionary, summed.astype(np.int64))]
        if self.parts and self._too_many(self.parts[0][0]):
            self._give_up()

    def _too_many(self, values: pa.Array) -> bool:
        return len(values) > self.limit or _bytes(values) > self.limit_bytes

    def _give_up(self) -> None:
        import numpy as np

        before, self.parts = self.parts, []
        self.smallest = np.empty(0, np.uint64)
        for values, _ in before:
            self._take_smallest(values)

    def _take_smallest(self, values: pa.Array) -> None:
        assert self.smallest is not None
        full = len(self.smallest) == SMALLEST
        bound = int(self.smallest[-1]) if full else WORDS - 1
        if not full and len(values) > 8 * SMALLEST:
            # If all of them differ, a few more than are wanted lie below this; if not, all are looked at once more.
            guess = 2 * SMALLEST * (WORDS // len(values))
            near = _sorted(hashes_below(values, guess))
            if len(near) >= SMALLEST:
                self._keep_smallest(near)
                return
        self._keep_smallest(hashes_below(values, bound))

    def _keep_smallest(self, hashes: Any) -> None:
        import numpy as np

        assert self.smallest is not None
        if len(hashes):
            self.smallest = _sorted(np.concatenate([self.smallest, hashes]))[:SMALLEST]

    def number(self) -> int:
        """Return the number of distinct values, estimated if they were too many to keep."""
        if self.is_exact:
            return 0 if self.values is None else len(self.values)
        assert self.smallest is not None
        if len(self.smallest) < SMALLEST:
            return len(self.smallest)
        return round((SMALLEST - 1) * WORDS / int(self.smallest[-1]))


def count_each(values: pa.Array) -> tuple[pa.Array, Any]:
    """Return the different values of a column without nulls, and how often each comes (int64)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        counts = np.bincount(numpy_of(values.indices), minlength=len(values.dictionary))
        if counts.all():
            return values.dictionary, counts
        used = np.flatnonzero(counts)
        return values.dictionary.take(arrow_of(used)), counts[used]
    if pa.types.is_integer(values.type) and len(values):
        numbers = numpy_of(values)
        low, high = int(numbers.min()), int(numbers.max())
        if high - low <= 4 * len(numbers):
            wide = numbers if numbers.itemsize == 8 else numbers.astype(np.int64)
            counts = np.bincount((wide - wide.dtype.type(low)).astype(np.intp))
            used = np.flatnonzero(counts)
            return arrow_of((used.astype(wide.dtype) + wide.dtype.type(low)).astype(numbers.dtype)), counts[used]
    found = pc.value_counts(values)
    return found.field("values"), numpy_of(found.field("counts"))


def _sorted(hashes: Any) -> Any:
    """Return hashes in order, each once."""
    import numpy as np

    # numpy's `unique` goes through a hash table, which takes ten times as long here.
    ordered = np.sort(hashes)
    return ordered[np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])]


def hashes_below(values: pa.Array, bound: int) -> Any:
    """Return the hashes that are at most `bound` of a column's values, in any order.

    Numbers are hashed by their bits: they are compared only with others of their column, which have the same type.
    """
    import numpy as np
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(values.type):
        values = count_each(values)[0]
    if not (types.is_integer(values.type) or types.is_floating(values.type)):
        hashes = hash_any(values)
        return hashes[hashes <= np.uint64(bound)]
    numbers = numpy_of(values)
    return _small_hashes(numbers.view(f"u{numbers.itemsize}"), np.uint64(bound))


LONG = 1024


def hash_any(values: pa.Array) -> Any:
    """Return a 64-bit hash of each value, none of them null; long texts and bytes by BLAKE2b."""
    import hashlib

    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_fixed_size_binary(values.type):
        values = values.cast(pa.binary())
    if kind_of(values.type) not in ("string", "bytes"):
        return hash_values(values)
    lengths = numpy_of(pc.binary_length(values))
    if not len(lengths) or lengths.max() <= LONG:
        return hash_values(values)
    # Eight bytes at a time, as short ones are hashed, would take a step for each eight bytes of the longest.
    places = np.flatnonzero(lengths > LONG)
    hashes = np.empty(len(lengths), np.uint64)
    short = np.flatnonzero(lengths <= LONG)
    hashes[short] = hash_values(values.take(arrow_of(short)))
    for place in places.tolist():
        digest = hashlib.blake2b(values[place].as_buffer(), digest_size=8).digest()
        hashes[place] = int.from_bytes(digest, "little")
    return hashes


BLOCK = 16_384
"""Numbers that are hashed at a time: their words stay in a processor's nearest memory."""


def _small_hashes(bits: Any, bound: Any) -> Any:
    """Return the hashes (SplitMix64's finaliser, as in `levada.tables.hashing`) that are at most `bound`."""
    import numpy as np

    words, shifted = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
    found: list[Any] = []
    for start in range(0, len(bits), BLOCK):
        block = bits[start : start + BLOCK]
        x, y = words[: len(block)], shifted[: len(block)]
        np.add(block, np.uint64(GOLDEN), out=x)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            np.right_shift(x, np.uint64(shift), out=y)
            np.bitwise_xor(x, y, out=x)
            np.multiply(x, np.uint64(factor), out=x)
        np.right_shift(x, np.uint64(31), out=y)
        np.bitwise_xor(x, y, out=x)
        found.append(x[x <= bound])
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def _bytes(texts: pa.Array) -> int:
    """Return the bytes of all texts together, 0 for values that are not text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        return 0
    return pc.sum(pc.binary_length(texts)).as_py() or 0


def rank(values: pa.Array | None, counts: Any, top: int | None = None) -> list[tuple[Any, int]]:
    """Return values with their counts (or the `top` first), by falling count, then by rising value.

    Texts rise by code point.
    """
    import numpy as np
    import pyarrow as pa

    if values is None or not len(values):
        return []
    if top is not None and len(values) > 4 * top:
        least = np.partition(counts, len(counts) - top)[len(counts) - top]
        places = np.flatnonzero(counts >= least)
        values, counts = values.take(arrow_of(places)), counts[places]
    table = pa.table({"value": values, "count": arrow_of(counts)})
    table = table.sort_by([("count", "descending"), ("value", "ascending")]).slice(0, top)
    return list(zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True))
