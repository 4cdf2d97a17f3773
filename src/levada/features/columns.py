"""The columns that features read, as inputs of a model: their dtype and shape, from statistics."""

from __future__ import annotations

from levada.artifacts.model import Tensor
from levada.artifacts.statistics import ColumnStatistics

ITEM_KINDS = {
    "numeric": "numbers",
    "string": "text",
    "boolean": "truth values",
    "timestamp": "times",
    "bytes": "bytes",
    "list": "lists of lists",
}
FINE = 1 << 20
"""float32 has 24 bits: a column this many times larger than its spread keeps fewer than 4 of them for what differs."""


def item_kind(column: ColumnStatistics) -> str:
    """Return what the values of a column are, or the items of its lists: a `Kind` of statistics."""
    if column.kind != "list":
        return column.kind
    type_ = column.type.split("item: ", 1)[-1]
    if type_.startswith(("list", "fixed_size_list", "large_list")):
        return "list"
    for start, kind in (
        (("bool",), "boolean"),
        (("int", "uint", "float", "double", "halffloat", "decimal", "duration"), "numeric"),
        (("string", "large_string"), "string"),
        (("timestamp", "date", "time"), "timestamp"),
        (("binary", "large_binary", "fixed_size_binary"), "bytes"),
    ):
        if type_.startswith(start):
            return kind
    return "other"


def input_of(column: ColumnStatistics, length: int = 0) -> Tensor:
    """Return the input that a column becomes, a scalar a row, or `length` items for a list.

    Text and bytes are string, times float64 (seconds since 1970), numbers and truth values float32 with NaN for
    missing; float64 where float32 would confuse values: whole numbers from 2**24 on, numbers far from 0 that differ
    little.
    """
    shape = (-1, length) if length else (-1,)
    return Tensor(column.name, _dtype(column), shape, padded=bool(length))


def _dtype(column: ColumnStatistics) -> str:
    kind = item_kind(column)
    if kind in ("string", "bytes"):
        return "string"
    if kind == "timestamp":
        return "float64"
    if kind == "numeric" and column.min is not None and column.max is not None and column.moments is not None:
        largest = max(abs(float(column.min)), abs(float(column.max)))
        if "int" in column.type:
            return "float64" if largest >= 1 << 24 else "float32"
        if "halffloat" not in column.type and "float" not in column.type and largest > FINE * column.std:
            return "float64"
    return "float32"
