"""Waiting for a metric to get better: what early stopping and a falling learning rate have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LOWER = ("loss", "error", "mae", "mse", "mape", "msle", "rmse", "entropy", "divergence", "hinge")


def higher_is_better(metric: str) -> bool:
    """Say, by its name, whether more of a metric is better: less of a loss or an error is, more of all else."""
    words = metric.removeprefix("val_").lower()
    return not any(word in words for word in _LOWER)


@dataclass
class Patience:
    """How long a metric has not got better. `best` is None before the first value; `state` is what JSON carries."""

    patience: int
    least: float
    higher: bool
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0

    def look(self, epoch: int, value: float) -> bool:
        """Take the value of an epoch; return whether it is the best so far. One that is no number never is."""
        gain = 0.0 if self.best is None else (value - self.best if self.higher else self.best - value)
        if value == value and (self.best is None or gain > self.least):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def is_over(self) -> bool:
        return self.waited >= self.patience

    @property
    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier state."""
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
