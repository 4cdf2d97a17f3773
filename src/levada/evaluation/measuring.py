"""Measuring: every metric of every model, over all rows and in every slice, and how the models differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from levada.artifacts.measured import Estimate, Gap, Measure, Part
from levada.evaluation.groups import Groups
from levada.evaluation.intervals import Drops, quantile
from levada.evaluation.metrics import Metric
from levada.evaluation.rows import Rows
from levada.evaluation.slicing import Slicing

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Compared:
    """Rows that were measured together, and how two models differ there: `drops` has an element a part."""

    parts: list[Part]
    drops: dict[str, Drops]


@dataclass(frozen=True)
class Measured:
    """What was found over all rows, and by each slicing."""

    measures: tuple[Measure, ...]
    whole: Compared
    slicings: list[Compared]

    @property
    def slices(self) -> tuple[Part, ...]:
        return tuple(part for slicing in self.slicings for part in slicing.parts)


def measure(rows: Rows, metrics: Mapping[str, Metric], slicings: Sequence[Slicing], confidence: float) -> Measured:
    """Return all metrics of all models in all parts of the rows, with intervals."""
    z = quantile(confidence)
    return Measured(
        tuple(Measure(name, metric.lower_is_better, metric.method) for name, metric in metrics.items()),
        _compared(rows, metrics, "", ["all rows"], rows.groups, z),
        [_compared(rows, metrics, slicing.by, slicing.names, slicing.groups, z) for slicing in slicings],
    )


def _compared(
    rows: Rows, metrics: Mapping[str, Metric], by: str, names: Sequence[str], groups: Groups, z: float
) -> Compared:
    if not names:
        return Compared([], {})
    models = len(rows.predictions)
    found = [
        {name: _estimates(*metric.find(rows, which, groups, z)) for name, metric in metrics.items()}
        for which in range(models)
    ]
    drops = {name: metric.drops(rows, groups) for name, metric in metrics.items()} if models > 1 else {}
    apart = {name: _estimates(drop.value, *drop.bounds(z)) for name, drop in drops.items()}
    sides = [*found, *([{}] * (2 - models)), apart]
    parts = [
        Part(
            by,
            name,
            int(groups.sizes[place]),
            *({key: each for key, listed in side.items() if (each := listed[place])} for side in sides),
        )
        for place, name in enumerate(names)
    ]
    return Compared(parts, drops)


def _estimates(value: Array, low: Array, high: Array) -> list[Estimate | None]:
    """Return an estimate a group; None where there is nothing to say."""
    return [
        Estimate(one, *((least, most) if math.isfinite(least) and math.isfinite(most) else (None, None)))
        if math.isfinite(one)
        else None
        for one, least, most in zip(value.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def gaps_of(measured: Measured, confidence: float) -> tuple[Gap, ...]:
    """Return how far the best and the worst slice of each slicing are apart, in each metric.

    The slices of one slicing share no rows, so their errors add up as squares. That the two were chosen among many is
    allowed for as if all pairs had been looked at (Bonferroni).
    """
    found = [_gap(measure, slicing.parts, confidence) for slicing in measured.slicings for measure in measured.measures]
    return tuple(gap for gap in found if gap is not None)


def _gap(measure: Measure, parts: Sequence[Part], confidence: float) -> Gap | None:
    having = [part for part in parts if measure.name in part.metrics]
    if len(having) < 2:
        return None
    ranked = sorted(having, key=lambda part: part.metrics[measure.name].value, reverse=not measure.lower_is_better)
    best, worst = ranked[0], ranked[-1]
    size = abs(best.metrics[measure.name].value - worst.metrics[measure.name].value)
    widths = [_width(part.metrics[measure.name]) for part in (best, worst)]
    known = [width for width in widths if width is not None]
    pairs = len(list(combinations(having, 2)))
    if len(known) < 2:
        estimate = Estimate(size)
    else:
        half = math.hypot(*known) / 2 * quantile(1 - (1 - confidence) / pairs) / quantile(confidence)
        estimate = Estimate(size, max(size - half, 0.0), size + half)
    return Gap(best.by, measure.name, best.name, worst.name, estimate)


def _width(estimate: Estimate) -> float | None:
    return None if estimate.low is None or estimate.high is None else estimate.high - estimate.low
