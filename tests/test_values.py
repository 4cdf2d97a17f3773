"""Parameters go to JSON and come back as they were."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, Flag, IntEnum, StrEnum, auto
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levada.errors import ParameterError
from levada.values import canonical, decode, digest_of, digested_values, encode


class Color(Enum):
    RED = "r"
    GREEN = "g"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Mode(Flag):
    READ = auto()
    WRITE = auto()


@dataclass(frozen=True)
class Window:
    start: date
    days: float
    marks: tuple[Any, ...] = ()


@dataclass
class Study:
    name: str
    windows: list[Window]
    options: dict[Any, Any] = field(default_factory=dict[Any, Any])
    size: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = len(self.windows)


class Pair(NamedTuple):
    left: int
    right: int


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Of each kind: with and without summer time, by half an hour, by odd minutes, over the date line.
zones = st.sampled_from(
    ["UTC", "Europe/Lisbon", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
moments = st.datetimes(timezones=zones | offsets)
hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([*Color, *Level, *Word, *Mode])
    | st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1)).map(lambda parts: Path(*parts))
    | st.dates()
    | moments
    | st.timedeltas()
)
leaves = hashable | st.floats()
windows = st.builds(Window, start=st.dates(), days=st.floats(), marks=st.lists(leaves, max_size=2).map(tuple))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashable | st.tuples(hashable, hashable), inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "$tuple", "$path", "zone"]), inner)
        | st.builds(
            Study,
            name=st.text(),
            windows=st.lists(windows, max_size=2),
            options=st.dictionaries(hashable, inner, max_size=2),
        )
    )


values = st.recursive(leaves, containers, max_leaves=12)


def same(one: Any, other: Any) -> bool:
    """Equal in type and value all the way down; NaN equals NaN, 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return (one == other and math.copysign(1, one) == math.copysign(1, other)) or (
                one != one and other != other
            )
        case datetime():
            return (
                one.replace(tzinfo=None) == other.replace(tzinfo=None)
                and one.utcoffset() == other.utcoffset()
                and (not isinstance(one.tzinfo, ZoneInfo) or one.tzinfo is other.tzinfo)
            )
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return len(one) == len(other) and all(map(same, one.items(), other.items()))
        case _ if is_dataclass(one):
            return same(vars(one), vars(other))
        case _:
            return one == other


@given(values)
@example(float("nan"))
@example([math.inf, -math.inf, -0.0])
@example([True, 1, 1.0, "1", None])
@example({1: "int", True.__class__.__name__: "str"})
@example({"$path": "a plain dict whose key looks like a tag"})
@example(datetime(2013, 10, 27, 1, 30, tzinfo=ZoneInfo("Europe/Lisbon"), fold=1))
@example(datetime(2013, 3, 31, 1, 30, tzinfo=ZoneInfo("Europe/Lisbon")))
@example("half a pair: \udc80")
def test_a_value_comes_back_with_its_type(value: Any) -> None:
    """Through the text that a plan file holds, not only through Python objects."""
    assert same(decode(json.loads(canonical(encode(value)))), value)


@given(values)
def test_what_came_back_has_the_same_digest(value: Any) -> None:
    """Else a plan read from its file would miss its own cache entries."""
    form = encode(value)
    assert digest_of(encode(decode(form))) == digest_of(form)


def test_values_that_python_calls_equal_have_digests_of_their_own() -> None:
    """True == 1 == 1.0 in Python, and [1] is not (1,): four different parameters."""
    assert len({digest_of(encode(value)) for value in (True, 1, 1.0, [1], (1,), "1")}) == 6


def test_the_order_of_a_dict_counts() -> None:
    """A component may depend on it: the order of splits, say."""
    assert digest_of(encode({"a": 1, "b": 2})) != digest_of(encode({"b": 2, "a": 1}))
    assert list(decode(encode({"b": 2, "a": 1}))) == ["b", "a"]


def test_numpy_numbers_become_pythons() -> None:
    """np.float64 is a float; what comes back is one too."""
    assert same(decode(encode(np.float64(0.1))), 0.1)


class Local:
    pass


@pytest.mark.parametrize(
    "value",
    [
        Pair(1, 2),
        OrderedDict(a=1),
        pd.Timestamp("2013-01-01", tz="UTC"),
        Mode.READ | Mode.WRITE,
        Mode(0),
        np.int64(3),
        {1, 2},
        b"bytes",
        Local(),
        Local,
        len,
        1j,
        [1, {"deep": {2}}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_not_come_back_is_refused(value: Any) -> None:
    """Better an error at the call than a list where a set was, in another process."""
    with pytest.raises(ParameterError, match="cannot be a parameter"):
        encode(value)


def test_a_datetime_needs_a_zone() -> None:
    """The same clock time is another moment on another machine."""
    with pytest.raises(ParameterError, match="has no time zone"):
        encode(datetime(2013, 1, 1, 12))  # noqa: DTZ001
    assert decode(encode(datetime(2013, 1, 1, 12, tzinfo=UTC))) == datetime(2013, 1, 1, 12, tzinfo=UTC)


def test_a_class_that_other_processes_cannot_import_is_refused() -> None:
    """A dataclass made inside a function has no address."""

    @dataclass
    class Inside:
        n: int = 1

    with pytest.raises(ParameterError, match="is defined inside a function"):
        encode(Inside())


def test_a_form_with_an_unknown_tag_is_refused() -> None:
    """A plan written by a later Levada says so instead of passing a dict."""
    with pytest.raises(ParameterError, match=r"\$colour is not the tag"):
        decode({"$colour": "red"})


@dataclass(frozen=True)
class Source:
    path: str

    def digest(self) -> str:
        return f"digest of {self.path}"


def test_digested_values_are_found_however_deep_they_lie() -> None:
    """In dataclasses, dicts, lists and tuples."""
    value = [Source("a"), {"x": (Source("b"), 1)}, Study("s", [], {"y": Source("c")})]
    assert [found.digest() for found in digested_values(value)] == ["digest of a", "digest of b", "digest of c"]
