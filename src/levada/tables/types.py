"""Types of Arrow columns: one for what Arrow has several for, and what each is for statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["numeric", "string", "boolean", "timestamp", "bytes", "list", "empty", "other"]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema without metadata, of plain types."""
    import pyarrow as pa

    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def plain_type(type_: Any) -> Any:
    """Return the one type for what Arrow has several for.

    The values' type for dictionaries, `string` for every kind of text (pandas makes `large_string`), and lists whose
    items are called `item` (files have `element`, too).
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if types.is_large_string(type_) or types.is_string_view(type_):
        return pa.string()
    if types.is_large_binary(type_) or types.is_binary_view(type_):
        return pa.binary()
    if types.is_list(type_) or types.is_large_list(type_):
        return pa.list_(plain_type(type_.value_type))
    return pa.list_(plain_type(type_.value_type), type_.list_size) if types.is_fixed_size_list(type_) else type_


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that rows have once they were written and read: Parquet has no timestamps in whole seconds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(plain_schema(schema).empty_table(), sink)
    return plain_schema(pq.read_schema(pa.BufferReader(sink.getvalue())))


def stored_paths(schema: pa.Schema) -> list[str]:
    """Return the names of the Parquet columns that columns are stored in: several for one that is nested."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    stored = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [stored.column(number).path for number in range(len(stored))]


def kind_of(type_: Any) -> Kind:
    """Return what an Arrow type is for statistics."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if types.is_boolean(type_):
        return "boolean"
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_) or types.is_duration(type_):
        return "numeric"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "string"
    if types.is_date(type_) or types.is_time(type_) or types.is_timestamp(type_):
        return "timestamp"
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return "list"
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_):
        return "bytes"
    return "empty" if types.is_null(type_) else "other"


def item_type(type_: Any) -> Any:
    """Return the type of a list's items, or the type itself if it is not a list."""
    import pyarrow as pa

    if pa.types.is_dictionary(type_):
        return type_.value_type
    return type_.value_type if kind_of(type_) == "list" else type_


def wider(one: Any, other: Any) -> Any:
    """Return the type that holds all values of both, None if there is none, or only text.

    Whole numbers and numbers, dates and moments; nothing and anything; lists by their items, structs field by field.
    """
    import pyarrow as pa

    types = pa.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if types.is_list(one) and types.is_list(other):
        items = wider(one.value_type, other.value_type)
        return None if items is None else pa.list_(items)
    if types.is_struct(one) and types.is_struct(other):
        return _wider_struct(one, other)
    ladders = (
        [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float64()],
        [pa.uint8(), pa.uint16(), pa.uint32(), pa.int64(), pa.float64()],
        [pa.float32(), pa.float64()],
        [pa.date32(), *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns"))],
        [pa.timestamp(unit, "UTC") for unit in ("s", "ms", "us", "ns")],
    )
    for ladder in ladders:
        if one in ladder and other in ladder:
            return max(one, other, key=ladder.index)
    return None


def _wider_struct(one: Any, other: Any) -> Any:
    import pyarrow as pa

    fields = {field.name: field.type for field in one}
    for field in other:
        type_ = wider(fields.get(field.name, pa.null()), field.type)
        if type_ is None:
            return None
        fields[field.name] = type_
    return pa.struct(list(fields.items()))
