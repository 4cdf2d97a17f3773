"""What a compressed model must keep, and what it may cost; each becomes a condition with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from levada.amounts import read_size, read_time, size_said, time_said
from levada.artifacts.cost import Cost
from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Condition, Estimate, Part, Results
from levada.errors import ParameterError, did_you_mean
from levada.evaluation.gate import shown

Bound = Literal["interval", "point"]
BOUNDS = ("interval", "point")
Prefer = Literal["size", "latency"]
PREFERENCES = ("size", "latency")

WHO = "the uncompressed model"


@dataclass(frozen=True)
class Constraints:
    """The limits of `compress`: how much metrics may drop, bytes (as they lie and gzipped), seconds of a call."""

    max_drop: Mapping[str, float]
    bound: Bound = "interval"
    prefer: Prefer = "size"
    max_size: int | None = None
    max_gzipped: int | None = None
    max_p50: float | None = None
    max_p99: float | None = None

    @staticmethod
    def of(
        max_drop: Mapping[str, float],
        *,
        bound: str,
        prefer: str,
        max_size: str | None,
        max_gzipped: str | None,
        max_p50: str | None,
        max_p99: str | None,
    ) -> Constraints:
        """Read limits. Raises ParameterError for those that are no sizes or times, or that say nothing together."""
        for name, given, known in (("bound", bound, BOUNDS), ("prefer", prefer, PREFERENCES)):
            if given not in known:
                hint = did_you_mean(given, known) or f"Wanted {' or '.join(map(repr, known))}."
                raise ParameterError(f"compress({name}={given!r}): there is no such thing.", hint=hint)
        if not max_drop:
            raise ParameterError(
                "compress() was told nothing that the model must keep: the smallest candidate would do, however bad.",
                hint='Say how much may be lost: max_drop={"accuracy": 0.01}.',
            )
        for metric, margin in max_drop.items():
            if isinstance(margin, bool) or not margin >= 0:
                raise ParameterError(f"compress(max_drop={{'{metric}': {margin!r}}}): wanted a number from 0 on.")
        if bound == "interval" and 0 in max_drop.values():
            metric = next(name for name, margin in max_drop.items() if not margin)
            raise ParameterError(
                f"compress(max_drop={{'{metric}': 0}}, bound='interval'): no number of rows can show that nothing at "
                "all is lost, so no candidate could be chosen.",
                hint="Allow a little, as 0.001, or judge by the value alone: bound='point'.",
            )
        found = Constraints(
            dict(max_drop),
            "point" if bound == "point" else "interval",
            "latency" if prefer == "latency" else "size",
            read_size("compress(max_size=", max_size),
            read_size("compress(max_gzipped=", max_gzipped),
            read_time("compress(max_p50=", max_p50),
            read_time("compress(max_p99=", max_p99),
        )
        _contradict("max_gzipped", max_gzipped, found.max_gzipped, "max_size", max_size, found.max_size)
        _contradict("max_p50", max_p50, found.max_p50, "max_p99", max_p99, found.max_p99)
        return found

    def said(self) -> list[str]:
        """Return the limits in words."""
        how = "by the value" if self.bound == "point" else "by the upper end of its interval"
        drops = [f"{name} may drop by {margin:g} ({how})" for name, margin in self.max_drop.items()]
        return [*drops, *(f"{title} at most {say(limit)}" for title, _, limit, say in self._costs())]

    def on_cost(self, cost: Cost) -> Iterator[tuple[Condition, float]]:
        """Yield a condition for each limit of size and speed, with the share of it that is too much."""
        for title, value, limit, say in self._costs(cost):
            holds = value <= limit
            sentence = f"{title} {say(value)}, {say(limit)} is allowed"
            yield Condition(holds, sentence, "cost", title, limit=limit), max(value / limit - 1, 0.0)

    def _costs(self, cost: Cost | None = None) -> Iterator[tuple[str, float, float, Callable[[float], str]]]:
        limits: tuple[tuple[str, str, float | None, Callable[[float], str]], ...] = (
            ("size", "size", self.max_size, size_said),
            ("gzipped size", "gzipped", self.max_gzipped, size_said),
            ("p50", "p50", self.max_p50, time_said),
            ("p99", "p99", self.max_p99, time_said),
        )
        for title, name, limit, say in limits:
            if limit is not None:
                yield title, getattr(cost, name) if cost is not None else 0.0, limit, say

    def on_drops(self, results: Results, slice_gate: str = "proof") -> Iterator[tuple[Condition, float]]:
        """Yield what is asked of the drops, with the share of the limit that is too much.

        By intervals it is what the gate of an evaluation asks. By values it is the whole and the worst slice; what
        `slice_gate` says of slices but "proof" is the same for both.
        """
        for condition in results.conditions if self.bound == "interval" else self._by_value(results, slice_gate):
            yield condition, 0.0 if condition.holds else self._excess(condition, results)

    def _by_value(self, results: Results, slice_gate: str) -> Iterator[Condition]:
        for name, margin in self.max_drop.items():
            yield _by_value(name, results.whole, margin, results.confidence)
            if slice_gate != "proof":
                yield from (each for each in results.conditions if (each.kind, each.metric) == ("slice", name))
                continue
            having = [part for part in results.slices if name in part.drops]
            worst = max(having, key=lambda part: part.drops[name].value, default=None)
            if worst is not None:
                yield _by_value(name, worst, margin, results.confidence)

    def _excess(self, condition: Condition, results: Results) -> float:
        parts = [results.whole, *results.slices]
        part = next((each for each in parts if each.name == condition.slice or not condition.slice), None)
        drop = part.drops.get(condition.metric) if part is not None else None
        if drop is None or (self.bound == "interval" and drop.high is None):
            return float("inf")
        least = drop.value if self.bound == "point" or drop.high is None else drop.high
        return (least - self.max_drop[condition.metric]) / (self.max_drop[condition.metric] or 1e-3)


def _by_value(name: str, part: Part, margin: float, confidence: float) -> Condition:
    kind = "slice" if part.by else "champion"
    where = f" where {part.name} ({part.rows:,} rows)" if part.by else ""
    drop = part.drops.get(name)
    if drop is None:
        return Condition(
            False, f"{name}{where} cannot be compared with {WHO}", kind, name, part.name if part.by else ""
        )
    numbers = f"{name}{where} {shown(part.metrics[name].value)} against {shown(part.champion[name].value)} of {WHO}"
    sentence = f"{numbers}: {_moved(drop, margin)}, {margin:g} is allowed{_interval(drop, confidence)}"
    return Condition(drop.value <= margin, sentence, kind, name, part.name if part.by else "", margin)


def _moved(drop: Estimate, margin: float) -> str:
    if not drop.value:
        return "equal"
    return f"worse by {shown(drop.value, margin)}" if drop.value > 0 else f"better by {shown(-drop.value)}"


def _interval(drop: Estimate, confidence: float) -> str:
    if drop.low is None or drop.high is None:
        return ""
    return f" ({percent_interval(confidence)} of the drop {shown(drop.low)} to {shown(drop.high)})"


def _contradict(
    name: str, text: str | None, value: float | None, other: str, other_text: str | None, larger: float | None
) -> None:
    """Raise ParameterError where the limit of what is never larger is the larger one: it would say nothing."""
    if value is not None and larger is not None and value > larger:
        raise ParameterError(
            f"compress({name}='{text}', {other}='{other_text}') contradict each other: what {other} limits is never "
            f"less than what {name} limits, so {name} says nothing.",
            hint="One of the two was meant otherwise.",
        )


def check_recipes(recipes: Sequence[object]) -> None:
    """Raise ParameterError for no recipes, or for one that is there twice."""
    if not recipes:
        raise ParameterError(
            "compress(recipes=[]): there is nothing to try.",
            hint='For a start: recipes=[quantize("dynamic"), prune(0.8) >> quantize("dynamic")].',
        )
    twice = next((each for place, each in enumerate(recipes) if each in recipes[:place]), None)
    if twice is not None:
        raise ParameterError(f"compress(recipes=...): {twice} is there twice.", hint="Leave one out.")
