"""What is done to columns before a graph that cannot do it: places of words, hashes, parts of times, pixels of images.

It is data, `lookups.json` beside the graph, and this is all that interprets it: no ML library is needed, nothing of
Levada but the three modules that it imports, and nothing of the data is run as code. A step takes one input of the
model and gives one input of the graph, under a name of its own.

    {"kind": "places", "takes": "carrier", "gives": "carrier_places", "words": ["UA", "DL"],
     "first": 2, "missing": 0, "unknown": [1, 1], "items": 0}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.models.calendar import parts_of
from levada.models.farmhash import fingerprint64
from levada.models.pictures import pixels_of

if TYPE_CHECKING:
    import numpy as np

    from levada.models.feed import Arrays

FILE = "lookups.json"
FORMAT = 1
KEPT = 100_000
"""Values beyond the vocabulary whose place is remembered."""

Step = Mapping[str, Any]


class Lookups:
    """Steps from the inputs of a model to those of its graph, which also gets `passed` inputs as they are."""

    def __init__(self, steps: Iterable[Step], passed: Sequence[str]) -> None:
        self.steps = tuple(steps)
        self.passed = tuple(passed)
        self._calls = [(step["gives"], step["takes"], _KINDS[step["kind"]](step)) for step in self.steps]

    def __call__(self, arrays: Arrays) -> Arrays:
        """Return the graph's inputs, by name."""
        given = {name: arrays[name] for name in self.passed}
        for gives, takes, call in self._calls:
            given[gives] = call(arrays[takes])
        return given

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "passed": list(self.passed), "steps": [dict(step) for step in self.steps]}

    def write(self, path: Path) -> None:
        """Write the steps as JSON."""
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Lookups:
        """Return what `write` wrote. Raises OSError or ValueError for a file that is not there, or is another."""
        form = json.loads(path.read_text(encoding="utf-8"))
        try:
            if form["format"] != FORMAT:
                raise ValueError(f"it is of the format {form['format']}, written by a newer Levada")
            return Lookups(form["steps"], form["passed"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


class Places(dict[Any, int]):
    """The place of each value in a vocabulary. Others get one of the places for what is unknown, by their hash.

    Values are texts, bytes (taken as UTF-8) or whole numbers, which count as their digits; an empty text and NaN are
    missing.
    """

    def __init__(self, step: Step) -> None:
        super().__init__({word: step["first"] + place for place, word in enumerate(step["words"])})
        self._first, self._count = step["unknown"]
        if step["missing"] is not None:
            self[""] = step["missing"]
        self._most = len(self) + KEPT
        self._items = step["items"]

    def __missing__(self, value: Any) -> int:
        word = value if isinstance(value, str) else _word(value)
        place = self[word] if word is not value and word in self else self._unknown(word)
        if len(self) < self._most and value == value:
            self[value] = place
        return place

    def _unknown(self, word: str | bytes) -> int:
        if self._count == 1:
            return self._first
        if not self._count:
            raise ValueError(f"the model has no place for {word!r}, which its vocabulary does not have.")
        content = word if isinstance(word, bytes) else word.encode()
        return self._first + fingerprint64(content) % self._count

    def places(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the place of each value of an array, int64, in its shape."""
        import numpy as np

        if self._items:
            values = values[:, : self._items]
        flat: list[Any] = values.ravel().tolist()
        return np.fromiter(map(self.__getitem__, flat), np.int64, len(flat)).reshape(values.shape)


def _word(value: Any) -> str | bytes:
    """Return a value as TensorFlow's `as_string` writes it."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if value != value:
        return ""
    return str(int(value)) if float(value).is_integer() else f"{value:f}"


def _clock(step: Step) -> Callable[[Any], Any]:
    """Return what gives the parts of times, float32 (rows, width), as the layer of `Time` does."""
    import numpy as np

    moments, offsets = np.array(step["moments"], np.int64), np.array(step["offsets"], np.int64)

    def parts(values: Any) -> Any:
        absent = ~np.isfinite(values)
        seconds = np.where(absent, step["start"], values)
        whole = np.floor(seconds).astype(np.int64)
        found = parts_of(whole + offsets[np.searchsorted(moments, whole, side="right")])
        columns: list[Any] = []
        for part, period in step["parts"]:
            if part == "age":
                columns.append(((seconds - step["start"]) * (1.0 / step["span"])).astype(np.float32)[:, None])
            elif step["cyclic"]:
                turn = found[part].astype(np.float32) * np.float32(2 * np.pi / period)
                columns += [np.sin(turn)[:, None], np.cos(turn)[:, None]]
            else:
                columns.append(np.eye(period, dtype=np.float32)[found[part]])
        return np.where(absent[:, None], np.float32(0), np.concatenate(columns, axis=1))

    return parts


def _pixels(step: Step) -> Callable[[Any], Any]:
    """Return what gives images as pixels, float32 (rows, height, width, channels), as the layer of `Image` does."""
    import numpy as np

    (height, width), channels = step["size"], step["channels"]
    factor, offset = np.float32(step["factor"]), np.float32(step["offset"])

    def pixels(values: Any) -> Any:
        found = np.empty((len(values), height, width, channels), np.float32)
        for row, encoded in enumerate(values.tolist()):
            try:
                found[row] = pixels_of(encoded, (height, width), channels)
            except ValueError as error:
                raise ValueError(f"row {row} of '{step['takes']}' is {error}.") from None
        found *= factor
        found += offset
        return found

    return pixels


_KINDS: dict[str, Callable[[Step], Callable[[Any], Any]]] = {
    "places": lambda step: Places(step).places,
    "clock": _clock,
    "pixels": _pixels,
}
