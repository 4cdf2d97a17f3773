"""JSON lines as a source: an object a line, nested as it may be.

Types are settled over all files: whole numbers become numbers where one has a fraction, columns and fields that appear
late are missing before. A JSON string is text, whatever it looks like, unless it is declared to be a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError, ParameterError, Position
from levada.sources.csv_types import (
    arrow_type,
    beyond_int64,
    is_beyond_int64,
    may_have_lost_digits,
    unknown_type,
    zone_remedy,
)
from levada.sources.file_source import FileSource
from levada.sources.json_blocks import Block, JsonFile
from levada.sources.locations import Location, Where, located
from levada.sources.source import Source
from levada.sources.stretches import Stretch, divide_files
from levada.tables.reading import Again, Reading, settled_batches
from levada.tables.types import wider

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = (
    "string", "bool", "int64", "float64", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float32",
    "timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]",
    "timestamp[s, tz=UTC]", "timestamp[ms, tz=UTC]", "timestamp[us, tz=UTC]", "timestamp[ns, tz=UTC]",
)  # fmt: skip
"""The Arrow types that a column of JSON lines can be declared to have."""

KEPT_BYTES = 256 << 20
SHOWN_VALUE = 60
_LONG = re.compile(rb"\d{19}")


@dataclass(frozen=True)
class JsonLinesSource(FileSource):
    """One or more files of JSON lines; made by `json_lines`, which says what the fields mean."""

    name: ClassVar[str] = "json_lines"
    columns_may_differ: ClassVar[bool] = True

    path: str | Location
    columns: dict[str, str] = field(default_factory=dict[str, str])

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        yield from settled_batches(self.parts(root), root, lambda findings: {}, KEPT_BYTES)

    def parts(self, root: Path) -> list[JsonLinesPart]:
        """Return stretches of the files."""
        return [JsonLinesPart(self, tuple(part)) for part in divide_files(self.files(root), quotes=False)]


@dataclass(frozen=True)
class JsonLinesPart(Source):
    """Stretches of a source's files, which can be read without the others."""

    columns_may_differ: ClassVar[bool] = True

    source: JsonLinesSource
    stretches: tuple[Stretch, ...]

    def digest(self) -> str:
        return self.source.digest()

    def read(self, root: Path, reading: Reading) -> Iterator[pa.RecordBatch]:
        return _Reading(self.source.columns, [JsonFile(stretch) for stretch in self.stretches], reading).batches()

    def __str__(self) -> str:
        return str(self.source)


def json_lines(
    path: str | Path, *, columns: Mapping[str, str] | None = None, **where: Unpack[Where]
) -> JsonLinesSource:
    """Return a source that reads JSON lines: one file, or all that match a pattern such as `data/*.jsonl`.

    Each line is an object, and each of its keys a column: numbers (int64, or float64 if any has a fraction), `true` and
    `false`, text, lists, and objects as structs. A key that a line lacks is missing there; several files are read in
    the order of their names, and need not have the same keys. `.gz`, `.bz2` and `.zst` files are decompressed.

    `columns` gives Arrow types to some columns: `{"time": "timestamp[s]"}`, since JSON has no times. Addresses
    (`s3://...`), and spans in a path (`data/{YYYY}-{MM}.jsonl`), are as for all files: see `levada.components.Where`.

    Raises ParameterError for an unknown type. Reading raises DataError, with file and line: a line that is not a JSON
    object or not UTF-8, a value that is not of its column's type, an object that is nested more than 200 deep.
    """
    for name, type_ in (columns or {}).items():
        if type_ not in TYPES:
            said = f"json_lines(columns={{'{name}': '{type_}'}}): unknown type '{type_}'."
            raise ParameterError(said, hint=unknown_type(type_))
    return JsonLinesSource(located("json_lines", path, where), dict(columns or {}))


class _Reading:
    """One reading of a part: the columns' types as far as they are known, in the order in which they appeared."""

    def __init__(self, declared: dict[str, str], files: list[JsonFile], reading: Reading) -> None:
        self._declared = declared
        self._files = files
        self._reading = reading
        self._types: dict[str, Any] = {item.name: item.type for item in reading.types or ()}
        for name, type_ in declared.items():
            self._types[name] = arrow_type(type_)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows. Once types have changed the rest is only looked at, so that one more reading is enough."""
        import pyarrow as pa

        begun: Any = None
        changed = False
        for file in self._files:
            rows = 0
            for block in file.blocks():
                for table in self._tables(file, block):
                    rows += table.num_rows
                    schema = self._schema()
                    changed = changed or (begun is not None and not schema.equals(begun))
                    if not changed:
                        begun = schema
                        try:
                            batches = self._finished(table, schema)
                        except pa.ArrowException:  # it was read before the types changed, in the same block
                            changed = True
                        else:
                            yield from batches
            if not rows and file.is_whole and self._reading.rejects is None:
                raise DataError(f"{file.shown} has no rows.", hint="Leave the file out, or fetch it again.")
        schema = self._schema()
        if changed or (begun is not None and not schema.equals(begun)):
            if self._reading.types is not None and schema.equals(self._reading.types):
                raise DataError(
                    f"{self._files[0].shown}: the rows cannot be read under one schema: {_in_line(schema)}.",
                    hint="Declare the columns: json_lines(..., columns={...}).",
                )
            raise Again(schema)

    def _schema(self) -> pa.Schema:
        """Return the columns as far as they are known; lists of nothing but nulls are lists of text.

        Arrow has lists of nulls, and cuts them into invalid ones.
        """
        import pyarrow as pa

        return pa.schema([(name, _with_leaves(type_)) for name, type_ in self._types.items()])

    def _tables(self, file: JsonFile, block: Block) -> list[pa.Table]:
        """Return the rows of a block; what cannot be read is found by halves, and put aside or told."""
        import pyarrow as pa

        try:
            return [self._parsed(file, block)]
        except (pa.ArrowException, UnicodeDecodeError) as error:
            halves = block.halves()
            if halves is None:
                return self._one(file, block, error)
            return [table for half in halves for table in self._tables(file, half)]

    def _parsed(self, file: JsonFile, block: Block) -> pa.Table:
        """Parse a block under the types that are known, and take note of what is new."""
        import pyarrow as pa

        table = block.parsed(self._types)
        new = {item.name: _texts(item.type) for item in table.schema}
        if any(new[item.name] != item.type for item in table.schema if item.name not in self._declared):
            table = block.parsed({**new, **self._types})
        for item in table.schema:
            if pa.types.is_float64(item.type) and item.name not in self._declared:
                self._look_at_size(file, block, item.name, table.column(item.name))
            known = self._types.get(item.name, pa.null())
            type_ = wider(known, item.type)
            if type_ is None:  # in a struct, a field that is new
                raise pa.ArrowInvalid(f"column '{item.name}' is {known} before, and {item.type} here")
            self._types[item.name] = type_
        return table

    def _look_at_size(self, file: JsonFile, block: Block, name: str, column: Any) -> None:
        """Raise DataError for whole numbers that became floats because int64 does not hold them: identifiers, say."""
        if not may_have_lost_digits(column):
            return
        for number, line in enumerate(block.data.splitlines(), block.line):
            value = json.loads(line).get(name) if _LONG.search(line) else None
            if isinstance(value, int) and is_beyond_int64(str(value)):
                said, hint = beyond_int64(name, str(value), or_text=False)
                text = line.decode("utf-8", "replace")
                raise DataError(said, where=Position(file.shown, number, text[:100]), hint=hint)

    def _one(self, file: JsonFile, line: Block, error: Exception) -> list[pa.Table]:
        """Take a line that does not fit: by wider types if there are some; else it is malformed."""
        import pyarrow as pa

        try:
            alone = line.parsed({name: arrow_type(type_) for name, type_ in self._declared.items()})
        except (pa.ArrowException, UnicodeDecodeError):
            alone = None
        if alone is not None:
            found = {item.name: _texts(item.type) for item in alone.schema if item.name not in self._declared}
            types = {name: wider(self._types.get(name, pa.null()), type_) for name, type_ in found.items()}
            if all(type_ is not None for type_ in types.values()):
                before = self._types
                self._types = {**before, **types}
                try:
                    return [line.parsed(self._types)]
                except pa.ArrowException:
                    self._types = before
        said, reason, hint = self._malformed(line, error)
        if self._reading.rejects is not None:
            self._reading.rejects.add(file.shown, line.line, reason, line.text)
            return []
        text = line.text if len(line.text) <= 100 else line.text[:99] + "\u2026"
        raise DataError(said, where=Position(file.shown, line.line, text), hint=hint)

    def _malformed(self, line: Block, error: Exception) -> tuple[str, str, str]:
        """Return what is wrong with a line: in a sentence, as a reason that many lines may share, and what to do."""
        if isinstance(error, UnicodeDecodeError):
            return f"byte 0x{line.data[error.start]:02x} of this line is not UTF-8.", "not UTF-8", "Save it as UTF-8."
        if line.is_deep:
            return "this line is nested too deep.", "nested too deep", "Flatten it before."
        try:
            row = json.loads(line.data)
        except (ValueError, RecursionError):
            hint = "Write one object a line." if line.line == 1 else "Fix the line."
            return "this line is not JSON.", "not JSON", hint
        if not isinstance(row, dict):
            hint = "Write one object a line, without a list around all of them."
            return "this line is not a JSON object.", "not a JSON object", hint
        for name, value in row.items():
            alone = Block(line.line, json.dumps({name: value}).encode())
            if name not in self._types or not _parses(alone, {}):
                continue
            type_ = self._types[name]
            if not _parses(alone, {name: type_}):
                shown = json.dumps(value, ensure_ascii=False)
                shown = shown if len(shown) <= SHOWN_VALUE else shown[: SHOWN_VALUE - 1] + "\u2026"
                verb = "is declared" if name in self._declared else "holds"
                said = f"column '{name}' {verb} {type_}, and this line has {shown}."
                hint = zone_remedy(name, str(value), self._declared.get(name, ""), is_declared=True) or (
                    f"Fix the line, declare what it is (columns={{'{name}': 'string'}}), or put such lines aside: "
                    "ingest(..., quarantine=N)."
                )
                return said, f"column '{name}' is not {type_}", hint
        what = str(error).splitlines()[0].removeprefix("JSON parse error: ").removesuffix(" in row 0").rstrip(".")
        return f"this line cannot be read: {what}.", what, "Fix the line."

    def _finished(self, table: pa.Table, schema: pa.Schema) -> list[pa.RecordBatch]:
        import pyarrow as pa

        columns = [
            table[item.name].cast(item.type) if item.name in table.column_names else pa.nulls(table.num_rows, item.type)
            for item in schema
        ]
        if not columns:
            return table.to_batches()  # rows without any column, so far
        return pa.table(columns, schema=schema).combine_chunks().to_batches()


def _with_leaves(type_: Any) -> Any:
    """Return a type whose lists and structs have text where nothing but nulls has been seen."""
    import pyarrow as pa

    def leaf(inner: Any) -> Any:
        return pa.string() if pa.types.is_null(inner) else _with_leaves(inner)

    if pa.types.is_list(type_):
        return pa.list_(leaf(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, leaf(field.type)) for field in type_])
    return type_


def _in_line(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _parses(block: Block, types: Mapping[str, Any]) -> bool:
    import pyarrow as pa

    try:
        block.parsed(types)
    except (pa.ArrowException, UnicodeDecodeError):
        return False
    return True


def _texts(type_: Any) -> Any:
    """Return a type with text for what the reader took for times."""
    import pyarrow as pa

    if pa.types.is_timestamp(type_):
        return pa.string()
    if pa.types.is_list(type_):
        return pa.list_(_texts(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(item.name, _texts(item.type)) for item in type_])
    return type_
