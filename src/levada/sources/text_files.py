"""Text files as a source: a row a file, or a row a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack

from levada.errors import DataError, ParameterError, Position
from levada.sources.csv_faults import lines_of
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.locations import Location, Where, located
from levada.sources.source import Source
from levada.sources.stretches import damaged, divide_files
from levada.tables.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_CHARACTERS = 16 << 20


@dataclass(frozen=True)
class TextSource(FileSource):
    """One or more text files; made by `text_files`, which says what the fields mean."""

    name: ClassVar[str] = "text_files"

    path: str | Location
    rows: Literal["file", "line"] = "file"
    encoding: str = "utf-8"

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        yield from self.rows_of(self.files(root), Reading())

    def parts(self, root: Path) -> list[TextPart]:
        """Return groups of files."""
        parts = divide_files(self.files(root), quotes=False, divisible=False)
        return [TextPart(self, tuple(stretch.file for stretch in part)) for part in parts]

    def rows_of(self, files: Sequence[File], reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some files."""
        import pyarrow as pa

        gathered = _Gathered(pa.schema([("file", pa.string()), ("line", pa.int64()), ("text", pa.string())]))
        if self.rows == "file":
            gathered = _Gathered(pa.schema([("file", pa.string()), ("text", pa.string())]))
        for file in files:
            for line, data in _read(file, self.rows):
                try:
                    text = data.decode(self.encoding)
                except UnicodeDecodeError as error:
                    self._put_aside(file, line or data.count(b"\n", 0, error.start) + 1, data, error, reading)
                    continue
                row = (file.shown, text) if self.rows == "file" else (file.shown, line, text.rstrip("\r\n"))
                yield from gathered.add(row, len(text))
        yield from gathered.left()

    def _put_aside(self, file: File, line: int, data: bytes, error: UnicodeDecodeError, reading: Reading) -> None:
        text = data[data.rfind(b"\n", 0, error.start) + 1 :].split(b"\n", 1)[0].decode(self.encoding, "replace")
        said = f"not {self.encoding.upper()}"
        if reading.rejects is None:
            raise DataError(
                f"byte 0x{data[error.start]:02x} of this line is {said}.",
                where=Position(file.shown, line, text[:100]),
                hint="Say what the text is, for example text_files(..., encoding='cp1252'), or save it as UTF-8.",
            )
        reading.rejects.add(file.shown, line, said, text)


@dataclass(frozen=True)
class TextPart(Source):
    """Some of a source's files."""

    source: TextSource
    files: tuple[File, ...]

    def digest(self) -> str:
        return self.source.digest()

    def read(self, root: Path, reading: Reading) -> Iterator[pa.RecordBatch]:
        return self.source.rows_of(self.files, reading)

    def __str__(self) -> str:
        return str(self.source)


@dataclass
class _Gathered:
    """Rows on their way into batches of about BATCH_CHARACTERS."""

    schema: pa.Schema

    def __post_init__(self) -> None:
        self._rows: list[tuple[str | int | None, ...]] = []
        self._size = 0

    def add(self, row: tuple[str | int | None, ...], size: int) -> Iterator[pa.RecordBatch]:
        self._rows.append(row)
        self._size += size + 1
        if self._size >= BATCH_CHARACTERS:
            yield from self.left()

    def left(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        if self._rows:
            columns = [
                pa.array(values, item.type)
                for values, item in zip(zip(*self._rows, strict=True), self.schema, strict=True)
            ]
            yield pa.record_batch(columns, schema=self.schema)
        self._rows, self._size = [], 0


def _read(file: File, rows: str) -> Iterator[tuple[int | None, bytes]]:
    """Yield the bytes of a file, or of its lines with their numbers. Raises DataError if it cannot be read."""
    try:
        with file.stream() as stream:
            if rows == "file":
                yield None, stream.read().removeprefix(codecs.BOM_UTF8)
                return
            for number, line in enumerate(lines_of(stream), 1):
                yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
    except OSError as error:
        raise damaged(file.shown, error) from None


def text_files(
    path: str | Path, *, rows: Literal["file", "line"] = "file", encoding: str = "utf-8", **where: Unpack[Where]
) -> TextSource:
    """Return a source that reads text: one file, or all that match a pattern such as `docs/**/*.txt`.

    With `rows="file"` a file is a row, with the columns `file` and `text`; with `rows="line"` each of its lines is
    one, without its end, with the columns `file`, `line` (from 1 on) and `text`. Files are read in the order of their
    names; `.gz`, `.bz2` and `.zst` files are decompressed. Addresses, and spans in a path, are as for all files: see
    `levada.components.Where`.

    Raises ParameterError for an unknown encoding. Reading raises DataError, with file and line, for bytes that are not
    text in it.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ParameterError(f"text_files(encoding='{encoding}'): unknown encoding.", hint="Try 'cp1252'.") from None
    return TextSource(located("text_files", path, where), rows, encoding)
