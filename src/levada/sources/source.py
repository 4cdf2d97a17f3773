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

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from levada.errors import ComponentError, DataError, did_you_mean
from levada.store import file_digest
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


def files_digest(files: Iterable[Path]) -> str:
    """Return a sha256 (hex) over the contents of files, in their order. Raises DataError if one cannot be read."""
    total = hashlib.sha256()
    for file in files:
        try:
            total.update(bytes.fromhex(file_digest(file)))
        except OSError as error:
            raise unreadable(str(file), error) from None
    return total.hexdigest()


def find_files(pattern: str, root: Path, wish: str) -> list[Path]:
    """Return the files that a path or glob pattern names, sorted by name, as paths below `root`.

    Raises DataError if there are none, or the path is a folder; `wish` says what was looked for ("csv").
    """
    if not any(char in pattern for char in "*?["):
        return [_existing(pattern, root, wish)]
    import glob

    found = sorted(glob.glob(pattern, root_dir=root, recursive=True))
    files = [root / name for name in found if (root / name).is_file()]
    if not files:
        raise DataError(
            f"{wish}('{pattern}'): no file matches in {root}.",
            hint=_neighbours(root / pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0], root),
        )
    return files


def _existing(name: str, root: Path, wish: str) -> Path:
    path = root / name
    if path.is_dir():
        suffix = next((item.suffix for item in sorted(path.iterdir()) if item.is_file()), f".{wish}")
        raise DataError(
            f"{wish}('{name}'): this is a folder.",
            hint=f"For all its files write {wish}('{name.rstrip('/')}/*{suffix}').",
        )
    if not path.is_file():
        raise DataError(f"{wish}('{name}'): there is no such file in {root}.", hint=_neighbours(path, root))
    return path


def _neighbours(path: Path, root: Path) -> str:
    """Return a hint: the file that was probably meant, or what is there."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    names = sorted(item.name for item in folder.iterdir())
    close = did_you_mean(path.name, names)
    shown = shown_file(folder, root)
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return close or (f"{'The project' if shown == '.' else shown} has {listed}." if names else f"{shown} is empty.")


def shown_file(path: Path, root: Path) -> str:
    """Return a path as people know it: relative to the project where it is within it."""
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def unreadable(name: str, error: OSError) -> DataError:
    """Return the error for a file that the system will not let us read."""
    return DataError(f"{name} cannot be read: {error.strerror or error}.")
