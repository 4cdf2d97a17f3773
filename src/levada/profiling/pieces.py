"""Pieces of examples (row groups of their files) and the profile of a split, made piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.artifacts.statistics import ColumnStatistics
from levada.profiling.column import ColumnProfile
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa


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

    `totals` gives the values of each column in the whole split (items, for lists).
    """

    split: str
    pieces: tuple[Piece, ...]
    totals: dict[str, int]
    vocabulary: int


@dataclass
class SplitProfile:
    """What has been seen of a split; profiles of the same split merge in any order."""

    rows: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict[str, ColumnProfile])

    def add(self, plan: SplitPlan, piece: Piece, table: pa.Table) -> None:
        """Take in the rows of one piece."""
        self.rows += table.num_rows
        for name in table.column_names:
            column = table.column(name)
            if name not in self.columns:
                self.columns[name] = ColumnProfile(column.type, plan.totals[name], plan.vocabulary)
            self.columns[name].add(piece.number, column)

    def merge(self, other: SplitProfile) -> None:
        self.rows += other.rows
        for name, column in other.columns.items():
            if name in self.columns:
                self.columns[name].merge(column)
            else:
                self.columns[name] = column

    def finish(self, top: int) -> list[ColumnStatistics]:
        """Return the statistics of each column, in order."""
        return [column.finish(name, top) for name, column in self.columns.items()]


def plan_split(examples: Examples, split: str, vocabulary: int) -> SplitPlan:
    """Return the pieces of a split, and how many values each column has, by the files' own records."""
    import pyarrow.parquet as pq

    schema = examples.schema()
    leaves = [_leaves(type_) for type_ in schema.types]
    totals = dict.fromkeys(schema.names, 0)
    pieces: list[Piece] = []
    for file in examples.files(split):
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            pieces.append(Piece(split, len(pieces), f"{split}/{file.name}", group))
            stored = metadata.row_group(group)
            first = 0
            for name, number in zip(schema.names, leaves, strict=True):
                totals[name] += stored.column(first).num_values if number else 0
                first += number
    return SplitPlan(split, tuple(pieces), totals, vocabulary)


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
    import pyarrow.parquet as pq

    profile = SplitProfile()
    opened: dict[str, Any] = {}
    for piece in plan.pieces:
        if piece.file not in opened:
            opened.clear()
            opened[piece.file] = pq.ParquetFile(Path(examples.path) / piece.file, pre_buffer=False)
        profile.add(plan, piece, opened[piece.file].read_row_group(piece.row_group))
    return profile
