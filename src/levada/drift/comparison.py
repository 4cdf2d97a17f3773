"""Two distributions of one column: their distances, and the p-values of their difference."""

from __future__ import annotations

from dataclasses import dataclass, field

from levada.drift.categories import Categories, Paired
from levada.drift.distances import (
    Overlaid,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    population_stability,
    wasserstein,
)
from levada.drift.distribution import Distribution
from levada.drift.ordered import Ordered
from levada.drift.significance import chi_squared_p, kuiper_p, largest_cell_p, smirnov_p, two_shares_p

TENTHS = 10
FEW_VALUES = 50
"""Numbers with no more distinct values than this are compared as categories too."""
LISTED_SHARE = 0.5
"""Text of which the listed values make up less than this is compared by its lengths as well."""


@dataclass(frozen=True)
class Comparison:
    """The distances of two distributions by name, and the p-values of no difference.

    `shape_p` is for the values that are there, None if nothing is known of them on one side; `missing_p` for the share
    of missing values, `infinite_p` for that of infinite ones (None where there are none). `changed` is the category
    whose share changed most against chance, with its shares: (value, before, now).
    """

    distances: dict[str, float]
    shape_p: float | None
    missing_p: float
    infinite_p: float | None = None
    changed: tuple[object, float, float] | None = None


@dataclass
class _Found:
    distances: dict[str, float] = field(default_factory=dict[str, float])
    p_values: list[float] = field(default_factory=list[float])
    changed: tuple[object, float, float] | None = None


def compare(baseline: Distribution, current: Distribution) -> Comparison:
    """Return how far two distributions of the same family are apart, and whether chance explains it.

    Several tests look at the shape, each at another side of it; their smallest p-value is multiplied by their number.
    """
    found = _Found()
    if baseline.ordered is not None and current.ordered is not None:
        _compare_ordered(baseline, baseline.ordered, current.ordered, found)
    if baseline.categories is not None and current.categories is not None:
        few = max(len(baseline.categories.shares), len(current.categories.shares)) <= FEW_VALUES
        _compare_categories(
            baseline.categories, current.categories, found, only_largest=bool(found.p_values) and not few
        )
    if _is_free_text(baseline) and _is_free_text(current) and baseline.lengths and current.lengths:
        _compare_ordered(baseline, baseline.lengths, current.lengths, found)
    shape_p = min(1.0, min(found.p_values) * len(found.p_values)) if found.p_values else None
    found.distances["missing"] = abs(current.missing_share - baseline.missing_share)
    infinite_p = None
    if baseline.infinite or current.infinite:
        here, there = baseline.rows - baseline.missing, current.rows - current.missing
        share = [side.infinite / max(rows, 1) for side, rows in ((baseline, here), (current, there))]
        found.distances["infinite"] = abs(share[1] - share[0])
        infinite_p = two_shares_p(min(baseline.infinite, here), here, min(current.infinite, there), there)
    return Comparison(
        found.distances,
        shape_p,
        two_shares_p(baseline.missing, baseline.rows, current.missing, current.rows),
        infinite_p,
        found.changed,
    )


def _compare_ordered(side: Distribution, baseline: Ordered, current: Ordered, found: _Found) -> None:
    import numpy as np

    cuts = baseline.cuts(TENTHS)
    cells = [np.diff(np.concatenate([[0.0], part.at_places(cuts).likely, [1.0]])) for part in (baseline, current)]
    cells = [np.maximum(part, 0.0) for part in cells]
    overlaid = Overlaid.of(baseline, current)
    distance, certain, kuiper = kolmogorov_smirnov(overlaid)
    found.distances |= {
        "psi": population_stability(*cells),
        "jensen_shannon": jensen_shannon(*cells),
        "kolmogorov_smirnov": distance,
        "wasserstein": wasserstein(overlaid, _scale(side.scale or baseline.spread, current)),
    }
    found.p_values += [
        smirnov_p(certain, baseline.values, current.values),
        kuiper_p(kuiper, baseline.values, current.values),
    ]


def _scale(deviation: float, current: Ordered) -> float:
    """Return by what to divide a distance: the baseline's deviation, or what there is if all its values are equal."""
    import numpy as np

    for scale in (deviation, current.spread, float(np.abs(current.points).max())):
        if scale > 0 and np.isfinite(scale):
            return scale
    return 1.0


def _is_free_text(side: Distribution) -> bool:
    """Whether most values of a text are not listed, so that only their lengths can be compared."""
    return side.categories is not None and sum(side.categories.shares.values()) < LISTED_SHARE


def _compare_categories(baseline: Categories, current: Categories, found: _Found, *, only_largest: bool) -> None:
    """Compare shares; of numbers with more than a few values, for which there are better tests, only the largest."""
    sides = baseline, current
    rows = sides[0].values, sides[1].values
    paired = Paired.of(*sides)
    if not paired.categories:
        return
    found.distances["l_infinity"] = l_infinity(paired.baseline, paired.current)
    if only_largest:
        return
    cells = paired.cells()
    found.distances |= {"psi": population_stability(*cells), "jensen_shannon": jensen_shannon(*cells)}
    cell_p, place = largest_cell_p(paired.baseline, rows[0], paired.current, rows[1])
    found.p_values += [chi_squared_p(*paired.tested_cells(*rows)), cell_p]
    if place >= 0:
        found.changed = paired.categories[place], float(paired.baseline[place]), float(paired.current[place])
