"""Checks of a project's own, as a user would write them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada.artifacts import Statistics


def even(batch: pa.RecordBatch) -> pa.Array:
    """Whole numbers are even; what is missing is fine."""
    return pc.equal(pc.bit_wise_and(batch.column("n"), 1), 0)  # pyright: ignore[reportAttributeAccessIssue]


def small(batch: pa.RecordBatch) -> np.ndarray:
    """As numpy sees it."""
    return batch.column("n").to_numpy(zero_copy_only=False) < 3


def wrong_length(batch: pa.RecordBatch) -> list[bool]:
    """Neither Arrow's nor numpy's, and too short."""
    return [True]


def narrow(statistics: Statistics) -> list[str]:
    """What statistics say."""
    return [f"{name} reaches {column.max}" for name, column in statistics.columns().items() if column.max == 4]


def chatty(statistics: Statistics) -> str:
    """Returns a text where a list is wanted."""
    return "all is well"
