"""A description is a value that people read; what a column cannot give is said with the column and what to do."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import Statistics
from levada.components import fit_features, profile
from levada.errors import DataError, ParameterError
from levada.features import (
    AsIs,
    Buckets,
    Cross,
    Features,
    Fitted,
    Hashed,
    Image,
    Kind,
    Number,
    Text,
    Time,
    Words,
)
from levada.features.civil import seconds_of, transitions
from levada.models.calendar import parts_of
from levada.values import canonical, decode, encode
from tests.models.workshop import Workshop

KINDS: tuple[Kind, ...] = (
    Number(scale="minmax", log=True, winsorize=0.01, clip=(0.0, None), missing=1.5, indicator=True, column="x"),
    Buckets(boundaries=(1.0, 2.5), encode="embedding", dim=3),
    Words(top=5, min_count=2, oov=3, length=4),
    Hashed(bins=7),
    Text(ngrams=2, weight="count", bins=50),
    Image(size=(8, 9), channels=1, flip=True),
    Time(("age",), cyclic=False, zone="UTC"),
    AsIs(length=2),
)


def statistics(workshop: Workshop, **columns: Any) -> Statistics:
    return workshop.call(profile, workshop.examples(pa.table(columns), "train"))


def fitted(workshop: Workshop, kind: Kind, values: Any) -> Fitted:
    return Features({"x": kind}).fitted(statistics(workshop, x=values))


# -- the description ------------------------------------------------------------------------------------


def test_a_description_goes_into_a_plan_and_comes_back() -> None:
    features = Features(
        {f"f{at}": kind for at, kind in enumerate(KINDS)} | {"c": Cross(of=("f1", "f2"))}, {"id": "a name"}
    )
    assert decode(encode(features)) == features and canonical(encode(features))


def test_a_description_prints_as_the_python_that_makes_it() -> None:
    features = Features({f"f{at}": kind for at, kind in enumerate(KINDS)}, {"id": "a name"})
    assert eval(repr(features)).kinds == features.kinds
    assert repr(Features({"a": Number(), "b": Words(top=3)}, {"id": "never changes"})) == (
        'Features({\n    "a": Number(),\n    "b": Words(top=3),\n    # id: never changes\n})'
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Number(scale="zcore"), r"scale='zcore'.*\nDid you mean zscore"),  # pyright: ignore[reportArgumentType]
        (lambda: Number(clip=(2, 1)), "the lower bound comes first"),
        (lambda: Number(winsorize=0.5), "below 0.5"),
        (lambda: Number(missing=math.inf), "a finite number"),
        (lambda: Buckets(bins=1), "2 or more"),
        (lambda: Buckets(boundaries=(1, 1)), "rising numbers"),
        (lambda: Words(encode="onehot"), "Did you mean one_hot"),  # pyright: ignore[reportArgumentType]
        (lambda: Words(oov=0), "1 or more"),
        (lambda: Cross(of=("a",)), "two features or more"),
        (lambda: Cross(of=("a", "b"), top=1, bins=1), "wanted one of them"),
        (lambda: Text(bins=10), "no document frequencies"),
        (lambda: Image(size=(0, 1)), "height, width"),
        (lambda: Time(("hours",)), "Did you mean hour"),  # pyright: ignore[reportArgumentType]
        (lambda: Time(()), "wanted a part"),
        (lambda: Features({"a": "Number"}), "wanted a kind of feature"),  # pyright: ignore[reportArgumentType]
        (lambda: Features({"a": Words(), "c": Cross(of=("a", "b"))}), "no feature of that name"),
        (lambda: Features({"a": Words(), "b": Number(), "c": Cross(of=("a", "b"))}), "Number and has no index"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(make: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        make()


# -- what a column cannot give --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (Number(), [2.0, 2.0], r"'x' never changes, so it cannot be z-scored\.\n.*leave it out"),
        (Number(scale="minmax"), [2.0, 2.0], "cannot be scaled to 0..1"),
        (Number(clip=(5.0, None)), [1.0, 2.0], "has variance 0 after clipping"),
        (Number(log=True), [-1.0, 2.0], r"goes down to -1\.\n.*clip=\(0, None\)"),
        (Number(), ["a", "b"], r"Number, and column 'x' has text \(string\)\.\n.*Words, Hashed or Text"),
        (Number(), pa.array([None, None], pa.float64()), r"no values at all\.\nLeave it out"),
        (Number(), [math.inf, -math.inf], "has no finite numbers"),
        (Buckets(), [0.0] * 99 + [1.0], "nearly all of its values are the same"),
        (Buckets(), [[1.0], [2.0]], r"Buckets, and column 'x' has lists"),
        (Words(), [0.5, 1.5], r"has no vocabulary: .*\n.*cut by Buckets"),
        (Words(min_count=3), ["a", "b"], r"no word that is seen 3 times\.\nLower min_count"),
        (Words(), ["", ""], "no word that is seen"),
        (Words(), [1, 1 << 60], r"beyond 2\*\*53.*\nCast the column to text"),
        (Hashed(), [0.5, 1.5], r"fractions .*, which are no words\.\nNumber\(\) or Buckets"),
        (Text(), ["a b", "c"], r"needs the n-grams of its texts.*\nfit_features"),
        (Text(), [1, 2], "Text, and column 'x' has numbers"),
        (Image(), ["a", "b"], r"Image, and column 'x' has text .*\nEncoded images are in a column of bytes"),
        (Time(), ["2013-01-01", "2013-01-02"], r"Time, and column 'x' has text .*\n.*cast them to timestamp"),
        (Time(("age",)), pa.array([0, 0], pa.timestamp("s")), "are the same, so none has an age"),
        (Time(zone="Europe/Lisbon"), pa.array([0, 1], pa.timestamp("s")), "has no zone"),
        (Time(zone="Europe/Lisboa"), pa.array([0, 1], pa.timestamp("s", "UTC")), "no time zone 'Europe/Lisboa'"),
    ],
)
def test_an_error_names_the_column_and_what_to_do(workshop: Workshop, kind: Kind, values: Any, said: str) -> None:
    with pytest.raises(DataError, match=r"(?s)" + said) as raised:
        fitted(workshop, kind, values)
    assert "'x'" in raised.value.message or "Lisboa" in raised.value.message


def test_too_many_distinct_words_are_sent_to_hashing(workshop: Workshop) -> None:
    examples = workshop.examples(pa.table({"x": [f"word {at}" for at in range(300)]}), "train")
    found = workshop.call(profile, examples, vocabulary=100)
    with pytest.raises(DataError, match=r"about 300 distinct values are too many\.\nHashed\(bins=512\)"):
        Features({"x": Words()}).fitted(found)
    assert Features({"x": Hashed(bins=512)}).fitted(found).size("x") == 513


def test_a_cross_of_too_many_is_sent_to_hashing(workshop: Workshop) -> None:
    found = statistics(workshop, a=["a"], b=["b"])
    parts = {"a": Hashed(bins=10_000), "b": Hashed(bins=10_000)}
    with pytest.raises(DataError, match=r"100,020,001 possible combinations .*\nHash them"):
        Features({**parts, "c": Cross(of=("a", "b"))}).fitted(found)
    assert Features({**parts, "c": Cross(of=("a", "b"), bins=9)}).fitted(found).size("c") == 9


def test_an_unknown_column_is_named(workshop: Workshop) -> None:
    with pytest.raises(DataError, match="no column 'y'"):
        Features({"y": Number()}).fitted(statistics(workshop, x=[1.0, 2.0]))
    with pytest.raises(DataError, match="no features to fit"):
        Features({}).fitted(statistics(workshop, x=[1.0, 2.0]))


# -- state ----------------------------------------------------------------------------------------------


def test_numbers_that_float32_would_confuse_are_taken_as_float64(workshop: Workshop) -> None:
    def dtype(values: Any) -> str:
        return fitted(workshop, Number(), values).inputs["x"].dtype

    assert dtype([1.0, 2.0]) == dtype([1, 1 << 23]) == dtype([1e9, 5e9]) == "float32"
    assert dtype([1e9, 1e9 + 1]) == dtype([1, 1 << 25]) == "float64"


def test_moments_of_what_is_logged_come_from_the_quantiles(workshop: Workshop) -> None:
    values = np.random.default_rng(0).lognormal(size=20_000)
    state = fitted(workshop, Number(log=True), values).states["x"]
    assert state["offset"] == pytest.approx(np.log1p(values).mean(), rel=0.01)
    assert state["divisor"] == pytest.approx(np.log1p(values).std(), rel=0.03)
    cut = fitted(workshop, Number(winsorize=0.05), values).states["x"]
    clipped = np.clip(values, *np.quantile(values, [0.05, 0.95]))
    assert (cut["low"], cut["high"]) == pytest.approx(np.quantile(values, [0.05, 0.95]), rel=0.02)
    assert cut["offset"] == pytest.approx(clipped.mean(), rel=0.01)


def test_fitting_reads_no_rows_unless_it_must(workshop: Workshop) -> None:
    """Without n-grams or frequent pairs, the examples' files are not opened: here they are not even there."""
    table = pa.table({"x": [1.0, 2.0], "w": ["a b", "b"]})
    examples = workshop.examples(table, "train")
    found = workshop.call(profile, examples)
    for file in examples.files("train"):
        file.unlink()
    state = workshop.call(fit_features, examples, found, features=Features({"x": Number()}))
    assert workshop.line == "1 features of 1 columns"
    assert Fitted.from_json(state.fitted.to_json()) == state.fitted
    assert examples.files("train") == []


# -- the calendar ---------------------------------------------------------------------------------------


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001
def test_parts_are_those_of_the_calendar(moment: datetime) -> None:
    seconds = int((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))
    parts = {name: int(part) for name, part in parts_of(np.array(seconds)).items()}
    assert parts == {
        "minute": moment.minute,
        "hour": moment.hour,
        "weekday": moment.weekday(),
        "day": moment.day - 1,
        "month": moment.month - 1,
    }


@given(
    st.sampled_from(["America/New_York", "Europe/Lisbon", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.integers(-2_000_000_000, 4_000_000_000),
)
def test_clock_changes_are_those_of_the_zone(zone: str, moment: int) -> None:
    from zoneinfo import ZoneInfo

    moments, offsets = transitions(zone)
    offset = offsets[int(np.searchsorted(np.array(moments), moment, side="right"))]
    there = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).astimezone(ZoneInfo(zone))
    assert there.utcoffset() == timedelta(seconds=offset)


def test_times_of_statistics_are_read() -> None:
    assert seconds_of("1970-01-02") == 86_400
    assert seconds_of("2013-01-31T10:00:00.123456789Z") == pytest.approx(1359626400.123456789)
    assert seconds_of("01:00:00") == 3600
