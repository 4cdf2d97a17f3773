"""What an Arrow column is in the words of a schema: INT, FLOAT, BYTES, STRUCT, and how deep its lists are nested."""

from __future__ import annotations

import re
import struct

from levada.artifacts.statistics import ColumnStatistics

UNIX_TIMES = {
    "date32": "UNIX_DAYS",
    "date64": "UNIX_MILLISECONDS",
    "timestamp[s": "UNIX_SECONDS",
    "timestamp[ms": "UNIX_MILLISECONDS",
    "timestamp[us": "UNIX_MICROSECONDS",
    "timestamp[ns": "UNIX_NANOSECONDS",
}
"""How the ticks of an Arrow type count, in TensorFlow Metadata's words."""

_LIST = re.compile(r"^(?:large_|fixed_size_)?list<\w+: ")
_INT = ("bool", "int8", "int16", "int32", "int64", "uint", "timestamp", "date", "time", "duration")
_FLOAT = ("float", "double", "halffloat", "decimal")
_BYTES = ("string", "large_string", "binary", "large_binary", "fixed_size_binary")

TYPE_WORDS = {"INT": "whole numbers", "FLOAT": "numbers", "BYTES": "text", "STRUCT": "a structure"}


def item_type(type_: str) -> str:
    """Return the name of the type of a list's innermost items, or the type's own name if it is not a list."""
    while found := _LIST.match(type_):
        type_ = type_[found.end() :]
    return type_


def nesting(type_: str) -> int:
    """Return how many lists stand around the values of a type: 0 for a plain column, 2 for a list of lists."""
    depth = 0
    while found := _LIST.match(type_):
        depth, type_ = depth + 1, type_[found.end() :]
    return depth


def feature_type(column: ColumnStatistics) -> str:
    """Return the name of the schema type (INT, FLOAT, BYTES, STRUCT) of a column, or "" if it has no values."""
    type_ = item_type(column.type)
    if type_.startswith("null"):
        return ""
    for name, starts in (("INT", _INT), ("FLOAT", _FLOAT), ("BYTES", _BYTES)):
        if type_.startswith(starts):
            return name
    return "STRUCT"


def is_whole(column: ColumnStatistics) -> bool:
    """Whether a column or the items of its lists are whole numbers, which fit where a schema says FLOAT."""
    return item_type(column.type).startswith(("int", "uint"))


def narrow(value: float) -> float:
    """Return a number as a schema's FloatDomain keeps it, with 32 bits; beyond their reach, infinity.

    Bounds are compared in this form: 0.1 is not below a bound that was written as 0.1.
    """
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def fits_int64(value: float) -> bool:
    """Whether a schema's IntDomain can hold a bound."""
    return -(2**63) <= value < 2**63
