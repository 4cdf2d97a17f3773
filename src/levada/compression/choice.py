"""Which candidate is taken: of those that are all that was asked, the smallest or the fastest; and why, in words."""

from __future__ import annotations

from collections.abc import Sequence

from levada.amounts import size_said, time_said
from levada.artifacts.compression import Candidate
from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Measure, short
from levada.compression.constraints import Prefer

TOLD = 3
"""Near misses that are told."""


def chosen_of(candidates: Sequence[Candidate], prefer: Prefer) -> Candidate | None:
    """Return the smallest (gzipped, then as it lies) or the fastest (p50) that is all that was asked, if one is."""
    holding = [each for each in candidates if each.holds]
    return min(holding, key=lambda each: _order(each, prefer), default=None)


def _order(each: Candidate, prefer: Prefer) -> tuple[float, ...]:
    size = (each.cost.gzipped, each.cost.size)
    return (*size, each.cost.p50) if prefer == "size" else (each.cost.p50, *size)


def nearest_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that miss something: by how much of the limits they miss, the least first."""
    missing = [each for each in candidates if not each.holds]
    return sorted(missing, key=lambda each: (max(each.misses), sum(each.misses), each.cost.gzipped))


def front_of(candidates: Sequence[Candidate], measure: Measure) -> list[str]:
    """Return the names of those that none beats: no other is as small and as good, and better in one."""
    placed = {
        each.name: (each.cost.gzipped, measure.drop(0.0, each.whole.metrics[measure.name].value))
        for each in candidates
        if measure.name in each.whole.metrics
    }
    return [
        name
        for name, mine in placed.items()
        if not any(other != mine and other[0] <= mine[0] and other[1] <= mine[1] for other in placed.values())
    ]


def why_chosen(
    chosen: Candidate,
    candidates: Sequence[Candidate],
    baseline: Candidate,
    metric: str,
    confidence: float,
    prefer: Prefer,
) -> str:
    """Return the choice in a sentence: what it is first in, how much smaller and faster it is, what it loses."""
    holding = sum(each.holds for each in candidates)
    if len(candidates) == 1:
        first = f"{chosen.name}, the one candidate, keeps every limit"
    elif holding == 1:
        first = f"{chosen.name} is the only one of {len(candidates)} candidates that keeps every limit"
    else:
        best = "smallest" if prefer == "size" else "fastest"
        first = f"{chosen.name} is the {best} of {holding} candidates that keep every limit"
        first += f" (of {len(candidates)})" if holding < len(candidates) else ""
    cost, before = chosen.cost, baseline.cost
    numbers = (
        f"{size_said(cost.gzipped)} gzipped ({_times(before.gzipped, cost.gzipped, 'smaller', 'larger')}), "
        f"p50 {time_said(cost.p50)} ({_times(before.p50, cost.p50, 'faster', 'slower')})"
    )
    return f"{first}: {numbers}, {_lost(chosen, metric, confidence)}"


def _lost(chosen: Candidate, metric: str, confidence: float) -> str:
    found, drop = chosen.whole.metrics[metric], chosen.whole.drops.get(metric)
    before = chosen.whole.champion.get(metric)
    said = f"{metric} {short(found.value)}" + (f" against {short(before.value)}" if before is not None else "")
    if drop is not None and drop.low is not None and drop.high is not None:
        said += f", {percent_interval(confidence)} of the drop {drop.low:.4f} to {drop.high:.4f}"
    worst = chosen.worst(metric)
    if worst is None:
        return said
    return f"{said}; the slice that lost most is {worst.name}, by {worst.drops[metric].value:.4f}"


def _times(before: float, after: float, better: str, worse: str) -> str:
    ratio = before / after if after else 1.0
    return f"{ratio:.1f} times {better}" if ratio >= 1 else f"{1 / ratio:.1f} times {worse}"


def why_none(candidates: Sequence[Candidate]) -> list[str]:
    """Return why no candidate was chosen, the nearest first: what each misses."""
    ranked = nearest_first(candidates)
    none = f"none of {len(candidates)} candidates keeps every limit"
    said = [none if len(candidates) > 1 else "the one candidate misses something"]
    for each in ranked[:TOLD]:
        missed = [condition.sentence for condition in each.conditions if not condition.holds]
        more = f"; and {len(missed) - 2} more" if len(missed) > 2 else ""
        said.append(f"{each.name} misses {'; '.join(missed[:2])}{more}")
    if len(ranked) > TOLD:
        said.append(f"{', '.join(each.name for each in ranked[TOLD:])} miss more")
    return said
