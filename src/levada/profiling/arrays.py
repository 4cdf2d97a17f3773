"""Arrow's numbers as numpy's and back, without a copy, and without pandas, which pyarrow's own ways would load."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def arrow_of(numbers: np.ndarray[Any, Any]) -> pa.Array:
    """Return an Arrow array of numbers (not of truth values), none of them null."""
    import numpy as np
    import pyarrow as pa

    whole = np.ascontiguousarray(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)])


def numpy_of(values: pa.Array) -> np.ndarray[Any, Any]:
    """Return numbers or truth values, none of them null, as a numpy array, which must not be written to."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return numpy_of(values.cast(pa.uint8())).view(np.bool_)
    name = str(values.type)
    dtype = np.dtype({"double": "float64", "float": "float32", "halffloat": "float16"}.get(name, name))
    data = values.buffers()[1]
    if not len(values) or data is None:
        return np.empty(0, dtype)
    return np.frombuffer(data, dtype, len(values), values.offset * dtype.itemsize)
