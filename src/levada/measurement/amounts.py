"""Sizes and times as people write them: `500MB`, `2 ms`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from levada.errors import ParameterError, did_you_mean

SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30
}  # fmt: skip
TIMES = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0}

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(\S*)\s*")


def size(where: str, text: str | None) -> int | None:
    """Return bytes: `500kB` is 500,000. Raises ParameterError for a text that is no size; `where` it was said."""
    found = _amount(where, text, SIZES, "500MB")
    return None if found is None else round(found)


def time(where: str, text: str | None) -> float | None:
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


def shown_size(amount: float) -> str:
    """Return bytes for people: `1.2 MB`."""
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"


def shown_time(seconds: float) -> str:
    """Return seconds for people: `12.3 us`, `2.1 ms`, `1.52 s`."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"
