"""CSV files as a source.

Types are settled over all files before the first row is given out, so they do not depend on where a value stands;
then the files are read under them. What does not fit is an error with file and line, never a column that silently
turned into text.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError, ParameterError, did_you_mean
from levada.sources.csv_faults import CsvFile
from levada.sources.csv_types import TYPES, Mixture, arrow_type, type_of, widened
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.locations import Location, Where, located

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
KEPT_BYTES = 256 << 20
"""What is kept of the rows that were read to settle types, so that small data is parsed once."""

_CONVERSION = re.compile(r"In CSV column #(\d+): .*CSV conversion error to .*: invalid value '(.*)'", re.DOTALL)


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
        yield from _Reading(self, self.files(root)).batches()


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
            hint = did_you_mean(type_, TYPES) or f"Types: {', '.join(TYPES)}."
            raise ParameterError(f"csv(columns={{'{name}': '{type_}'}}): unknown type '{type_}'.", hint=hint)
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


class _Reading:
    """One reading of a source: the files, and the columns' types as far as they are settled."""

    def __init__(self, source: CsvSource, files: list[File]) -> None:
        self._source = source
        self._files = [CsvFile(file, file.shown, source.delimiter, source.encoding, source.header) for file in files]
        self._declared = {name: arrow_type(type_) for name, type_ in source.columns.items()}
        self._types: dict[str, Any] = {}  # of columns that have values
        self._settled_in: dict[str, str] = {}
        self._mixtures: dict[str, Mixture] = {}
        self._kept: dict[str, tuple[dict[str, Any], list[Any]]] = {}
        self._kept_bytes = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for file in self._files:
            self._check_names(file)
        self._types = dict(self._declared)
        if set(self._names) - set(self._declared):
            for file in self._files:
                self._settle(file)
            self._check_mixtures()
        final = {name: self._types.get(name, pa.null()) for name in self._names}
        for file in self._files:
            types, kept = self._kept.pop(file.shown, ({}, []))
            if kept and all(types.get(name, pa.null()) == type_ for name, type_ in final.items()):
                yield from kept
            else:
                yield from self._convert(file, final)

    # -- names ----------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> list[str]:
        return self._file_names(self._files[0])

    def _file_names(self, file: CsvFile) -> list[str]:
        names = file.header()
        return names if self._source.header else list(self._declared)

    def _check_names(self, file: CsvFile) -> None:
        names = self._file_names(file)
        missing = [name for name in self._names if name not in names]
        extra = [name for name in names if name not in self._names]
        if missing or extra:
            said = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has also {', '.join(extra)}"] * bool(extra)
            raise DataError(
                f"{file.shown} {' and '.join(said)}, unlike {self._files[0].shown}.",
                hint="Files that are read together have the same columns.",
            )
        for name in self._declared:
            if name not in names:
                raise DataError(
                    f"csv(columns={{'{name}': ...}}): {file.shown} has no column '{name}'.",
                    hint=f"It has {', '.join(names)}. {did_you_mean(name, names)}".strip(),
                )

    # -- types ----------------------------------------------------------------------------------------

    def _settle(self, file: CsvFile) -> None:
        """Read a file, widening the types of columns until all its values fit."""
        while True:
            mixtures = {name: mixture.copy() for name, mixture in self._mixtures.items()}
            kept: list[Any] = []
            kept_before = self._kept_bytes
            try:
                for batch in self._read(file, self._types):
                    for column in batch.schema:
                        if str(column.type) != "null" and column.name not in self._types:
                            self._types[column.name] = column.type
                            self._settled_in[column.name] = file.shown
                        if str(column.type) == "string" and column.name not in self._declared:
                            mixture = mixtures.setdefault(column.name, Mixture())
                            mixture.add(batch.column(column.name), self._null_texts)
                    self._keep(kept, batch)
            except _MisfitError as misfit:
                self._widen(file, misfit)
                self._kept_bytes = kept_before
                continue
            self._mixtures = mixtures
            self._kept[file.shown] = (dict(self._types), kept)
            return

    def _keep(self, kept: list[Any], batch: pa.RecordBatch) -> None:
        self._kept_bytes += batch.nbytes
        if self._kept_bytes <= KEPT_BYTES:
            kept.append(self._finished(batch))
        else:
            kept.clear()
            self._kept.clear()

    def _widen(self, file: CsvFile, misfit: _MisfitError) -> None:
        """Give a column the type that holds its values so far and `misfit.value`; DataError if there is none."""
        current = misfit.type
        wider = None if misfit.column in self._declared else widened(current, type_of(misfit.value))
        if wider is None:
            elsewhere = self._settled_in.get(misfit.column, file.shown)
            raise file.misfit(
                misfit.column,
                self._file_names(file).index(misfit.column),
                misfit.value,
                str(current),
                declared=self._source.columns.get(misfit.column),
                elsewhere="" if elsewhere == file.shown else elsewhere,
            )
        self._types[misfit.column] = wider
        self._settled_in.setdefault(misfit.column, file.shown)

    def _check_mixtures(self) -> None:
        for name, mixture in self._mixtures.items():
            sort = mixture.sort
            if sort is None:
                continue
            for file in self._files:
                fault = file.mixed(name, self._file_names(file).index(name), sort, mixture, self._null_texts)
                if fault is not None:
                    raise fault

    # -- reading --------------------------------------------------------------------------------------

    def _convert(self, file: CsvFile, types: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._read(file, types):
                yield self._finished(batch)
        except _MisfitError as misfit:
            self._widen(file, misfit)
            raise

    def _finished(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with its columns in order, and empty or null texts missing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        absent = pa.array(["", *self._source.null_values])
        columns: list[Any] = []
        for name in self._names:
            column = batch.column(name)
            if pa.types.is_string(column.type):
                column = pc.if_else(pc.is_in(column, absent), pa.scalar(None, pa.string()), column)
            columns.append(column)
        return pa.record_batch(columns, self._names)

    @cached_property
    def _null_texts(self) -> list[str]:
        import pyarrow.csv as pacsv

        return [*pacsv.ConvertOptions().null_values, *self._source.null_values]

    def _read(self, file: CsvFile, types: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """Yield a file's rows under the types given, others by its first block.

        Raises _MisfitError for a value that does not fit, DataError for anything else that is wrong.
        """
        import pyarrow as pa
        import pyarrow.csv as pacsv

        names = self._file_names(file)
        rows = 0
        stream = file.watched()
        try:
            reader = pacsv.open_csv(
                stream,
                read_options=pacsv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    encoding=self._source.encoding,
                    column_names=names,
                    skip_rows=file.lines_before,
                    skip_rows_after_names=1 if self._source.header else 0,
                ),
                parse_options=pacsv.ParseOptions(delimiter=self._source.delimiter, newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(column_types=dict(types), null_values=self._null_texts),
            )
            for batch in reader:
                if any(pa.types.is_binary(type_) for type_ in batch.schema.types):
                    raise file.fault(names, "text that cannot be decoded")
                rows += batch.num_rows
                yield batch
        except (pa.ArrowException, UnicodeDecodeError) as error:
            found = _CONVERSION.search(str(error))
            if found and "\ufffd" not in found[2]:
                column = names[int(found[1])]
                raise _MisfitError(column, types.get(column) or _type_in(str(error)), found[2]) from None
            raise file.fault(names, str(error)) from None
        except OSError as error:
            raise file.unreadable(error) from None
        if stream.quotes % 2 and (fault := file.unclosed(names)):
            raise fault
        if not rows:
            raise file.without_rows()


class _MisfitError(Exception):
    """A value that is not of its column's type."""

    def __init__(self, column: str, type_: Any, value: str) -> None:
        super().__init__(column)
        self.column, self.type, self.value = column, type_, value


def _type_in(message: str) -> Any:
    """Return the Arrow type that a conversion error names: what the reader inferred from a file's first block."""
    found = re.search(r"CSV conversion error to ([^:]+(?:\[[^\]]*\])?):", message)
    return arrow_type(found[1].replace("date32[day]", "date32")) if found else arrow_type("string")
