"""Whether chance explains a difference: p-values that rather come out too large than too small.

Closed forms and bounds on numpy and `math`: importing scipy's would cost more than all that is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

TERMS = 100
NEARLY_NORMAL = 100
"""Rows in expectation from which a common share has the normal distribution, far into its tails."""
COMMON = 0.1
"""From this share on, a count spreads notably less than a binomial one, given the count of both sides together."""


def smirnov_p(distance: float, baseline: int, current: int) -> float:
    """Return the probability of a Kolmogorov-Smirnov distance as large by chance, for samples of two sizes.

    The limit 2 sum (-1)^(j-1) exp(-2 j^2 x^2) at x = distance * sqrt(n m / (n + m)), which is on the safe side for
    finite samples and for values that occur more than once. A. Kolmogorov, 1933; N. Smirnov, 1939.
    """
    x = distance * math.sqrt(baseline * current / (baseline + current))
    if x < 0.2:
        return 1.0
    return _probability(2 * sum((-1) ** (j - 1) * math.exp(-2 * j * j * x * x) for j in range(1, TERMS)))


def kuiper_p(distance: float, baseline: int, current: int) -> float:
    """Return the probability of a Kuiper distance as large by chance, as `smirnov_p`.

    The limit 2 sum (4 j^2 x^2 - 1) exp(-2 j^2 x^2). N. Kuiper, "Tests concerning random points on a circle", 1960.
    """
    x = distance * math.sqrt(baseline * current / (baseline + current))
    if x < 0.4:
        return 1.0
    squares = [j * j * x * x for j in range(1, TERMS)]
    return _probability(2 * sum((4 * square - 1) * math.exp(-2 * square) for square in squares))


def chi_squared_p(baseline: Floats, current: Floats) -> float:
    """Return the p-value of Pearson's test that counts in the same cells come from one distribution.

    The sum of (observed - expected)^2 / expected has the chi-squared distribution with cells - 1 degrees of freedom,
    nearly, where all cells have enough rows in expectation (the caller pools the others). Two cells are two shares:
    then it is `two_shares_p`, which holds for few rows too. K. Pearson, 1900.
    """
    import numpy as np

    if len(baseline) == 2:
        (first, first_rest), (second, second_rest) = np.round(baseline).tolist(), np.round(current).tolist()
        return two_shares_p(int(first), int(first + first_rest), int(second), int(second + second_rest))
    return pearson_p(baseline, current)


def pearson_p(baseline: Floats, current: Floats) -> float:
    """Return the p-value of Pearson's test by the limiting distribution, whatever the counts."""
    import numpy as np

    rows = float(baseline.sum()), float(current.sum())
    both = baseline + current
    filled = both > 0
    if filled.sum() < 2 or not all(rows):
        return 1.0
    both, share = both[filled], rows[0] / sum(rows)
    # Both sides' terms together: (observed - expected)^2 is the same on either.
    off = np.square(baseline[filled] - both * share)
    statistic = float(np.sum(off / (both * share) + off / (both * (1 - share))))
    return chi_squared_tail(statistic, len(both) - 1)


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """Return the probability that a chi-squared variable exceeds a value.

    The finite sums of M. Abramowitz, I. Stegun, "Handbook of mathematical functions", 26.4.4 and 26.4.5.
    """
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    odd = degrees % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    for step in range(degrees // 2):
        power = step + odd / 2
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return _probability(tail)


def binomial_p(found: int, of: int, share: float) -> float:
    """Return the two-sided p-value of `found` successes `of` so many, each with probability `share`: an upper bound.

    Twice the tail beyond what was found, bounded by a geometric series: the ratio of successive terms falls. W. Feller,
    "An introduction to probability theory and its applications", volume 1, VI.3.
    """
    if of <= 0 or not 0 < share < 1:
        return 1.0
    if found < of * share:
        found, share = of - found, 1 - share
    ratio = (of - found) * share / ((found + 1) * (1 - share))
    if ratio >= 1:
        return 1.0
    first = (
        math.lgamma(of + 1)
        - math.lgamma(found + 1)
        - math.lgamma(of - found + 1)
        + found * math.log(share)
        + (of - found) * math.log1p(-share)
    )
    return _probability(2 * math.exp(min(first, 0.0)) / (1 - ratio))


def two_shares_p(baseline: int, baseline_rows: int, current: int, current_rows: int) -> float:
    """Return the p-value of the same share on both sides: `baseline` of `baseline_rows`, `current` of `current_rows`.

    The test of two proportions (chi-squared with one degree of freedom) where both kinds are common. Else the rarer
    kind decides: given its number on both sides together, that on one side is binomial (hypergeometric, to be exact,
    which spreads less), and so exact for rare ones.
    """
    import numpy as np

    rows = baseline_rows + current_rows
    there = baseline + current
    rarer = min(there, rows - there)
    if not baseline_rows or not current_rows or not rarer:
        return 1.0
    if rarer >= COMMON * rows and rarer * min(baseline_rows, current_rows) / rows >= NEARLY_NORMAL:
        sides = np.asarray([(baseline, baseline_rows - baseline), (current, current_rows - current)], np.float64)
        return pearson_p(sides[0], sides[1])
    found = current if there == rarer else current_rows - current
    return binomial_p(found, rarer, current_rows / rows)


def largest_cell_p(baseline: Floats, baseline_rows: int, current: Floats, current_rows: int) -> tuple[float, int]:
    """Return the p-value of the category whose share changed most against chance, and its place.

    Each category is tested as in `two_shares_p` by its rarer side, and the smallest p-value is multiplied by the number
    of categories (Bonferroni). The candidate is found by the bound exp(-n KL) of H. Chernoff, 1952, for all at once.
    """
    import numpy as np

    counts = np.round(baseline * baseline_rows), np.round(current * current_rows)
    both = counts[0] + counts[1]
    expected = current_rows / (baseline_rows + current_rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(both > 0, counts[1] / both, expected)
        exponent = both * (
            np.where(share > 0, share * np.log(share / expected), 0.0)
            + np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - expected)), 0.0)
        )
    if not len(exponent):
        return 1.0, -1
    place = int(np.argmax(exponent))
    single = two_shares_p(int(counts[0][place]), baseline_rows, int(counts[1][place]), current_rows)
    return min(1.0, single * len(exponent)), place


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Return q-values: the share of false alarms to expect if everything with a value as low is called an alarm.

    Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", 1995. Without any true difference, "q <= a for
    any of them" has a probability of at most a (for independent or positively dependent tests).
    """
    total = len(p_values)
    order = sorted(range(total), key=lambda index: p_values[index], reverse=True)
    found, least = [1.0] * total, 1.0
    for rank, index in enumerate(order):
        least = min(least, p_values[index] * total / (total - rank))
        found[index] = least
    return found


def _probability(value: float) -> float:
    return min(1.0, max(0.0, value))
