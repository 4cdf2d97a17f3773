"""What MLflow takes: names, lengths, numbers. Beyond these it cuts without a word, or refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from levada.history.changes import value_text

TAG = 8_000
PARAM = 6_000
EXPERIMENT_TAG = 20_000
VERSION_TAG = 100_000
DESCRIPTION = 5_000
DIGEST = 36
NAME = 250
PARAMS_A_RUN = 300
DIGITS = 6

_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")


def cut(text: str, length: int) -> str:
    """Return the text, its end replaced by an ellipsis if it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def name(text: str) -> str:
    """Return the text as a name of a metric or parameter: what may not be in it becomes `_`.

    MLflow takes a name for a path, so that no part of it may be empty or go up.
    """
    parts = [part for part in _NOT_IN_NAMES.sub("_", text)[:NAME].split("/") if part not in ("", ".", "..")]
    joined = "/".join(parts) or "_"
    return f"_{joined[1:]}" if joined.startswith("..") else joined


def rounded(value: float) -> float:
    """Return the number with six significant digits, whole digits all kept: 0.8500000000000001 is 0.85."""
    if not math.isfinite(value) or value == 0 or (value.is_integer() and abs(value) < 2**53):
        return value
    return round(value, max(DIGITS - 1 - math.floor(math.log10(abs(value))), 0))


def shown(value: float) -> str:
    """Return the number as people read it: `0.681`, `81,789`, `3.2e-07`."""
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that MLflow can show, rounded; NaN and infinity it shows as nothing, or as 1.79e308."""
    return {
        name(key): rounded(float(value))
        for key, value in metrics.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def not_finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are NaN or infinite."""
    return {
        key: float(value)
        for key, value in metrics.items()
        if isinstance(value, int | float) and not math.isfinite(value)
    }


def flattened(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return parameters (JSON forms of `levada.values`) as MLflow's flat texts, `optimizer.rate` for a field.

    The first 300 are kept.
    """
    flat: dict[str, str] = {}
    for key, value in _leaves(parameters, prefix):
        if len(flat) >= PARAMS_A_RUN:
            break
        flat.setdefault(name(key), cut(value, PARAM))
    return flat


def _leaves(form: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in form.items():
        path = f"{prefix}{key}"
        match value:
            case {"$dataclass": _, "fields": dict(fields)} if fields:
                yield from _leaves(cast("dict[str, Any]", fields), f"{path}.")
            case {"$dataclass": str(reference)}:
                yield path, reference.rsplit(":", 1)[-1]
            case dict() if value and not any(str(item).startswith("$") for item in cast("dict[str, Any]", value)):
                yield from _leaves(cast("dict[str, Any]", value), f"{path}.")
            case _:
                yield path, _text(value)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case {"$path": text} | {"$date": text} | {"$datetime": text} | {"$float": text} | {"name": text}:
            return str(text)
        case {"$tuple": items}:
            return _text(items)
        case _:
            text = json.dumps(value, ensure_ascii=False)
            return value_text(value, PARAM) if '{"$' in text else text
