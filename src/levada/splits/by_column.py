"""Splits by a column that names them: data that was divided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.errors import ParameterError
from levada.splits.rule import NOWHERE, Rule, check_names, column_of
from levada.tables.hashing import MISSING, hash_values

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.splits.rule import Places

Value = str | int | float | bool
SHOWN = 40
"""Characters of a value that a reason shows."""


@dataclass(frozen=True)
class ByColumn(Rule):
    """Splits that a column names; made by `by_column`."""

    column: str
    values: tuple[tuple[str, tuple[Value, ...]], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.values]

    def assign(self, batch: pa.RecordBatch) -> Places:
        """Return the index of each row's split. Values are compared as hashes, in which 1 and 1.0 are the same."""
        import numpy as np
        import pyarrow as pa

        hashes = hash_values(column_of(batch, self.column, "by_column"))
        places = np.full(batch.num_rows, NOWHERE, np.intp)
        for index, (_, values) in enumerate(self.values):
            for value in values:
                places[hashes == hash_values(pa.array([value]))[0]] = index
        places[hashes == np.uint64(MISSING)] = NOWHERE
        return places

    @property
    def why(self) -> str:
        return f"column '{self.column}' names the split of each row"

    @property
    def nowhere(self) -> str:
        return f"column '{self.column}' names none of the splits {', '.join(self.names)}"

    def nowhere_for(self, batch: pa.RecordBatch) -> list[str]:
        values = column_of(batch, self.column, "by_column").to_pylist()
        splits = ", ".join(self.names)
        return [
            f"column '{self.column}' is {'missing' if value is None else repr(value)[:SHOWN]}, "
            f"which names none of the splits {splits}"
            for value in values
        ]

    def record(self) -> dict[str, Any]:
        return {"rule": "column", "column": self.column, "values": {name: list(kept) for name, kept in self.values}}

    def __str__(self) -> str:
        return f"as {self.column} says"


def by_column(column: str, values: Sequence[str] | Mapping[str, Value | Sequence[Value]]) -> ByColumn:
    """Return a rule for `ingest(splits=...)`: a column names the split of each row.

    `by_column("split", ["train", "eval"])` if its values are the names; else the values of each split:
    `by_column("fold", {"train": [0, 1, 2, 3], "eval": 4})`. A row with any other value, or none, belongs to no split:
    it fails the run, or is quarantined. Raises ParameterError if a value stands for two splits.
    """
    named: dict[str, Any] = dict(values) if isinstance(values, Mapping) else {name: name for name in values}
    check_names(named)
    pairs = tuple(
        (name, (kept,) if isinstance(kept, str | int | float) else tuple(kept)) for name, kept in named.items()
    )
    seen: dict[Value, str] = {}
    for name, kept in pairs:
        for value in kept:
            if seen.setdefault(value, name) != name:
                raise ParameterError(f"by_column('{column}'): {value!r} stands for {seen[value]} and for {name}.")
    return ByColumn(column, pairs)
