"""Results of an evaluation by hand, with names that are markup: for what shows them."""

from __future__ import annotations

from typing import Any

from levada.artifacts.measured import (
    CalibrationBin,
    Charts,
    Condition,
    Confusion,
    Estimate,
    Gap,
    Measure,
    Part,
    Results,
    ThresholdCurve,
)

CURVE = ThresholdCurve([0.0, 0.5, 1.0], [0.4, 0.6, None], [1.0, 0.7, 0.0], [1.0, 0.2, 0.0], [1.0, 0.4, 0.0])


def part(by: str, name: str, rows: int, auc: float | None, champion: float | None = None) -> Part:
    def estimates(value: float | None) -> dict[str, Estimate]:
        return {} if value is None else {"auc": Estimate(value, value - 0.008, value + 0.008)}

    drop = None if auc is None or champion is None else champion - auc
    return Part(by, name, rows, estimates(auc), estimates(champion), estimates(drop))


def charts(classes: list[str]) -> Charts:
    bins = [CalibrationBin(0.1 * step, 100, Estimate(0.12 * step, 0.1 * step, 0.14 * step)) for step in range(1, 6)]
    return Charts(bins, Confusion(classes, [[400, 100], [200, 300]]), CURVE)


def results(evil: str, *, beside: bool = True, slices: int = 3, **changed: Any) -> Results:
    """Return the results of two models (or one) over all rows and in slices, of which the second one fails."""
    other = 0.674 if beside else None
    parts = [
        part("carrier", f"carrier={evil} {place}", 300 + place, 0.6 + place * 1e-4, other) for place in range(slices)
    ]
    failed = parts[1].name if slices > 1 else ""
    whole = part("", "all rows", 1000, 0.681, other)
    whole.metrics["log_loss"] = Estimate(0.5)
    return Results(
        **{
            "task": "binary",
            "label": evil,
            "output": "p",
            "split": "eval",
            "rows": 1000,
            "skipped": 3,
            "fingerprint": "f" * 64,
            "measures": (
                Measure("auc", False, "DeLong"),
                Measure("log_loss", True, "normal"),
                Measure("odd", True, "none"),
            ),
            "whole": whole,
            "charts": charts([evil, "1"]),
            "champion_charts": charts([evil, "1"]) if beside else None,
            "champion_fingerprint": "c" * 64 if beside else "",
            "champion_version": 3 if beside else None,
            "slices": (part("day", "day=1", 50, None), *parts),
            "gaps": (Gap("carrier", "auc", parts[-1].name, parts[0].name, Estimate(0.1, 0.0, 0.2)),) if parts else (),
            "conditions": (
                Condition(True, "auc 0.681 is at least 0.6", "bound", "auc", limit=0.6),
                Condition(False, f"auc where {failed} is worse", "slice", "auc", failed, 0.01),
            ),
            "notes": (f"{evil} is a note",),
            "left_out": ("carrier: 2 slices with fewer than 300 rows left out (40 rows together)",),
            "min_slice": 50,
            **changed,
        }
    )
