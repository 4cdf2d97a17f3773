"""From a table to the arrays that a model takes.

Missing values have one meaning everywhere: NaN for a float, an empty string for a string. An int64 or bool input
has no way to say "missing", so a column with missing values is refused there. A date or time is seconds since
1970-01-01 UTC, for a float64 input; binary values stay bytes, for a string input.
"""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from levada.artifacts.model import Tensor
from levada.errors import ModelError, did_you_mean
from levada.tables.types import kind_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Rows = pa.Table | pa.RecordBatch | Mapping[str, np.ndarray[Any, Any]]
    Arrays = dict[str, np.ndarray[Any, Any]]


def arrays_of(inputs: tuple[Tensor, ...], rows: Rows) -> Arrays:
    """Return an array for each input, of its dtype (strings as objects) and shape, made from columns of `rows`.

    `rows` is an Arrow table, or arrays by column name; the arrays may also be named after an input that stacks
    columns. Raises ModelError for a column that is not there, is of another type, or misses values it may not miss.
    """
    return {tensor.name: _input(tensor, rows) for tensor in inputs}


def count_rows(rows: Rows) -> int:
    """Return the number of rows of a table or of arrays by name."""
    if isinstance(rows, Mapping):
        return len(next(iter(cast("Mapping[str, Any]", rows).values()), ()))
    return rows.num_rows


def _input(tensor: Tensor, rows: Rows) -> np.ndarray[Any, Any]:
    import numpy as np

    if not tensor.columns or (isinstance(rows, Mapping) and tensor.name in rows):
        return _shaped(tensor, _column(tensor, tensor.name, rows))
    parts = [_column(tensor, name, rows) for name in tensor.columns]
    return np.stack(parts, axis=1)


def _shaped(tensor: Tensor, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    try:
        return array.reshape(tensor.shape)
    except ValueError:
        raise ModelError(
            f"input '{tensor.name}' wants {list(tensor.shape[1:]) or 'a scalar'} a row, "
            f"got an array {list(array.shape)}."
        ) from None


def _column(tensor: Tensor, name: str, rows: Rows) -> np.ndarray[Any, Any]:
    known = list(cast("Mapping[str, Any]", rows)) if isinstance(rows, Mapping) else list(rows.schema.names)
    if name not in known:
        raise ModelError(
            f"the model takes a column '{name}', and the rows have none.",
            hint=did_you_mean(name, known) or f"They have {', '.join(known) or 'no columns'}.",
        )
    if isinstance(rows, Mapping):
        return _from_numpy(tensor, name, cast("Any", rows[name]))
    column: Any = rows.column(name)
    return _from_arrow(tensor, name, column.combine_chunks() if hasattr(column, "combine_chunks") else column)


def _from_arrow(tensor: Tensor, name: str, column: Any) -> np.ndarray[Any, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind_of(column.type) == "list":
        if tensor.padded:
            column = _padded(column, tensor.shape[1])
        if column.null_count:
            raise _missing(tensor, name, column.null_count)
        return _from_arrow(tensor, name, column.flatten())
    fill: Any = {"string": "", "float32": float("nan"), "float64": float("nan")}.get(tensor.dtype)
    if column.null_count and fill is None:
        raise _missing(tensor, name, column.null_count)
    kind = kind_of(column.type)
    if kind == "timestamp":
        return _seconds(tensor, name, column)
    if (kind in ("string", "bytes")) != (tensor.dtype == "string"):
        raise ModelError(f"input '{tensor.name}' is {tensor.dtype}, and column '{name}' has {column.type}.")
    if kind == "bytes":
        return pc.fill_null(pc.cast(column, pa.large_binary()), b"").to_numpy(zero_copy_only=False)
    if pa.types.is_duration(column.type):
        column = column.cast(pa.int64())  # its ticks, as statistics count it
    try:
        wanted = cast("Any", pa.bool_() if tensor.dtype == "bool" else getattr(pa, tensor.dtype)())
        cast_column = pc.cast(column, wanted, safe=not tensor.dtype.startswith("float"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ModelError(
            f"column '{name}' ({column.type}) cannot be the {tensor.dtype} that the model takes: {error}"
        ) from None
    filled = pc.fill_null(cast_column, fill) if column.null_count else cast_column
    return filled.to_numpy(zero_copy_only=False)


def _padded(lists: Any, length: int) -> Any:
    """Return lists of exactly `length` items: longer ones cut, shorter and missing ones filled up with nulls."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(sizes)
    places = (ends - sizes)[:, None] + np.arange(length)[None, :]
    absent = np.arange(length)[None, :] >= sizes[:, None]
    items = lists.flatten().take(pa.array(places.ravel(), mask=absent.ravel()))
    return pa.FixedSizeListArray.from_arrays(items, length)


def _seconds(tensor: Tensor, name: str, column: Any) -> np.ndarray[Any, Any]:
    """Return times as seconds since 1970-01-01 UTC, times of day since midnight; NaN where missing."""
    import numpy as np
    import pyarrow as pa

    if tensor.dtype != "float64":
        raise ModelError(
            f"input '{tensor.name}' is {tensor.dtype}, and column '{name}' has {column.type}.",
            hint="A time is seconds since 1970-01-01 UTC: declare the input as float64.",
        )
    type_ = column.type
    ticks = column.cast(pa.int32() if type_.bit_width == 32 else pa.int64()).cast(pa.int64())
    if hasattr(type_, "unit"):
        rate = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[type_.unit]
    else:
        rate = 1 / 86_400 if type_.bit_width == 32 else 1e3
    seconds = ticks.fill_null(0).to_numpy(zero_copy_only=False) / rate
    if column.null_count:
        seconds[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return seconds


def _from_numpy(tensor: Tensor, name: str, values: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    array = np.asarray(values)
    if tensor.dtype == "string":
        if array.dtype.kind not in "OUS":
            raise ModelError(f"input '{tensor.name}' is string, and '{name}' has {array.dtype}.")
        flat: list[Any] = array.ravel().tolist()
        texts: list[str | bytes] = []
        for value in flat:
            if value is None or (isinstance(value, float) and value != value):
                texts.append("")
            elif isinstance(value, bytes):
                texts.append(_text_or_bytes(value))
            else:
                texts.append(str(value))
        return np.array(texts, dtype=object).reshape(array.shape)
    if array.dtype.kind in "OUS":
        try:
            array = array.astype("float64")  # None becomes NaN; text is refused
        except (TypeError, ValueError):
            raise ModelError(f"input '{tensor.name}' is {tensor.dtype}, and '{name}' has other values.") from None
    if tensor.dtype in ("int64", "bool") and array.dtype.kind == "f":
        absent = int(np.isnan(array).sum())
        if absent:
            raise _missing(tensor, name, absent)
        if (array != np.floor(array)).any():
            raise ModelError(f"input '{tensor.name}' is {tensor.dtype}, and '{name}' has fractions.")
    return array.astype(tensor.dtype, copy=False)


def _text_or_bytes(value: bytes) -> str | bytes:
    """Return text where the bytes are text in UTF-8; an image stays what it is."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _missing(tensor: Tensor, name: str, count: int) -> ModelError:
    return ModelError(
        f"column '{name}' misses {count} values, and the model takes it as {tensor.dtype}, which has no missing value.",
        hint="Declare the input as float32 (NaN) or string (empty), and let the model's preprocessing handle it.",
    )
