"""Files that are read together have the same columns, of the same types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from levada.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "Fetch or write the file again."
NAMED = 20
"""Columns that an error names."""


def chosen_columns(names: list[str], wanted: Sequence[str], shown: str) -> list[str]:
    """Return the columns to read of a file: those wanted, or all. Raises DataError for one twice or not there."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{shown} has two columns named '{name}'.", hint="Rename one of them.")
        seen.add(name)
    for name in wanted:
        if name not in seen:
            hint = f"It has {listed(names)}. {did_you_mean(name, names)}".strip()
            raise DataError(f"{shown} has no column '{name}'.", hint=hint)
    return list(wanted) or names


def select(schema: pa.Schema, names: list[str]) -> pa.Schema:
    """Return a schema with some of its columns."""
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in names])


def check_same(wanted: pa.Schema, schema: pa.Schema, first: str, shown: str, source: str) -> None:
    """Raise DataError unless a file's columns are those of the first one, in any order, with the same types."""
    there, others = set(wanted.names), set(schema.names)
    missing = [name for name in wanted.names if name not in others]
    extra = [name for name in schema.names if name not in there]
    if missing or extra:
        said = [f"lacks {listed(missing)}"] * bool(missing) + [f"has also {listed(extra)}"] * bool(extra)
        raise DataError(
            f"{shown} {' and '.join(said)}, unlike {first}.",
            hint="Files that are read together have the same columns; "
            f"{source}(..., columns=[...]) reads some of them.",
        )
    for field in wanted:
        type_ = schema.field(field.name).type
        if type_ != field.type:
            raise DataError(
                f"{shown}: column '{field.name}' is {type_}, and {field.type} in {first}.",
                hint=f"Write the files again with one type, or leave it out: {source}(..., columns=[...]).",
            )


def listed(names: Sequence[str]) -> str:
    """Return names for an error, not more than people read."""
    return ", ".join(names[:NAMED]) + (f", ... ({len(names):,})" if len(names) > NAMED else "")


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."
