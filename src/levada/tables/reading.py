"""Reading a source in parts: types that all parts agree on, and rows that are put aside.

A part is read under the types that are known so far. If it holds a value that needs a wider one, it says so with
`Again` and is read once more; what was made of it by then is thrown away. When all parts are read, those that were
read under other types than all of them together need are read again, so a column's type never depends on where a
value stands, or on which worker read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from levada.errors import DataError
from levada.tables.types import wider

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROW = 10_000
"""How many characters of a rejected row are kept."""

REJECTED_COLUMNS = ("file", "line", "reason", "row")


class TooManyRejected(Exception):  # noqa: N818  a signal within this module's users
    """More rows were rejected than may be."""


@dataclass
class Rejects:
    """Rows that are put aside, with file, line (None where it has none), reason and content; at most `most`."""

    most: int | None = None
    rows: list[tuple[str, int | None, str, str]] = field(default_factory=list[tuple[str, "int | None", str, str]])

    def add(self, file: str, line: int | None, reason: str, row: str) -> None:
        """Put a row aside. Raises TooManyRejected beyond the limit."""
        self.rows.append((file, line, reason, row[:SHOWN_ROW]))
        if self.most is not None and len(self.rows) > self.most:
            raise TooManyRejected

    def table(self) -> pa.Table:
        """Return what was put aside, in the order of files and lines."""
        import pyarrow as pa

        types = (pa.string(), pa.int64(), pa.string(), pa.string())
        columns = list(zip(*self.rows, strict=True)) or [()] * 4
        arrays = [pa.array(column, type_) for column, type_ in zip(columns, types, strict=True)]
        return pa.table(dict(zip(REJECTED_COLUMNS, arrays, strict=True)))


@dataclass
class Reading:
    """How a part is read: under `types`, as far as they are known, and with `rejects` for what is malformed, or none.

    `hints` are what `Again` said on an earlier try. `findings` are what the part has seen, for its source's
    `settle`: small values that JSON can carry.
    """

    types: pa.Schema | None = None
    rejects: Rejects | None = None
    hints: dict[str, Any] = field(default_factory=dict[str, Any])
    findings: dict[str, Any] = field(default_factory=dict[str, Any])


class Again(Exception):  # noqa: N818  not an error
    """The part must be read once more, under other types or with other hints."""

    def __init__(self, types: pa.Schema | None, **hints: Any) -> None:
        super().__init__()
        self.types, self.hints = types, hints


class Part(Protocol):
    """What can be read without the rest: a `levada.sources.source.Source`."""

    columns_may_differ: ClassVar[bool]

    def read(self, root: Path, reading: Reading) -> Iterator[pa.RecordBatch]: ...


MOST_READINGS = 10_000
"""Every reading but the last makes a column wider, or knows more of it; there are not so many ways."""


class Sink(Protocol):
    """What takes the rows of one part, and can forget them."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def discard(self) -> None: ...


def read_part(part: Part, root: Path, reading: Reading, sink: Sink) -> tuple[pa.Schema | None, Reading]:
    """Read a part into a sink until nothing is left to change; return its schema (None without rows) and findings.

    Raises DataError and TooManyRejected as the part does.
    """
    for _ in range(MOST_READINGS):
        schema: Any = None
        try:
            for batch in part.read(root, reading):
                if schema is None:
                    schema = batch.schema
                elif not batch.schema.equals(schema):
                    raise Again(joined_schema([schema, batch.schema], part.columns_may_differ))
                sink.write(batch)
            return schema, reading
        except Again as again:
            sink.discard()
            rejects = None if reading.rejects is None else Rejects(reading.rejects.most)
            reading = Reading(again.types or reading.types, rejects, {**reading.hints, **again.hints})
    raise DataError("the types of the columns do not settle.", hint="Declare them: columns={...}.")


@dataclass
class Read:
    """What came of one part: its schema (None if it has no rows), or a fault; `types` are those it was begun with."""

    types: pa.Schema | None
    schema: pa.Schema | None
    findings: dict[str, Any]
    fault: DataError | None


R = TypeVar("R", bound=Read)


def read_all(
    parts: Sequence[Part],
    carry_out: Callable[[list[int], pa.Schema | None], Mapping[int, R]],
    settle: Callable[[Mapping[int, R]], Mapping[str, Any]],
    *,
    at_once: bool,
    types: pa.Schema | None = None,
) -> tuple[pa.Schema | None, dict[int, R]]:
    """Have all parts read until their types agree; return the schema and what came of each.

    `carry_out` reads parts under types, `settle` says at the end which columns must have other types after all.
    `at_once` hands over all parts but the first together. Raises the first fault.
    """
    results: dict[int, R] = {}
    forced: Mapping[str, Any] = {}
    settled = False
    todo = list(range(len(parts)))
    joint = types
    while todo:
        chunk = todo if at_once and (results or types is not None) else todo[:1]
        results.update(carry_out(chunk, joint))
        joint = _joint(parts, results, types, forced)
        for number in chunk:
            # One that was read under fewer types than are known by now gets another chance.
            fault = results[number].fault
            if fault is not None and _same(results[number].types, joint):
                raise fault
        todo = _left(parts, results, joint)
        if not todo and not settled:
            settled = True
            forced = settle(results)
            joint = _joint(parts, results, types, forced)
            todo = _left(parts, results, joint)
    return joint, results


def _joint(parts: Sequence[Part], results: Mapping[int, Read], types: Any, forced: Mapping[str, Any]) -> Any:
    schemas = [results[number].schema for number in sorted(results) if results[number].schema is not None]
    if types is not None:
        schemas.insert(0, types)
    if not schemas:
        return None
    if forced:
        schemas.insert(0, _forced(schemas[0], forced))
    return joined_schema(schemas, any(part.columns_may_differ for part in parts))


def _forced(schema: pa.Schema, types: Mapping[str, Any]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([pa.field(field.name, types.get(field.name, field.type)) for field in schema])


def _left(parts: Sequence[Part], results: Mapping[int, Read], joint: Any) -> list[int]:
    """Return the parts still to be read: new ones first, so that as few as can be are read more than twice."""
    new = [number for number in range(len(parts)) if number not in results]
    again = [
        number
        for number, result in sorted(results.items())
        if result.fault is not None or (result.schema is not None and not _same(result.schema, joint))
    ]
    return new + again


def _same(one: Any, other: Any) -> bool:
    return one is other if one is None or other is None else one.equals(other)


def joined_schema(schemas: Sequence[pa.Schema], columns_may_differ: bool = False) -> pa.Schema:
    """Return the schema with the columns of the first, of types that hold the values of all.

    Where no type does, the earlier one stays: reading a part under it says what does not fit. Raises DataError if
    the columns differ and may not.
    """
    import pyarrow as pa

    types = {field.name: field.type for field in schemas[0]}
    for schema in schemas[1:]:
        if not columns_may_differ and set(schema.names) != set(types):
            missing = [name for name in types if name not in schema.names]
            extra = [name for name in schema.names if name not in types]
            said = [f"lack {', '.join(missing)}"] * bool(missing) + [f"have also {', '.join(extra)}"] * bool(extra)
            raise DataError(
                f"some rows {' and '.join(said)}, unlike the rows before.",
                hint="What is read together has the same columns.",
            )
        for field_ in schema:
            types[field_.name] = wider(types.get(field_.name, pa.null()), field_.type) or types[field_.name]
    return pa.schema([pa.field(name, type_) for name, type_ in types.items()])


def fitted(batch: pa.RecordBatch, types: pa.Schema | None) -> pa.RecordBatch:
    """Return a batch with the columns in the order and of the types wanted. DataError if one has no place."""
    import pyarrow as pa

    if types is None or batch.schema.equals(types):
        return batch
    if set(batch.schema.names) != set(types.names):
        joined_schema([types, batch.schema])
    columns: list[Any] = []
    for field_ in types:
        column = batch.column(field_.name)
        try:
            columns.append(column if column.type == field_.type else column.cast(field_.type))
        except pa.ArrowException as error:
            raise DataError(
                f"column '{field_.name}' is {column.type} here, and {field_.type} in the rows before: "
                f"{str(error).splitlines()[0].rstrip('.')}.",
                hint="Write it with one type.",
            ) from None
    return pa.record_batch(columns, schema=pa.schema([pa.field(item.name, item.type) for item in types]))


def settled_batches(
    parts: Sequence[Part],
    root: Path,
    settle: Callable[[list[dict[str, Any]]], Mapping[str, Any]],
    kept_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of parts under one schema; what was read to settle it is kept up to so many bytes."""
    kept = _Kept(kept_bytes)

    def carry_out(numbers: list[int], types: pa.Schema | None) -> dict[int, _Hinted]:
        done: dict[int, _Hinted] = {}
        for number in numbers:
            schema, reading = read_part(parts[number], root, Reading(types), kept.sink(number))
            done[number] = _Hinted(types, schema, reading.findings, None, reading.hints)
        return done

    def all_findings(results: Mapping[int, Read]) -> Mapping[str, Any]:
        return settle([results[number].findings for number in sorted(results)])

    joint, results = read_all(parts, carry_out, all_findings, at_once=False)
    for number, part in enumerate(parts):
        batches = kept.batches.pop(number, None)
        yield from part.read(root, Reading(joint, hints=results[number].hints)) if batches is None else batches


@dataclass
class _Hinted(Read):
    hints: dict[str, Any]


@dataclass
class _Kept:
    """Batches of parts, as long as all together are small enough."""

    left: int
    batches: dict[int, list[Any]] = field(default_factory=dict[int, "list[Any]"])

    def sink(self, number: int) -> _KeptPart:
        part = _KeptPart(self, number)
        part.discard()
        return part


@dataclass
class _KeptPart:
    kept: _Kept
    number: int

    def write(self, batch: pa.RecordBatch) -> None:
        self.kept.left -= batch.nbytes
        if self.kept.left < 0:
            self.kept.batches.clear()
        elif self.number in self.kept.batches:
            self.kept.batches[self.number].append(batch)

    def discard(self) -> None:
        before = self.kept.batches.pop(self.number, [])
        self.kept.left += sum(batch.nbytes for batch in before)
        if self.kept.left >= 0:
            self.kept.batches[self.number] = []
