"""What is known of a column's values so far, in forms that merge: each is a commutative monoid.

Data is read in numbered pieces (row groups), by one process or many, and merged in any order. The result is the same to
the last bit, so statistics have one digest: nothing here draws random numbers or depends on an order.
That is why quantiles come from a sample by position and not from a KLL sketch, which cannot be seeded.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from levada.tables.hashing import hash_values, mix

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

WORDS = 1 << 64


@dataclass
class Moments:
    """Count, mean and sum of squared deviations, piece by piece.

    Floating-point sums depend on their order, so pieces are kept apart and added up in the order of their numbers, by
    the pairwise formula of T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", Stanford STAN-CS-79-773, 1979.
    """

    pieces: dict[int, tuple[int, float, float]] = field(default_factory=dict[int, tuple[int, float, float]])

    def add(self, piece: int, values: np.ndarray[Any, Any]) -> None:
        """Take in the finite values of a piece."""
        import numpy as np

        if len(values):
            wide = values.astype(np.float64)
            mean = float(wide.mean())
            wide -= mean
            self.pieces[piece] = (len(values), mean, float(np.square(wide, out=wide).sum()))

    def merge(self, other: Moments) -> None:
        self.pieces.update(other.pieces)

    def total(self) -> tuple[float, float] | None:
        """Return mean and population variance, None if there were no values."""
        count, mean, squares = 0, 0.0, 0.0
        for piece in sorted(self.pieces):
            more, its_mean, its_squares = self.pieces[piece]
            delta, together = its_mean - mean, count + more
            mean += delta * more / together
            squares += its_squares + delta * delta * count * more / together
            count = together
        return (mean, squares / count) if count else None


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
    values: pa.Array | None = None
    counts: Any = None  # int64, as long as values
    smallest: np.ndarray[Any, np.dtype[np.uint64]] | None = None

    @property
    def is_exact(self) -> bool:
        return self.smallest is None

    def add(self, values: pa.Array) -> None:
        """Take in values, none of them null."""
        import pyarrow.compute as pc

        if len(values) == 0:
            return
        if self.is_exact and self._plainly_too_many(values):
            self._give_up()
        if self.is_exact:
            found = pc.value_counts(values)
            self._combine(found.field("values"), found.field("counts").to_numpy())
        else:
            self._take_smallest(hash_values(values))

    def _plainly_too_many(self, values: pa.Array) -> bool:
        """Whether the first few values are enough to say so: it saves counting columns of measurements."""
        head = 4 * self.limit
        return head < len(values) and len(values.slice(0, head).unique()) > self.limit

    def merge(self, other: Distinct) -> None:
        if other.smallest is not None:
            if self.is_exact:
                self._give_up()
            self._take_smallest(other.smallest)
        elif other.values is not None:
            if self.is_exact:
                self._combine(other.values, other.counts)
            else:
                self._take_smallest(hash_values(other.values))

    def _combine(self, values: pa.Array, counts: Any) -> None:
        import numpy as np
        import pyarrow as pa

        if self.values is not None:
            coded = pa.concat_arrays([self.values, values]).dictionary_encode()
            weights = np.concatenate([self.counts, counts])
            summed = np.bincount(coded.indices.to_numpy(), weights, len(coded.dictionary))  # exact up to 2**53
            values, counts = coded.dictionary, summed
        self.values, self.counts = values, counts.astype(np.int64)
        if len(values) > self.limit or _bytes(values) > self.limit_bytes:
            self._give_up()

    def _give_up(self) -> None:
        import numpy as np

        before, self.values, self.counts = self.values, None, None
        self.smallest = np.empty(0, np.uint64)
        if before is not None:
            self._take_smallest(hash_values(before))

    def _take_smallest(self, hashes: Any) -> None:
        import numpy as np

        assert self.smallest is not None
        if len(self.smallest) == SMALLEST:
            hashes = hashes[hashes < self.smallest[-1]]
        elif len(hashes) > 4 * SMALLEST:
            near = np.unique(np.partition(hashes, 2 * SMALLEST)[: 2 * SMALLEST])
            hashes = near if len(near) >= SMALLEST else hashes
        if len(hashes):
            self.smallest = np.unique(np.concatenate([self.smallest, hashes]))[:SMALLEST]

    def number(self) -> int:
        """Return the number of distinct values, estimated if they were too many to keep."""
        if self.smallest is None:
            return 0 if self.values is None else len(self.values)
        if len(self.smallest) < SMALLEST:
            return len(self.smallest)
        return round((SMALLEST - 1) * WORDS / int(self.smallest[-1]))

    def ranked(self) -> list[tuple[Any, int]]:
        """Return the values that were kept with their counts, by falling count, then by rising value."""
        return rank(self.values, self.counts)


def _bytes(texts: pa.Array) -> int:
    """Return the bytes of all texts together, 0 for values that are not text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        return 0
    return pc.sum(pc.binary_length(texts)).as_py() or 0


def rank(values: pa.Array | None, counts: Any) -> list[tuple[Any, int]]:
    """Return values with their counts, by falling count, then by rising value (text by code point)."""
    import pyarrow as pa

    if values is None:
        return []
    table = pa.table({"value": values, "count": counts})
    table = table.sort_by([("count", "descending"), ("value", "ascending")])
    return list(zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True))


@dataclass
class Sample:
    """The values whose position hashes below a fixed rate: a random sample that any division of the work gives.

    `rate` is the share of all values to keep, chosen so that about as many remain as are wanted; 1 keeps
    every value. Of n kept values, the rank of a quantile p has the standard deviation sqrt(p (1 - p) / n).
    """

    rate: float
    parts: list[Any] = field(default_factory=list[Any])  # numpy arrays of numbers, Arrow arrays of texts

    @staticmethod
    def of(wanted: int, total: int) -> Sample:
        """Return a sample that will keep about `wanted` of `total` values."""
        return Sample(min(1.0, wanted / total) if total else 1.0)

    def add(self, piece: int, values: Any) -> None:
        """Take in a piece's values, a numpy or an Arrow array."""
        places = None if self.rate >= 1 else chosen_places(piece, len(values), self.rate)
        kept = values if places is None else values.take(places)
        if len(kept):
            self.parts.append(kept)

    def merge(self, other: Sample) -> None:
        self.parts += other.parts

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)


@lru_cache(maxsize=4)
def _position_hashes(piece: int, count: int) -> Any:
    import numpy as np

    seed = mix(np.array([piece], np.uint64) + np.uint64(1))
    return mix(np.arange(count, dtype=np.uint64) + seed)


def chosen_places(piece: int, count: int, rate: float) -> Any:
    """Return the places, of the `count` in a piece, that a sample keeps: int64, rising."""
    import numpy as np

    # A position's hash does not depend on how many there are, so all columns of a piece share one array.
    hashes = _position_hashes(piece, max(1 << (count - 1).bit_length(), 1) if count else 1)[:count]
    return np.flatnonzero(hashes < np.uint64(int(rate * WORDS)))


@dataclass
class Extent:
    """Least and greatest value, count and sum: exact, for whole numbers of any size or for floats' extremes."""

    count: int = 0
    min: Any = None
    max: Any = None
    sum: int = 0

    def add(self, count: int, least: Any, greatest: Any, total: int = 0) -> None:
        self.merge(Extent(count, least, greatest, total))

    def merge(self, other: Extent) -> None:
        if other.count:
            self.min = other.min if not self.count else min(self.min, other.min)
            self.max = other.max if not self.count else max(self.max, other.max)
            self.count += other.count
            self.sum += other.sum
