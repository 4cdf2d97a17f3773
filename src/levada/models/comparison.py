"""What one model answers held against another's: the largest difference of each output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levada.errors import ModelError


def differences(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest absolute difference of each output over all rows; of texts, the share that differs.

    Two NaN are no difference, one alone is infinity. Raises ModelError for an output that is missing, or has another
    shape.
    """
    import numpy as np

    found: dict[str, float] = {}
    for name, right in wanted.items():
        if name not in given:
            raise ModelError(f"the model gave {', '.join(given) or 'nothing'}, and no output '{name}'.")
        left, right = np.asarray(given[name]), np.asarray(right)
        if left.shape != right.shape:
            raise ModelError(f"output '{name}' has the shape {list(left.shape)}, and {list(right.shape)} was wanted.")
        if right.dtype.kind in "OUS":
            found[name] = float((left.astype(str) != right.astype(str)).mean()) if right.size else 0.0
            continue
        left, right = left.astype(np.float64), right.astype(np.float64)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(left - right))
        found[name] = float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))
    return found


def check_answers(given: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float, who: str) -> dict[str, float]:
    """Return the differences; raises ModelError where one is larger than `tolerance`. `who` gave the answers.

    Of an output with numbers beyond 1 it is that share of the largest that is allowed: a float has seven digits,
    wherever its point stands.
    """
    found = differences(given, wanted)
    allowed = {name: tolerance * _size(wanted[name]) for name in found}
    worst = max(found, key=lambda name: found[name] / allowed[name] if allowed[name] else found[name], default=None)
    if worst is not None and not found[worst] <= allowed[worst]:
        raise ModelError(
            f"{who} answers otherwise: '{worst}' differs by up to {found[worst]:.3g} on {len(wanted[worst])} rows, and "
            f"{allowed[worst]:.3g} is allowed.",
        )
    return found


def _size(array: Any) -> float:
    """Return the largest magnitude of numbers, those that are finite; 1 if it is less, and for texts."""
    import numpy as np

    numbers = np.asarray(array)
    if numbers.dtype.kind in "OUSb":
        return 1.0
    return float(np.abs(numbers.astype(np.float64)).max(initial=1.0, where=np.isfinite(numbers)))
