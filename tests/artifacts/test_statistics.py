"""Statistics: typed access, and what preprocessing layers need."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from levada.artifacts import (
    ColumnStatistics,
    Histogram,
    ImageProfile,
    Lengths,
    Statistics,
    TextProfile,
    TimeProfile,
)
from levada.artifacts.statistics import column_from_json, column_to_json
from levada.errors import DataError


def numbers(values: Any, name: str = "x") -> ColumnStatistics:
    values = np.asarray(values, float)
    return ColumnStatistics(
        name,
        "double",
        "numeric",
        rows=len(values) + 1,
        missing=1,
        values=len(values),
        distinct=len(np.unique(values)),
        exact=False,
        min=values.min(),
        max=values.max(),
        moments=(float(values.mean()), float(values.var())),
        quantiles=tuple(np.quantile(values, np.arange(201) / 200, method="inverted_cdf").tolist()),
    )


WORDS = ColumnStatistics(
    "carrier",
    "string",
    "string",
    rows=6,
    missing=0,
    values=6,
    distinct=3,
    top=(("UA", 3), ("AA", 2)),
    lengths=Lengths(2, 2, 2.0),
    has_vocabulary=True,
    _load=lambda: [("UA", 3), ("AA", 2), ("EV", 1)],
)
MANY = ColumnStatistics("tail", "string", "string", rows=10, missing=0, values=10, distinct=123_456, exact=False)


@pytest.fixture
def statistics(making: Any) -> Statistics:
    found: Statistics = making(Statistics)
    found.write({"eval": (4, [numbers([1, 2, 3])]), "train": (6, [numbers(range(1000)), WORDS, MANY])})
    return making_again(found)


def making_again(found: Statistics) -> Statistics:
    return type(found)(found._state)  # pyright: ignore[reportPrivateUsage]


def test_what_is_written_is_read(statistics: Statistics) -> None:
    assert statistics.splits == ["eval", "train"]
    assert statistics.column("x", "eval") == numbers([1, 2, 3])
    assert list(statistics.columns("train")) == ["x", "carrier", "tail"]
    assert statistics.column("carrier").vocabulary() == ["UA", "AA", "EV"]
    assert statistics.column("carrier").lengths == Lengths(2, 2, 2.0)
    assert statistics.properties["splits"] == {"eval": 4, "train": 6}


def test_without_a_split_it_is_train_or_the_first(statistics: Statistics, making: Any) -> None:
    assert statistics.rows() == 6
    statistics.write({"some": (4, [numbers([1])])})
    assert making_again(statistics).rows() == 4


def test_layers_get_what_they_need(statistics: Statistics) -> None:
    x = statistics.column("x")
    assert (x.mean, x.variance) == (499.5, pytest.approx(np.arange(1000).var()))
    assert x.std == pytest.approx(np.arange(1000).std())
    assert x.boundaries(4) == [249, 499, 749]
    assert x.boundaries(3) == pytest.approx([333, 666], abs=2)
    assert (x.count, x.missing_share) == (1000, 1 / 1001)


def test_boundaries_are_distinct_and_leave_no_bin_empty() -> None:
    """A value in more than a bin's share is one bin; nothing lies below the least value."""
    assert numbers([0] * 90 + [1] * 5 + [2] * 5).boundaries(20) == [1.0]
    assert numbers([0] * 50 + [1] * 30 + [2] * 20).boundaries(10) == [1.0, 2.0]
    assert numbers([5, 5, 5]).boundaries(4) == []
    with pytest.raises(DataError, match="wanted 2 bins or more"):
        numbers([1, 2]).boundaries(1)


def test_a_vocabulary_is_cut_by_count(statistics: Statistics) -> None:
    assert statistics.column("carrier").vocabulary(top=1) == ["UA"]
    assert statistics.column("carrier").vocabulary(top=3) == ["UA", "AA", "EV"]
    assert statistics.column("carrier").counts() == [("UA", 3), ("AA", 2), ("EV", 1)]


def test_what_a_column_does_not_have_is_told(statistics: Statistics) -> None:
    for ask in (lambda c: c.mean, lambda c: c.variance, lambda c: c.std, lambda c: c.boundaries(4)):
        with pytest.raises(DataError, match=r"column 'carrier' is string \(string\): it has no "):
            ask(statistics.column("carrier"))
    with pytest.raises(DataError, match="about 123,456 distinct values, too many for a vocabulary"):
        statistics.column("tail").vocabulary()
    empty = ColumnStatistics("e", "double", "numeric", rows=1, missing=1, values=0)
    with pytest.raises(DataError, match="column 'e' has no finite numbers: it has no mean"):
        _ = empty.mean


def test_an_unknown_column_or_split_is_told(statistics: Statistics) -> None:
    with pytest.raises(DataError) as caught:
        statistics.column("carier")
    assert str(caught.value) == (
        "the statistics have no column 'carier'.\nThey have: x, carrier, tail (3). Did you mean carrier?"
    )
    with pytest.raises(DataError, match=r"no split 'test'\.\nThey have eval, train\."):
        statistics.columns("test")


def test_slices_and_the_label_are_kept(making: Any) -> None:
    statistics: Statistics = making(Statistics)
    many = [(f"N{number}", 1) for number in range(30)]
    tails = ColumnStatistics(
        "tail",
        "string",
        "string",
        rows=30,
        missing=0,
        values=30,
        distinct=30,
        top=tuple(many[:20]),
        has_vocabulary=True,
        correlation=0.5,
        correlation_kind="cramers_v",
        _load=lambda: many,
    )
    found = {"origin=EWR": (30, [tails]), "origin is missing": (0, [])}
    statistics.write({"train": (40, [WORDS]), "eval": (1, [])}, slices={"train": found}, label="late")
    again = making_again(statistics)
    assert (again.label, again.slices(), again.slices("eval")) == ("late", ["origin=EWR", "origin is missing"], [])
    assert again.rows("train", slice="origin=EWR") == 30
    assert again.columns("train", slice="origin=EWR") == {"tail": tails}
    assert again.column("tail", slice="origin=EWR").counts() == many
    with pytest.raises(DataError, match=r"no slice 'origin=EWT' of split 'train'\.\nDid you mean origin=EWR\?"):
        again.rows(slice="origin=EWT")
    with pytest.raises(DataError, match=r"profile\(\.\.\., slices=\[COLUMN, \.\.\.\]\) makes them"):
        again.rows("eval", slice="origin=EWR")


def test_what_a_column_holds_besides_is_the_same_after_json() -> None:
    histogram = Histogram((0.0, 1.0, 2.5), (3, 4.5))
    lengths = Lengths(0, 2, 1.5, histogram)
    column = ColumnStatistics(
        "x",
        "binary",
        "bytes",
        rows=8,
        missing=0,
        values=8,
        lengths=lengths,
        histogram=histogram,
        text=TextProfile(1, 2, 3, 8, lengths, 2, (("a", 4), ("b", 1))),
        images=ImageProfile(8, 1, (("PNG", 7),), (("RGB", 7),), lengths, lengths, (1.0, 2.0, 3.0), (0.5, 0.5, 0.5)),
        times=TimeProfile("UTC", 1e-3, 60.0, 60.0, 86400.0, "2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z"),
    )
    form = json.loads(json.dumps(column_to_json(column)))
    assert column_from_json(form) == column
    assert histogram.shares() == (0.4, 0.6)
