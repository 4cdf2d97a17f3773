"""Parquet files as a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Unpack

from levada.errors import DataError
from levada.sources.agreement import AGAIN, chosen_columns, first_line, select
from levada.sources.files import File
from levada.sources.locations import Location, Where, located
from levada.sources.typed_files import TypedFileSource
from levada.tables.types import plain_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ParquetSource(TypedFileSource):
    """One or more Parquet files with the same columns; made by `parquet`."""

    name: ClassVar[str] = "parquet"

    path: str | Location
    columns: tuple[str, ...] = ()

    @contextmanager
    def opened(self, file: File) -> Iterator[OpenParquet]:
        with file.open() as stream:
            parquet = opened(stream, file)
            yield OpenParquet(parquet, self.columns_of(parquet.schema_arrow, file.shown), file.shown)

    def columns_of(self, schema: pa.Schema, shown: str) -> pa.Schema:
        """Return the columns that are read of a file, of plain types. Raises DataError for one twice or not there."""
        return select(plain_schema(schema), chosen_columns(schema.names, self.columns, shown))


@dataclass(frozen=True)
class OpenParquet:
    """A Parquet file that is open; its pieces are row groups."""

    parquet: Any
    schema: pa.Schema
    shown: str

    @property
    def sizes(self) -> list[int]:
        metadata = self.parquet.metadata
        return [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]

    def read(self, begin: int, end: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        return read(self.parquet, names, self.shown, list(range(begin, end)))


def parquet(path: str | Path, *, columns: list[str] | None = None, **where: Unpack[Where]) -> ParquetSource:
    """Return a source that reads Parquet: one file, or all that match a pattern such as `data/*.parquet`.

    Relative paths start at the project's root; `**` matches folders at any depth; several files are read in the order
    of their names and must have the same columns of the same types. `columns` reads only these. Addresses
    (`s3://...`), and spans in a path (`data/{YYYY}-{MM}/*.parquet`), are as for all files: see
    `levada.components.Where`.
    """
    return ParquetSource(located("parquet", path, where), tuple(columns or ()))


def opened(stream: BinaryIO, file: File) -> Any:
    """Return a Parquet file to read. Raises DataError if it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Pre-buffered, reading batch by batch would keep the whole file in memory.
        return pq.ParquetFile(file.address if file.path else pa.PythonFile(stream), pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise DataError(f"{file.shown} is not a Parquet file: {first_line(error)}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{file.shown} is damaged: {first_line(error)}", hint=AGAIN) from None


def read(parquet: Any, columns: list[str], shown: str, row_groups: list[int] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a Parquet file, or of some of its row groups. Raises DataError if it is damaged."""
    import pyarrow as pa

    try:
        yield from parquet.iter_batches(columns=columns, row_groups=row_groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{shown} is damaged: {first_line(error)}", hint=AGAIN) from None
