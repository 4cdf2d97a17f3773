"""Sources: where data comes from, as a small value that `ingest` takes.

A project's own source is a frozen dataclass with two methods:

    @dataclass(frozen=True)
    class Flights(Source):
        \"\"\"Flights of some months of 2013.\"\"\"

        months: tuple[int, ...]

        def digest(self) -> str:
            return files_digest([Path("data/flights.parquet")])

        def table(self, root: Path) -> pa.Table:
            return pq.read_table(root / "data/flights.parquet", filters=[("month", "in", self.months)])

Its fields are parameters of the plan, so they are what JSON can carry (see levada.values).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.errors import ComponentError

if TYPE_CHECKING:
    import pyarrow as pa


class Source(ABC):
    """Where data comes from. Implement `digest`, and `table` or `batches`."""

    @abstractmethod
    def digest(self) -> str:
        """Return a text that changes when the data does.

        It is asked once, when a run starts, in the project's root folder; it counts in cache keys. What the
        source's fields say counts already: data that never changes may return a constant (a version).
        """

    def table(self, root: Path) -> pa.Table:
        """Return all rows at once; `root` is the project's root folder, for relative paths."""
        raise ComponentError(
            f"the source {type(self).__name__} has neither table() nor batches().", hint="Implement one of them."
        )

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        """Yield all rows in record batches with one and the same schema, in an order that never changes."""
        table = self.table(root)
        yield from table.to_batches()

    def facts(self, root: Path) -> dict[str, Any]:
        """Return what is worth recording of what this reads now, as properties of the examples: `spans`, say."""
        return {}
