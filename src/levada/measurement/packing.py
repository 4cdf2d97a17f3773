"""Arrays by name in one file, numbers and texts, without pickle and without any library but numpy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from levada.models.feed import Arrays

# A text array is three: all bytes in a row, where each ends, and whether it is text (1) or bytes (0).
_NUMBERS, _BYTES, _ENDS, _IS_TEXT = "numbers", "bytes", "ends", "is_text"


def pack(path: Path, arrays: Arrays) -> None:
    """Write arrays by name; those of objects have texts and bytes."""
    import numpy as np

    parts: dict[str, Any] = {}
    for place, (name, array) in enumerate(arrays.items()):
        parts[f"{place}/name"] = np.frombuffer(name.encode(), np.uint8)
        if array.dtype.kind != "O":
            parts[f"{place}/{_NUMBERS}"] = array
            continue
        values: list[Any] = array.ravel().tolist()
        encoded = [value if isinstance(value, bytes) else str(value).encode() for value in values]
        parts[f"{place}/shape"] = np.array(array.shape, np.int64)
        parts[f"{place}/{_BYTES}"] = np.frombuffer(b"".join(encoded), np.uint8)
        parts[f"{place}/{_ENDS}"] = np.cumsum([len(value) for value in encoded], dtype=np.int64)
        parts[f"{place}/{_IS_TEXT}"] = np.array([not isinstance(value, bytes) for value in values], np.bool_)
    with path.open("wb") as file:
        np.savez(file, **parts)


def unpack(path: Path) -> Arrays:
    """Return what `pack` wrote. Raises ValueError or OSError for a file that is none of its."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        places = sorted({int(key.partition("/")[0]) for key in file.files})
        return {file[f"{place}/name"].tobytes().decode(): _array(file, place) for place in places}


def _array(file: Any, place: int) -> np.ndarray[Any, Any]:
    import numpy as np

    if f"{place}/{_NUMBERS}" in file.files:
        return file[f"{place}/{_NUMBERS}"]
    content = file[f"{place}/{_BYTES}"].tobytes()
    ends = file[f"{place}/{_ENDS}"].tolist()
    values = np.empty(len(ends), dtype=object)
    start = 0
    for row, (end, is_text) in enumerate(zip(ends, file[f"{place}/{_IS_TEXT}"].tolist(), strict=True)):
        values[row] = content[start:end].decode() if is_text else content[start:end]
        start = end
    return values.reshape(file[f"{place}/shape"])
