"""Slices are the rows that they say, of the sizes that were asked, and no row is in two of one slicing."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.errors import ComponentError, ParameterError
from levada.evaluation.slicing import Slicing, bucketed, columns_of, slice_up, sliced
from levada.values import decode, encode


def only(spec: Any, table: pa.Table, *, least: int = 1, most: int = 100, **options: Any) -> Slicing:
    (found,) = slice_up([spec], table, least=least, most=most, **options)
    return found


def sizes(found: Slicing) -> dict[str, int]:
    return dict(zip(found.names, found.groups.sizes.tolist(), strict=True))


WORDS = pa.table({"word": ["a", "b", None, "a", "a", "b"], "long": ["x" * 200] * 6, "n": [1, 2, 3, None, 20, 30]})


def test_values_are_slices_the_largest_first_and_what_is_missing_is_one() -> None:
    assert sizes(only("word", WORDS)) == {"word=a": 3, "word=b": 2, "word is missing": 1}
    assert list(sizes(only("word", WORDS))) == ["word=a", "word=b", "word is missing"]
    assert sizes(only("word", WORDS.slice(0, 0))) == {}
    (name,) = only("long", WORDS).names
    assert len(name) == len("long=") + 60 and name.endswith("…")


def test_small_ones_and_those_beyond_the_most_are_counted() -> None:
    found = only("word", WORDS, least=2)
    assert sizes(found) == {"word=a": 3, "word=b": 2}
    assert found.left_out == ("word: 1 slice with fewer than 2 rows left out (1 rows together)",)
    assert only("word", WORDS, most=1).left_out == ("word: 2 slices beyond the 1 largest left out",)
    assert only("word", WORDS, least=9).left_out == ("no slice by word has 9 rows, so none was judged",)


YEARS = ("below 1950", "1950 to 1980", "from 1980")


def test_ranges_are_half_open_and_those_without_rows_are_told() -> None:
    found = only(bucketed("n", edges=[2, 20, 10_000]), WORDS)
    assert sizes(found) == {"n 2 to 20": 2, "n 20 to 10,000": 2, "n below 2": 1, "n is missing": 1}
    assert found.left_out == ("no row has n from 10,000",)
    years = pa.table({"built": [1940, 1950, 1999]})
    assert only(bucketed("built", edges=[1950, 1980]), years).names == [f"built {said}" for said in YEARS]


def test_ranges_found_in_the_data_hold_about_equally_many_rows() -> None:
    table = pa.table({"n": np.random.default_rng(0).lognormal(3, 1, 10_000)})
    found = sizes(only(bucketed("n", bins=4), table))
    assert len(found) == 4 and all(2_300 < rows < 2_700 for rows in found.values())
    assert len(sizes(only(bucketed("n", bins=4), pa.table({"n": [1.0] * 9})))) == 1
    for spread in (np.arange(2010, 2020), 100_000 + np.arange(100), 1.7e9 + np.linspace(0, 2.6e6, 100), [1e-9, 2e-9]):
        values = np.resize(np.asarray(spread, float), 2_000)
        rows = sizes(only(bucketed("n", bins=2), pa.table({"n": values}))).values()
        assert len(rows) == 2 and min(rows) >= 900, spread


def test_no_two_slices_have_one_name() -> None:
    long = pa.table({"word": ["x" * 80 + "a"] * 2 + ["x" * 80 + "b"]})
    first, second = only("word", long).names
    assert second == f"{first} (2)"
    crossed = only(["a", "b"], pa.table({"a": ["x", "x, b=y"], "b": ["y, b=z", "z"]})).names
    assert sorted(crossed) == ["a=x, b=y, b=z", "a=x, b=y, b=z (2)"]


def test_a_coded_column_may_have_a_null_or_a_value_twice_among_its_codes() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None]), pa.array(["a", None, "a"]))
    assert sizes(only("word", pa.table({"word": coded}))) == {"word=a": 2, "word is missing": 2}


def long_word(table: pa.Table) -> Any:
    return [word is not None and word > "a" for word in table["word"].to_pylist()]


def first_letter(table: pa.Table) -> Any:
    return table["word"]


def too_few(table: pa.Table) -> Any:
    return [True]


def test_a_function_gives_one_slice_of_truth_values_or_one_for_each_value() -> None:
    assert sizes(only(sliced(long_word, columns=["word"]), WORDS)) == {"long_word": 2}
    assert sizes(only(sliced(first_letter, columns=["word"], name="letter"), WORDS)) == {"letter=a": 3, "letter=b": 2}
    with pytest.raises(ComponentError, match="returned 1 values for 6 rows"):
        only(sliced(too_few, columns=["word"]), WORDS)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3), st.booleans()), max_size=60))
def test_a_cross_has_the_rows_that_have_all_of_its_values(rows: list[tuple[Any, int, bool]]) -> None:
    table = pa.table(
        {
            "word": pa.array([row[0] for row in rows], pa.string()),
            "number": pa.array([row[1] for row in rows], pa.int64()),
            "flag": pa.array([row[2] for row in rows], pa.bool_()),
        }
    )
    found = only(["word", "number", "flag"], table)
    assert sum(sizes(found).values()) == len(rows)
    for place, name in enumerate(found.names):
        for row in found.groups.rows_of(place).tolist():
            word, number, flag = rows[row]
            said = "word is missing" if word is None else f"word={word}"
            assert name == f"{said}, number={number}, flag={str(flag).lower()}"


def test_a_row_outside_one_part_of_a_cross_is_in_no_slice_of_it() -> None:
    found = only([sliced(long_word, columns=["word"]), "word"], WORDS)
    assert sizes(found) == {"long_word, word=b": 2} and found.by == "long_word × word"


def test_values_of_hidden_columns_are_numbered() -> None:
    assert only("word", WORDS, hidden={"word"}).names == ["word no. 1", "word no. 2", "word no. 3"]


def test_dates_and_coded_texts_make_slices_and_lists_do_not() -> None:
    day = datetime.date(2013, 1, 1)
    table = pa.table({"day": [day, day], "coded": pa.array(["a", "b"]).dictionary_encode(), "lists": [[1], [2]]})
    assert sizes(only("day", table)) == {"day=2013-01-01": 2}
    assert set(only("coded", table).names) == {"coded=a", "coded=b"}
    with pytest.raises(ParameterError, match="whose values name no slices"):
        only("lists", table)
    with pytest.raises(ParameterError, match="ranges are of numbers"):
        only(bucketed("coded", bins=2), table)


def test_what_makes_slices_must_make_sense_and_goes_through_a_plan() -> None:
    for wrong in ({}, {"bins": 1}, {"edges": [2, 1]}, {"bins": 2, "edges": [1]}):
        with pytest.raises(ParameterError, match=r"bucketed\('n'"):
            bucketed("n", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="columns="):
        sliced(long_word, columns=[])
    with pytest.raises(ParameterError, match="at least one column"):
        only([], WORDS)
    for spec in (bucketed("n", edges=[1, 2]), sliced(long_word, columns=["word"])):
        assert decode(encode(spec)) == spec
    assert columns_of(["a", ["a", bucketed("n", bins=2)], sliced(long_word, columns=["word"])]) == ["a", "n", "word"]
