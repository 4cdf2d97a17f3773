"""Splits: which rows of a data set are for training, evaluation, test.

A row's split follows from a hash of its content (or of its key columns) alone: it stays where it is when rows are
added or reordered, on any machine, and when the weights keep their proportions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import SPLIT_NAME
from levada.errors import DataError, ParameterError, did_you_mean
from levada.tables.hashing import hash_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Splits:
    """Names and weights of splits, and what decides: `keys`, or the whole row if there are none.

    Rows with equal keys are always in one split. A row that lacks all its keys belongs to no entity and is placed
    by its whole content. `salt` gives another division of the same rows.
    """

    weights: tuple[tuple[str, int], ...]
    keys: tuple[str, ...] = ()
    salt: str = ""

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.weights]

    def assign(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Return the index of each row's split. Raises DataError for a key that is not a column.

        The hash, read as a fraction of 2**64, falls into one of the intervals that the weights cut [0, 1) into.
        """
        import numpy as np

        if len(self.weights) == 1:
            return np.zeros(batch.num_rows, np.intp)
        return np.searchsorted(np.array(self._bounds(), np.uint64), self._hashes(batch), side="right")

    def _bounds(self) -> list[int]:
        total = sum(weight for _, weight in self.weights)
        reached, bounds = 0, list[int]()
        for _, weight in self.weights[:-1]:
            reached += weight
            bounds.append((reached << 64) // total)
        return bounds

    def _hashes(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.uint64]]:
        import numpy as np

        columns = batch.schema.names
        if not self.keys:
            return hash_rows(batch, columns, self.salt)
        for key in self.keys:
            if key not in columns:
                raise DataError(
                    f"split_by: '{key}' is not a column.",
                    hint=f"The columns: {', '.join(columns)}. {did_you_mean(key, columns)}".strip(),
                )
        hashes = hash_rows(batch, self.keys, self.salt)
        absent = np.logical_and.reduce([missing(batch.column(key)) for key in self.keys])
        if absent.any():
            hashes[absent] = hash_rows(batch.filter(absent), columns, self.salt)
        return hashes


def missing(values: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which values are null or NaN."""
    import pyarrow as pa

    return values.is_null(nan_is_null=pa.types.is_floating(values.type)).to_numpy(zero_copy_only=False)


def make_splits(weights: Mapping[str, int] | None, split_by: str | Sequence[str] | None, salt: str) -> Splits:
    """Return the splits that parameters ask for; without weights there is one, `all`.

    Raises ParameterError for a weight that is not positive or a name that cannot be a folder's.
    """
    if weights is not None and not weights:
        raise ParameterError(
            "splits={}: wanted at least one split.", hint="For example splits={'train': 8, 'eval': 2}."
        )
    chosen = {"all": 1} if weights is None else weights
    for name, weight in chosen.items():
        if not SPLIT_NAME.fullmatch(name):
            raise ParameterError(f"splits: '{name}' cannot name a split.", hint="Use letters, digits, '_' and '-'.")
        if weight < 1:
            raise ParameterError(f"splits={{'{name}': {weight}}}: a weight is a whole number from 1 on.")
    keys = (split_by,) if isinstance(split_by, str) else tuple(split_by or ())
    return Splits(tuple(chosen.items()), tuple(dict.fromkeys(keys)), salt)
