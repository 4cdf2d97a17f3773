"""Two sets of statistics, column by column: what drifted from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from levada.artifacts.drift import ComparedRows, Drift
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.drift.distribution import of_statistics
from levada.drift.judgement import Pair, Rules, judge
from levada.errors import DataError, ParameterError, did_you_mean


@dataclass(frozen=True)
class Chosen:
    """Which columns to compare: those named (None for all), less those to ignore; `absent` may be missing silently."""

    columns: tuple[str, ...] | None = None
    ignored: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    slices: bool = True


def compare_statistics(
    kind: Literal["drift", "skew"],
    baseline: tuple[Statistics, ComparedRows],
    current: tuple[Statistics, ComparedRows],
    rules: Rules,
    chosen: Chosen,
) -> Drift:
    """Return what became of every column of the baseline, and of the slices that both sides have.

    Raises DataError if a side has no rows or they have no column in common, ParameterError for a column that
    neither has.
    """
    (then, was), (now, its) = baseline, current
    for rows, whose in ((was, "the baseline"), (its, "what is held against the baseline")):
        if not rows.rows:
            raise DataError(
                f"{whose}, {rows.name}, has no rows in split '{rows.split}'.",
                hint="Name a split that has rows, or let check_data stop empty data before this.",
            )
    columns = then.columns(was.split), now.columns(its.split)
    names = _names(*columns, chosen)
    pairs = dict(_pairs("", *columns, names))
    if chosen.slices:
        both = [name for name in now.slices(its.split) if name in then.slices(was.split)]
        for slice_ in both:
            here = then.columns(was.split, slice_), now.columns(its.split, slice_)
            common = [name for name in names if name in here[0] and name in here[1]]
            pairs |= dict(_pairs(slice_, *here, common))
    return Drift(kind, was, its, rules.alpha, judge(pairs, rules))


def _names(then: Mapping[str, ColumnStatistics], now: Mapping[str, ColumnStatistics], chosen: Chosen) -> list[str]:
    known = list(dict.fromkeys([*then, *now]))
    if not set(then) & set(now):
        raise DataError(
            f"the two have no column in common: {_some(then)} before, {_some(now)} now.",
            hint="Are these statistics of the same data?",
        )
    for name in (*(chosen.columns or ()), *sorted(chosen.ignored)):
        if name not in known:
            raise ParameterError(f"there is no column '{name}' on either side.", hint=did_you_mean(name, known))
    names = [name for name in (chosen.columns or known) if name not in chosen.ignored]
    return [name for name in names if name not in chosen.absent or (name in then and name in now)]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "")


def _pairs(
    slice_: str, then: Mapping[str, ColumnStatistics], now: Mapping[str, ColumnStatistics], names: Iterable[str]
) -> Iterable[tuple[tuple[str, str], Pair]]:
    for name in names:
        sides = [of_statistics(side[name]) if name in side else None for side in (then, now)]
        yield (slice_, name), (sides[0], sides[1])
