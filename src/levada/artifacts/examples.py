"""Examples: rows in splits, as zstd Parquet.

    <path>/<split>/part-00000.parquet, part-00001.parquet, ...
    <path>/quarantine.parquet                                     what was put aside, if anything was

Whoever makes them writes each split once, or row by row into several at a time:

    examples = ctx.output(Examples)
    examples.write("train", table)

    with examples.writer() as writer:
        for batch in batches:
            writer.write("train", batch.filter(mask))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifact import Artifact, Making
from levada.errors import ComponentError, DataError, did_you_mean
from levada.tables.reading import Rejects
from levada.tables.types import plain_schema, stored_paths, stored_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from levada.values import Json

SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 64 << 20
PART_BYTES = 1 << 30
DICTIONARY_SAMPLE = 16_384
QUARANTINE = "quarantine.parquet"


class Examples(Artifact):
    """Rows in named splits; every split has the same columns, of the same Arrow types.

    Properties: `splits` (rows by split), `columns` ([name, Arrow type] pairs, in order), `source` (where
    they come from, for people); where `ingest` divided the rows, `division` (the rule, complete with its salt), and
    where it was allowed to put malformed ones aside, `quarantined` (rows by reason).
    """

    bulky = True

    # -- reading --------------------------------------------------------------------------------------

    @property
    def splits(self) -> list[str]:
        """The names of the splits, in the order they were asked for."""
        return list(self._rows)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        pairs: Any = self.properties.get("columns", [])
        return [str(name) for name, _ in pairs]

    @property
    def source(self) -> str:
        """Where the rows come from, in words."""
        return str(self.properties.get("source", ""))

    def rows(self, split: str | None = None) -> int:
        """The number of rows of one split, or of all. Raises DataError if there is no such split."""
        return sum(self._rows.values()) if split is None else self._rows[self._known(split)]

    def files(self, split: str) -> list[Path]:
        """The Parquet files of a split, in order. Raises DataError if there is no such split."""
        return sorted((self.path / self._known(split)).glob("part-*.parquet"))

    def schema(self) -> pa.Schema:
        """The columns' names and types."""
        import pyarrow.parquet as pq

        for split in self.splits:
            for file in self.files(split):
                return plain_schema(pq.read_schema(file))
        raise DataError("these examples have no splits.", hint="Write one with examples.write(split, table).")

    def table(self, split: str, columns: Iterable[str] | None = None) -> pa.Table:
        """All rows of a split in memory, in the order they were written.

        Raises DataError if there is no such split or column.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = self._chosen(columns)
        tables = [pq.ParquetFile(file).read(columns=names).select(names) for file in self.files(split)]
        return pa.concat_tables(tables).replace_schema_metadata(None)

    def batches(self, split: str, columns: Iterable[str] | None = None, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield a split in record batches of at most `rows` rows, in the order they were written.

        Raises DataError if there is no such split or column.
        """
        import pyarrow.parquet as pq

        names = self._chosen(columns)
        for file in self.files(split):
            # Pre-buffered, reading batch by batch would keep the whole file in memory.
            with pq.ParquetFile(file, pre_buffer=False) as parquet:
                for batch in parquet.iter_batches(batch_size=rows, columns=names):
                    yield batch.select(names).replace_schema_metadata(None)

    def quarantined(self) -> pa.Table:
        """What was put aside because it was malformed: `file`, `line` (null where it has none), `reason`, `row`.

        `row` is the text of the line as it stands in the file, up to 10,000 characters.
        """
        import pyarrow.parquet as pq

        file = self.path / QUARANTINE
        return pq.ParquetFile(file).read() if file.is_file() else Rejects().table()

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise DataError if a column is not there, with the names of those that are."""
        self._chosen(columns)

    def to_pandas(self, split: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """All rows of a split as a DataFrame. Raises DataError if there is no such split or column."""
        return self.table(split, columns).to_pandas()

    @property
    def _rows(self) -> dict[str, int]:
        splits: Any = self.properties.get("splits", {})
        return splits

    def _known(self, split: str) -> str:
        if split not in self._rows:
            hint = did_you_mean(split, self.splits) or f"They have {', '.join(self.splits) or 'none'}."
            raise DataError(f"these examples have no split '{split}'.", hint=hint)
        return split

    def _chosen(self, columns: Iterable[str] | None) -> list[str]:
        known = self.columns
        if columns is None:
            return known
        if isinstance(columns, str):
            raise DataError(f"columns='{columns}': wanted a list of names.", hint=f"Write columns=['{columns}'].")
        chosen = list(columns)
        for name in chosen:
            if name not in known:
                raise DataError(f"column '{name}' is not in the examples.", hint=_offer(name, known))
        return chosen

    # -- writing --------------------------------------------------------------------------------------

    def write(self, split: str, rows: pa.Table | pa.RecordBatch | pd.DataFrame | Iterable[pa.RecordBatch]) -> None:
        """Write rows into a split, behind what it has already; the properties follow.

        Raises DataError if the columns differ from those of an earlier write, or the split's name is not made of
        letters, digits, '_' and '-'; ComponentError if these examples are an input.
        """
        with self.writer() as writer:
            writer.write(split, rows)

    def adopt(self, schema: pa.Schema, files: Mapping[str, tuple[int, list[Path]]]) -> None:
        """Take over Parquet files that hold the rows of splits: for each split how many, and the files, in order.

        They are moved; all have the columns of `schema`, as they are stored.
        """
        rows: dict[str, Json] = {}
        for split, (count, parts) in files.items():
            (self.path / split).mkdir(parents=True, exist_ok=True)
            for number, part in enumerate(parts):
                part.replace(self.path / split / part_name(number))
            rows[split] = count
        self.properties["splits"] = rows
        self.properties["columns"] = [[field.name, str(field.type)] for field in stored_schema(schema)]
        self.properties.setdefault("source", "")

    def writer(self) -> ExamplesWriter:
        """Return a writer for several splits at a time, to be used in a `with` block; see `write`."""
        if not isinstance(self._state, Making):
            raise ComponentError(
                "these examples are finished, nothing can be written to them.",
                hint="Make new ones: examples = ctx.output(Examples).",
            )
        return ExamplesWriter(self)


class ExamplesWriter:
    """Writes rows into splits; made by `Examples.writer()`.

    It holds at most one row group of each split in memory. The examples' properties are set when the `with` block ends.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._schema: pa.Schema | None = examples.schema() if examples.splits else None
        self._parts: dict[str, SplitFiles] = {}

    def __enter__(self) -> ExamplesWriter:
        return self

    def write(self, split: str, rows: pa.Table | pa.RecordBatch | pd.DataFrame | Iterable[pa.RecordBatch]) -> None:
        """Write rows into a split, behind what it has already. Raises DataError as `Examples.write` does."""
        if not SPLIT_NAME.fullmatch(split):
            raise DataError(f"'{split}' cannot name a split.", hint="Use letters, digits, '_' and '-'.")
        for batch in _batches(rows):
            self._part(split, batch.schema).add(self._fitting(split, batch))

    def _part(self, split: str, schema: pa.Schema) -> SplitFiles:
        if self._schema is None:
            twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
            if twice is not None:
                raise DataError(f"split '{split}': two columns are named '{twice}'.", hint="Rename one of them.")
            self._schema = stored_schema(schema)
        if split not in self._parts:
            self._parts[split] = SplitFiles(self._examples.path / split, self._schema)
        return self._parts[split]

    def _fitting(self, split: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the columns in the order and of the types that all splits have."""
        assert self._schema is not None
        if batch.schema.equals(self._schema):
            return batch
        wanted, got = self._schema.names, batch.schema.names
        if sorted(wanted) != sorted(got):
            missing = [name for name in wanted if name not in got]
            extra = [name for name in got if name not in wanted]
            said = [f"lack {', '.join(missing)}"] * bool(missing) + [f"have also {', '.join(extra)}"] * bool(extra)
            raise DataError(
                f"split '{split}': these rows {' and '.join(said) or 'have a column twice'}, unlike the rows before.",
                hint="Every split has the same columns.",
            )
        batch = batch.select(wanted)
        for field, type_ in zip(self._schema, stored_schema(batch.schema).types, strict=True):
            if field.type != type_:
                raise DataError(
                    f"split '{split}': column '{field.name}' is {type_} here, and {field.type} in the rows before.",
                    hint="Cast it before writing: every split has the same types.",
                )
        return batch.cast(self._schema)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        for part in self._parts.values():
            part.close()
        if error is not None or self._schema is None:
            return
        rows: Any = self._examples.properties.setdefault("splits", {})
        for split, part in self._parts.items():
            rows[split] = rows.get(split, 0) + part.rows
        self._examples.properties["columns"] = [[field.name, str(field.type)] for field in self._schema]
        self._examples.properties.setdefault("source", "")


def part_name(number: int) -> str:
    """Return the name of a split's file."""
    return f"part-{number:05d}.parquet"


class SplitFiles:
    """The Parquet files of one split that are being written: batches are gathered into row groups."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self.names: list[str] = []
        self._folder = folder
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = self._written_bytes = 0
        self._writer: Any = None

    def _open(self, first: pa.Table) -> Any:
        """Begin a file; its first row group says which columns are worth a dictionary."""
        import pyarrow.parquet as pq

        name = part_name(len(list(self._folder.glob("part-*.parquet"))))
        self.names.append(name)
        self._written_bytes = 0
        columns: Any = columns_with_dictionary(first)
        return pq.ParquetWriter(self._folder / name, self._schema, compression="zstd", use_dictionary=columns)

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        while batch.num_rows:
            # Cut at the row group's end, so that the files do not depend on how the source cuts its batches.
            head = batch.slice(0, ROW_GROUP_ROWS - self._waiting_rows)
            batch = batch.slice(head.num_rows)
            self._waiting.append(head)
            self._waiting_rows += head.num_rows
            self._waiting_bytes += head.nbytes
            if self._waiting_rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting or self._writer is None:
            table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
            if self._writer is None:
                self._writer = self._open(table)
            elif self._written_bytes >= PART_BYTES:
                self._writer.close()
                self._writer = self._open(table)
            self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
            self._written_bytes += self._waiting_bytes
            self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0

    def close(self) -> None:
        self._flush()
        self._writer.close()


def columns_with_dictionary(table: pa.Table) -> list[str] | bool:
    """Return the Parquet columns to be written with a dictionary: all but those whose values hardly repeat.

    For these the writer would begin a dictionary in each row group and throw it away, which takes as long as all else.
    """
    sample = table.slice(0, DICTIONARY_SAMPLE)
    varied = {name for name in table.column_names if _distinct(sample[name]) * 2 > sample.num_rows > 1}
    if not varied:
        return True
    return [path for path in stored_paths(table.schema) if path not in varied] or False


def _distinct(values: pa.ChunkedArray) -> int:
    """Return how many values differ, 0 if that cannot be told of their type (lists, nothing at all)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.count_distinct(values).as_py()  # pyright: ignore[reportAttributeAccessIssue]
    except pa.ArrowNotImplementedError:
        return 0


def _batches(rows: Any) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if isinstance(rows, pa.RecordBatch):
        yield rows
    elif isinstance(rows, pa.Table):
        # An empty table has no batches, and its columns are still worth writing.
        yield from rows.to_batches() or [pa.RecordBatch.from_pylist([], rows.schema)]
    elif hasattr(rows, "iloc"):
        yield from _batches(pa.Table.from_pandas(rows, preserve_index=False))
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes | dict):
        for item in rows:  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(item, pa.RecordBatch | pa.Table):
                raise DataError(f"examples are written from Arrow record batches, got {type(item).__name__}.")  # pyright: ignore[reportUnknownArgumentType]
            yield from _batches(item)
    else:
        raise DataError(
            f"examples are written from an Arrow table, a DataFrame or record batches, got {type(rows).__name__}.",
            hint="pyarrow.table({...}) makes a table of a dict of columns.",
        )


def _offer(name: str, known: list[str]) -> str:
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"The examples have: {shown} ({len(known)}). {did_you_mean(name, known)}".strip()
