"""Rows of a split as they are read for training: in order, or mixed, a window of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

WINDOW = 262_144
WINDOW_BYTES = 256 << 20


def windows(examples: Examples, split: str, names: list[str], random: Any, window: int) -> Iterator[pa.RecordBatch]:
    """Yield rows in order, or mixed, if there is a source of random numbers."""
    if random is None:
        yield from examples.batches(split, names)
        return
    for table in _drawn(examples, split, names, random, window):
        batch = _joined(table)
        yield batch.take(random.permutation(batch.num_rows))


def whole(examples: Examples, split: str, names: list[str]) -> pa.RecordBatch:
    """Return all rows of a split in the order they were written, texts as numbers with their distinct values."""
    import pyarrow as pa

    return _joined(pa.concat_tables(list(_groups(examples, split, names))))


def _groups(examples: Examples, split: str, names: list[str], order: Any = None) -> Iterator[pa.Table]:
    """Yield row groups, in order or in the one that `order` gives for their number."""
    import pyarrow.parquet as pq

    groups = [(file, group) for file in examples.files(split) for group in range(pq.read_metadata(file).num_row_groups)]
    for place in range(len(groups)) if order is None else order(len(groups)):
        file, group = groups[place]
        # Texts are numbers with their distinct values in the file already: they are read as that.
        texts = [field.name for field in pq.read_schema(file) if kind_of(field.type) == "string"]
        with pq.ParquetFile(file, pre_buffer=False, read_dictionary=texts) as parquet:
            yield parquet.read_row_group(group, columns=names).select(names)


def _drawn(examples: Examples, split: str, names: list[str], random: Any, window: int) -> Iterator[pa.Table]:
    """Yield row groups drawn at random, as many together as fill a window."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for table in _groups(examples, split, names, random.permutation):
        waiting.append(table)
        rows, size = sum(table.num_rows for table in waiting), sum(table.nbytes for table in waiting)
        if rows >= window or size >= WINDOW_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _joined(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    table = table.unify_dictionaries()
    columns = [
        column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) for column in table.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
