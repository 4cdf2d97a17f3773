"""Profiles of columns: merging in any order gives the same, and what comes out is what numpy says."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import ColumnStatistics, Histogram, Lengths
from levada.profiling import column
from levada.profiling.accumulators import Sample
from levada.profiling.column import ColumnProfile
from levada.profiling.distinct import Distinct
from levada.profiling.finishing import finish

KINDS: dict[str, tuple[pa.DataType, Any]] = {
    "float": (pa.float64(), st.floats(width=32)),
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "small integer": (pa.int8(), st.integers(-5, 5)),
    "text": (pa.string(), st.text(max_size=4)),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))),
    "bytes": (pa.binary(), st.binary(max_size=3)),
    "list": (pa.list_(pa.float64()), st.lists(st.floats(-10, 10), max_size=3)),
    "words": (pa.list_(pa.string()), st.lists(st.text(max_size=2), max_size=3)),
}

LABELS: dict[pa.DataType, Any] = {
    pa.float64(): st.floats(-1e6, 1e6),
    pa.bool_(): st.booleans(),
    pa.string(): st.sampled_from("abc"),
}


def profile_of(
    values: list[Any], type_: pa.DataType, piece: int = 0, total: int | None = None, vocabulary: int = 1000
) -> ColumnProfile:
    profile = ColumnProfile(type_, total if total is not None else len(values), vocabulary)
    profile.add(piece, pa.chunked_array([pa.array(values, type_)]))
    return profile


def statistics_of(values: list[Any], type_: pa.DataType, **options: Any) -> ColumnStatistics:
    return finish(profile_of(values, type_, **options), "x", 20)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_the_order_of_merging_does_not_matter(kind: str, data: Any) -> None:
    """To the last bit, whether the vocabulary holds all values or overflows, whether all or some are sampled.

    Nor does it matter whether text comes dictionary-coded.
    """
    type_, values = KINDS[kind]
    label = data.draw(st.sampled_from(list(LABELS)))
    pieces: list[list[Any]] = data.draw(st.lists(st.lists(st.none() | values, max_size=8), min_size=1, max_size=5))
    vocabulary = data.draw(st.sampled_from([2, 5, 1000]))
    total = sum(map(len, pieces)) * data.draw(st.sampled_from([1, 200_000]))
    labels = [
        pa.array(data.draw(st.lists(st.none() | LABELS[label], min_size=len(piece), max_size=len(piece))), label)
        for piece in pieces
    ]

    def with_piece(whole: ColumnProfile, number: int, is_coded: bool) -> ColumnProfile:
        values = pa.array(pieces[number], type_)
        coded = values.dictionary_encode() if is_coded and pa.types.is_string(type_) else values
        whole.add(number, pa.chunked_array([coded]), labels[number])
        return whole

    def merged(order: list[int]) -> ColumnStatistics:
        whole = ColumnProfile(type_, total, vocabulary, label)
        for number in order:
            whole.merge(with_piece(ColumnProfile(type_, total, vocabulary, label), number, is_coded=number % 2 == 0))
        return finish(whole, "x", 20)

    def in_turn() -> ColumnStatistics:
        whole = ColumnProfile(type_, total, vocabulary, label)
        for number in range(len(pieces)):
            with_piece(whole, number, is_coded=False)
        return finish(whole, "x", 20)

    order = data.draw(st.permutations(range(len(pieces))))
    assert merged(order) == merged(list(range(len(pieces)))) == in_turn()


@given(st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=60))
def test_numbers_are_what_numpy_says(values: list[float | None]) -> None:
    """In three pieces; NaN counts as missing, infinities on their own."""
    profile = ColumnProfile(pa.float64(), len(values), 1000)
    for piece in range(3):
        profile.add(piece, pa.chunked_array([pa.array(values[piece::3], pa.float64())]))
    found = finish(profile, "x", 20)
    present = np.array([value for value in values if value is not None and not math.isnan(value)])
    finite = present[np.isfinite(present)]
    assert (found.rows, found.missing, found.infinite) == (
        len(values),
        len(values) - len(present),
        len(present) - len(finite),
    )
    assert found.distinct == len(np.unique(present))
    assert found.zeros == np.count_nonzero(finite == 0)
    if len(finite):
        assert (found.min, found.max) == (finite.min(), finite.max())
        assert found.mean == pytest.approx(finite.mean(), abs=1e-6)
        assert found.variance == pytest.approx(finite.var(), rel=1e-6, abs=1e-6)
        steps = len(found.quantiles) - 1
        assert len(finite) <= steps <= max(10, 2 * len(finite))
        wanted = np.quantile(finite, np.arange(steps + 1) / steps, method="inverted_cdf")
        assert list(found.quantiles) == (wanted + 0.0).tolist()
    else:
        assert found.moments is None and found.quantiles == ()


@given(st.lists(st.text(max_size=3), max_size=60))
def test_texts_are_counted(values: list[str]) -> None:
    found = statistics_of(values, pa.string())
    wanted = sorted(((value, values.count(value)) for value in set(values)), key=lambda item: (-item[1], item[0]))
    assert list(found.top) == wanted[:20]
    assert found.zeros == values.count("")
    if values:
        lengths = [len(value) for value in values]
        assert found.counts() == wanted
        assert found.vocabulary(top=3) == [value for value, _ in wanted[:3]]
        assert found.lengths is not None and found.lengths.histogram is not None
        assert (found.lengths.min, found.lengths.max) == (min(lengths), max(lengths))
        assert found.lengths.mean == sum(lengths) / len(lengths)
        assert sum(found.lengths.histogram.counts) == len(values)


def test_lists_are_profiled_by_their_items() -> None:
    found = statistics_of([[1.0, 2.0], [], None, [3.0]], pa.list_(pa.float64()))
    assert (found.rows, found.missing, found.values, found.mean) == (4, 1, 3, 2.0)
    assert found.lengths == Lengths(0, 2, 1.0, Histogram((0.0, 1.0, 2.0, 3.0), (1, 1, 1)))


def test_times_are_text_in_iso_8601() -> None:
    moment = datetime.datetime(2013, 1, 1, 10, tzinfo=datetime.UTC)
    found = statistics_of([moment, None], pa.timestamp("s", "Europe/Lisbon"))
    assert (found.min, found.kind, found.top) == ("2013-01-01T10:00:00Z", "timestamp", (("2013-01-01T10:00:00Z", 1),))
    assert statistics_of([datetime.date(2013, 1, 31)], pa.date32()).max == "2013-01-31"


def test_large_integers_are_exact() -> None:
    found = statistics_of([2**53, 2**53 + 1, 2**63 - 1], pa.int64())
    assert (found.min, found.max, found.distinct) == (2**53, 2**63 - 1, 3)
    assert found.vocabulary() == [2**53, 2**53 + 1, 2**63 - 1]


def test_columns_without_values_have_no_statistics() -> None:
    found = statistics_of([None, None], pa.null())
    assert (found.kind, found.missing, found.moments, found.quantiles, found.top) == ("empty", 2, None, (), ())
    assert statistics_of([{"a": 1}], pa.struct([("a", pa.int64())])).kind == "other"


def test_too_many_distinct_values_are_estimated() -> None:
    """Within five standard errors (1.6 %), the same for any division."""
    values = np.random.default_rng(0).integers(0, 40_000, 200_000)
    distinct = Distinct(1000, 1 << 20)
    for part in np.array_split(values, 7):
        distinct.add(pa.array(part))
    assert not distinct.is_exact
    assert distinct.number() == pytest.approx(len(np.unique(values)), rel=5 / 64)


def test_long_texts_are_no_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "VOCABULARY_BYTES", 100)
    assert not statistics_of([f"{number:030}" for number in range(10)], pa.string()).exact


def test_a_sample_keeps_about_what_is_wanted_and_the_same_for_any_division() -> None:
    values = np.arange(100_000)
    sample = Sample.of(10_000, len(values))
    for piece, part in enumerate(np.array_split(values, 4)):
        sample.add(piece, part)
    assert len(sample) == pytest.approx(10_000, abs=500)


def test_quantiles_of_a_sample_have_the_promised_error() -> None:
    """Ranks within five standard deviations (0.7 %) of the truth, on a million values far from even."""
    values = np.random.default_rng(1).lognormal(0, 2, 1_000_000)
    profile = ColumnProfile(pa.float64(), len(values), 1000)
    for piece, part in enumerate(np.array_split(values, 8)):
        profile.add(piece, pa.chunked_array([pa.array(part)]))
    ranks = np.searchsorted(np.sort(values), finish(profile, "x", 20).quantiles) / len(values)
    assert np.abs(ranks - np.arange(1001) / 1000).max() < 5 * 0.5 / 131_072**0.5


def test_the_most_frequent_of_too_many_come_from_the_sample() -> None:
    values = ["often"] * 50_000 + [f"value {number}" for number in range(50_000)]
    found = statistics_of(values, pa.string(), vocabulary=1000)
    assert found.top[0][0] == "often"
    assert found.top[0][1] == pytest.approx(50_000, rel=0.05)
