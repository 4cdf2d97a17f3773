"""Metrics that are sums without their sign: how far calibration is off, in which direction whatever.

Such a value is never 0 in a sample, though it may be in truth: chance alone is a distance. A percentile of resamples is
further off still, since each adds its own chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.evaluation.groups import Groups
from levada.evaluation.intervals import chance_beyond
from levada.evaluation.metrics import Found, Sums
from levada.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Absolute(Sums):
    """The sum over bins of absolute sums, a row: of the `parts` the first half are sums of bins, the others rows.

    Its interval is by the directional derivative (Z. Fang and A. Santos, Review of Economic Studies 86, 2019): a bin
    that is clearly off (by more than the root of the logarithm of the rows, in standard errors) varies with its sign,
    and one that may be 0 can only have added. The upper end takes all signs as they are, which is never too low.
    """

    def find(self, rows: Rows, which: int, groups: Groups, z: float) -> Found:
        import numpy as np

        tail = chance_beyond(z)
        found: list[tuple[Array, Array, Array]] = []
        with np.errstate(divide="ignore", invalid="ignore"):
            for table in self._tables(rows, which, groups):
                half = len(table) // 2
                total, drawn = table.sum(axis=2), rows.bootstrap.draw(table)
                count = total[half:].sum(axis=0)
                bins = total[:half] / count
                apart = drawn[:half] / drawn[half:].sum(axis=0) - bins[:, None, :]
                apart = np.where(np.isfinite(apart), apart, 0.0)
                clear = abs(bins) > np.sqrt(np.log(np.maximum(count, math.e))) * apart.std(axis=1, ddof=1)
                signed = np.sign(bins)[:, None, :] * apart
                added = np.where(clear[:, None, :], signed, abs(apart)).sum(axis=0)
                value = self.of(total)
                low = value - np.quantile(added, 1 - tail, axis=0)
                found.append((value, low, value - np.quantile(signed.sum(axis=0), tail, axis=0)))
        return self.within(rows, which, groups, z, Found(*(np.concatenate(each) for each in zip(*found, strict=True))))
