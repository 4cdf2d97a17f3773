"""What is said of a column in a drift report, for people."""

from __future__ import annotations

from levada.artifacts.drift import ColumnDrift
from levada.drift.comparison import Comparison
from levada.drift.distribution import Distribution

NAMES = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "kolmogorov_smirnov": "KS",
    "wasserstein": "Wasserstein",
    "l_infinity": "L-infinity",
    "missing": "missing",
    "infinite": "infinite",
}
SHOWN_CHARACTERS = 30


def what_became(
    drift: ColumnDrift, baseline: Distribution, current: Distribution, compared: Comparison, *, hidden: bool
) -> str:
    """Return what became of a column; values of a `hidden` one are not named."""
    if not drift.judged:
        return "cannot tell: there are no values to compare"
    if drift.verdict == "none":
        return _unmoved(drift)
    if drift.measure == "missing":
        return f"{percent(current.missing_share)} missing, it was {percent(baseline.missing_share)}"
    if drift.measure == "infinite":
        return f"{current.infinite:,} infinite values, there were {baseline.infinite:,}"
    facts = [f"{NAMES[drift.measure]} {drift.distances[drift.measure]:.2f}"]
    if drift.measure != "psi" and "psi" in drift.distances:
        facts.append(f"PSI {drift.distances['psi']:.2f}")
    return f"{_movement(baseline, current, compared, hidden)} ({', '.join(facts)})"


def _unmoved(drift: ColumnDrift) -> str:
    if drift.effect < 1 or not drift.measure:
        return "no drift"
    told = f"{NAMES[drift.measure]} {drift.distances[drift.measure]:.2f}"
    if drift.kind.endswith("timestamp"):
        return f"times move on, which is not judged ({told})"
    return f"no drift that chance does not explain ({told})"


def short(drift: ColumnDrift) -> str:
    """Return a column and how far it moved, in few words; the whole sentence where there is no distance."""
    if not drift.measure:
        return drift.sentence
    return f"{drift.label} ({NAMES[drift.measure]} {drift.distances[drift.measure]:.2f})"


def _movement(baseline: Distribution, current: Distribution, compared: Comparison, hidden: bool) -> str:
    if hidden:
        return "other values"
    if baseline.mean is not None and current.mean is not None:
        moved = f"mean {_figure(baseline.mean)} -> {_figure(current.mean)}"
        return f"{moved}, deviation {_figure(baseline.scale)} -> {_figure(current.scale)}"
    if compared.changed is not None:
        value, before, now = compared.changed
        text = f"{value}"
        shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
        return f"'{shown}' {percent(before)} -> {percent(now)}"
    return "other values"


def _figure(value: float) -> str:
    """Return a number in four digits, large ones whole: '0.003235', '12,472'."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share for people, with a digit more where it is small: '78 %', '0.52 %'."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"
