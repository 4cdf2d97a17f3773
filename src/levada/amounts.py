"""Sizes and times as people write and read them: `500MB`, `2 ms`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from levada.errors import ParameterError, did_you_mean

SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30
}  # fmt: skip
TIMES = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(\S*)\s*")


def read_size(where: str, text: str | None) -> int | None:
    """Return bytes: `500kB` is 500,000. Raises ParameterError for a text that is no size; `where` it was said."""
    found = _amount(where, text, SIZES, "500MB")
    return None if found is None else round(found)


def read_time(where: str, text: str | None) -> float | None:
    """Return seconds: `2ms` is 0.002. Raises ParameterError for a text that is no time; `where` it was said."""
    return _amount(where, text, TIMES, "2ms")


def _amount(where: str, text: str | None, units: Mapping[str, float], example: str) -> float | None:
    if text is None:
        return None
    found = _FORM.fullmatch(text)
    number, unit = found.groups() if found is not None else ("", "")
    if unit not in units or not float(number):
        known = [each for each in units if each.isascii()]
        hint = did_you_mean(unit, known) if unit and unit not in units else ""
        raise ParameterError(
            f"{where}'{text}'): wanted a number above 0 and {', '.join(known)}, as in '{example}'.", hint=hint
        )
    return float(number) * units[unit]


def size_said(count: float) -> str:
    """Return bytes as people read them: `65.2 kB`, in thousands."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count / size < 1000 else f"{count / size:,.0f} {unit}"
    return f"{count:,.0f} B"


def time_said(seconds: float) -> str:
    """Return a time as people read it: `26 us`, `1.8 ms`, `2.4 s`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
