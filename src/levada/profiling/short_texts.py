"""Codes and other short texts, counted as the numbers that their bytes are: many times sooner than by a hash table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Words = np.ndarray[Any, np.dtype[np.uint64]]

LONGEST = 7
"""Bytes of a text that go into a word of 64 bits beside its length, which tells "a" from "a" and a zero byte."""


def count_short(texts: pa.Array) -> tuple[pa.Array, Any] | None:
    """Return the different values of texts, none of them null, and how often each comes (int64).

    None if one is longer than 7 bytes, or if their type is not Arrow's `string`.
    """
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_string(texts.type) or not len(texts):
        return None
    _, places, data = texts.buffers()
    offsets = np.frombuffer(places, np.int32, len(texts) + 1, texts.offset * 4)
    lengths = np.diff(offsets)
    if lengths.max() > LONGEST:
        return None
    words = _words(np.frombuffer(data or b"", np.uint8), offsets, lengths)
    words.sort()
    first = np.flatnonzero(np.concatenate([words[:1] == words[:1], words[1:] != words[:-1]]))
    return _texts(words[first]), np.diff(np.append(first, len(words)))


def _words(data: Any, offsets: Any, lengths: Any) -> Words:
    """Return each text as a word: its bytes, zeros, its length."""
    import numpy as np

    words = np.zeros(len(lengths), np.uint64)
    letters = words.view(np.uint8).reshape(-1, 8)
    longest = int(lengths.max())
    if 0 < longest == lengths.min():
        letters[:, :longest] = data[offsets[0] : offsets[-1]].reshape(-1, longest)
    else:
        for place in range(longest):
            here = np.flatnonzero(lengths > place)
            letters[here, place] = data[offsets[here] + place]
    letters[:, LONGEST] = lengths
    return words


def _texts(words: Words) -> pa.Array:
    """Return the texts that words stand for."""
    import numpy as np
    import pyarrow as pa

    letters = words.view(np.uint8).reshape(-1, 8)
    lengths = letters[:, LONGEST]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int32)]).astype(np.int32)
    longest = int(lengths.max())
    letters = letters[:, :longest]
    data = np.ascontiguousarray(letters) if longest == lengths.min() else letters[np.arange(longest) < lengths[:, None]]
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
