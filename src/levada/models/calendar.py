"""The calendar by arithmetic: parts of a time from seconds since 1970, for arrays and for tensors alike.

Only `+ - * //` and `%` are used, on whole numbers, so the same lines run in numpy and inside a model.
"""

from __future__ import annotations

from typing import Any

DAY = 86_400


def parts_of(seconds: Any) -> dict[str, Any]:
    """Return the parts of local times, in whole seconds since 1970: each counts from 0, `weekday` from Monday.

    Days to months: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    """
    days = seconds // DAY
    of_day = seconds - days * DAY
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153  # from March
    return {
        "minute": (of_day // 60) % 60,
        "hour": of_day // 3600,
        "weekday": (days + 3) % 7,
        "day": of_year - (153 * month + 2) // 5,
        "month": (month + 2) % 12,
    }
