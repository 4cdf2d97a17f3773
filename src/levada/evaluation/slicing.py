"""Slices: the rows that are measured together, by values of columns, by ranges of numbers, by a function."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from levada.errors import ComponentError, LevadaError, ParameterError
from levada.evaluation.groups import Groups
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

MOST_CHARACTERS = 60
"""A longer value is cut in a slice's name."""

_STEPS = 1_000
"""Edges that are found in the data are rounded, to a thousandth of their spread or finer."""


@dataclass(frozen=True)
class Bucketed:
    """Slices by ranges of a column of numbers; made by `bucketed`."""

    column: str
    edges: tuple[float, ...]
    bins: int


@dataclass(frozen=True)
class Sliced:
    """Slices by a function of rows; made by `sliced`."""

    function: Callable[..., Any]
    columns: tuple[str, ...]
    name: str


By = str | Bucketed | Sliced


def bucketed(column: str, *, bins: int = 0, edges: Iterable[float] = ()) -> Bucketed:
    """Slice by ranges of a column of numbers: below the first of `edges`, between each two, and from the last on.

    With `bins` instead, by so many ranges that hold about equally many rows. Raises ParameterError for neither or both,
    and for edges that do not rise.
    """
    points = tuple(float(edge) for edge in edges)
    if bool(points) == bool(bins):
        raise ParameterError(f"bucketed('{column}'): wanted either bins= or edges=.")
    if bins and bins < 2:
        raise ParameterError(f"bucketed('{column}', bins={bins}): wanted 2 or more.")
    if any(not low < high for low, high in pairwise(points)):
        raise ParameterError(f"bucketed('{column}', edges={list(points)}): edges must rise.")
    return Bucketed(column, points, bins)


def sliced(function: Callable[..., Any], *, columns: Iterable[str], name: str = "") -> Sliced:
    """Slice by a function of a module: it is given a table (`pyarrow.Table`) of `columns`, all rows at once.

    It returns a value for each row, an array of truth values (the slice is those that are true), or of text or whole
    numbers (a slice for each value, none for null). `name` is the function's unless given.
    """
    taken = tuple(columns)
    if not callable(function) or not taken:
        raise ParameterError("sliced(...): wanted a function of a module, and the columns= that it is given.")
    return Sliced(function, taken, name or function.__name__)


@dataclass(frozen=True)
class Slicing:
    """The slices by something: the group of each row, and the name of each group. `beyond` says what was left out."""

    by: str
    names: list[str]
    groups: Groups
    left_out: tuple[str, ...] = ()


def columns_of(wanted: Sequence[By | Sequence[By]]) -> list[str]:
    """Return the columns of the examples that slices are made of."""
    return list(dict.fromkeys(name for each in wanted for by in _listed(each) for name in _columns(by)))


def slice_up(
    wanted: Sequence[By | Sequence[By]], table: pa.Table, *, least: int, most: int, hidden: Collection[str] = ()
) -> list[Slicing]:
    """Return the slices of a table's rows, of `least` rows or more, and of each entry the `most` largest.

    A list of several is a cross of them. The values of `hidden` columns are numbered and not named. Raises
    ParameterError for a column whose values name no slices, ComponentError for a function that does not return a value
    for each row.
    """
    return [_sliced(_listed(each), table, least, most, hidden) for each in wanted]


def _listed(each: By | Sequence[By]) -> list[By]:
    listed: list[By] = [each] if isinstance(each, str | Bucketed | Sliced) else list(each)
    if not listed:
        raise ParameterError("slices=[[]]: a slice needs at least one column.")
    return listed


def _columns(by: By) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else (by.column,) if isinstance(by, Bucketed) else by.columns


def _title(by: By) -> str:
    return by if isinstance(by, str) else by.column if isinstance(by, Bucketed) else by.name


@dataclass(frozen=True)
class _Coded:
    """The slice of each row by one thing, -1 for none, and what the slices are called."""

    codes: Array
    names: list[str]


def _sliced(listed: list[By], table: pa.Table, least: int, most: int, hidden: Collection[str]) -> Slicing:
    import numpy as np

    coded = [_coded(by, table, any(name in hidden for name in _columns(by))) for by in listed]
    codes, names = coded[0].codes, coded[0].names
    for other in coded[1:]:
        size = len(other.names)
        both = np.where((codes < 0) | (other.codes < 0), -1, codes * size + other.codes)
        used, codes = np.unique(both, return_inverse=True)
        codes = codes - int(bool(len(used)) and used[0] < 0)  # none stays -1
        names = [f"{names[code // size]}, {other.names[code % size]}" for code in used.tolist() if code >= 0]
    title = " × ".join(_title(by) for by in listed)
    return _kept(title, codes, names, least, most)


def _kept(title: str, codes: Array, names: list[str], least: int, most: int) -> Slicing:
    """Return the slices that are large enough, the largest first, and say what is left out."""
    import numpy as np

    names = _told_apart(names)
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    large = [place for place in np.argsort(-sizes, kind="stable").tolist() if sizes[place] >= max(least, 1)]
    kept, beyond = large[:most], large[most:]
    small = [place for place in range(len(names)) if sizes[place] < max(least, 1)]
    empty = [names[place] for place in small if not sizes[place]]
    said: list[str] = []
    if not kept:
        said.append(f"no slice by {title} has {max(least, 1):,} rows, so none was judged")
    elif len(small) > len(empty):
        count = len(small) - len(empty)
        rows = int(sizes[small].sum())
        said.append(
            f"{title}: {count} slice{'s' * (count != 1)} with fewer than {least:,} rows left out "
            f"({rows:,} rows together)"
        )
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        said.append(f"no row has {'; '.join(empty[:3])}{more}")
    if beyond:
        said.append(f"{title}: {len(beyond)} slices beyond the {most} largest left out")
    renumbered = np.full(len(names) + 1, -1, np.int64)
    renumbered[kept] = np.arange(len(kept))
    return Slicing(title, [names[place] for place in kept], Groups(renumbered[codes], len(kept)), tuple(said))


def _told_apart(names: list[str]) -> list[str]:
    """Return names no two of which are equal: long values are cut, and those of a cross may run into each other."""
    count = Counter(names)
    if len(count) == len(names):
        return names
    taken = {name for name in names if count[name] == 1}
    found: list[str] = []
    for name in names:
        number, new = 1, name
        while new in taken:
            number += 1
            new = f"{name} ({number})"
        taken.add(new)
        found.append(new)
    return found


def _coded(by: By, table: pa.Table, is_hidden: bool) -> _Coded:
    if isinstance(by, Bucketed):
        found = _by_range(by, table)
    elif isinstance(by, Sliced):
        found = _by_function(by, table)
    else:
        found = _by_value(by, table[by], f"slices=[{by!r}]")
    if not is_hidden:
        return found
    return _Coded(found.codes, [f"{_title(by)} no. {place + 1}" for place in range(len(found.names))])


def _by_value(title: str, column: Any, said: str) -> _Coded:
    """Return the slices by the values of a column, in no order; what is missing is a slice too."""
    import numpy as np
    import pyarrow as pa

    if kind_of(column.type) not in ("string", "boolean", "numeric", "timestamp"):
        raise ParameterError(f"{said}: the column is {column.type}, whose values name no slices.")
    if pa.types.is_dictionary(column.type):  # of another maker: it may have nulls in it, or a value twice
        column = column.cast(column.type.value_type)
    coded = column.dictionary_encode()
    coded = coded.unify_dictionaries().combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    values: list[str] = coded.dictionary.cast(pa.string()).to_pylist()
    names = [f"{title}={_short(value)}" for value in values]
    codes = np.asarray(coded.indices.fill_null(len(names)).cast(pa.int64()))
    if coded.indices.null_count:
        names.append(f"{title} is missing")
    return _Coded(codes, names)


def _short(value: str) -> str:
    return value if len(value) <= MOST_CHARACTERS else value[: MOST_CHARACTERS - 1] + "…"


def _by_range(by: Bucketed, table: pa.Table) -> _Coded:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[by.column]
    if kind_of(column.type) != "numeric":
        raise ParameterError(f"bucketed('{by.column}'): the column is {column.type}, and ranges are of numbers.")
    numbers = np.asarray(pc.cast(column, pa.float64(), safe=False).combine_chunks().fill_null(float("nan")))
    missing = np.isnan(numbers)
    edges = by.edges
    if not edges:
        inner = np.quantile(numbers[~missing], np.arange(1, by.bins) / by.bins) if not missing.all() else np.array([])
        edges = tuple(dict.fromkeys(_rounded(inner.tolist())))
    codes = np.searchsorted(np.array(edges), numbers, side="right")
    said = _said(edges)
    names = [
        f"{by.column} below {said[0]}" if edges else f"any {by.column}",
        *(f"{by.column} {low} to {high}" for low, high in pairwise(said)),
        *([f"{by.column} from {said[-1]}"] if edges else []),
    ]
    if missing.any():
        codes = np.where(missing, len(names), codes)
        names.append(f"{by.column} is missing")
    return _Coded(codes, names)


def _rounded(edges: list[float]) -> list[float]:
    """Return edges as round as they may be without moving by more than a thousandth of their spread."""
    spread = edges[-1] - edges[0] if edges else 0.0
    if not spread > 0 or not math.isfinite(spread):
        return edges
    digits = -math.floor(math.log10(spread / _STEPS))
    return [round(edge, digits) for edge in edges]


def _said(edges: Sequence[float]) -> list[str]:
    """Return edges as people write them: where none has more than four digits they may be years, without a comma."""
    comma = "," if any(abs(edge) >= 10_000 for edge in edges) else ""
    return [f"{edge:{comma}.0f}" if edge == round(edge) and abs(edge) < 1e15 else f"{edge:.15g}" for edge in edges]


def _by_function(by: Sliced, table: pa.Table) -> _Coded:
    import numpy as np
    import pyarrow as pa

    try:
        found: Any = by.function(table.select(by.columns))
        array: Any = found if isinstance(found, pa.Array | pa.ChunkedArray) else pa.array(found)
    except LevadaError:
        raise
    except Exception as error:
        raise ComponentError(f"slices by {by.name}: {type(error).__name__}: {error}") from error
    if len(array) != table.num_rows:
        raise ComponentError(
            f"slices by {by.name}: the function returned {len(array):,} values for {table.num_rows:,} rows.",
            hint="It is given all rows at once, and returns an array with a value for each.",
        )
    if pa.types.is_boolean(array.type):
        inside = np.asarray(array.fill_null(False), dtype=bool)
        return _Coded(np.where(inside, 0, -1), [by.name])
    coded = _by_value(
        by.name, array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]), f"slices by {by.name}"
    )
    missing = len(coded.names) - 1 if coded.names[-1:] == [f"{by.name} is missing"] else -1
    return _Coded(
        np.where(coded.codes == missing, -1, coded.codes),
        [name for place, name in enumerate(coded.names) if place != missing],
    )
