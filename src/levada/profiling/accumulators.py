"""What is known of a column's values so far, in forms that merge: each is a commutative monoid.

Data is read in numbered pieces (row groups), by one process or many, and merged in any order. The result is the same to
the last bit, so statistics have one digest: nothing here draws random numbers or depends on an order.
That is why quantiles come from a sample by position and not from a KLL sketch, which cannot be seeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from levada.tables.hashing import mix

if TYPE_CHECKING:
    import numpy as np

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
            with np.errstate(over="ignore", invalid="ignore"):
                mean = float(wide.mean())
                wide -= mean
                self.pieces[piece] = (len(values), mean, float(np.square(wide, out=wide).sum()))

    def merge(self, other: Moments) -> None:
        self.pieces.update(other.pieces)

    def total(self) -> tuple[float, float] | None:
        """Return mean and population variance; None if there were no values, or such that floats do not hold it."""
        count, mean, squares = 0, 0.0, 0.0
        for piece in sorted(self.pieces):
            more, its_mean, its_squares = self.pieces[piece]
            delta, together = its_mean - mean, count + more
            mean += delta * more / together
            squares += its_squares + delta * delta * count * more / together
            count = together
        return (mean, squares / count) if count and isfinite(mean) and isfinite(squares) else None


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
        self.keep(values if self.rate >= 1 else values.take(chosen_places(piece, len(values), self.rate)))

    def keep(self, chosen: Any) -> None:
        """Keep values that were chosen already, by `chosen_places`."""
        if len(chosen):
            self.parts.append(chosen)

    def merge(self, other: Sample) -> None:
        self.parts += other.parts

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)


@lru_cache(maxsize=4)
def _position_hashes(piece: int, count: int) -> Any:
    import numpy as np

    seed = mix(np.array([piece], np.uint64) + np.uint64(1))
    return mix(np.arange(count, dtype=np.uint64) + seed)


@lru_cache(maxsize=16)
def chosen_places(piece: int, count: int, rate: float) -> Any:
    """Return the places, of the `count` in a piece, that a sample keeps: int64, rising."""
    import numpy as np

    if rate >= 1:
        return np.arange(count)
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
