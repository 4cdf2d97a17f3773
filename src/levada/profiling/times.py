"""Times: how far apart they lie, and where nothing happened for longest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

BUCKETS = 4096


@dataclass
class Gaps:
    """The least and the greatest time in each of at most 4,096 equal buckets, and the step that divides all distances.

    A bucket's width is the smallest power of two (in ticks) with which the buckets reach from the least to the
    greatest time, so it follows from the set of times, as do its contents: merging in any order gives the same. A gap
    wider than a bucket (at most 1/2,048 of the range) shows exactly, between the greatest time of one bucket and the
    least of the next (T. Gonzalez' solution of the maximum gap problem: F. Preparata, M. Shamos, "Computational
    Geometry", 1985, 6.3).
    """

    shift: int = 0
    lows: np.ndarray[Any, Any] | None = None  # int64: of each bucket that is not empty, rising
    highs: np.ndarray[Any, Any] | None = None
    step: int = 0  # 0: no two different times

    def add(self, ticks: np.ndarray[Any, Any]) -> None:
        """Take in times as ticks (int64)."""
        import numpy as np

        if not len(ticks):
            return
        ordered = np.sort(ticks)
        one = Gaps(0, ordered, ordered)
        one._coarsen(_shift_for(int(ordered[0]), int(ordered[-1])))
        one.step = _common_step(ordered)
        self.merge(one)

    def merge(self, other: Gaps) -> None:
        import numpy as np

        if other.lows is None or other.highs is None:
            return
        if self.lows is None or self.highs is None:
            self.shift, self.lows, self.highs, self.step = other.shift, other.lows, other.highs, other.step
            return
        apart = int(self.lows[0]) - int(other.lows[0])
        self.step = math.gcd(self.step, other.step, apart)
        lows, highs = np.concatenate([self.lows, other.lows]), np.concatenate([self.highs, other.highs])
        least, greatest = min(int(self.lows[0]), int(other.lows[0])), max(int(self.highs[-1]), int(other.highs[-1]))
        order = np.argsort(lows, kind="stable")
        self.lows, self.highs = lows[order], highs[order]
        self._coarsen(max(self.shift, other.shift, _shift_for(least, greatest)))

    def _coarsen(self, shift: int) -> None:
        """Join what lies in the same bucket of 2**shift ticks."""
        import numpy as np

        assert self.lows is not None and self.highs is not None
        self.shift = shift
        buckets = self.lows >> shift
        starts = np.flatnonzero(np.concatenate([[True], buckets[1:] != buckets[:-1]]))
        self.lows = self.lows[starts]  # they rise, so the first of a bucket is its least
        self.highs = np.maximum.reduceat(self.highs, starts)

    def largest(self) -> tuple[int, int] | None:
        """Return the two neighbouring times that are furthest apart (the first such), None for less than two times."""
        import numpy as np

        if self.lows is None or self.highs is None or not self.step:
            return None
        # Differences of 64-bit numbers are right modulo 2**64, even between the first and the last moment there is.
        place = int(np.argmax(self.lows[1:].view(np.uint64) - self.highs[:-1].view(np.uint64)))
        return int(self.highs[place]), int(self.lows[place + 1])


def _shift_for(least: int, greatest: int) -> int:
    """Return the smallest shift with which the buckets from the least to the greatest are few enough."""
    shift = max((greatest - least).bit_length() - BUCKETS.bit_length(), 0)
    while (greatest >> shift) - (least >> shift) >= BUCKETS:
        shift += 1
    return shift


def _common_step(ordered: np.ndarray[Any, Any]) -> int:
    """Return the greatest common divisor of all distances between rising numbers."""
    import numpy as np

    distances = ordered.view(np.uint64) - ordered.view(np.uint64)[0]  # never negative, so right modulo 2**64
    step = 0
    while True:
        if step == 1:
            return 1
        off = distances[distances % np.uint64(step) != 0] if step else distances[distances != 0]
        if not len(off):
            return step
        step = math.gcd(step, *(int(value) for value in off[:64]))
