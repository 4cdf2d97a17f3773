"""Slices: the rows of a split that share a value, or several; which there are, and cutting a table into them."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.errors import DataError, ParameterError, did_you_mean
from levada.profiling.arrays import arrow_of, numpy_of
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CHARACTERS = 100
"""A longer value names no slice."""

Values = tuple[str | None, ...]  # as text, one of each column; None where there is none


@dataclass(frozen=True)
class Slicing:
    """The slices by the values of some columns, the largest first: each with its values and its rows."""

    columns: tuple[str, ...]
    slices: tuple[tuple[Values, int], ...] = ()

    def names(self) -> list[str]:
        """Return the slices' names, in order."""
        return [name_of(self.columns, values) for values, _ in self.slices]

    def cut(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """Yield the slices that have rows in a table, each with these rows in their order."""
        import numpy as np

        found, places = _combined(table, self.columns)
        numbers = {values: number for number, (values, _) in enumerate(self.slices)}
        chosen = np.array([numbers.get(values, -1) for values in found], np.int64)
        of_rows = chosen[places]
        rows = np.flatnonzero(of_rows >= 0)
        rows = rows[np.argsort(of_rows[rows], kind="stable")]
        ends = np.cumsum(np.bincount(of_rows[rows], minlength=len(self.slices)))
        ordered = table.take(arrow_of(rows))
        for name, start, end in zip(self.names(), [0, *ends[:-1]], ends, strict=True):
            if end > start:
                yield name, ordered.slice(start, end - start).combine_chunks()


def name_of(columns: Sequence[str], values: Values) -> str:
    """Return a slice's name: `origin=EWR`, `origin=EWR, carrier is missing`."""
    return ", ".join(
        f"{column} is missing" if value is None else f"{column}={value}"
        for column, value in zip(columns, values, strict=True)
    )


def slicings_of(wanted: Sequence[str | Sequence[str]], schema: pa.Schema) -> list[Slicing]:
    """Return slicings by columns, or by combinations of columns, without their slices yet.

    Raises DataError for a column that is not there, ParameterError for one whose values name no slices.
    """
    slicings = [Slicing((columns,) if isinstance(columns, str) else tuple(columns)) for columns in wanted]
    for slicing in slicings:
        if not slicing.columns:
            raise ParameterError("slices=[[]]: a slice needs at least one column.")
        for name in slicing.columns:
            if name not in schema.names:
                raise DataError(
                    f"slices={wanted!r}: there is no column '{name}'.", hint=did_you_mean(name, schema.names)
                )
            type_ = schema.field(name).type
            if kind_of(type_) not in ("string", "boolean", "numeric", "timestamp"):
                raise ParameterError(f"slices={wanted!r}: column '{name}' ({type_}) has no values that name slices.")
    return slicings


def counted(slicing: Slicing, tables: Iterable[pa.Table], most: int) -> Slicing:
    """Return a slicing with the `most` largest slices of all tables (ties by name)."""
    import numpy as np

    rows: Counter[Values] = Counter()
    for table in tables:
        found, places = _combined(table, slicing.columns)
        for values, count in zip(found, np.bincount(places, minlength=len(found)).tolist(), strict=True):
            if all(value is None or len(value) <= MOST_CHARACTERS for value in values):
                rows[values] += count
    ranked = sorted(rows.items(), key=lambda item: (-item[1], name_of(slicing.columns, item[0])))
    return Slicing(slicing.columns, tuple(ranked[:most]))


def _combined(table: pa.Table, columns: Sequence[str]) -> tuple[list[Values], Any]:
    """Return the different values of some columns together, as text, and the place of each row's among them."""
    import numpy as np
    import pyarrow as pa

    codes = np.zeros(table.num_rows, np.int64)
    found: list[Values] = [()]
    for name in columns:
        column = table.column(name)
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        coded = coded.unify_dictionaries().combine_chunks()
        coded = pa.concat_arrays(coded.chunks) if isinstance(coded, pa.ChunkedArray) and coded.num_chunks else coded
        if not len(coded):
            return [], codes
        texts = [*coded.dictionary.cast(pa.string()).to_pylist(), None]
        size = len(texts)
        codes = codes * size + numpy_of(coded.indices.fill_null(size - 1))
        # Renumbered after each column, so that many columns do not overflow.
        used, codes = _renumbered(codes)
        found = [(*found[code // size], texts[code % size]) for code in used.tolist()]
    return found, codes


def _renumbered(codes: Any) -> tuple[Any, Any]:
    """Return the different codes, rising, and the place of each among them."""
    import numpy as np

    ordered = np.sort(codes)
    used = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return used, np.searchsorted(used, codes)
