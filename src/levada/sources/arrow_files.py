"""Arrow IPC files and streams as a source; Feather is the same format under another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError
from levada.sources.agreement import AGAIN, chosen_columns, first_line, select
from levada.sources.files import File
from levada.sources.locations import Location, Where, located
from levada.sources.typed_files import TypedFileSource
from levada.tables.types import plain_schema

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
"""Rows of a batch that is given out: a file may have all of its own in one."""

_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"


@dataclass(frozen=True)
class ArrowSource(TypedFileSource):
    """One or more Arrow files with the same columns; made by `arrow_files`."""

    name: ClassVar[str] = "arrow_files"

    path: str | Location
    columns: tuple[str, ...] = ()

    @contextmanager
    def opened(self, file: File) -> Iterator[OpenArrow]:
        import pyarrow as pa
        from pyarrow import ipc

        with file.open() as stream:
            begin = stream.read(len(_FILE))
        if begin.startswith(_FEATHER_1):
            raise DataError(
                f"{file.shown} is Feather version 1, which is not read.",
                hint="Write it again: pyarrow.feather.write_feather(table, path), or as Parquet.",
            )
        is_file = begin == _FILE
        # Not memory-mapped: a file that is cut off while it is read would end the process.
        content: Any = file.stream() if not is_file else pa.OSFile(file.address) if file.path else file.open()
        with content:
            try:
                reader: Any = ipc.open_file(content) if is_file else ipc.open_stream(content)
                names = chosen_columns(reader.schema.names, self.columns, file.shown)
                schema = select(plain_schema(reader.schema), names)
                if is_file and self.columns:  # of a stream, all has to be read in any case
                    places = [reader.schema.get_field_index(name) for name in names]
                    reader = ipc.open_file(content, options=ipc.IpcReadOptions(included_fields=places))
            except (pa.ArrowException, OSError, ValueError) as error:
                raise DataError(f"{file.shown} is not an Arrow file: {first_line(error)}") from None
            pieces = reader.num_record_batches if is_file else 1
            sizes = [file.size() // max(pieces, 1)] * pieces
            yield OpenArrow(reader, schema, sizes, is_file, file.shown)


@dataclass(frozen=True)
class OpenArrow:
    """An Arrow file that is open; its pieces are record batches, or all of a stream."""

    reader: Any
    schema: pa.Schema
    sizes: list[int]
    is_file: bool
    shown: str

    def read(self, begin: int, end: int, names: list[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        reader = self.reader
        try:
            batches = (reader.get_batch(number) for number in range(begin, end)) if self.is_file else reader
            for batch in batches:
                batch.validate(full=True)  # Arrow trusts what a file says of itself
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{self.shown} is damaged: {first_line(error)}", hint=AGAIN) from None


def arrow_files(path: str | Path, *, columns: list[str] | None = None, **where: Unpack[Where]) -> ArrowSource:
    """Return a source that reads Arrow IPC, files or streams, and Feather (version 2): one file, or all of a pattern.

    Relative paths start at the project's root; several files are read in the order of their names and must have the
    same columns of the same types. `columns` reads only these. Addresses (`s3://...`), and spans in a path
    (`data/{SPAN}.arrow`), are as for all files: see `levada.components.Where`.
    """
    return ArrowSource(located("arrow_files", path, where), tuple(columns or ()))
