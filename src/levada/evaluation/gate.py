"""From measurements to a verdict: is the model good enough, and shown to be no worse than the champion?

Over all rows the burden of proof is the candidate's: the whole interval of its drop, paired row by row, lies within
what is allowed (non-inferiority). In a slice it is the other way round, unless asked otherwise: slices are small and
many, and among enough of them an equal model looks bad in one. So a slice closes the gate if it is shown to be worse by
more than what is allowed, with p-values corrected for all of them (Holm). Each condition becomes a sentence with its
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Condition, Estimate, Part
from levada.evaluation.intervals import chance_beyond, holm, quantile
from levada.evaluation.measuring import Measured
from levada.evaluation.thresholds import Threshold

POWER = 0.85
"""How often an equal model should pass where a sentence says how many rows that needs."""

SMALL = 1e-4
"""A smaller p-value is not told apart."""

SLICE_GATES = ("harm", "proof", "none")


@dataclass(frozen=True)
class Rules:
    """What is asked: bounds, how much worse than the champion a metric may be, and what slices are asked.

    `slices` is `harm` (none is shown to be worse than allowed), `proof` (each is shown not to be) or `none`.
    """

    thresholds: Mapping[str, Threshold]
    max_drop: Mapping[str, float]
    confidence: float
    slices: str = "harm"


def bounds_kept(measured: Measured, rules: Rules) -> list[Condition]:
    """Hold the metrics over all rows against their bounds."""
    found = measured.whole.parts[0].metrics
    return [_bound(name, found.get(name), threshold, rules) for name, threshold in rules.thresholds.items()]


def _bound(name: str, found: Estimate | None, threshold: Threshold, rules: Rules) -> Condition:
    holds = found is not None and threshold.allows(found)
    return Condition(holds, _bound_said(name, found, threshold, holds, rules), "bound", name, limit=threshold.limit)


def _bound_said(name: str, found: Estimate | None, threshold: Threshold, holds: bool, rules: Rules) -> str:
    if found is None:
        return f"{name} cannot be measured on these rows, and must be {threshold}"
    by_interval = threshold.by == "interval"
    with_all = f" with all of its {percent_interval(rules.confidence)}"
    if holds:
        said = f"{found.interval}" if by_interval else ""
        return f"{name} {shown(found.value)}{said} is {threshold}{with_all * by_interval}"
    if by_interval and found.low is None:
        return f"{name} {shown(found.value)} has no interval on these rows, and must be {threshold}{with_all}"
    value_alone = Threshold(threshold.least, threshold.most).allows(found)
    if by_interval and value_alone:
        return f"{name} {shown(found.value)} is {threshold}, but not{with_all}{found.interval}: more rows would tell"
    if threshold.least is not None and found.value < threshold.least:
        return f"{name} {shown(found.value, threshold.least)} is below {threshold.least:g}"
    return f"{name} {shown(found.value, threshold.most)} is above {threshold.most:g}"


def nothing_to_hold(rules: Rules) -> list[Condition]:
    """Return a condition for each drop that has no champion to be a drop from, where nothing else is asked.

    None holds: a gate that nothing was asked of would open to any model, and it would be the next champion.
    """
    return [
        Condition(
            False,
            f"{name} has no champion to be compared with, and nothing else is asked of the model: say "
            f"what the first one must reach, thresholds={{'{name}': ...}}",
            "champion",
            name,
            limit=margin,
        )
        for name, margin in rules.max_drop.items()
    ]


# -- against the champion ---------------------------------------------------------------------------


def not_worse(measured: Measured, rules: Rules, who: str, *, answers_alike: bool) -> list[Condition]:
    """Hold the model against the champion, `who` in sentences: over all rows, then in slices.

    `answers_alike` is whether both gave the same answer to every row: then no slice and no chance can tell them apart.
    """
    conditions: list[Condition] = []
    whole = measured.whole.parts[0]
    for name, margin in rules.max_drop.items():
        conditions.append(_whole(name, margin, whole, rules, who, answers_alike=answers_alike))
    if not answers_alike and rules.slices != "none" and measured.slices:
        conditions += _harmed(measured, rules, who) if rules.slices == "harm" else _proven(measured, rules, who)
    return conditions


def _numbers(name: str, part: Part, who: str) -> str:
    where = f" where {part.name} ({part.rows:,} rows)" if part.by else ""
    return f"{name}{where} {shown(part.metrics[name].value)} against {shown(part.champion[name].value)} of {who}"


def _whole(name: str, margin: float, part: Part, rules: Rules, who: str, *, answers_alike: bool) -> Condition:
    def condition(holds: bool, sentence: str) -> Condition:
        return Condition(
            holds, sentence, "slice" if part.by else "champion", name, part.name if part.by else "", margin
        )

    drop = part.drops.get(name)
    if drop is None:
        where = f" where {part.name}" if part.by else ""
        return condition(False, f"{name}{where} cannot be compared with {who} on these rows")
    numbers = _numbers(name, part, who)
    if answers_alike:
        return condition(True, f"{numbers}: it answers every row alike")
    if drop.low is None or drop.high is None:
        return condition(
            False, f"{numbers}: {part.rows:,} rows (or those of a class) are too few to say how sure that is"
        )
    span = f"{shown(drop.low)} to {shown(drop.high)}"
    interval = f"{percent_interval(rules.confidence)} of the drop {span}"
    if drop.high <= margin:
        return condition(True, f"{numbers}: {_moved(drop.value, margin)} ({interval}), {margin:g} is allowed")
    if drop.value > margin:
        return condition(
            False,
            f"{numbers}: worse by {shown(drop.value, margin)}, {margin:g} is allowed "
            f"({percent_interval(rules.confidence)} {span})",
        )
    return condition(
        False,
        f"{numbers}: {_moved(drop.value, margin)}, but {part.rows:,} rows are too few to show that it is not worse by "
        f"{shown(drop.high, margin)} ({interval}), {margin:g} is allowed{_needed(drop, margin, part.rows, rules)}",
    )


def _moved(drop: float, margin: float) -> str:
    if drop == 0:
        return "equal"
    return f"worse by {shown(drop, margin, 0.0)}" if drop > 0 else f"better by {shown(-drop, 0.0)}"


def _needed(drop: Estimate, margin: float, rows: int, rules: Rules) -> str:
    """Say how many rows an equal model would need to pass as often as `POWER`."""
    if margin <= 0 or drop.low is None or drop.high is None:
        return ""
    z = quantile(rules.confidence)
    error = (drop.high - drop.low) / (2 * z)
    needed = rows * ((z + NormalDist().inv_cdf(POWER)) * error / margin) ** 2
    if needed <= rows:  # an equal model would have passed; this one is a little worse
        return ""
    return f"; about {rounded_up(needed):,} rows would do for an equal model"


def rounded_up(count: float) -> int:
    """Return a number of rows in two digits, upwards."""
    step = 10 ** max(math.floor(math.log10(max(count, 1))) - 1, 0)
    return math.ceil(count / step) * step


def _harmed(measured: Measured, rules: Rules, who: str) -> list[Condition]:
    """Return a condition for each slice that is shown to be worse than allowed, and one that counts the others."""
    compared = list(_statistics(measured, rules))
    corrected = holm([chance_beyond(statistic) for _, _, statistic in compared])
    alpha = 1 - rules.confidence
    conditions: list[Condition] = []
    for (name, part, _), chance in zip(compared, corrected, strict=True):
        drop, margin = part.drops[name], rules.max_drop[name]
        if chance >= alpha or drop.value <= margin:
            continue
        span = (
            f", {percent_interval(rules.confidence)} {shown(drop.low)} to {shown(drop.high)}"
            if drop.low is not None and drop.high is not None
            else ""
        )
        said = f"p = {chance:.2g}" if chance >= SMALL else f"p < {SMALL:g}"
        among = f", {said} among {len(compared)} comparisons" if len(compared) > 1 else f", {said}"
        sentence = (
            f"{_numbers(name, part, who)}: worse by {shown(drop.value, margin)}{span}, {margin:g} is allowed{among}"
        )
        conditions.append(Condition(False, sentence, "slice", name, part.name, margin))
    failed = {condition.metric for condition in conditions}
    for name, margin in rules.max_drop.items():
        count = sum(other == name for other, _, _ in compared)
        if count and name not in failed:
            noun = "the one slice" if count == 1 else f"any of {count} slices"
            sentence = f"{name} is not shown to be worse by more than {margin:g} in {noun}"
            conditions.append(Condition(True, sentence, "slice", name, limit=margin))
    return conditions


def _statistics(measured: Measured, rules: Rules) -> Iterator[tuple[str, Part, float]]:
    """Yield, for each metric and slice that can be compared, how far its drop lies above what is allowed."""
    for name, margin in rules.max_drop.items():
        for slicing in measured.slicings:
            if name not in slicing.drops:
                continue
            for part, statistic in zip(slicing.parts, slicing.drops[name].beyond(margin).tolist(), strict=True):
                if name in part.drops and not math.isnan(statistic):
                    yield name, part, statistic


def _proven(measured: Measured, rules: Rules, who: str) -> list[Condition]:
    """Return a condition for each slice that is not shown to be no worse than allowed, and one that counts the others.

    All must be shown, so nothing is to be corrected: a model that is worse in one slice passes that one by chance at
    most as often as a single comparison does (an intersection-union test).
    """
    conditions: list[Condition] = []
    for name, margin in rules.max_drop.items():
        having = [part for part in measured.slices if name in part.metrics and name in part.champion]
        judged = [_whole(name, margin, part, rules, who, answers_alike=False) for part in having]
        failed = [condition for condition in judged if not condition.holds]
        conditions += failed
        if having and not failed:
            noun = "the one slice" if len(having) == 1 else f"each of {len(having)} slices"
            sentence = f"{name} is shown to be worse by no more than {margin:g} in {noun}"
            conditions.append(Condition(True, sentence, "slice", name, limit=margin))
    return conditions


def shown(value: float, *beside: float | None) -> str:
    """Return a number in three digits behind the point, in more if they are needed to tell it from others."""
    digits = 3
    others = [other for other in beside if other is not None and other != value]
    while digits < 8 and any(round(value, digits) == round(other, digits) for other in others):
        digits += 1
    said = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:,.1f}"
    return said if said.strip("-0.") else said.removeprefix("-")
