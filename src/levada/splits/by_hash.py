"""Splits by hash: a row's split follows from its content, or from that of its key columns, alone.

It stays where it is when rows are added or reordered, on any machine, and when the weights keep their proportions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from levada.splits.rule import Rule, check_weights, column_of, missing
from levada.tables.hashing import hash_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from levada.splits.rule import Places


@dataclass(frozen=True)
class ByHash(Rule):
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

    def assign(self, batch: pa.RecordBatch) -> Places:
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
        keys = [column_of(batch, key, "split_by") for key in self.keys]
        hashes = hash_rows(batch, self.keys, self.salt)
        absent = np.logical_and.reduce([missing(key) for key in keys])
        if absent.any():
            hashes[absent] = hash_rows(batch.filter(absent), columns, self.salt)
        return hashes

    @property
    def why(self) -> str:
        return f"equal values of {', '.join(self.keys)} share a split" if self.keys else "equal rows share a split"

    @property
    def nowhere(self) -> str:
        return ""  # a hash leaves no row out

    def record(self) -> dict[str, Any]:
        return {"rule": "hash", "weights": dict(self.weights), "keys": list(self.keys), "salt": self.salt}

    def with_salt(self, salt: str) -> ByHash:
        return replace(self, salt=salt)

    def __str__(self) -> str:
        salted = f", salt '{self.salt}'" if self.salt else ""
        return f"by a hash of {', '.join(self.keys) or 'rows'}{salted}"


def by_hash(weights: Mapping[str, int] | None, keys: str | Sequence[str] | None, salt: str) -> ByHash:
    """Return the rule that weights and keys ask for; without weights there is one split, `all`.

    Raises ParameterError for a weight that is not positive or a name that cannot be a folder's.
    """
    chosen = (keys,) if isinstance(keys, str) else tuple(keys or ())
    return ByHash(check_weights({"all": 1} if weights is None else weights), tuple(dict.fromkeys(chosen)), salt)
