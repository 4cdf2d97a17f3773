"""The second pass: what statistics cannot tell is asked of the rows, all questions together, batch by batch.

Only the columns that the questions name are read, and of each split once. Rows that are shown as examples are fetched
afterwards, by their row groups.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.schemas.masking import mask_row
from levada.validation.finding import RowTest

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 10
SHOWN_COLUMNS = 16
"""An example shows the columns in question, and others up to this number."""
SHOWN_CHARACTERS = 120


@dataclass
class Answer:
    """What the rows of a split say to a question: the sum of its numbers, of how much, how many rows, and the first."""

    test: RowTest
    total: float = 0.0
    size: float = 0.0
    rows: int = 0
    places: list[int] = field(default_factory=list[int])

    def take(self, batch: pa.RecordBatch, start: int) -> None:
        """Take in the rows of a batch, the first of which is row `start` of the split."""
        import numpy as np

        found = self.test.bad(batch)
        self.total += float(found.sum())
        self.size += batch.num_rows if self.test.size is None else self.test.size(batch)
        hits = np.flatnonzero(found)
        self.rows += len(hits)
        if self.test.shown:
            self.places += (hits[: SHOWN_ROWS - len(self.places)] + start).tolist()


def ask(
    examples: Examples, split: str, tests: Sequence[RowTest], progress: Callable[[int], None] | None = None
) -> list[Answer]:
    """Put questions to all rows of a split. Raises DataError for a column that the examples do not have."""
    answers = [Answer(test) for test in tests]
    columns = list(dict.fromkeys(name for test in tests for name in test.columns))
    start = 0
    for batch in examples.batches(split, columns) if tests else ():
        for answer in answers:
            answer.take(batch, start)
        start += batch.num_rows
        if progress is not None:
            progress(batch.num_rows)
    return answers


def rows_at(
    examples: Examples, split: str, places: Iterable[int], first: Sequence[str], sensitive: Collection[str]
) -> tuple[dict[str, Any], ...]:
    """Return some rows of a split by their numbers, for people: JSON values, cut if long, the sensitive ones masked.

    The columns `first` come first, then others up to sixteen.
    """
    import pyarrow.parquet as pq

    wanted = sorted(places)
    names = list(dict.fromkeys([*first, *examples.columns]))[: max(SHOWN_COLUMNS, len(first))]
    found: list[dict[str, Any]] = []
    start = 0
    for file in examples.files(split) if wanted else ():
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            for group in range(parquet.num_row_groups):
                count = parquet.metadata.row_group(group).num_rows
                here = [place - start for place in wanted if start <= place < start + count]
                start += count
                if here:
                    table: pa.Table = parquet.read_row_group(group, columns=names).select(names)
                    found += [mask_row(row, sensitive) for row in table.take(here).to_pylist()]
    return tuple({name: json_value(value) for name, value in row.items()} for row in found)


def json_value(value: Any) -> Any:
    """Return a value of a row as JSON has it: times as ISO 8601, bytes as their number, long text cut."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"
        case bytes():
            return f"{len(value):,} bytes"
        case dict() | list() | tuple():
            text = json.dumps(value, default=str, ensure_ascii=False)
            return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)


class Repeated:
    """Finds values that come twice in columns, over all splits: eight bytes a row, then the suspects in full.

    Equal values have equal hashes; those whose hash comes once are done with, and the others are compared.
    """

    def __init__(self, columns: Sequence[str], *, whole: bool = False) -> None:
        self.columns = tuple(columns)
        self._whole = whole  # rows are compared as they are, and what is missing is equal
        self._hashes: list[Any] = []

    def take(self, batch: pa.RecordBatch) -> None:
        """Take in the keys of a batch, of those rows that have one."""
        from levada.tables.hashing import hash_rows

        rows = batch if self._whole else keyed(batch, self.columns)
        self._hashes.append(hash_rows(rows, self.columns))

    def suspects(self) -> Any:
        """Return the hashes that come more than once, sorted."""
        import numpy as np

        values = np.sort(np.concatenate(self._hashes)) if self._hashes else np.empty(0, np.uint64)
        self._hashes = []
        return np.unique(values[1:][values[1:] == values[:-1]])


def keyed(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Return the rows of a batch that have a value in each of some columns."""
    import pyarrow as pa

    absent = without_key(batch, columns)
    return batch.filter(pa.array(~absent)) if absent.any() else batch


def without_key(batch: pa.RecordBatch, columns: Sequence[str]) -> Any:
    """Return which rows of a batch lack a value in one of some columns, as numpy truth values."""
    import numpy as np

    from levada.validation.row_tests import missing

    return np.logical_or.reduce([missing(name).bad(batch) for name in columns])


@dataclass
class Duplicates:
    """Rows that are equal in some columns to an earlier one: how many, and by split the places of some of all such."""

    rows: int
    keys: int
    places: dict[str, list[int]]


def find_duplicates(examples: Examples, splits: Sequence[str], columns: Sequence[str]) -> Duplicates:
    """Return the rows that repeat a key; without columns, those that repeat a row, what is missing being equal.

    Raises DataError for a column that the examples do not have.
    """
    import numpy as np
    import pyarrow as pa

    from levada.tables.hashing import hash_rows

    whole = not columns
    columns = columns or examples.columns
    repeated = Repeated(columns, whole=whole)
    for split in splits:
        for batch in examples.batches(split, columns):
            repeated.take(batch)
    suspects = repeated.suspects()
    if not len(suspects):
        return Duplicates(0, 0, {})
    parts: list[pa.Table] = []
    for place, split in enumerate(splits):
        start = 0
        for batch in examples.batches(split, columns):
            suspected_here = np.isin(hash_rows(batch, columns), suspects)
            if not whole:
                suspected_here &= ~without_key(batch, columns)
            hits = np.flatnonzero(suspected_here)
            rows = pa.Table.from_batches([batch.take(pa.array(hits))])
            keys = [rows.column(name) for name in columns]
            ends = [pa.array(np.full(len(hits), place)), pa.array(hits + start)]
            parts.append(pa.table([*keys, *ends], names=[*map(str, range(len(columns))), "split", "place"]))
            start += batch.num_rows
    suspected = pa.concat_tables(parts)
    return _compared(suspected, [str(number) for number in range(len(columns))], splits)


def _compared(suspected: Any, names: list[str], splits: Sequence[str]) -> Duplicates:
    """Return which of the suspected rows are equal indeed: different keys may share a hash."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if any(pa.types.is_nested(suspected.schema.field(name).type) for name in names):
        key = pa.array([repr(tuple(row.values())) for row in suspected.select(names).to_pylist()])
        suspected, names = suspected.append_column("key", key), ["key"]
    for name in names:
        if pa.types.is_floating(suspected.schema.field(name).type):  # -0.0 is 0.0
            place = suspected.schema.get_field_index(name)
            suspected = suspected.set_column(place, name, pc.add(suspected[name], 0.0))
    counts = suspected.group_by(names).aggregate([("place", "count"), ("split", "list"), ("place", "list")])
    twice = counts.filter(pc.greater(counts["place_count"], 1))
    rows = (pc.sum(twice["place_count"]).as_py() or 0) - twice.num_rows
    places: dict[str, list[int]] = {}
    shown = 0
    for numbers, which in zip(twice["split_list"].to_pylist(), twice["place_list"].to_pylist(), strict=True):
        for number, place in zip(numbers, which, strict=True):
            places.setdefault(str(splits[number]), []).append(place)
            shown += 1
        if shown >= SHOWN_ROWS:
            break
    return Duplicates(rows, twice.num_rows, places)
