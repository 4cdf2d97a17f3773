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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from levada.errors import ComponentError
from levada.tables.reading import Reading, fitted

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

    # -- in parts, for large data: optional -----------------------------------------------------------

    columns_may_differ: ClassVar[bool] = False
    """Whether a part may lack columns that others have, which are then missing in its rows."""

    def parts(self, root: Path) -> Sequence[Source]:
        """Return sources that can be read without each other, and together have the same rows in the same order.

        Files, row groups, stretches of bytes. They must depend on the data alone, not on who reads it; each is read as
        a whole by one worker, so about 100 MB are a good size. Without this method the source is one part.
        """
        return [self]

    def read(self, root: Path, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a part under the types that are known (`reading.types`), if any.

        Malformed rows go to `reading.rejects` if there is such a thing; else they are a DataError. A source that is not
        a text has none, and need not implement this.
        """
        for batch in self.batches(root):
            yield fitted(batch, reading.types)

    def settle(self, root: Path, findings: Sequence[dict[str, Any]], *, tolerant: bool) -> dict[str, Any]:
        """Return the columns that must have another Arrow type after all, from what `read` found in all parts."""
        return {}
