"""Which runs are kept for their own sake."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Policy:
    """Runs are kept that are among the last `keep_runs` of their pipeline, or younger than `keep_days`.

    `runs` and `pipeline` narrow what may be dropped: named runs go whatever their age. `untold` holds the runs that
    MLflow has not been told of whole, which are kept. Nothing younger than `grace` seconds is ever touched.
    """

    keep_runs: int = 20
    keep_days: float = 7.0
    runs: tuple[str, ...] = ()
    pipeline: str = ""
    untold: frozenset[str] = field(default_factory=frozenset[str])
    grace: float = 3600.0

    @property
    def is_narrow(self) -> bool:
        """Whether only some runs are meant, and not what lies about besides."""
        return bool(self.runs or self.pipeline)
