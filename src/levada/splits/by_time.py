"""Splits by time: the past trains, the future evaluates.

Rows stay where they are when rows are added or reordered, if the rule names moments. If it names shares, the moments
are found in all the rows, and move when newer ones come.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from levada.errors import DataError, ParameterError
from levada.splits.rule import NOWHERE, Rule, check_names, check_weights, column_of, missing, spelled

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.splits.rule import Places

Moment = str | int | float
"""Where a split ends: a date or time in ISO 8601, or a number for a column of numbers (a year, seconds)."""


@dataclass(frozen=True)
class ByTime(Rule):
    """Splits that follow each other in the order of a column; made by `by_time`."""

    column: str
    until: tuple[tuple[str, Moment], ...] = ()
    then: str = ""
    shares: tuple[tuple[str, int], ...] = ()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.shares] or [*(name for name, _ in self.until), self.then]

    def assign(self, batch: pa.RecordBatch) -> Places:
        """Return the index of each row's split: of the first whose end lies behind the row's moment."""
        import numpy as np

        times = _times(batch, self.column)
        cuts = np.array([_place_of(moment, times.type, self.column) for _, moment in self.until])
        if np.any(cuts[1:] < cuts[:-1]):
            raise DataError(f"{self}: these moments do not follow each other.", hint="Write the earliest first.")
        places = np.searchsorted(cuts, _numbers(times), side="right")
        places[missing(times)] = NOWHERE
        return places

    @property
    def why(self) -> str:
        return f"splits follow each other in {self.column}, and equal moments share one"

    @property
    def nowhere(self) -> str:
        return f"column '{self.column}' is missing, and says which split the row belongs to"

    def record(self) -> dict[str, Any]:
        shares = {"shares": dict(self.shares)} if self.shares else {}
        return {"rule": "time", "column": self.column, "until": dict(self.until), "then": self.then, **shares}

    # -- shares: moments that are found in the rows ---------------------------------------------------

    @property
    def needs_survey(self) -> bool:
        return bool(self.shares) and not self.until and len(self.shares) > 1

    def survey(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the distinct moments and how many rows have each: at most 16 bytes a row."""
        import pyarrow as pa

        counts = _times(batch, self.column).drop_null().value_counts()
        return pa.table({"time": counts.field("values"), "rows": counts.field("counts")})

    def settled(self, surveys: Iterable[pa.Table]) -> ByTime:
        """Return the rule with moments: a share's end is the moment that comes nearest to it."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        seen = pa.concat_tables(surveys).group_by("time").aggregate([("rows", "sum")]).sort_by("time")
        if pa.types.is_floating(seen["time"].type):
            seen = seen.filter(pc.is_finite(seen["time"]))
        before = np.concatenate([[0], np.cumsum(seen["rows_sum"].to_numpy())])
        total = sum(weight for _, weight in self.shares)
        until: list[tuple[str, Moment]] = []
        reached = used = 0
        for name, weight in self.shares[:-1]:
            reached += weight
            wanted = int(before[-1]) * reached / total
            later = len(self.shares) - 1 - len(until)  # splits that need a moment of their own, too
            index = int(np.argmin(np.abs(before - wanted)))
            index = max(1 + used, min(index, len(seen) - later))
            used = index
            until.append((name, _spelled(seen["time"], index)))
        return replace(self, until=tuple(until), then=self.shares[-1][0])

    def __str__(self) -> str:
        ends = ", ".join(f"{name} until {moment}" for name, moment in self.until)
        said = f": {ends}" if ends else f", {spelled(self.shares)}"
        return f"by {self.column}{said}"


def by_time(
    column: str,
    *,
    until: Mapping[str, str | date | datetime | float] | None = None,
    then: str = "",
    shares: Mapping[str, int] | None = None,
) -> ByTime:
    """Return a rule for `ingest(splits=...)`: the past trains, the future evaluates.

    Either with moments, each split's end (exclusive), and the name of the split of all that comes later:
    `by_time("departure", until={"train": "2013-04-01", "eval": "2013-05-01"}, then="test")`. A row stays where it is
    when others are added. Moments are dates or times, ISO 8601 or Python's, or numbers if the column holds numbers
    (years, say). One without a zone is meant in the column's zone.

    Or with shares of the rows, oldest first: `by_time("departure", shares={"train": 8, "eval": 2})`. Rows of the same
    moment share a split. The moments are found by a first pass over all rows (16 bytes of memory for each distinct
    moment), so they move when newer rows come; the examples' properties hold them.

    A row without a time belongs to no split: it fails the run, or is quarantined. Raises ParameterError for a text
    that is not a moment, moments that do not increase, a weight below 1, or a name given twice.
    """
    if (until is None) == (shares is None):
        raise ParameterError(
            f"by_time('{column}') wants until={{...}} and then=..., or shares={{...}}.",
            hint=f"by_time('{column}', until={{'train': '2013-04-01'}}, then='eval')",
        )
    if shares is not None:
        if then:
            raise ParameterError(f"by_time('{column}', shares=..., then='{then}'): `then` goes with `until`.")
        return ByTime(column, shares=check_weights(shares))
    assert until is not None
    if not then or then in until:
        raise ParameterError(
            f"by_time('{column}', until=..., then='{then}'): wanted the name of the split of all that comes later."
        )
    check_names([*until, then])
    moments = [(name, _moment(column, name, value)) for name, value in until.items()]
    _check_order(column, [value for _, value in moments])
    return ByTime(column, tuple(moments), then)


def _moment(column: str, name: str, value: Any) -> Moment:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return value
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise ParameterError(
            f"by_time('{column}', until={{'{name}': {value!r}}}) is not a moment.",
            hint="Write '2013-04-01' or '2013-04-01T12:00', or a number if the column holds numbers.",
        ) from None
    return value


def _check_order(column: str, moments: list[Moment]) -> None:
    texts = [isinstance(moment, str) for moment in moments]
    if any(texts) and not all(texts):
        raise ParameterError(f"by_time('{column}'): some moments are texts and some numbers.")
    zoned = [datetime.fromisoformat(moment).tzinfo is not None for moment in moments if isinstance(moment, str)]
    if any(zoned) and not all(zoned):
        raise ParameterError(f"by_time('{column}'): some moments have a time zone and some have none.")
    numbers = [_utc_nanoseconds(moment) if isinstance(moment, str) else moment for moment in moments]
    if any(one >= other for one, other in pairwise(numbers)):
        raise ParameterError(f"by_time('{column}'): the moments do not increase.", hint="Write the earliest first.")


def _times(batch: pa.RecordBatch, column: str) -> pa.Array:
    import pyarrow as pa

    times = column_of(batch, column, "by_time")
    kinds = pa.types
    if kinds.is_null(times.type):
        return times.cast(pa.timestamp("s"))
    if not (kinds.is_timestamp(times.type) or kinds.is_date(times.type) or _is_number(times.type)):
        raise DataError(
            f"by_time: column '{column}' is {times.type}, wanted times, dates or numbers.",
            hint=f"Say what it is where it is read: csv(..., columns={{'{column}': 'timestamp[s]'}}).",
        )
    return times


def _is_number(type_: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(type_) or pa.types.is_floating(type_)


def _numbers(times: pa.Array) -> Any:
    """Return times as numbers that are ordered as they are: ticks of the column's own unit, or its numbers."""
    import pyarrow as pa

    if _is_number(times.type):
        return times.fill_null(0).to_numpy(zero_copy_only=False)
    ticks = times.cast(pa.int32()) if times.type.bit_width == 32 else times
    return ticks.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)


def _place_of(moment: Moment, type_: Any, column: str) -> int | float:
    """Return the first number of `_numbers` that is not before a moment."""
    if _is_number(type_):
        if isinstance(moment, str):
            raise DataError(f"by_time: column '{column}' holds numbers, and '{moment}' is none.")
        return moment
    if not isinstance(moment, str):
        raise DataError(f"by_time: column '{column}' holds times, and {moment} is a number.", hint="Write a date.")
    return -(-_nanoseconds(moment, type_, column) // _nanoseconds_of_tick(type_))


def _nanoseconds_of_tick(type_: Any) -> int:
    if not hasattr(type_, "unit"):
        return 86_400_000_000_000 if type_.bit_width == 32 else 1_000_000
    return {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[type_.unit]


def _nanoseconds(moment: str, type_: Any, column: str) -> int:
    """Return nanoseconds since 1970 as the column counts them: in UTC if it has a zone, else by its own clock."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = getattr(type_, "tz", None)
    parsed = datetime.fromisoformat(moment)
    if parsed.tzinfo is not None and zone is None:
        raise DataError(
            f"by_time: column '{column}' has no time zone, and {moment} has one.", hint="Write it without one."
        )
    if parsed.tzinfo is None and zone is not None:
        local = pa.scalar(parsed, pa.timestamp("us"))
        there = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
        return there.cast(pa.int64()).as_py() * 1000 + _finer(moment)
    return _utc_nanoseconds(moment)


def _utc_nanoseconds(moment: str) -> int:
    parsed = datetime.fromisoformat(moment)
    since = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000 + _finer(moment)


def _finer(moment: str) -> int:
    """Return the nanoseconds of a moment that Python's own times leave out."""
    found = re.search(r"\.\d{6}(\d{1,3})", moment)
    return int(found[1].ljust(3, "0")) if found else 0


def _spelled(times: pa.ChunkedArray, index: int) -> Moment:
    """Return the moment at an index of sorted times; behind the last, one that no row reaches."""
    import pyarrow as pa

    if not len(times):
        return 0 if _is_number(times.type) else "1970-01-01"
    behind = index == len(times)
    value = times[min(index, len(times) - 1)]
    if _is_number(times.type):
        return value.as_py() + (1 if behind else 0)
    ticks = value.cast(pa.int32() if times.type.bit_width == 32 else pa.int64()).as_py() + (1 if behind else 0)
    nanoseconds = ticks * _nanoseconds_of_tick(times.type)
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        raise DataError(f"by_time: a moment {seconds:,} s from 1970 is none that a calendar has.") from None
    text = moment.date().isoformat() if pa.types.is_date(times.type) else moment.replace(tzinfo=None).isoformat()
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return text + digits + ("+00:00" if getattr(times.type, "tz", None) else "")
