"""Parquet files as a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Unpack

from levada.errors import DataError
from levada.sources.agreement import AGAIN, check_same, chosen_columns, first_line, select
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.locations import Location, Where, located
from levada.tables.types import plain_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ParquetSource(FileSource):
    """One or more Parquet files with the same columns; made by `parquet`."""

    name: ClassVar[str] = "parquet"

    path: str | Location
    columns: tuple[str, ...] = ()

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        wanted: Any = None
        files = self.files(root)
        for file in files:
            with file.open() as stream:
                parquet = opened(stream, file)
                schema = self.columns_of(parquet.schema_arrow, file.shown)
                wanted = wanted or schema
                check_same(wanted, schema, files[0].shown, file.shown, self.name)
                for batch in read(parquet, wanted.names, file.shown):
                    yield batch.select(wanted.names).cast(wanted)

    def columns_of(self, schema: pa.Schema, shown: str) -> pa.Schema:
        """Return the columns that are read of a file, of plain types. Raises DataError for one twice or not there."""
        return select(plain_schema(schema), chosen_columns(schema.names, self.columns, shown))


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


def read(parquet: Any, columns: list[str], shown: str) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a Parquet file. Raises DataError if it is damaged."""
    import pyarrow as pa

    try:
        yield from parquet.iter_batches(columns=columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{shown} is damaged: {first_line(error)}", hint=AGAIN) from None
