"""What is worth a look in a column before a model is trained on it: remarks that stand on top of a report.

They are hints for people and close no gate: what data must be like is for a schema to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from levada import html
from levada.artifacts.statistics import ColumnStatistics
from levada.reports.shapes import is_unrepeated
from levada.reports.shares import is_counted, spread_of
from levada.reports.sides import Side

MOSTLY = 0.5
"""A column with a greater share of missing values is mostly missing."""
MANY_ZEROS = 0.9
DOMINANT = 0.98
"""A column whose most frequent value has a greater share is almost constant."""
MANY_VALUES = 1_000
LONG_TAIL = 0.75
"""How far the tails of a column differ, from -1 to 1, for it to be called skewed."""
MISSING_MOVED = 0.05
"""How much the shares of missing values of two sides differ for that to be said."""


@dataclass(frozen=True)
class Remark:
    """A sentence about a column; `kind` is what such remarks have in common, in a word or two."""

    column: str
    kind: str
    text: str
    level: Literal["warning", "note"] = "note"


def remarks_on(name: str, sides: Sequence[Side]) -> list[Remark]:
    """Return what there is to say of a column, warnings first; what holds on every side is said once."""
    found: dict[tuple[str, str], tuple[Remark, list[str]]] = {}
    for side in sides:
        column = side.columns.get(name)
        for remark in _of(column) if column is not None else [_absent(name)]:
            found.setdefault((remark.kind, remark.text), (remark, []))[1].append(side.label)
    said = [_placed(remark, labels, len(sides)) for remark, labels in found.values()]
    return sorted([*said, *_between(name, sides)], key=lambda remark: remark.level == "note")


def _placed(remark: Remark, labels: list[str], sides: int) -> Remark:
    where = f" in {', '.join(labels)}" if len(labels) < sides else ""
    return Remark(remark.column, remark.kind, remark.text + where, remark.level)


def _absent(name: str) -> Remark:
    return Remark(name, "not there", "is not there", "warning")


def _of(column: ColumnStatistics) -> list[Remark]:
    if not column.rows:
        return []
    if not column.count:
        return [Remark(column.name, "empty", "has no values at all", "warning")]
    said: list[Remark] = []

    def add(kind: str, text: str, level: Literal["warning", "note"] = "note") -> None:
        said.append(Remark(column.name, kind, text, level))

    if column.missing_share > MOSTLY:
        add("mostly missing", f"{percent(column.missing_share)} of its values are missing", "warning")
    if column.infinite:
        verb = "is" if column.infinite == 1 else "are"
        add("infinite", f"{column.infinite:,} of its values {verb} infinite", "warning")
    if column.images is not None and column.images.corrupt:
        shares = f"{column.images.corrupt:,} of {column.images.sampled:,}"
        add("corrupt", f"{shares} images that were looked at cannot be decoded", "warning")
    share = column.top[0][1] / column.values if column.top and column.values else 0.0
    if column.distinct == 1 and not column.infinite:
        add("constant", "has one value only", "warning")
    elif share > DOMINANT and column.kind != "boolean":
        add("almost constant", f"one value has {percent(share)} of its rows")
    elif column.kind == "numeric" and column.zeros > MANY_ZEROS * column.values:
        add("mostly zero", f"{percent(column.zeros / column.values)} of its values are zero")
    if is_unrepeated(column):
        add("unrepeated", f"almost every value is another ({_about(column)}): an identifier, or free text")
    elif column.kind == "string" and column.distinct > MANY_VALUES:
        add("many values", f"has more than {MANY_VALUES:,} different values")
    if column.text is not None and column.text.blank:
        add("blank", f"{column.text.blank:,} of its values are only white space")
    tail = skewness(column)
    if abs(tail) > LONG_TAIL:
        add("skewed", f"has a long tail to the {'right' if tail > 0 else 'left'}")
    return said


def _about(column: ColumnStatistics) -> str:
    return f"{'' if column.exact else 'about '}{column.distinct:,}"


def skewness(column: ColumnStatistics) -> float:
    """Return how much longer a column's upper tail is than its lower one, from -1 to 1, 0 for no numbers.

    (q99 + q1 - 2 q50) / (q99 - q1): Bowley's measure of skewness at the first percentile (Hinkley 1975). It is 0
    for what is symmetric, 0.70 for an exponential distribution, 0.82 for a log-normal one.
    """
    if column.kind != "numeric" or column.distinct < 10:
        return 0.0
    spread = spread_of(column)
    if spread is None:
        return 0.0
    low, middle, high = (spread.value(share) for share in (0.01, 0.5, 0.99))
    return (high + low - 2 * middle) / (high - low) if high > low else 0.0


def _between(name: str, sides: Sequence[Side]) -> list[Remark]:
    """Return what differs from a side to the next: type, missing values, values that were not there before."""
    said: list[Remark] = []
    here = [(side.label, side.columns[name]) for side in sides if name in side.columns and side.columns[name].rows]
    for (before, left), (after, right) in pairwise(here):
        if left.type != right.type:
            text = f"is {left.type} in {before} and {right.type} in {after}"
            said.append(Remark(name, "type differs", text, "warning"))
        if abs(left.missing_share - right.missing_share) > MISSING_MOVED:
            shares = f"{percent(left.missing_share)} of {before} and {percent(right.missing_share)} of {after}"
            said.append(Remark(name, "missing differs", f"is missing in {shares}", "warning"))
        if left.kind == right.kind == "string" and is_counted(left) and right.exact:
            known = {value for value, _ in left.top}
            new = sum(count for value, count in right.top if value not in known)
            if new:
                rows = f"{new:,} rows of {after} have values" if new > 1 else f"a row of {after} has a value"
                text = f"{rows} that {before} does not have"
                said.append(Remark(name, "new values", text))
    return said


def percent(share: float) -> str:
    """Return a share as people read it; what is not quite nothing or all is never called so."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share:.1%}".replace("%", " %").replace(".0 %", " %")


def number(value: float) -> str:
    """Return a number that is a value: one of up to four digits has no separator, as a year has none."""
    text = html.shown(value)
    return text.replace(",", "") if abs(value) < 10_000 else text


def shown_value(value: object) -> str:
    """Return a value of a column for people: times without their T, what is empty as such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    if isinstance(value, str):
        if value[:4].isdigit() and value[10:11] == "T":
            return value[:16].replace("T", " ").removesuffix(" 00:00")
        is_clock = value[2:3] == ":" and value[:2].isdigit()
        return value.partition(".")[0] if is_clock else html.shown(value or "(empty)")
    return html.shown(value)
