"""Clock changes of zones, and times of the statistics, as seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from levada.errors import DataError

DAY = 86_400
FIRST_YEAR, LAST_YEAR = 1900, 2100
"""Within these years clock changes are known; outside, the nearest rule holds."""


@lru_cache(maxsize=16)
def transitions(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return when the clocks of a zone change, and the offset before the first and after each: seconds, since 1970 UTC.

    Raises DataError for a zone that is not known.
    """
    try:
        rules = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"there is no time zone '{zone}'.", hint="Name it as in the IANA database: 'Europe/Lisbon'."
        ) from None
    start = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(LAST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    moments: list[int] = []
    offsets = [_offset(rules, start)]
    for later in range(start + DAY, end, DAY):
        offset = _offset(rules, later)
        if offset != offsets[-1]:
            moments.append(_change(rules, later - DAY, later))
            offsets.append(offset)
    return tuple(moments), tuple(offsets)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _offset(rules: ZoneInfo, moment: int) -> int:
    # Not fromtimestamp: some systems refuse what lies before 1970.
    offset = (EPOCH + timedelta(seconds=moment)).astimezone(rules).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change(rules: ZoneInfo, before: int, after: int) -> int:
    """Return the first second with the offset of `after`, between two moments of different offsets."""
    old = _offset(rules, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(rules, middle) == old:
            before = middle
        else:
            after = middle
    return after


def seconds_of(text: str) -> float:
    """Return an ISO 8601 time of the statistics as seconds since 1970; without a zone it is taken as UTC.

    A time of day without a date counts from midnight.
    """
    if "-" not in text[1:] and ":" in text:
        text = f"1970-01-01T{text}"
    head, dot, rest = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(head)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) / timedelta(seconds=1) + (float(f"0.{rest}") if dot else 0.0)
