"""Protobuf's wire format, read for many messages at a time.

Messages are ranges of one buffer, `at` to `end`, as arrays; a step of reading is one of all of them, so that the work a
message is a handful of numpy operations on an array of them all. Positions are checked before they are used: whatever
the bytes are, reading ends with values or with WireError.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Ints = np.ndarray[Any, np.dtype[np.int64]]

PADDING = 16
VARINT, SIZED, FIXED32 = 0, 2, 5
"""Wire types: how a field's value lies there."""


class WireError(Exception):
    """Bytes that are no message: `index` says which of those asked for, the text why."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(why)
        self.index, self.why = index, why


class Bytes:
    """A buffer to read from at many places at once."""

    def __init__(self, content: bytes | bytearray | memoryview) -> None:
        import numpy as np

        self.size = len(content)
        self.data = np.zeros(self.size + PADDING, np.uint8)
        self.data[: self.size] = np.frombuffer(content, np.uint8)
        # A word at every byte, not at every eighth: one gather brings eight bytes from anywhere.
        self._eights = np.ndarray((self.size + PADDING - 7,), "<u8", self.data, strides=(1,))
        self._fours = np.ndarray((self.size + PADDING - 3,), "<u4", self.data, strides=(1,))
        self._floats = np.ndarray((self.size + PADDING - 3,), "<f4", self.data, strides=(1,))

    def floats(self, at: Ints) -> Any:
        """Return the float32 at each position."""
        return self._floats[at]

    def varints(self, at: Ints, end: Ints) -> tuple[Any, Ints]:
        """Return the number (uint64) at each position, and the position behind it. Raises WireError past the end."""
        import numpy as np

        _check(at < end, "it ends where a number should begin")
        first = self.data[at]
        after = at + 1
        live = np.flatnonzero(first >= 0x80)
        if not live.size:
            return first.astype(np.uint64), after
        values = (first & 0x7F).astype(np.uint64)
        for shift in range(7, 70, 7):
            if not live.size:
                return values, after
            places = after[live]
            _check(places < end[live], "it ends within a number", live)
            byte = self.data[places]
            values[live] |= (byte & 0x7F).astype(np.uint64) << np.uint64(shift)
            after[live] = places + 1
            live = live[byte >= 0x80]
        if live.size:
            raise WireError(int(live[0]), "it has a number of more than ten bytes")
        return values, after

    def fields(self, at: Ints, end: Ints, tags: Collection[int]) -> Iterator[tuple[Ints, Any, Ints, Ints]]:
        """Yield the first field of every message, then the second of those that have one, and so on.

        A step is (which messages, the fields' tags, where their values begin, and end). Raises WireError for a tag that
        is not among `tags` (of one byte each), or a value that goes on behind its message's end.
        """
        import numpy as np

        known = np.zeros(256, bool)
        known[list(tags)] = True
        which = np.arange(len(at))
        while True:
            left = at < end
            if not left.all():
                which, at, end = which[left], at[left], end[left]
            if not which.size:
                return
            tag = self.data[at]
            _check(known[tag], "it has a field that is not known", which)
            try:
                start, stop = self._values(tag & 7, at + 1, end)
            except WireError as error:
                raise WireError(int(which[error.index]), error.why) from None
            yield which, tag, start, stop
            at = stop

    def only(self, at: Ints, end: Ints, tag: int | None = None) -> Ints | None:
        """Return where the value of the one sized field begins that each message is; None if one is anything else.

        What `fields` would say too, in a third of the time: most messages of a tf.Example are of that kind.
        """
        import numpy as np

        first = self.data[np.minimum(at + 1, self.size)]
        if tag is not None and not (self.data[at] == tag).all():
            return None
        if (first < 0x80).all():
            start = at + 2
            return start if (start + first == end).all() else None
        try:
            number, start = self.varints(at + 1, end)
        except WireError:
            return None
        whole = (number <= np.uint64(self.size)) & (start + number.astype(np.int64) == end)
        return start if whole.all() else None

    def _values(self, wires: Any, at: Ints, end: Ints) -> tuple[Ints, Ints]:
        import numpy as np

        if (wires == SIZED).all():
            number, start = self.varints(at, end)
            stop = start + np.minimum(number, np.uint64(self.size)).astype(np.int64)
        elif (fixed := wires == FIXED32).all():
            start, stop = at, at + 4
        else:
            start, stop = at.copy(), at + 4
            others = np.flatnonzero(~fixed)
            try:
                number, after = self.varints(at[others], end[others])
            except WireError as error:
                raise WireError(int(others[error.index]), error.why) from None
            sized = wires[others] == SIZED
            _check(~sized | (number <= np.uint64(self.size)), "it is longer than the record that holds it", others)
            stop[others] = np.where(sized, after + number.astype(np.int64), after)
            start[others] = np.where(sized, after, at[others])
        _check(stop <= end, "it is longer than the record that holds it")
        return start, stop

    def pieces(self, start: Ints, stop: Ints) -> pa.Array:
        """Return the bytes of each range, as one binary array."""
        import numpy as np
        import pyarrow as pa

        lengths = stop - start
        views = np.zeros((len(start), 2), np.uint64)
        short = lengths <= 12
        # A view holds its length and up to twelve bytes, or else their first four, the buffer's number, their place.
        first = _masked(self._eights[start], lengths)
        views[:, 0] = lengths.astype(np.uint64) | ((first & np.uint64(0xFFFFFFFF)) << np.uint64(32))
        rest = _masked(self._fours[np.minimum(start + 8, self.size)].astype(np.uint64), lengths - 8)
        inline = (first >> np.uint64(32)) | (rest << np.uint64(32))
        views[:, 1] = np.where(short, inline, start.astype(np.uint64) << np.uint64(32))
        buffers = [None, pa.py_buffer(views), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.binary_view(), len(start), buffers).cast(pa.binary())


def _masked(words: Any, lengths: Ints) -> Any:
    """Return words of eight bytes with those behind `lengths` zero."""
    import numpy as np

    bits = (np.clip(lengths, 0, 8) * 8).astype(np.uint64)
    mask = np.where(bits >= 64, np.uint64(0xFFFFFFFFFFFFFFFF), (np.uint64(1) << (bits & np.uint64(63))) - np.uint64(1))
    return words & mask


def packed_numbers(content: Any, lengths: Ints) -> tuple[Any, Ints]:
    """Return the varints (int64) that lie one behind the other in `content`, and how many are in each piece of it.

    `lengths` are the pieces' bytes, in order. Raises WireError for a piece that ends within a number.
    """
    import numpy as np

    last = content < 0x80
    ends = np.flatnonzero(last)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    filled = np.flatnonzero(lengths > 0)
    _check(last[bounds[1:][filled] - 1], "it ends within a number", filled)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    sizes = ends - starts + 1
    before = np.concatenate([[0], np.cumsum(last)])
    counts = before[bounds[1:]] - before[bounds[:-1]]
    if len(sizes) and sizes.max() > 10:
        place = int(starts[int(sizes.argmax())])
        raise WireError(int(np.searchsorted(bounds, place, "right")) - 1, "it has a number of more than ten bytes")
    values = (content[starts] & 0x7F).astype(np.uint64)
    live = np.flatnonzero(sizes > 1)
    for step in range(1, 10):
        if not live.size:
            break
        values[live] |= (content[starts[live] + step] & 0x7F).astype(np.uint64) << np.uint64(7 * step)
        live = live[sizes[live] > step + 1]
    return values.view(np.int64), counts


def _check(good: Any, why: str, names: Ints | None = None) -> None:
    """Raise WireError for the first that is not good; `names` gives their numbers where they are some of many."""
    import numpy as np

    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        raise WireError(int(names[first]) if names is not None else first, why)
