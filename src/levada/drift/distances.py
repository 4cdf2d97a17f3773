"""Distances between two distributions: zero for equal ones, finite for any.

Shares are float64 arrays of the same cells on both sides, each summing to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.drift.ordered import Heights, Ordered

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

SMALLEST_SHARE = 1e-4
"""The share at which an empty cell counts in PSI, whose logarithm has no value at 0."""


def population_stability(baseline: Floats, current: Floats) -> float:
    """Return the population stability index: the sum of (q - p) ln(q / p) over cells with shares p and q.

    Also known as Jeffreys' divergence, symmetric and 0 or more. Shares below 0.0001 count as that. Of numbers, the
    cells are the baseline's tenths. S. Kullback, R. Leibler, "On information and sufficiency", 1951; in use for
    scorecards, with the bounds 0.1 and 0.25: N. Siddiqi, "Credit risk scorecards", 2006.
    """
    import numpy as np

    p, q = np.maximum(baseline, SMALLEST_SHARE), np.maximum(current, SMALLEST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(baseline: Floats, current: Floats) -> float:
    """Return the Jensen-Shannon distance: the root of the divergence in bits, symmetric, from 0 to 1.

    The divergence is (KL(p | m) + KL(q | m)) / 2 with m = (p + q) / 2. J. Lin, "Divergence measures based on the
    Shannon entropy", 1991; its root is a metric: D. Endres, J. Schindelin, 2003. TFDV's thresholds are for the
    divergence.
    """
    import numpy as np

    middle = (baseline + current) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(baseline > 0, baseline * np.log2(baseline / middle), 0.0)
        right = np.where(current > 0, current * np.log2(current / middle), 0.0)
    return float(np.sqrt(np.clip(np.sum(left + right) / 2, 0.0, 1.0)))


def l_infinity(baseline: Floats, current: Floats) -> float:
    """Return the largest difference of a share, max |q - p|: symmetric, from 0 to 1. As TFDV's `infinity_norm`."""
    import numpy as np

    return float(np.abs(current - baseline).max(initial=0.0))


@dataclass(frozen=True)
class Overlaid:
    """Two distribution functions at all points of either, and just below them."""

    places: Floats
    at: tuple[Heights, Heights]
    before: tuple[Heights, Heights]

    @staticmethod
    def of(baseline: Ordered, current: Ordered) -> Overlaid:
        import numpy as np

        both = np.concatenate([baseline.points, current.points])
        both.sort(kind="stable")  # two rising runs are merged
        places = both[np.append(True, both[1:] != both[:-1])]
        (at, before), (its_at, its_before) = baseline.over(places), current.over(places)
        return Overlaid(places, (at, its_at), (before, its_before))


def kolmogorov_smirnov(overlaid: Overlaid) -> tuple[float, float, float]:
    """Return the largest distance of two distribution functions, and what of it is certain, once and as Kuiper's.

    The first, sup |F - G|, is symmetric and from 0 to 1; of quantiles in K and L steps it is off by 1/K + 1/L at most.
    The second is a lower bound of it, the third one of Kuiper's sup (F - G) + sup (G - F), which also sees a change of
    scale: tests that use them err on the side of no alarm. N. Smirnov, 1939; N. Kuiper, "Tests concerning random
    points on a circle", 1960.
    """
    import numpy as np

    likely = above = below = 0.0
    for first, second in (overlaid.at, overlaid.before):
        likely = max(likely, float(np.abs(first.likely - second.likely).max()))
        above = max(above, float((first.low - second.high).max()))
        below = max(below, float((second.low - first.high).max()))
    return min(likely, 1.0), max(above, below), above + below


def wasserstein(overlaid: Overlaid, scale: float) -> float:
    """Return the first Wasserstein distance divided by a scale: how far values moved, in the baseline's deviations.

    It is the area between the two distribution functions, the integral of |F - G|; of quantiles, F and G are taken as
    straight between two points. S. Vallender, "Calculation of the Wasserstein distance between probability
    distributions on the line", 1973. A shift of all values by d has the distance d. Capped at 1e9.
    """
    import numpy as np

    if len(overlaid.places) < 2:
        return 0.0
    left = (overlaid.at[0].likely - overlaid.at[1].likely)[:-1]
    right = (overlaid.before[0].likely - overlaid.before[1].likely)[1:]
    same = left * right >= 0
    size = np.abs(left) + np.abs(right)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = np.where(same, size / 2, (left**2 + right**2) / (2 * size))
        area = float(np.sum(np.where(size > 0, mean, 0.0) * np.diff(overlaid.places / scale)))
    return min(area, 1e9) if area == area else 1e9
