"""Intervals in closed form, for many groups of rows at once; and p-values corrected for many comparisons.

Arrays have an element a group. What cannot be said is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_STEPS = 40
"""Halvings of where a bound is looked for: to 1e-12 of it."""


def quantile(confidence: float) -> float:
    """Return the standard normal quantile of a two-sided interval: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(hits: Array, count: Array, z: float) -> tuple[Array, Array]:
    """Return Wilson's score interval of rates (E. B. Wilson, JASA 22, 1927); NaN without trials."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        rate = hits / count
        middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
        half = z / (1 + z * z / count) * np.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def widened(half: Array, move: Array | float, z: float) -> Array:
    """Return the half of an interval with room for rows that are not there.

    `half` is what the rows at hand say, `move` by how much one further row moves the metric. A value further away comes
    from more such rows, and varies more: by `move` for each unit. Where no row is wrong this is Wilson's interval of
    no hits (`z * z` rows), where many are it is `half`.
    """
    import numpy as np

    bend = z * z * move
    return (bend + np.sqrt(bend * bend + 4 * half * half)) / 2


def areas(value: Array, error: Array, ones: Array, zeros: Array, z: float) -> tuple[Array, Array]:
    """Return the interval of areas under curves, of shape (groups,), from DeLong's standard errors.

    The wider of two, at each end: DeLong's on the scale of log-odds, and the score interval by the larger of his
    variance and R. G. Newcombe's (Statistics in Medicine 25, 2006, part 2, method 5), which depends on the area alone:
    with few rows of a class, or none misplaced, the first knows nothing of the misplaced rows that happen not to be
    there. `ones` and `zeros` count rows, of shape (groups, classes), for the mean over classes; none where a class
    does not occur.
    """
    import numpy as np

    pairs = ones * zeros
    having = np.maximum((pairs > 0).sum(axis=1), 1)
    typical = (ones + zeros) / 2 - 1

    def variance(area: Array) -> Array:
        at = area[:, None]
        known = at * (1 - at) * (1 + typical * ((1 - at) / (2 - at) + at / (1 + at)))
        each = np.where(pairs > 0, known / np.maximum(pairs, 1), 0.0)
        return np.maximum(error * error, each.sum(axis=1) / having**2)

    def apart(area: Array) -> Array:
        spread = np.sqrt(variance(area))
        return (value - area) / np.where(spread > 0, spread, 1e-300)

    low = _crossing(lambda area: apart(area) - z, np.zeros(len(value)), value)
    high = _crossing(lambda area: apart(area) + z, value, np.ones(len(value)))
    with np.errstate(divide="ignore", invalid="ignore"):
        odds, half = np.log(value / (1 - value)), z * error / (value * (1 - value))
        low = np.fmin(low, 1 / (1 + np.exp(half - odds)))
        high = np.fmax(high, 1 / (1 + np.exp(-half - odds)))
    unknown = np.isnan(value) | np.isnan(error)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


# -- how much worse, paired -------------------------------------------------------------------------


class Drops(Protocol):
    """By how much a metric got worse from one model to another on the same rows, group by group."""

    @property
    def value(self) -> Array:
        """What was measured; negative where it got better."""
        ...

    def bounds(self, z: float) -> tuple[Array, Array]:
        """Return the two-sided interval whose standard normal quantile is `z`."""
        ...

    def beyond(self, margin: float) -> Array:
        """Return the standard normal statistic of `drop - margin`: positive where the drop is larger."""
        ...


@dataclass(frozen=True)
class NormalDrops:
    """Drops that are normal around what was measured, with a standard error.

    `growth` is by how much the variance grows for each unit that the true drop is further away than what was measured:
    where drops come from few rows, a larger one would have come from more of them, and vary more. The interval has the
    drops whose own variance does not speak against what was measured, as a score interval has (0: Wald's).
    """

    value: Array
    error: Array
    growth: Array | float = 0.0

    def bounds(self, z: float) -> tuple[Array, Array]:
        import numpy as np

        bend = z * z * self.growth
        half = (bend + np.sqrt(bend * bend + 4 * z * z * self.error * self.error)) / 2
        return self.value - half, self.value + half

    def beyond(self, margin: float) -> Array:
        import numpy as np

        apart = self.value - margin
        error = np.sqrt(self.error * self.error + abs(apart) * self.growth)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = apart / error
        return np.where((error == 0) & (apart == 0), 0.0, found)


@dataclass(frozen=True)
class ScoreDrops:
    """Drops with a standard error from the rows at hand, and what one further row may add.

    A drop other than what was measured takes rows that decide it, each of which moves the metric by at most `move`.
    How many there are under a drop is estimated as Tango does (`RateDrops`), for moves of any size and few of them:
    with a variance `V` of what was measured, `d`, that under a drop `D` is `V / 2 + sqrt(V * V / 4 + move * move * D *
    (D - d))`, and never below `V`. So a drop that no row shows has the interval of Tango's, `z * z * move` to both
    sides, and one that many rows show that of Wald. `most` is the largest drop that can be.
    """

    value: Array
    error: Array
    move: Array
    most: float = float("inf")

    def bounds(self, z: float) -> tuple[Array, Array]:
        import numpy as np

        known = z * z * (self.error * self.error + z * z * self.move * self.move)
        reach = np.sqrt(known) + np.cbrt(z**4 * self.move * self.move * abs(self.value))  # beyond the root of a cubic
        low = _crossing(lambda drop: self._beyond(drop) - z, self.value - reach, self.value)
        high = _crossing(lambda drop: self._beyond(drop) + z, self.value, self.value + reach)
        return np.maximum(low, -self.most), np.minimum(high, self.most)

    def beyond(self, margin: float) -> Array:
        return self._beyond(margin)

    def _beyond(self, drop: Array | float) -> Array:
        import numpy as np

        measured = self.error * self.error / 2
        further = self.move * self.move * np.maximum(drop * (drop - self.value), 0.0)
        error = np.sqrt(measured + np.sqrt(measured * measured + further))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (self.value - drop) / error
        return np.where((error == 0) & (self.value == drop), 0.0, found)


@dataclass(frozen=True)
class RateDrops:
    """Drops of a rate, from paired hits: `lost` rows that only the first model got right, `won` only the second.

    T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
    Statistics in Medicine 17, 1998: the score statistic, with the discordant rates at their most likely under the drop.
    It keeps its level where few rows are discordant, and is no point where none is.
    """

    lost: Array
    won: Array
    count: Array

    @property
    def value(self) -> Array:
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.lost - self.won) / self.count

    def bounds(self, z: float) -> tuple[Array, Array]:
        import numpy as np

        least, most = np.full(len(self.count), -1.0), np.full(len(self.count), 1.0)
        low = _crossing(lambda drop: self.beyond_each(drop) - z, least, most)
        high = _crossing(lambda drop: self.beyond_each(drop) + z, least, most)
        empty = self.count == 0
        return np.where(empty, np.nan, low), np.where(empty, np.nan, high)

    def beyond(self, margin: float) -> Array:
        import numpy as np

        return self.beyond_each(np.full(len(self.count), float(margin)))

    def beyond_each(self, drop: Array) -> Array:
        """Return Tango's statistic of each group for a drop of its own."""
        import numpy as np

        n, b, c = self.count, self.lost, self.won
        middle = -b - c + (2 * n - b + c) * drop
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(np.maximum(middle * middle + 8 * n * c * drop * (1 - drop), 0.0))
            rate = (root - middle) / (4 * n)
            spread = np.sqrt(np.maximum(n * (2 * rate + drop * (1 - drop)), 0.0))
            found = (b - c - n * drop) / spread
        return np.where((spread == 0) & (b - c == n * drop), 0.0, found)


def _crossing(falling: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where a falling function is zero between `low` and `high`, group by group."""
    import numpy as np

    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = falling(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


# -- many comparisons -------------------------------------------------------------------------------


def chance_beyond(statistic: float) -> float:
    """Return the probability that a standard normal number is larger."""
    return NormalDist().cdf(-statistic)


def holm(chances: list[float]) -> list[float]:
    """Return p-values corrected for all of them (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    Whatever depends on whatever, the probability of any of them being below `alpha` by chance is at most `alpha`.
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    corrected = [0.0] * len(chances)
    so_far = 0.0
    for rank, place in enumerate(order):
        so_far = max(so_far, min(1.0, chances[place] * (len(chances) - rank)))
        corrected[place] = so_far
    return corrected
