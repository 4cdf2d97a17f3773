"""Tables of all Arrow types with whatever values they can have, for property tests."""

from __future__ import annotations

import string
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

TEXTS = st.text(max_size=8) | st.sampled_from(["", " ", "é", "日本", "\x00", "'\"\\", "#{}"])
FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 0.1, float("inf"), float("nan")])
EPOCH, END = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001
DURATIONS = st.timedeltas(min_value=timedelta(days=-9000), max_value=timedelta(days=9000))

SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]),
    pa.uint8(): st.integers(0, 255),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1) | st.just(2**64 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): FLOATS,
    pa.string(): TEXTS,
    pa.large_string(): TEXTS,
    pa.binary(): st.binary(max_size=6),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.large_binary(): st.binary(max_size=6),
    pa.date32(): st.dates(date(1800, 1, 1), date(2400, 1, 1)),
    pa.date64(): st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    pa.time32("s"): st.times().map(lambda value: value.replace(microsecond=0)),
    pa.time64("us"): st.times() | st.just(time(23, 59, 59, 999999)),
    pa.timestamp("s"): st.datetimes(EPOCH, END).map(lambda value: value.replace(microsecond=0)),
    pa.timestamp("ms"): st.datetimes(EPOCH, END).map(lambda value: value.replace(microsecond=0)),
    pa.timestamp("us"): st.datetimes(EPOCH, END),
    pa.timestamp("ns"): st.datetimes(EPOCH, END),
    pa.timestamp("us", "UTC"): st.datetimes(EPOCH, END, timezones=st.just(timezone.utc)),  # noqa: UP017
    pa.timestamp("us", "Europe/Lisbon"): st.datetimes(EPOCH, END, timezones=st.just(timezone.utc)),  # noqa: UP017
    pa.duration("us"): DURATIONS,
    pa.duration("s"): DURATIONS.map(lambda value: timedelta(days=value.days)),
    pa.decimal128(12, 2): st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2)),
    pa.null(): st.none(),
}


def types() -> st.SearchStrategy[Any]:
    """Arrow types: plain ones, lists and lists of lists, structures."""
    plain = st.sampled_from(list(SCALARS))
    items = plain.filter(lambda type_: type_ != pa.null())  # Arrow itself cuts lists of nulls into invalid ones
    lists = items.map(pa.list_)
    fixed = items.flatmap(lambda type_: st.just(pa.list_(type_, 2)))
    structs = st.lists(plain, min_size=1, max_size=2).map(
        lambda kinds: pa.struct([(f"f{place}", kind) for place, kind in enumerate(kinds)])
    )
    return plain | lists | fixed | lists.map(pa.list_) | structs | structs.map(pa.list_)


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Values of an Arrow type, missing ones among them."""
    if type_ in SCALARS:
        present = SCALARS[type_]
    elif pa.types.is_fixed_size_list(type_):
        # Never missing: Arrow writes such lists to Parquet and cannot read them (apache/arrow 35692).
        return st.lists(values(type_.value_type), min_size=type_.list_size, max_size=type_.list_size)
    elif pa.types.is_list(type_):
        present = st.lists(values(type_.value_type), max_size=3)
    else:
        present = st.fixed_dictionaries({field.name: values(field.type) for field in type_})
    return st.none() | present


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pa.Array:
    """A column: anything, all the same, all missing, never missing, or of few values."""
    type_ = draw(types())
    some = values(type_)
    shape = draw(st.sampled_from(["any", "constant", "missing", "full", "few"]))
    if shape == "constant":
        return pa.array([draw(some)] * rows, type_)
    if shape == "missing" and not pa.types.is_fixed_size_list(type_):
        return pa.nulls(rows, type_)
    if shape == "full" and not pa.types.is_null(type_):
        some = some.filter(lambda value: value is not None)
    if shape == "few":
        some = st.sampled_from(draw(st.lists(some, min_size=1, max_size=2)))
    return pa.array(draw(st.lists(some, min_size=rows, max_size=rows)), type_)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A table of one to thirty rows."""
    rows = draw(st.integers(1, 12) | st.integers(1, 30))
    names = draw(
        st.lists(st.text(string.ascii_letters + " é.'\"=", min_size=1, max_size=5), min_size=1, max_size=4, unique=True)
    )
    return pa.table({name: draw(columns(rows)) for name in names})
