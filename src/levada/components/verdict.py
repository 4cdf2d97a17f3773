"""From measurements to a verdict: is the model good enough, and no worse than the champion?

Each condition becomes a sentence with its numbers. What closed the gate comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.evaluation import Task
from levada.components.threshold import Threshold
from levada.errors import ComponentError, did_you_mean
from levada.models.metrics import NAMES, measure, worsening, worsening_interval
from levada.models.scored import Scored

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Condition:
    """One thing that was asked, whether it holds, and a sentence with the numbers."""

    holds: bool
    sentence: str


@dataclass(frozen=True)
class Slice:
    """Rows that share a value of a column: which rows, and the metrics on them for each model asked."""

    column: str
    value: Any
    mask: np.ndarray[Any, Any]
    rows: int
    metrics: tuple[dict[str, float], ...]

    @property
    def label(self) -> str:
        return f"{self.column} = {'(missing)' if self.value is None else self.value}"


def check_names(task: Task, names: Mapping[str, Any], parameter: str) -> None:
    """Raise ComponentError for a metric that the task does not have."""
    for name in names:
        if name not in NAMES[task]:
            hint = did_you_mean(name, NAMES[task]) or f"It has {', '.join(NAMES[task])}."
            raise ComponentError(f"evaluate({parameter}=...): a {task} task has no metric '{name}'.", hint=hint)


def slice_up(scored: Scored, least: int) -> list[Slice]:
    """Return the slices that have at least `least` rows, with the metrics of every model on them."""
    slices: list[Slice] = []
    for column, (codes, values) in scored.slices.items():
        for number, value in enumerate(values):
            mask = codes == number
            rows = int(mask.sum())
            if rows < max(least, 1):
                continue
            metrics = tuple(measure(scored.task, scored.labels[mask], part[mask]) for part in scored.predictions)
            slices.append(Slice(column, value, mask, rows, metrics))
    return slices


def absolute(metrics: Mapping[str, float], thresholds: Mapping[str, Threshold]) -> list[Condition]:
    """Hold the metrics against their thresholds."""
    conditions: list[Condition] = []
    for name, threshold in thresholds.items():
        value = metrics.get(name)
        if value is None:
            conditions.append(Condition(False, f"{name} cannot be measured on these rows, and must be {threshold}"))
        elif threshold.allows(value):
            conditions.append(Condition(True, f"{name} {shown(value)} is {threshold}"))
        elif threshold.least is not None and value < threshold.least:
            conditions.append(Condition(False, f"{name} {shown(value, threshold.least)} is below {threshold.least:g}"))
        else:
            conditions.append(Condition(False, f"{name} {shown(value, threshold.most)} is above {threshold.most:g}"))
    return conditions


def against_champion(
    scored: Scored,
    metrics: Mapping[str, float],
    champion: Mapping[str, float],
    max_drop: Mapping[str, float],
    slices: list[Slice],
    who: str,
) -> list[Condition]:
    """Hold the first model against the second: overall by the measured drop, in a slice only by a certain one.

    A slice is small, and there are many: it closes the gate when the whole 95 % interval of its drop lies
    above what is allowed.
    """
    conditions: list[Condition] = []
    new, old = scored.predictions
    for name, allowed in max_drop.items():
        if name not in metrics or name not in champion:
            conditions.append(Condition(False, f"{name} cannot be compared with {who} on these rows"))
            continue
        drop = worsening(name, champion[name], metrics[name])
        numbers = f"{name} {shown(metrics[name])} against {shown(champion[name])} of {who}"
        if drop > allowed:
            low, high = worsening_interval(scored.task, name, scored.labels, old, new)
            conditions.append(
                Condition(
                    False,
                    f"{numbers}: worse by {shown(drop, allowed)}, {allowed:g} is allowed "
                    f"(95 % interval {shown(low)} to {shown(high)})",
                )
            )
        else:
            conditions.append(Condition(True, numbers))
        conditions += _in_slices(scored, name, allowed, slices, who)
    return conditions


def _in_slices(scored: Scored, name: str, allowed: float, slices: list[Slice], who: str) -> list[Condition]:
    new, old = scored.predictions
    worse: list[Condition] = []
    compared = 0
    for part in slices:
        mine, theirs = (metrics.get(name) for metrics in part.metrics)
        if mine is None or theirs is None:
            continue
        compared += 1
        if worsening(name, theirs, mine) <= allowed:
            continue
        mask = part.mask
        low, high = worsening_interval(scored.task, name, scored.labels[mask], old[mask], new[mask])
        if low > allowed:
            worse.append(
                Condition(
                    False,
                    f"{name} where {part.label} ({part.rows:,} rows) {shown(mine)} against {shown(theirs)} of {who}: "
                    f"worse by {shown(low)} to {shown(high)} (95 % interval), {allowed:g} is allowed",
                )
            )
    if compared and not worse:
        noun = "slice" if compared == 1 else "slices"
        worse.append(Condition(True, f"{name} is certainly worse in none of {compared} {noun}"))
    return worse


def shown(value: float, beside: float | None = None) -> str:
    """Return a metric in three digits, or in as many as it takes to tell it from the number beside it."""
    if value != value:
        return "?"
    digits = 3
    while beside is not None and digits < 8 and round(value, digits) == round(beside, digits):
        digits += 1
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:,.1f}"
