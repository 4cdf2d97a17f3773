"""Files that say their columns' types themselves, and lie in pieces that can be read without each other.

Pieces are row groups, record batches; small ones are put together, so that a part is worth a worker's while. Where
parts begin depends on the files alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from levada.errors import DataError
from levada.sources.agreement import check_same
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 128 << 20
"""Bytes of a part, as pieces say of themselves; a larger piece is a part of its own."""


class OpenFile(Protocol):
    """A file that is open: the columns that are read of it, and the bytes of each piece."""

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def sizes(self) -> list[int]: ...

    def read(self, begin: int, end: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some pieces, these columns at least. Raises DataError if they are damaged."""
        ...


class TypedFileSource(FileSource):
    """A source of such files, which have the same columns of the same types. Implement `opened`."""

    @abstractmethod
    def opened(self, file: File) -> AbstractContextManager[OpenFile]:
        """Open a file. Raises DataError if it is none of this kind, or lacks a column that is wanted."""

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        for part in self.parts(root):
            yield from part.batches(root)

    def parts(self, root: Path) -> list[TypedPart]:
        """Return stretches of pieces. Raises DataError if the columns of the files differ."""
        parts: list[TypedPart] = []
        wanted: Any = None
        room = 0
        files = self.files(root)
        for file in files:
            with self.opened(file) as table:
                schema, sizes = table.schema, table.sizes
            wanted = wanted or schema
            check_same(wanted, schema, files[0].shown, file.shown, self.name)
            for piece, size in enumerate(sizes):
                if not parts or size > room:
                    parts.append(TypedPart(self, wanted, ()))
                    room = PART_BYTES
                parts[-1] = parts[-1].longer(file, piece)
                room -= size
        return parts or [TypedPart(self, wanted, ())]


@dataclass(frozen=True)
class Stretch:
    """The pieces `begin` to `end` (not included) of a file."""

    file: File
    begin: int
    end: int


@dataclass(frozen=True)
class TypedPart(Source):
    """Pieces of a source's files, which can be read without the others."""

    source: TypedFileSource
    schema: pa.Schema
    stretches: tuple[Stretch, ...]

    def longer(self, file: File, piece: int) -> TypedPart:
        """Return this part and the piece that follows it."""
        last = self.stretches[-1] if self.stretches else None
        if last is not None and last.file == file:
            stretches = (*self.stretches[:-1], Stretch(file, last.begin, piece + 1))
        else:
            stretches = (*self.stretches, Stretch(file, piece, piece + 1))
        return TypedPart(self.source, self.schema, stretches)

    def digest(self) -> str:
        return self.source.digest()

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        names = self.schema.names
        for stretch in self.stretches:
            with self.source.opened(stretch.file) as table:
                if stretch.end > len(table.sizes) or not set(names) <= set(table.schema.names):
                    raise DataError(f"{stretch.file.shown} changed while it was read.", hint="Run again.")
                for batch in table.read(stretch.begin, stretch.end, names):
                    yield batch.select(names).cast(self.schema)

    def __str__(self) -> str:
        return str(self.source)
