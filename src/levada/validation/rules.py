"""Rules: what data must keep beyond its schema, as small values that `check_data` takes.

    check_data(statistics, schema, examples=data, previous=last_week, rules=[
        not_null("id", "customer"),
        unique("id"),
        fresh("ordered", within="2d"),
        row_count(at_least=1000, change=0.5),
        rule("delivered >= ordered", severity="warn"),
        check(totals_add_up, columns=["net", "tax", "gross"]),
    ])

They are parameters of the plan, so they are data themselves: functions are named, text is parsed when it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from levada.errors import DataError, ParameterError, did_you_mean
from levada.validation.expressions import parse

Severe = Literal["fail", "warn"]
On = Literal["rows", "statistics"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Rule:
    """What data must keep. `severity` says whether a breach closes the gate; made by the functions of this module."""

    severity: Severe


@dataclass(frozen=True)
class NotNull(Rule):
    """Columns that have a value in every row, but for a share of `allow`."""

    columns: tuple[str, ...]
    allow: float

    def __str__(self) -> str:
        return f"not_null({', '.join(map(repr, self.columns))})"


@dataclass(frozen=True)
class Unique(Rule):
    """Columns that together have no value twice, over all splits. Rows in which one is missing do not count.

    Without columns: no row is there twice, what is missing being equal.
    """

    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"unique({', '.join(map(repr, self.columns))})"


@dataclass(frozen=True)
class Fresh(Rule):
    """A column of times whose latest lies at most `within` before `at`, or before the run looks if that is None."""

    column: str
    within: timedelta
    at: datetime | None

    def __str__(self) -> str:
        return f"fresh({self.column!r})"

    def digest(self) -> str:
        """Return when the rule asks: what was fresh yesterday is asked again today, the cache notwithstanding."""
        return "" if self.at is not None else datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class RowCount(Rule):
    """How many rows there are in all splits: bounds, and the greatest change against earlier statistics."""

    at_least: int | None
    at_most: int | None
    change: float | None


@dataclass(frozen=True)
class Holds(Rule):
    """An expression that is false in no row, but for a share of `allow`."""

    expression: str
    allow: float
    name: str

    def __str__(self) -> str:
        return f"rule({self.expression!r})"


@dataclass(frozen=True)
class Custom(Rule):
    """A function of the project's own, over rows or over statistics."""

    function: Callable[..., Any]
    columns: tuple[str, ...] | None
    on: On
    allow: float
    name: str

    def __str__(self) -> str:
        return f"check({self.function.__name__})"


def not_null(*columns: str, allow: float = 0.0, severity: Severe = "fail") -> Rule:
    """Every row has a value in each of `columns`; a share of `allow` (0 to 1) may be missing. NaN is missing."""
    return NotNull(_severe(severity), _names("not_null", columns), _share("not_null", allow))


def unique(*columns: str, severity: Severe = "fail") -> Rule:
    """No two rows, of whatever splits, are equal in all of `columns`: a key. Rows in which one is missing do not count.

    Without columns no two rows are equal in all that the data has; what is missing is equal then.

    One column of one split is judged by its statistics if they counted each value; else the rows are asked, at
    eight bytes a row.
    """
    return Unique(_severe(severity), _names("unique", columns) if columns else ())


def fresh(column: str, *, within: str | timedelta, at: datetime | None = None, severity: Severe = "fail") -> Rule:
    """The latest time in `column` is at most `within` old: "90m", "36h", "2d", "1w", or a timedelta.

    Times without a zone are UTC, a date counts as its end. Whole numbers are times if the schema has a `time_domain`
    for them. The age is that at the moment the component runs, which it does in every run; with `at` (with
    a time zone) it is the age then, for data of the past.
    """
    if at is not None and at.tzinfo is None:
        raise ParameterError(f"fresh(at={at.isoformat()}) has no time zone.", hint="datetime(..., tzinfo=UTC)")
    return Fresh(_severe(severity), _names("fresh", (column,))[0], _duration(within), at)


def row_count(
    *, at_least: int | None = None, at_most: int | None = None, change: float | None = None, severity: Severe = "fail"
) -> Rule:
    """All splits together have so many rows; and, with `change`, not more or less by that share than `previous`.

    `change=0.5` allows 50 to 150 rows after 100; `check_data` then wants `previous=`.
    """
    if at_least is None and at_most is None and change is None:
        raise ParameterError("row_count() asks nothing.", hint="Say at_least=, at_most= or change=.")
    if change is not None and not change > 0:
        raise ParameterError(f"row_count(change={change!r}): wanted a share above 0, as 0.5.")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ParameterError(f"row_count(at_least={at_least}, at_most={at_most}) leaves no number.")
    return RowCount(_severe(severity), at_least, at_most, None if change is None else float(change))


def rule(expression: str, *, allow: float = 0.0, name: str = "", severity: Severe = "fail") -> Rule:
    """An expression over columns that is false in no row, or in a share of at most `allow`.

    Python's grammar, evaluated by Arrow: `"arrival > departure"`, `"fare >= 0 and payment in ['Cash', 'Card']"`,
    "hours(end - start) < 24". A row in which a missing value leaves it open keeps it. `name` says for people
    what is meant. Raises ParameterError for a text that is no such expression.
    """
    return Holds(_severe(severity), parse(expression).text, _share("rule", allow), name)


def check(
    function: Callable[..., Any],
    *,
    columns: Sequence[str] | None = None,
    on: On = "rows",
    allow: float = 0.0,
    name: str = "",
    severity: Severe = "fail",
) -> Rule:
    """A check of your own: a function at the top level of a module, whose code counts in the cache.

    On rows it takes a `pyarrow.RecordBatch` with `columns` (all, if they are not said) and returns a truth value for
    each row, as an Arrow or numpy array: false where it is wrong; a share of `allow` may be. With
    `on="statistics"` it takes the `Statistics` and returns what is wrong, a sentence each, or an empty list.
    """
    if not callable(function):
        raise ParameterError(f"check() wants a function, got {type(function).__name__}.")
    names = None if columns is None else _names("check", tuple(columns))
    return Custom(_severe(severity), function, names, on, _share("check", allow), name)


def columns_of(rule: Rule) -> tuple[str, ...]:
    """Return the columns that a rule names."""
    match rule:
        case NotNull(columns=columns) | Unique(columns=columns):
            return columns
        case Fresh(column=column):
            return (column,)
        case Holds(expression=expression):
            return parse(expression).columns
        case Custom(columns=columns):
            return columns or ()
        case _:
            return ()


def check_known(rule: Rule, columns: Collection[str]) -> None:
    """Raise DataError, naming the rule, if it names a column that data with `columns` does not have."""
    for name in columns_of(rule):
        if name not in columns:
            shown = ", ".join(list(columns)[:8]) + (", ..." if len(columns) > 8 else "")
            hint = did_you_mean(name, columns) or f"There are: {shown} ({len(columns)})."
            raise DataError(f"{rule} is about column '{name}', which the data does not have.", hint=hint)


def _severe(severity: Severe) -> Severe:
    if severity not in ("fail", "warn"):
        raise ParameterError(f"severity={severity!r}: wanted 'fail' or 'warn'.")
    return severity


def _names(wish: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns or not all(isinstance(name, str) for name in columns):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"{wish}() wants names of columns, got {', '.join(map(repr, columns)) or 'none'}.")
    return tuple(dict.fromkeys(columns))


def _share(wish: str, allow: float) -> float:
    if not 0 <= allow < 1:
        raise ParameterError(f"{wish}(allow={allow!r}): wanted a share from 0 to below 1, as 0.01.")
    return float(allow)


def _duration(within: str | timedelta) -> timedelta:
    if isinstance(within, timedelta):
        return within
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", within)
    if found is None:
        raise ParameterError(f"within='{within}' is no duration.", hint="Write 90m, 36h, 2d or 1w.")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
