"""Times, sizes and numbers in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from levada.errors import LevadaError

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def moment_of(text: str) -> datetime | None:
    """Return the moment that a record names, None if it names none."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def on_the_clock(moment: datetime | None) -> str:
    """Return a moment in this machine's zone, with the zone: "2026-11-24 01:39 UTC"."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z") if moment else "?"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was: "2 hours ago"; "in 2 hours" if the clock has been set back since."""
    if moment is None:
        return "at an unknown time"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(abs(seconds) // length)
        if count:
            distance = f"{count} {name}{'s' if count > 1 else ''}"
            return f"{distance} ago" if seconds > 0 else f"in {distance}"
    return "just now"


def took(seconds: float) -> str:
    """Return a duration: "1.2 s", "31 s", "2 min 05 s", "1 h 02 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def number_text(value: float, form: str = ".4g") -> str:
    """Return a metric in the form that is given, counts whole and large ones plainly: "0.671", "80,790", "1,204.5"."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if 1000 <= abs(value) < 1e15 else f"{value:{form}}"


def size_of(count: float) -> str:
    """Return a number of bytes: "212 kB", "1.9 MB"."""
    if count < 1000:
        return f"{count:.0f} B"
    units = ("kB", "MB", "GB", "TB")
    power = next((power for power in range(1, len(units)) if count < 1000 ** (power + 1)), len(units))
    scaled = count / 1000**power
    return f"{scaled:.1f} {units[power - 1]}" if scaled < 10 else f"{scaled:.0f} {units[power - 1]}"


def since(text: str, now: datetime | None = None) -> datetime:
    """Return the moment that `--since` names: a date, a time, or how long ago ("2h", "3d"); raises LevadaError.

    A date or a time without a zone is this machine's.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip())
    if match and match[2] in _UNITS:
        return (now or datetime.now(UTC)) - timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except ValueError:
        raise LevadaError(
            f"'{text}' is neither a date nor a time nor a duration.",
            hint="Write 2026-11-24, 2026-11-24T10:15, or how long ago: 30m, 2h, 3d, 1w.",
        ) from None
