"""CSV files as a source.

Types are settled over all files, so they do not depend on where a value stands. What does not fit is an error with file
and line, never a column that silently turned into text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError, ParameterError, did_you_mean
from levada.sources.csv_faults import CsvFile
from levada.sources.csv_reading import CsvReading, null_texts
from levada.sources.csv_types import NARROWEST, TYPES, Mixture, arrow_type, unknown_type
from levada.sources.file_source import FileSource
from levada.sources.locations import Location, Where, located
from levada.sources.source import Source
from levada.sources.stretches import Stretch, divide_files
from levada.tables.reading import Reading, settled_batches

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_BYTES = 256 << 20
"""What is kept of the rows that were read to settle types, so that small data is parsed once."""


_BYTE_PER_LINE_END = {"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso-8859-15", "cp1252"}
"""Encodings in which the byte of a line's end is never part of something else."""


@dataclass(frozen=True)
class CsvSource(FileSource):
    """One or more CSV files with the same columns; made by `csv`, which says what the fields mean."""

    name: ClassVar[str] = "csv"

    path: str | Location
    columns: dict[str, str] = field(default_factory=dict[str, str])
    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ()

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        def settle(findings: list[dict[str, Any]]) -> Mapping[str, Any]:
            return self.settle(root, findings, tolerant=False)

        yield from settled_batches(self.parts(root), root, settle, KEPT_BYTES)

    def parts(self, root: Path) -> list[CsvPart]:
        """Return stretches of the files. Raises DataError if their columns differ."""
        files = self._csv_files(root)
        names = files[0].names(self)
        for file in files:
            self._check_names(file, names, files[0].shown)
        newlines_are_lines = self.encoding.lower().replace("_", "-") in _BYTE_PER_LINE_END
        stretches = divide_files([file.file for file in files], quotes=True, divisible=newlines_are_lines)
        return [CsvPart(self, tuple(names), tuple(part)) for part in stretches]

    def settle(self, root: Path, findings: Sequence[dict[str, Any]], *, tolerant: bool) -> dict[str, Any]:
        """Look for columns of text that are mostly something else.

        It is an error, unless rows may be put aside: then the column has that type, and other values are malformed.
        """
        mixtures: dict[str, Mixture] = {}
        for found in findings:
            for name, counts in found.get("mixtures", {}).items():
                mixtures.setdefault(name, Mixture()).merge(Mixture(**counts))
        sorts = {name: mixture.sort for name, mixture in mixtures.items() if mixture.sort is not None}
        if tolerant:
            return {name: arrow_type(NARROWEST[sort]) for name, sort in sorts.items()}
        for name in sorts:
            for file in self._csv_files(root):
                fault = file.mixed(name, file.names(self).index(name), mixtures[name], null_texts(self))
                if fault is not None:
                    raise fault
        return {}

    def _csv_files(self, root: Path) -> list[CsvFile]:
        return [self.opened(Stretch(file)) for file in self.files(root)]

    def opened(self, stretch: Stretch) -> CsvFile:
        """Return a stretch of a file as one of CSV."""
        file = stretch.file
        return CsvFile(file, file.shown, self.delimiter, self.encoding, self.header, stretch.begin, stretch.end)

    def _check_names(self, file: CsvFile, wanted: list[str], first: str) -> None:
        names = file.names(self)
        missing = [name for name in wanted if name not in names]
        extra = [name for name in names if name not in wanted]
        if missing or extra:
            said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has also {', '.join(extra)}"] * bool(extra)
            raise DataError(
                f"{file.shown} {' and '.join(said)}, unlike {first}.",
                hint="Files that are read together have the same columns.",
            )
        for name in self.columns:
            if name not in names:
                raise DataError(
                    f"csv(columns={{'{name}': ...}}): {file.shown} has no column '{name}'.",
                    hint=f"It has {', '.join(names)}. {did_you_mean(name, names)}".strip(),
                )


@dataclass(frozen=True)
class CsvPart(Source):
    """Stretches of a source's files, which can be read without the others."""

    source: CsvSource
    names: tuple[str, ...]
    stretches: tuple[Stretch, ...]

    def digest(self) -> str:
        return self.source.digest()

    def read(self, root: Path, reading: Reading) -> Iterator[pa.RecordBatch]:
        files = [self.source.opened(stretch) for stretch in self.stretches]
        return CsvReading(self.source, self.names, files, reading).batches()

    def __str__(self) -> str:
        return str(self.source)


def csv(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    delimiter: str = ",",
    header: bool = True,
    encoding: str = "utf-8",
    null_values: list[str] | None = None,
    **where: Unpack[Where],
) -> CsvSource:
    """Return a source that reads CSV: one file, or all that match a pattern such as `data/*.csv`.

    Relative paths start at the project's root; `**` matches folders at any depth; several files are read in the order
    of their names and must have the same columns. `.gz`, `.bz2` and `.zst` files are decompressed.

    `columns` gives Arrow types to some or all columns: `{"zip": "string", "fare": "float64"}`; the types of the others
    are settled by all their values: whole numbers (int64), numbers (float64), `true`/`false`, dates and times
    (ISO 8601), else text. A column in which at least half of the values are numbers and others are not is an
    error, not text: declare it. With `header=False` `columns` names all columns in order.

    An empty field is missing. So are `NA`, `null`, `NaN` and their like in all columns that are not text, and
    `null_values` in all columns. Text is UTF-8 unless `encoding` says otherwise. Addresses (`s3://...`), and spans in a
    path (`data/{YYYY}-{MM}.csv`), are as for all files: see `levada.components.Where`.

    Raises ParameterError for an unknown type or encoding. Reading raises DataError, with file and line where there is
    one: a missing, empty or unreadable file, a header without rows, a name twice, a line with another number of
    fields, bytes that are not text, a quote that is not closed, a value that is not of its column's type.
    """
    for name, type_ in (columns or {}).items():
        if type_ not in TYPES:
            said = f"csv(columns={{'{name}': '{type_}'}}): unknown type '{type_}'."
            raise ParameterError(said, hint=unknown_type(type_))
    if not header and not columns:
        raise ParameterError("csv(header=False) wants columns={...}: the names and types of all columns, in order.")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ParameterError(f"csv(delimiter={delimiter!r}): wanted a single character.")
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ParameterError(f"csv(encoding='{encoding}'): unknown encoding.", hint="Try 'cp1252'.") from None
    if name.startswith(("utf-16", "utf-32")):
        raise ParameterError(f"csv(encoding='{encoding}') cannot be read.", hint="Save the file as UTF-8.")
    return CsvSource(
        located("csv", path, where), dict(columns or {}), delimiter, header, encoding, tuple(null_values or ())
    )
