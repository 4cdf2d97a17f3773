"""Columns that belong together row by row: a sparse feature's indices and values, a feature and its weights."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from levada.artifacts.statistics import ColumnStatistics
from levada.schemas.widening import in_use
from levada.validation import row_tests
from levada.validation.finding import Finding, Judge, RowTest, counted

if TYPE_CHECKING:
    import pyarrow as pa


def check_pairs(columns: Mapping[str, ColumnStatistics], schema: Any) -> Iterator[Finding]:
    """Yield, for sparse and weighted features, what one side has without the other: rows tell how often."""
    for sparse in schema.sparse_feature:
        if in_use(sparse):
            value = sparse.value_feature.name
            for index in [item.name for item in sparse.index_feature]:
                yield from _pair(columns, sparse.name, index, value, "SPARSE_FEATURE", ("INDEX", "VALUE"))
    for weighted in schema.weighted_feature:
        if in_use(weighted):
            value, weight = (".".join(path.step) for path in (weighted.feature, weighted.weight_feature))
            yield from _pair(columns, weighted.name, weight, value, "WEIGHTED_FEATURE", ("WEIGHT", "VALUE"))


def _pair(
    columns: Mapping[str, ColumnStatistics], name: str, first: str, second: str, prefix: str, words: tuple[str, str]
) -> Iterator[Finding]:
    """Yield the questions to a pair of columns; a column that is not in the data is missing in all rows."""
    there = [side for side in (first, second) if side in columns]
    if len(there) == 1:
        absent = words[1] if there[0] == first else words[0]
        other = second if there[0] == first else first
        count = columns[there[0]].count
        if count:
            what = f"{counted(count, 'row')} with {there[0]} and without {other}, which is not in the data"
            yield Finding(name, f"{prefix}_MISSING_{absent}", what, count=count)
        return
    if not there or (_always(columns[first]) and _always(columns[second])):
        return
    for one, other, word in ((first, second, words[1]), (second, first, words[0])):
        yield Finding(
            name,
            f"{prefix}_MISSING_{word}",
            test=_alone(one, other),
            judge=_said(f"with {one} and without {other}"),
            lacks=f"whether {one} ever comes without {other}",
        )
    if columns[first].kind == columns[second].kind == "list":
        yield Finding(
            name,
            f"{prefix}_LENGTH_MISMATCH",
            test=_unequal(first, second),
            judge=_said(f"where {first} and {second} are of different lengths"),
            lacks=f"whether {first} and {second} are always of the same length",
        )


def _always(column: ColumnStatistics) -> bool:
    """Whether every row has exactly one value, so that no row can differ."""
    one = column.kind != "list" or (column.lengths is not None and column.lengths.min == column.lengths.max == 1)
    return column.missing == 0 and one


def _said(what: str) -> Judge:
    return lambda bad, _: f"{counted(int(bad), 'row')} {what}" if bad else None


def _alone(one: str, other: str) -> RowTest:
    missing: list[Callable[[pa.RecordBatch], Any]] = [row_tests.missing(name).bad for name in (one, other)]
    return RowTest((one, other), lambda batch: ~missing[0](batch) & missing[1](batch))


def _unequal(first: str, second: str) -> RowTest:
    def test(batch: pa.RecordBatch) -> Any:
        import pyarrow.compute as pc

        sides = [
            pc.cast(pc.list_value_length(row_tests.plain(batch.column(name))), "int64") for name in (first, second)
        ]  # pyright: ignore[reportAttributeAccessIssue]
        return row_tests.as_mask(pc.not_equal(*sides))  # pyright: ignore[reportAttributeAccessIssue]

    return RowTest((first, second), test)
