"""CSV files, read: the fast way while all is well, else line by line with what is malformed put aside."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from levada.errors import DataError
from levada.sources.csv_faults import CsvFile
from levada.sources.csv_sieve import Block, sieve
from levada.sources.csv_types import FALSE, TRUE, Mixture, arrow_type, may_have_lost_digits, type_of
from levada.tables.reading import Again, Reading
from levada.tables.types import wider

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
LONGEST_ROW = 1 << 30

_CONVERSION = re.compile(
    r"In CSV column #(\d+): .*CSV conversion error to .*: (?:invalid value|expected (?:no|a) zone offset in) '(.*)'",
    re.DOTALL,
)


class Options(Protocol):
    """What is asked for of CSV files: a `levada.sources.csv_files.CsvSource`."""

    @property
    def columns(self) -> dict[str, str]: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def header(self) -> bool: ...
    @property
    def encoding(self) -> str: ...
    @property
    def null_values(self) -> tuple[str, ...]: ...


class CsvReading:
    """One reading of a part: the columns' types as far as they are known."""

    def __init__(self, options: Options, names: tuple[str, ...], files: list[CsvFile], reading: Reading) -> None:
        self._options = options
        self._names = names
        self._files = files
        self._reading = reading
        self._types: dict[str, Any] = {name: arrow_type(type_) for name, type_ in options.columns.items()}
        for field in reading.types or ():
            if str(field.type) != "null":
                self._types.setdefault(field.name, field.type)
        self._settled_in: dict[str, str] = dict(reading.hints.get("settled_in", {}))
        self._mixtures: dict[str, Mixture] = {}
        self._large: set[str] = set()
        self._words: set[tuple[str, str]] = set()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows. Raises Again for a value of a wider type, DataError for what is malformed."""
        for file in self._files:
            read = self._carefully if self._reading.hints.get("careful") else self._fast
            for batch in read(file):
                self._look(file, batch)
                yield self._finished(batch)
        self._reading.findings["mixtures"] = {name: asdict(mixture) for name, mixture in self._mixtures.items()}

    def _look(self, file: CsvFile, batch: pa.RecordBatch) -> None:
        """Take note of types that were open, and of what texts could be."""
        for column in batch.schema:
            if str(column.type) != "null" and column.name not in self._types:
                self._types[column.name] = column.type
                self._settled_in[column.name] = file.shown
            if str(column.type) == "string" and column.name not in self._options.columns:
                mixture = self._mixtures.setdefault(column.name, Mixture())
                mixture.add(batch.column(column.name), self._null_texts)
            elif str(column.type) == "double" and column.name not in self._options.columns:
                self._look_at_size(file, column.name, batch.column(column.name))
            elif (
                str(column.type) == "bool" and column.name not in self._options.columns and self._reads_digits_as_truth
            ):
                self._look_at_words(file, column.name)

    def _look_at_size(self, file: CsvFile, name: str, column: pa.Array) -> None:
        """Raise DataError for whole numbers that became floats because int64 does not hold them: identifiers, say."""
        if name not in self._large and may_have_lost_digits(column):
            self._large.add(name)
            fault = file.beyond_int64(name, file.names(self._options).index(name))
            if fault is not None:
                raise fault

    @property
    def _reads_digits_as_truth(self) -> bool:
        """Whether 1 and 0 are read as true and false, which the reader can do for all columns or for none."""
        return "bool" in self._options.columns.values()

    def _look_at_words(self, file: CsvFile, name: str) -> None:
        """Raise DataError for a 1 or 0 in a column of true and false that is not declared, once a file."""
        if (file.shown, name) not in self._words:
            self._words.add((file.shown, name))
            fault = file.mixed_truth(name, file.names(self._options).index(name), self._null_texts)
            if fault is not None:
                raise fault

    # -- what does not fit ----------------------------------------------------------------------------

    def _wider(self, column: str, current: Any, value: str) -> Any:
        """Return the type that holds a column's values so far and this one, None if there is none."""
        if column in self._options.columns:
            return None
        type_ = wider(current, type_of(value))
        return None if type_ == current else type_

    def _again(self, column: str, type_: Any) -> Again:
        import pyarrow as pa

        self._settled_in.setdefault(column, "")
        types = {**self._types, column: type_}
        schema = pa.schema([pa.field(name, types.get(name, pa.null())) for name in self._names])
        return Again(schema, settled_in={name: file for name, file in self._settled_in.items() if file})

    def _fault(self, file: CsvFile, fault: DataError) -> Exception:
        """Return what to raise: the error, or a call for a careful reading where rows may be put aside."""
        return fault if self._reading.rejects is None else Again(self._reading.types, careful=True)

    # -- the fast way ---------------------------------------------------------------------------------

    def _fast(self, file: CsvFile) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        names = file.names(self._options)
        rows = 0
        stream = file.watched()
        block = self._reading.hints.get("block", BLOCK_BYTES)
        try:
            reader = self._opened(file, stream, block, self._types)
            if len(self._types) < len(names) and file.is_large:
                # Reading under types that are given takes three quarters of the time: the first block gives them.
                stream = file.watched()
                found = {item.name: item.type for item in reader.schema if not pa.types.is_null(item.type)}
                reader = self._opened(file, stream, block, {**found, **self._types})
            for batch in reader:
                if any(pa.types.is_binary(type_) for type_ in batch.schema.types):
                    raise self._fault(file, file.fault(names, "text that cannot be decoded"))
                rows += batch.num_rows
                yield batch
        except (pa.ArrowException, UnicodeDecodeError) as error:
            if "straddling" in str(error) and block < LONGEST_ROW:
                raise Again(self._reading.types, block=block * 16) from None
            raise self._explained(file, names, error) from None
        except OSError as error:
            raise file.unreadable(error) from None
        if stream.quotes % 2 and (fault := file.unclosed(names)):
            raise self._fault(file, fault)
        if not rows and file.is_whole:
            raise file.without_rows()

    def _opened(self, file: CsvFile, stream: Any, block: int, types: Mapping[str, Any]) -> Any:
        import pyarrow.csv as pacsv

        return pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                use_threads=False,
                block_size=block,
                encoding=self._options.encoding,
                column_names=file.names(self._options),
                skip_rows=file.lines_before,
                skip_rows_after_names=1 if self._options.header and file.is_beginning else 0,
            ),
            parse_options=self._parse_options,
            convert_options=self._convert_options(types),
        )

    def _explained(self, file: CsvFile, names: list[str], error: Exception) -> Exception:
        """Return what to raise for what the reader stumbled over."""
        found = _CONVERSION.search(str(error))
        if found and "\ufffd" not in found[2]:
            column = names[int(found[1])]
            current = self._types.get(column) or _type_in(str(error))
            type_ = self._wider(column, current, found[2])
            if type_ is not None:
                return self._again(column, type_)
            if self._reading.rejects is None:
                elsewhere = self._settled_in.get(column, file.shown)
                return file.misfit(
                    column,
                    names.index(column),
                    found[2],
                    str(current),
                    declared=self._options.columns.get(column),
                    elsewhere="" if elsewhere == file.shown else elsewhere,
                )
            again = self._again(column, current)
            again.hints["careful"] = True
            return again
        if self._reading.rejects is not None:
            return Again(self._reading.types, careful=True)
        return file.fault(names, str(error))

    # -- the careful way ------------------------------------------------------------------------------

    def _carefully(self, file: CsvFile) -> Iterator[pa.RecordBatch]:
        """Read line by line what has the right form, and put aside the rest; then what is not of its column's type."""
        rejects = self._reading.rejects
        assert rejects is not None
        for block in sieve(file, len(self._names), rejects):
            batch = self._block(file, block)
            if batch is not None and batch.num_rows:
                yield batch

    def _block(self, file: CsvFile, block: Block) -> pa.RecordBatch | None:
        import pyarrow as pa

        assert self._reading.rejects is not None
        while block.lines:
            try:
                return self._parsed(file, block, self._types)
            except pa.ArrowException as error:
                found = _CONVERSION.search(str(error))
                if not found:
                    raise DataError(f"{file.shown} cannot be read as CSV: {str(error).splitlines()[0]}") from None
                column = file.names(self._options)[int(found[1])]
                current = self._types.get(column) or _type_in(str(error))
                type_ = self._wider(column, current, found[2])
                if type_ is not None:
                    raise self._again(column, type_) from None
                self._types.setdefault(column, current)
                block = self._without_misfits(file, block, column, current)
        return None

    def _without_misfits(self, file: CsvFile, block: Block, column: str, type_: Any) -> Block:
        """Put aside the lines whose value of a column is not of its type; a wider type is tried first."""
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self._reading.rejects is not None
        texts = self._parsed(file, block, dict.fromkeys(self._names, pa.string())).column(column)
        misfits = self._misfits(pc.unique(texts).to_pylist(), type_)
        for value in misfits:
            wide = self._wider(column, type_, value)
            if wide is not None:
                raise self._again(column, wide)
        bad = pc.is_in(texts, pa.array(misfits, pa.string())).to_numpy(zero_copy_only=False)
        said = f"column '{column}' is not {type_}"
        return block.without(bad, file.shown, said, file.encoding, self._reading.rejects)

    def _misfits(self, texts: list[str], type_: Any) -> list[str]:
        """Return the texts that the reader cannot take as a type, by halves: a few among many are found fast."""
        import pyarrow as pa
        import pyarrow.csv as pacsv

        quoted = "".join('"' + text.replace('"', '""') + '"\n' for text in texts)
        try:
            pacsv.read_csv(
                pa.BufferReader(quoted.encode()),
                read_options=pacsv.ReadOptions(column_names=["x"], use_threads=False, block_size=len(quoted) * 4 + 64),
                parse_options=pacsv.ParseOptions(newlines_in_values=True),
                convert_options=self._convert_options({"x": type_}),
            )
        except pa.ArrowException:
            if len(texts) == 1:
                return texts
            half = len(texts) // 2
            return self._misfits(texts[:half], type_) + self._misfits(texts[half:], type_)
        return []

    def _parsed(self, file: CsvFile, block: Block, types: Mapping[str, Any]) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        data = block.data()
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(
                use_threads=False,
                block_size=2 * len(data) + 64,
                encoding=self._options.encoding,
                column_names=file.names(self._options),
            ),
            parse_options=self._parse_options,
            convert_options=self._convert_options(types),
        ).combine_chunks()
        return table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], table.schema)

    # -- both -----------------------------------------------------------------------------------------

    @cached_property
    def _parse_options(self) -> Any:
        import pyarrow.csv as pacsv

        return pacsv.ParseOptions(delimiter=self._options.delimiter, newlines_in_values=True)

    def _convert_options(self, types: Mapping[str, Any]) -> Any:
        import pyarrow.csv as pacsv

        words = {} if self._reads_digits_as_truth else {"true_values": TRUE, "false_values": FALSE}
        return pacsv.ConvertOptions(column_types=dict(types), null_values=self._null_texts, **words)

    @cached_property
    def _null_texts(self) -> list[str]:
        return null_texts(self._options)

    def _finished(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with its columns in order, and empty or null texts missing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        absent = pa.array(["", *self._options.null_values])
        columns: list[Any] = []
        for name in self._names:
            column = batch.column(name)
            if pa.types.is_string(column.type):
                gone = pc.is_in(column, absent)
                if gone.true_count:
                    column = pc.if_else(gone, pa.scalar(None, pa.string()), column)
            columns.append(column)
        return pa.record_batch(columns, list(self._names))


def null_texts(options: Options) -> list[str]:
    """Return the texts that mean missing in columns that are not text."""
    import pyarrow.csv as pacsv

    return [*pacsv.ConvertOptions().null_values, *options.null_values]


def _type_in(message: str) -> Any:
    """Return the Arrow type that a conversion error names: what the reader inferred from a file's first block."""
    found = re.search(r"CSV conversion error to ([^:]+(?:\[[^\]]*\])?):", message)
    return arrow_type(found[1].replace("date32[day]", "date32")) if found else arrow_type("string")
