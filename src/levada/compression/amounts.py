"""Sizes and times as people write them: `500kB`, `2 ms`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from levada.errors import ParameterError, did_you_mean

SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30
}  # fmt: skip
TIMES = {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0}

_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(\S*)\s*")


def size(name: str, text: str | None) -> int | None:
    """Return bytes: `500kB` is 500,000. Raises ParameterError for a text that is no size."""
    found = _amount(name, text, SIZES, "500kB")
    return None if found is None else round(found)


def time(name: str, text: str | None) -> float | None:
    """Return seconds: `2ms` is 0.002. Raises ParameterError for a text that is no time."""
    return _amount(name, text, TIMES, "2ms")


def _amount(name: str, text: str | None, units: Mapping[str, float], example: str) -> float | None:
    if text is None:
        return None
    found = _FORM.fullmatch(text)
    number, unit = found.groups() if found is not None else ("", "")
    if unit not in units:
        known = [each for each in units if each.isascii()]
        hint = did_you_mean(unit, known) if unit else ""
        raise ParameterError(
            f"compress({name}='{text}'): wanted a number and {', '.join(known)}, as in '{example}'.", hint=hint
        )
    if not float(number):
        raise ParameterError(f"compress({name}='{text}'): nothing is as small as that.")
    return float(number) * units[unit]
