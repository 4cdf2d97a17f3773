"""TFRecord files of tf.Example as a source: what TFX's ExampleGen and Transform write.

As with CSV, types are settled over all files before the first row is given out, unless they are declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from levada.errors import DataError, ParameterError, did_you_mean
from levada.sources.agreement import listed
from levada.sources.file_source import FileSource
from levada.sources.files import File
from levada.sources.locations import Location, Where, located
from levada.sources.tf_examples import BYTES, EMPTY, FLOATS, INTS, KINDS, Feature, KindError, decode
from levada.sources.tfrecord import Block, blocks
from levada.sources.wire import WireError

if TYPE_CHECKING:
    import pyarrow as pa

_SCALARS = {"int64": INTS, "float32": FLOATS, "string": BYTES, "binary": BYTES}
TYPES = (*_SCALARS, *(f"list<{name}>" for name in _SCALARS))
"""The Arrow types that a feature can be declared to have."""

KEPT_BYTES = 256 << 20
"""What is kept of the rows that were read to settle types, so that small data is decoded once."""


@dataclass(frozen=True)
class TfRecordSource(FileSource):
    """One or more TFRecord files of tf.Example; made by `tfrecord`."""

    name: ClassVar[str] = "tfrecord"

    path: str | Location
    columns: dict[str, str] = field(default_factory=dict[str, str])

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        reading = _Reading(self.columns)
        yield from reading.declared(self.files(root)) if self.columns else reading.settled(self.files(root))


def tfrecord(path: str | Path, *, columns: Mapping[str, str] | None = None, **where: Unpack[Where]) -> TfRecordSource:
    """Return a source that reads TFRecord files of tf.Example, plain or gzip: one file, or all that match a pattern.

    Without `columns` the files are read twice: a feature that has at most one value in every record is a column of
    `int64`, `float32`, `string` (or `binary` if one value is not UTF-8), one with more values a list of these. Columns
    are in the order of their names; a feature that a record lacks is missing there, and so is one without values where
    the column is no list.

    `columns` gives the Arrow types of the features to read, and only these are: `{"fare": "float32", "tips":
    "list<float32>"}`. Then the files are read once, and the types do not depend on the data. Addresses (`s3://...`),
    and spans in a path (`examples/{SPAN}/*.gz`), are as for all files: see `levada.components.Where`.

    Raises ParameterError for an unknown type. Reading raises DataError, with file and record, for a wrong checksum, a
    file that was cut off, a record that is no tf.Example, and a feature that is of one kind here and of another there.
    """
    for name, type_ in (columns or {}).items():
        if type_ not in TYPES:
            hint = did_you_mean(type_, TYPES) or f"Types: {', '.join(TYPES)}."
            raise ParameterError(f"tfrecord(columns={{'{name}': '{type_}'}}): unknown type '{type_}'.", hint=hint)
    return TfRecordSource(located("tfrecord", path, where), dict(columns or {}))


@dataclass
class _Column:
    """What is known of a feature so far: its kind, whether lists are needed, whether all its bytes are text."""

    kind: int = EMPTY
    is_list: bool = False
    is_text: bool = True
    settled_in: str = ""

    @staticmethod
    def of(type_: str) -> _Column:
        scalar = type_.removeprefix("list<").removesuffix(">")
        return _Column(_SCALARS[scalar], type_.startswith("list<"), scalar == "string")

    @property
    def item(self) -> Any:
        import pyarrow as pa

        texts = pa.string() if self.is_text else pa.binary()
        return {EMPTY: pa.null(), BYTES: texts, FLOATS: pa.float32(), INTS: pa.int64()}[self.kind]

    @property
    def type(self) -> Any:
        import pyarrow as pa

        return pa.list_(self.item) if self.is_list else self.item


class _Reading:
    """One reading of a source: the columns as far as they are settled."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        self._columns = {name: _Column.of(type_) for name, type_ in declared.items()}
        self._kept_bytes = 0

    def declared(self, files: list[File]) -> Iterator[pa.RecordBatch]:
        seen: set[str] = set()
        some_records = False
        for file in files:
            for block, features in self._decoded(file, frozenset(self._columns)):
                some_records = True
                seen |= features.keys()
                for name, feature in features.items():
                    self._check_kind(file, block, name, feature)
                yield self._batch(file, block.first, len(block.start), features)
        lacking = next((name for name in self._columns if name not in seen), None)
        if some_records and lacking is not None:
            raise DataError(
                f"tfrecord(columns={{'{lacking}': ...}}): no record has a feature '{lacking}'.",
                hint=f"They have {listed(sorted(seen))}." if seen else "",
            )

    def settled(self, files: list[File]) -> Iterator[pa.RecordBatch]:
        kept: dict[int, list[tuple[int, int, dict[str, Feature]]]] = {}
        for number, file in enumerate(files):
            mine: list[tuple[int, int, dict[str, Feature]]] = []
            kept[number] = mine
            for block, features in self._decoded(file):
                for name, feature in features.items():
                    self._settle(file, block, name, feature)
                self._kept_bytes += sum(feature.nbytes for feature in features.values())
                if self._kept_bytes <= KEPT_BYTES:
                    mine.append((block.first, len(block.start), features))
                else:
                    kept.clear()
        self._columns = dict(sorted(self._columns.items()))
        for number, file in enumerate(files):
            if number in kept:
                yield from (self._batch(file, *item) for item in kept.pop(number))
            else:
                for block, features in self._decoded(file):
                    yield self._batch(file, block.first, len(block.start), features)

    def _decoded(self, file: File, wanted: frozenset[str] | None = None) -> Iterator[tuple[Block, dict[str, Feature]]]:
        for block in blocks(file):
            try:
                yield block, decode(block.content, block.start, block.stop, wanted)
            except WireError as error:
                said = f"{file.shown}: record {block.first + error.index:,} is not a tf.Example: {error.why}."
                raise DataError(said, hint="TFRecord files that hold anything else are not read.") from None
            except KindError as error:
                raise DataError(
                    f"{file.shown}: feature '{error.name}' holds {KINDS[error.kind]} in record "
                    f"{block.first + error.index:,}, and {KINDS[error.before]} before.",
                    hint="Write the records again with one kind of values.",
                ) from None

    # -- types ---------------------------------------------------------------------------------------------

    def _settle(self, file: File, block: Block, name: str, feature: Feature) -> None:
        import pyarrow as pa

        column = self._columns.setdefault(name, _Column())
        if feature.kind == EMPTY:
            return
        if column.kind == EMPTY:
            column.kind, column.settled_in = feature.kind, file.shown
        self._check_kind(file, block, name, feature)
        column.is_list = column.is_list or bool(len(feature.counts) and feature.counts.max() > 1)
        if feature.kind == BYTES and column.is_text:
            try:
                feature.values = feature.values.cast(pa.string())
            except pa.ArrowInvalid:
                column.is_text = False

    def _check_kind(self, file: File, block: Block, name: str, feature: Feature) -> None:
        column = self._columns[name]
        if feature.kind not in (EMPTY, column.kind):
            other = f" in {column.settled_in}" if column.settled_in != file.shown else " before"
            where = other if column.settled_in else " by columns={...}"
            raise DataError(
                f"{file.shown}: feature '{name}' holds {KINDS[feature.kind]} in record "
                f"{block.first + int(feature.rows[0]):,}, and {KINDS[column.kind]}{where}.",
                hint="Write the records again with one kind of values.",
            )

    # -- rows ----------------------------------------------------------------------------------------------

    def _batch(self, file: File, first: int, rows: int, features: dict[str, Feature]) -> pa.RecordBatch:
        import pyarrow as pa

        arrays: list[Any] = []
        for name, column in self._columns.items():
            feature = features.get(name)
            if feature is None:
                arrays.append(pa.nulls(rows, column.type))
            else:
                arrays.append(self._array(file, first, rows, name, feature))
        schema = pa.schema([pa.field(name, column.type) for name, column in self._columns.items()])
        if not arrays:
            raise DataError(f"{file.shown}: its records have no features.")
        return pa.record_batch(arrays, schema)

    def _array(self, file: File, first: int, rows: int, name: str, feature: Feature) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        column = self._columns[name]
        try:
            values = pa.nulls(0, column.item) if feature.kind == EMPTY else feature.values.cast(column.item)
        except pa.ArrowInvalid:
            bad = next(n for n, value in enumerate(feature.values) if not _is_text(value.as_py()))
            record = first + int(np.repeat(feature.rows, feature.counts)[bad])
            raise DataError(
                f"{file.shown}: feature '{name}' is declared {column.type}, and record {record:,} has bytes that are "
                "not UTF-8.",
                hint=f"Declare it as bytes: columns={{'{name}': '{str(column.type).replace('string', 'binary')}'}}.",
            ) from None
        if column.is_list:
            counts = np.zeros(rows, np.int64)
            counts[feature.rows] = feature.counts
            missing = np.ones(rows, bool)
            missing[feature.rows] = False
            offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
            return pa.ListArray.from_arrays(offsets, values, pa.list_(column.item), mask=pa.array(missing))
        if len(feature.rows) == rows == len(values) and (feature.counts == 1).all():
            return values
        many = np.flatnonzero(feature.counts > 1)
        if many.size:
            raise DataError(
                f"{file.shown}: feature '{name}' is declared {column.type}, and record "
                f"{first + int(feature.rows[many[0]]):,} has {int(feature.counts[many[0]]):,} values.",
                hint=f"Declare a list: columns={{'{name}': 'list<{column.type}>'}}.",
            )
        places = np.zeros(rows, np.int64)
        there = feature.rows[feature.counts == 1]
        places[there] = np.arange(len(there))
        missing = np.ones(rows, bool)
        missing[there] = False
        return values.take(pa.array(places, mask=missing))


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
