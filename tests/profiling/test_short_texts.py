"""Short texts are counted as words of 64 bits: as exactly as any other way."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from levada.profiling.short_texts import LONGEST, count_short

texts = st.text("ab\0 é数", max_size=7).filter(lambda text: len(text.encode()) <= LONGEST)


@given(st.lists(texts, min_size=1, max_size=40), st.integers(0, 3))
def test_short_texts_are_counted_each(values: list[str], cut: int) -> None:
    """Of any lengths, with zero bytes, from the middle of an array."""
    array = pa.array(["before"] * cut + values + ["behind"], pa.string()).slice(cut, len(values))
    counted = count_short(array)
    assert counted is not None
    found, counts = counted
    found.validate(full=True)
    assert dict(zip(found.to_pylist(), counts.tolist(), strict=True)) == Counter(values)


def test_a_text_that_is_longer_goes_another_way() -> None:
    """One is enough, in bytes; other types of text, and none at all, too."""
    assert count_short(pa.array(["1234567"])) is not None
    assert count_short(pa.array(["1", "12345678"])) is None
    assert count_short(pa.array(["éééé"])) is None
    assert count_short(pa.array(["a"], pa.large_string())) is None
    assert count_short(pa.array([], pa.string())) is None
