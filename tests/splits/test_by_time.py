"""Splits by time: the past before the future, whatever the order of rows, units and zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.errors import DataError, ParameterError
from levada.splits.by_time import by_time
from levada.splits.rule import NOWHERE, Rule
from levada.values import decode, encode

moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001  a column without a zone
columns = st.lists(moments, min_size=1, max_size=40)
types = st.sampled_from([pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("us", "Europe/Lisbon")])


def places(rule: Rule, values: Any, type_: Any = None) -> list[int]:
    return rule.assign(pa.record_batch({"t": pa.array(values, type_)})).tolist()


def settled(rule: Rule, *parts: Any) -> Rule:
    batches = [pa.record_batch({"t": pa.array(part)}) for part in parts]
    return rule.settled([rule.survey(batch) for batch in batches]) if rule.needs_survey else rule


@given(columns, moments, types)
def test_a_moment_parts_the_past_from_the_future(values: list[datetime], cut: datetime, type_: Any) -> None:
    zoned = getattr(type_, "tz", None) is not None
    rule = by_time("t", until={"train": cut.replace(tzinfo=UTC) if zoned else cut}, then="eval")
    assert places(rule, values, type_) == [int(value >= cut) for value in values]


@given(columns, columns, st.randoms(use_true_random=False))
def test_a_row_stays_when_rows_are_added_or_reordered(values: Any, more: Any, random: Any) -> None:
    rule = by_time("t", until={"a": "1950-01-01", "b": "2000-01-01T12:30"}, then="c")
    mixed = values + more
    random.shuffle(mixed)
    home = dict(zip(values, places(rule, values), strict=True))
    assert all(home.get(value, place) == place for value, place in zip(mixed, places(rule, mixed), strict=True))


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=60), st.randoms(use_true_random=False))
def test_shares_of_the_rows_are_as_near_as_equal_moments_allow(values: list[int], random: Any) -> None:
    """Disjoint, complete, in the order of time; and no other cut between two moments would be nearer."""
    rule = settled(by_time("t", shares={"train": 7, "eval": 3}), values)
    found = places(rule, values)
    assert set(found) <= {0, 1}
    trained = [value for value, place in zip(values, found, strict=True) if place == 0]
    judged = [value for value, place in zip(values, found, strict=True) if place == 1]
    distinct = len(set(values))
    assert len(trained) > 0 and (len(judged) > 0 or distinct == 1)
    if judged:
        assert max(trained) < min(judged)
        off = min(abs(sum(value < cut for value in values) - 0.7 * len(values)) for cut in sorted(set(values))[1:])
        assert abs(len(trained) - 0.7 * len(values)) == pytest.approx(off)
    random.shuffle(values)
    cut = random.randrange(len(values))
    again = settled(by_time("t", shares={"train": 7, "eval": 3}), values[:cut] or values[:1], values[cut:])
    if cut:
        assert again == rule


def test_moments_are_exact_in_every_unit() -> None:
    for type_, text, ticks in (
        (pa.timestamp("s"), "1970-01-01T00:00:10.000000001", [10, 11]),
        (pa.timestamp("ns"), "1970-01-01T00:00:00.000000005", [4, 5]),
        (pa.date32(), "1970-01-03T00:00:01", [2, 3]),
        (pa.timestamp("ms"), "1969-12-31T23:59:59.999", [-2, -1]),
    ):
        column = pa.array(ticks, pa.int32() if type_ == pa.date32() else pa.int64()).cast(type_)
        assert places(by_time("t", until={"a": text}, then="b"), column) == [0, 1], type_


def test_a_moment_without_a_zone_is_meant_in_the_columns() -> None:
    noon = datetime(2013, 7, 1, 12, tzinfo=UTC)
    column = pa.array(
        [noon - timedelta(hours=1, seconds=1), noon - timedelta(hours=1)], pa.timestamp("s", "Europe/Lisbon")
    )
    assert places(by_time("t", until={"a": "2013-07-01T12:00"}, then="b"), column) == [0, 1]
    with pytest.raises(DataError, match="'t' has no time zone, and 2013-07-01T12:00Z has one"):
        places(by_time("t", until={"a": "2013-07-01T12:00Z"}, then="b"), [datetime(2013, 1, 1)])  # noqa: DTZ001


def test_numbers_are_moments_of_columns_of_numbers() -> None:
    assert places(by_time("t", until={"a": 2012, "b": 2013}, then="c"), [2011, 2012, 2013]) == [0, 1, 2]
    with pytest.raises(DataError, match="holds numbers, and '2012-01-01' is none"):
        places(by_time("t", until={"a": "2012-01-01"}, then="b"), [2011])
    with pytest.raises(DataError, match="holds times, and 2012 is a number"):
        places(by_time("t", until={"a": 2012}, then="b"), [date(2012, 1, 1)])
    with pytest.raises(DataError, match="column 't' is string, wanted times, dates or numbers"):
        places(by_time("t", until={"a": 2012}, then="b"), ["x"])


def test_a_row_without_a_time_is_nowhere() -> None:
    rule = by_time("t", until={"a": 0}, then="b")
    assert places(rule, [-1.0, None, float("nan"), 1.0]) == [0, NOWHERE, NOWHERE, 1]
    assert places(by_time("t", until={"a": "2013-01-01"}, then="b"), pa.nulls(2)) == [NOWHERE] * 2


@pytest.mark.parametrize("type_", [pa.int64(), pa.float64(), pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.date32()])
def test_moments_found_by_shares_say_themselves_what_they_are(type_: Any) -> None:
    """The rule that is settled is a parameter, too: dividing by what the record says gives the same."""
    ticks = np.arange(10, dtype=np.int32 if type_ == pa.date32() else np.int64)
    values = pa.array(ticks).cast(type_)
    rule: Any = settled(by_time("t", shares={"train": 8, "eval": 2}), values)
    again = by_time("t", until=dict(decode(encode(rule)).until), then=rule.then)
    assert places(rule, values) == places(again, values) == [0] * 8 + [1] * 2
    assert rule.record()["shares"] == {"train": 8, "eval": 2} and rule.record()["until"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"wants until=\{\.\.\.\} and then=\.\.\., or shares"),
        ({"until": {"a": "soon"}, "then": "b"}, "'soon'}.* is not a moment"),
        ({"until": {"a": "2013-02-01", "b": "2013-01-01"}, "then": "c"}, "do not increase"),
        ({"until": {"a": "2013-02-01", "b": 7}, "then": "c"}, "some moments are texts"),
        ({"until": {"a": "2013-02-01", "b": "2013-02-02T00:00Z"}, "then": "c"}, "some moments have a time zone"),
        ({"until": {"a": "2013-02-01"}}, "wanted the name of the split"),
        ({"until": {"a": "2013-02-01"}, "then": "a"}, "wanted the name of the split"),
        ({"shares": {"a": 0}}, "a weight is a whole number"),
        ({"shares": {"a": 1}, "then": "b"}, "`then` goes with `until`"),
        ({"until": {"a/b": "2013-02-01"}, "then": "c"}, "cannot name a split"),
    ],
)
def test_wrong_rules_are_told_at_once(options: Any, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        by_time("t", **options)
