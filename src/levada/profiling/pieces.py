"""Pieces of examples (row groups of their files) and the profile of a split, made piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.statistics import ColumnStatistics
from levada.profiling.column import ColumnProfile
from levada.profiling.finishing import finish
from levada.profiling.slices import Slicing, counted
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

    Found = tuple[int, list[ColumnStatistics]]

CODED_BELOW = 8.0
"""Bytes a value: text that takes less in its file is stored as codes, and soonest read as such."""
SLICE_VOCABULARY = 10_000
"""In a slice at most so many values are counted each: there may be many slices."""


@dataclass(frozen=True)
class Piece:
    """One row group: its number in the split, the file (below the examples' folder) and its place there."""

    split: str
    number: int
    file: str
    row_group: int


@dataclass(frozen=True)
class SplitPlan:
    """What must be known of a split before it is profiled in pieces.

    `totals` gives the values of each column in the whole split (items, for lists), `coded` the columns of text that
    are stored as codes.
    """

    split: str
    pieces: tuple[Piece, ...]
    rows: int
    totals: dict[str, int]
    vocabulary: int
    coded: tuple[str, ...] = ()
    slicings: tuple[Slicing, ...] = ()
    label: str | None = None

    def slice_plans(self) -> dict[str, SplitPlan]:
        """Return what must be known of each slice, by its name."""
        plans: dict[str, SplitPlan] = {}
        for slicing in self.slicings:
            for name, (_, rows) in zip(slicing.names(), slicing.slices, strict=True):
                totals = {column: -(-total * rows // self.rows) for column, total in self.totals.items()}
                vocabulary = min(self.vocabulary, SLICE_VOCABULARY)
                plans[name] = SplitPlan(self.split, (), rows, totals, vocabulary, label=self.label)
        return plans


@dataclass
class SplitProfile:
    """What has been seen of a split, or of a slice; profiles of the same merge in any order."""

    rows: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict[str, ColumnProfile])
    slices: dict[str, SplitProfile] = field(default_factory=dict[str, "SplitProfile"])

    def add(self, plan: SplitPlan, piece: Piece, table: pa.Table) -> None:
        """Take in the rows of one piece."""
        self._add(plan, piece.number, table)
        plans = plan.slice_plans()
        for slicing in plan.slicings:
            for name, part in slicing.cut(table):
                self.slices.setdefault(name, SplitProfile())._add(plans[name], piece.number, part)

    def _add(self, plan: SplitPlan, number: int, table: pa.Table) -> None:
        self.rows += table.num_rows
        label = None if plan.label is None else table.column(plan.label).combine_chunks()
        for name in table.column_names:
            column = table.column(name)
            if name not in self.columns:
                beside = None if label is None or name == plan.label else label.type
                self.columns[name] = ColumnProfile(column.type, plan.totals[name], plan.vocabulary, beside)
            self.columns[name].add(number, column, label)

    def merge(self, other: SplitProfile) -> None:
        self.rows += other.rows
        for name, column in other.columns.items():
            if name in self.columns:
                self.columns[name].merge(column)
            else:
                self.columns[name] = column
        for name, part in other.slices.items():
            if name in self.slices:
                self.slices[name].merge(part)
            else:
                self.slices[name] = part

    def finish(self, top: int) -> Found:
        """Return the rows and the statistics of each column, in order."""
        count = len(self.columns)
        return self.rows, [finish(column, name, top, count) for name, column in self.columns.items()]

    def finish_slices(self, plan: SplitPlan, top: int) -> dict[str, Found]:
        """Return the same of each slice, in the order of the plan."""
        return {name: self.slices[name].finish(top) for name in plan.slice_plans() if name in self.slices}


def plan_split(
    examples: Examples,
    split: str,
    vocabulary: int,
    *,
    slicings: Sequence[Slicing] = (),
    max_slices: int = 20,
    label: str | None = None,
) -> SplitPlan:
    """Return the pieces of a split, and how many values each column has, by the files' own records.

    The columns of slicings are read, to find the largest slices of each.
    """
    import pyarrow.parquet as pq

    schema = examples.schema()
    leaves = [_leaves(type_) for type_ in schema.types]
    totals = dict.fromkeys(schema.names, 0)
    sizes = dict.fromkeys(schema.names, 0)
    pieces: list[Piece] = []
    rows = 0
    for file in examples.files(split):
        metadata = pq.read_metadata(file)
        rows += metadata.num_rows
        for group in range(metadata.num_row_groups):
            stored = metadata.row_group(group)
            if stored.num_rows == 0:  # how a split without rows is written
                continue
            pieces.append(Piece(split, len(pieces), f"{split}/{file.name}", group))
            first = 0
            for name, number in zip(schema.names, leaves, strict=True):
                if number:
                    chunk = stored.column(first)
                    totals[name] += chunk.num_values
                    sizes[name] += chunk.total_uncompressed_size
                first += number
    coded = tuple(
        field.name
        for field in schema
        if kind_of(field.type) == "string" and sizes[field.name] < CODED_BELOW * totals[field.name]
    )
    whole = SplitPlan(split, tuple(pieces), rows, totals, vocabulary, coded, label=label)
    if not slicings or not rows:
        return whole
    found = tuple(
        counted(slicing, (table for _, table in _tables(examples, whole, slicing.columns)), max_slices)
        for slicing in slicings
    )
    return SplitPlan(split, tuple(pieces), rows, totals, vocabulary, coded, found, label)


def _leaves(type_: Any) -> int:
    """Return in how many Parquet columns a column of this type is stored."""
    import pyarrow as pa

    if pa.types.is_struct(type_):
        return sum(_leaves(field.type) for field in type_)
    if pa.types.is_map(type_):
        return _leaves(type_.key_type) + _leaves(type_.item_type)
    return _leaves(type_.value_type) if kind_of(type_) == "list" else 1


def profile_here(examples: Examples, plan: SplitPlan) -> SplitProfile:
    """Profile a split in this process, piece by piece."""
    profile = SplitProfile()
    for piece, table in _tables(examples, plan):
        profile.add(plan, piece, table)
    return profile


def _tables(
    examples: Examples, plan: SplitPlan, columns: Iterable[str] | None = None
) -> Iterator[tuple[Piece, pa.Table]]:
    """Yield the pieces' rows; the next piece is read while one is looked at."""
    import pyarrow.parquet as pq

    names = None if columns is None else list(dict.fromkeys(columns))
    opened: dict[str, Any] = {}

    def read(piece: Piece) -> pa.Table:
        if piece.file not in opened:
            opened.clear()
            path = Path(examples.path) / piece.file
            opened[piece.file] = pq.ParquetFile(path, pre_buffer=False, read_dictionary=plan.coded)
        return read_piece(opened[piece.file], piece, names)

    with ThreadPoolExecutor(1, "read") as reader:
        waiting = None
        for piece in [*plan.pieces, None]:
            coming = piece and (piece, reader.submit(read, piece))
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = coming


def read_piece(file: Any, piece: Piece, columns: list[str] | None = None) -> pa.Table:
    """Return the rows of a piece of an open Parquet file."""
    # Threads of Arrow's own would cost more time than they save: columns are small.
    return file.read_row_group(piece.row_group, columns=columns, use_threads=False)
