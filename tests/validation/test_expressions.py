"""Expressions: what they say of each row, as Python would say it of one; and what they refuse."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.errors import DataError, ParameterError
from levada.validation.expressions import parse

ROWS = {
    "n": [3, -2, None, 0],
    "x": [0.5, float("nan"), 2.0, -1.0],
    "text": ["Card", "", "cash", None],
    "flag": [True, False, None, True],
    "at": pa.array([datetime(2024, 3, 10, 12), datetime(2024, 1, 1), None, datetime(1999, 12, 31)]),  # noqa: DTZ001
    "end": pa.array([datetime(2024, 3, 11), datetime(2024, 1, 1, 1), None, datetime(2000, 1, 1)]),  # noqa: DTZ001
    "day": pa.array([0, 1, None, 2], pa.date32()),
    "items": [[1, 2], [], None, [3]],
    "two words": [1, 2, 3, 4],
    "small": pa.array([1, 2, 3, 255], pa.uint8()),
    "huge": pa.array([1, 2, 3, 2**64 - 1], pa.uint64()),
}
BATCH = pa.RecordBatch.from_pydict(
    {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in ROWS.items()}
)
T, F, N = True, False, None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n > 0", [T, F, N, F]),
        ("0 <= n <= 3", [T, F, N, T]),
        ("n == 3 or text == 'cash'", [T, F, T, N]),
        ("n == 3 and text == 'Card'", [T, F, F, F]),
        ("not n > 0", [F, T, N, T]),
        ("x < 1", [T, N, F, T]),
        ("n + x > 3", [T, N, N, F]),
        ("n * 2 - 1 == 5", [T, F, N, F]),
        ("-n < 0", [T, F, N, F]),
        ("n / 2 == 1.5", [T, F, N, F]),
        ("n // 2 == -1", [F, T, N, F]),
        ("n % 2 == 1", [T, F, N, F]),
        ("n in [3, 0]", [T, F, N, T]),
        ("n not in (3,)", [F, T, N, T]),
        ("text in ['Card', 'cash']", [T, F, T, N]),
        ("n is None", [F, F, T, F]),
        ("x is not None", [T, F, T, T]),
        ("text is None or len(text) > 0", [T, F, T, T]),
        ("len(items) == 2", [T, F, N, F]),
        ("lower(text) == 'card'", [T, F, F, N]),
        ("startswith(text, 'ca')", [F, F, T, N]),
        ("matches(text, '[A-Z].*')", [T, F, F, N]),
        ("contains(text, 'a')", [T, F, T, N]),
        ("flag", [T, F, N, T]),
        ("flag == False", [F, T, N, F]),
        ("flag + 1 == 2", [T, F, N, T]),
        ("at > '2024-01-01'", [T, F, N, F]),
        ("day >= '1970-01-02'", [F, T, N, T]),
        ("year(at) == 2024 and month(at) == 3", [T, F, N, F]),
        ("hours(end - at) <= 12", [T, T, N, F]),
        ("weekday(at) == 6", [T, F, N, F]),
        ("`two words` > n", [F, T, N, T]),
        ("small - 2 < 0", [T, F, F, F]),
        ("huge > -1", [T, T, T, T]),
        ("huge > 9223372036854775807", [F, F, F, T]),
        ("(1 if flag else n) == 1", [T, F, N, T]),
        ("coalesce(n, 7) > 2", [T, F, T, F]),
        ("min(n, 1) == 1", [T, F, N, F]),
        ("max(n, x) == 3", [T, N, N, F]),
        ("abs(n) == 2", [F, T, N, F]),
        ("n == 0.5", [F, F, N, F]),
        ("n / 0 > 5", [T, F, N, N]),
        ("2 < n", [T, F, N, F]),
    ],
)
def test_an_expression_says_this_of_each_row(text: str, said: list[Any]) -> None:
    assert parse(text).evaluate(BATCH).to_pylist() == said


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)), min_size=1, max_size=20))
def test_whole_numbers_are_counted_as_python_counts_them(pairs: list[tuple[int, int]]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]})
    texts = ("a + b > a * 2 - b", "a // 7 == b // 7", "a % 5 <= b % 5 < 4", "a < b or not (a != 3 and b >= a)")
    for text in texts:
        wanted = [eval(text, {}, {"a": a, "b": b}) for a, b in pairs]
        assert parse(text).evaluate(batch).to_pylist() == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n >", "`n >` is no expression: invalid syntax"),
        ("n > 0; import os", "is no expression"),
        ("__import__('os').system('true')", "there is no function"),
        ("n.real > 0", "Attribute has no place in an expression"),
        ("[x for x in n]", "ListComp has no place"),
        ("(lambda: 1)()", "there is no function"),
        ("lenn(text) > 1", "there is no function lenn.\nDid you mean len?"),
        ("len(text, 1)", "len takes 1, got 2"),
        ("n is 3", "`is` compares with None alone"),
        ("n in 3", "`in` wants a list of values"),
        ("text == b'x'", "is neither a number nor a text"),
        ("1 < 2", "names no column"),
        ("n ** 2 > 1", "Pow has no place"),
        ("n = 3", "is no expression: invalid syntax.\nEquality is =="),
        ("n => 3", "Write >= and <="),
        ("n <> 3", "Unlike is !="),
        ("n > 3 && n < 5", "Write and, or"),
        ("f'{n}' == '3'", "JoinedStr has no place"),
    ],
)
def test_a_text_that_is_no_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(ParameterError) as raised:
        parse(text)
    assert words in str(raised.value)


@pytest.mark.parametrize("text", ["text > 3", "n", "n + 1", "text + 1 > 2", "items > 1", "at - n > 1", "hours(n) > 1"])
def test_columns_that_do_not_go_together_are_told_with_their_types(text: str) -> None:
    """And without any of their values."""
    with pytest.raises(DataError) as raised:
        parse(text).evaluate(BATCH)
    assert f"`{text}` " in str(raised.value)
    assert "Card" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("text > 3", "The column is text and 3 is not: compare it with a text, as '3'."),
        ("text in [1, 2]", "The column is text and 1 is not: compare it with a text, as '1'."),
        ("n == 'one'", "The column holds numbers and 'one' is a text: leave out the quotes."),
        ("flag == 'true'", "The column holds true and false and 'true' is a text: leave out the quotes."),
        ("at < '2024-13-01'", "The column holds times and '2024-13-01' is none (month must be in 1..12): write it as"),
        ("at > 5", "The column holds times and 5 is none: write it as '2024-05-01' or '2024-05-01T10:30'."),
        ("text + 1 > 2", "`+` does not go with string and int64"),
        ("matches(text, '[0-9')", "Invalid regular expression: missing ]"),
    ],
)
def test_what_does_not_go_together_comes_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(DataError) as raised:
        parse(text).evaluate(BATCH)
    assert raised.value.hint.startswith(advice)


def test_what_overflows_is_an_error_and_no_other_number() -> None:
    batch = pa.RecordBatch.from_pydict({"n": [2**62, 2**62]})
    with pytest.raises(DataError, match=r"`n \* 4 > 0` cannot be evaluated: n is int64"):
        parse("n * 4 > 0").evaluate(batch)


def test_columns_are_named_once_and_in_order() -> None:
    assert parse("b > a and b < len(`a b`)").columns == ("b", "a", "a b")
