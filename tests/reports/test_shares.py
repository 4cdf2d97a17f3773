"""How values are spread: whatever statistics hold of them, shares are shares and nothing is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import ColumnStatistics, Histogram
from levada.reports.shapes import Bars, Curves, shape_of
from levada.reports.shares import Spread, of_histogram, spread_of
from tests.reports.samples import statistics_of

numbers = st.lists(st.integers(-50, 50) | st.floats(-1e6, 1e6), min_size=1, max_size=60).map(
    lambda found: sorted(map(float, found))
)


def column(values: Sequence[float], *, whole: bool = False, counted: bool = False) -> ColumnStatistics:
    """Statistics of numbers by their quantiles (all of the sorted values), or by the counts of all."""
    counts = {value: values.count(value) for value in dict.fromkeys(values)}
    top = tuple(sorted(counts.items(), key=lambda pair: -pair[1])) if counted else ()
    return ColumnStatistics(
        "n", "int64" if whole else "double", "numeric", rows=len(values), missing=0, values=len(values),
        distinct=len(counts), min=values[0], max=values[-1], quantiles=tuple(values), top=top,
    )  # fmt: skip


@given(numbers, numbers, st.integers(1, 50), st.booleans(), st.booleans())
def test_each_side_has_all_its_values_in_the_picture_or_beyond_it(
    left: list[float], right: list[float], bins: int, whole: bool, counted: bool
) -> None:
    if whole:
        left, right = [[float(round(value)) for value in side] for side in (left, right)]
    shape = shape_of([column(side, whole=whole, counted=counted) for side in (left, right)], bins, 5)
    assert shape is not None
    for place, part in enumerate(shape.shares):
        assert part is not None
        shares = [share or 0.0 for share in part]
        outside = shape.below[place] + shape.above[place] if isinstance(shape, Curves) else shape.rest[place]
        assert all(share >= -1e-12 for share in shares) and outside >= 0
        assert sum(shares) + outside == pytest.approx(1)


@given(numbers, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_the_share_below_a_value_never_falls_as_the_value_rises(values: list[float], value: float, more: float) -> None:
    for counted in (False, True):
        spread = spread_of(column(values, counted=counted))
        assert spread is not None
        assert 0 <= spread.below(value) <= spread.below(value + more) <= 1


@given(numbers)
def test_counts_of_all_values_tell_exactly_how_many_are_below(values: list[float]) -> None:
    spread = spread_of(column(values, counted=True))
    assert spread is not None
    for value in values:
        assert spread.below(value) == pytest.approx(sum(other < value for other in values) / len(values))


@given(numbers, st.integers(1, 50))
def test_bins_of_whole_numbers_hold_equally_many_of_them(values: list[float], bins: int) -> None:
    values = [float(round(value)) for value in values]
    shape = shape_of([column(values, whole=True)], bins, 5)
    assert isinstance(shape, Curves)
    widths = {right - left for left, right in zip(shape.edges, shape.edges[1:], strict=False)}
    assert len(widths) == 1 and widths.pop() % 1 == 0
    assert (shape.edges[0] - 0.5) % 1 == 0


def test_a_histogram_is_read_at_its_edges_and_between() -> None:
    spread = of_histogram(Histogram((0.0, 1.0, 3.0), (1.0, 3.0)))
    assert spread == Spread((0.0, 1.0, 3.0), (0.0, 0.25, 1.0))
    assert [spread.below(value) for value in (-1, 0, 0.5, 1, 2, 3, 4)] == [0, 0, 0.125, 0.25, 0.625, 1, 1]
    assert of_histogram(Histogram((0.0, 1.0), (0.0,))) is None


def test_a_histogram_of_whole_numbers_is_spread_around_them() -> None:
    """Bins of 3; 4 and 5; 6 and more, up to 9: edges are halves, so that each number is in the middle of its own."""
    spread = of_histogram(Histogram((3.0, 4.0, 6.0, 9.0), (1.0, 1.0, 2.0)), greatest=9.0)
    assert spread == Spread((2.5, 3.5, 5.5, 9.5), (0.0, 0.25, 0.5, 1.0))
    assert of_histogram(Histogram((3.0, 4.0), (5.0,)), greatest=3.0) == Spread((2.5, 3.5), (0.0, 1.0))


def test_a_few_values_far_out_leave_the_picture_to_the_others() -> None:
    shape = shape_of([column([float(value) for value in range(999)] + [1e9])], 40, 5)
    assert isinstance(shape, Curves)
    assert shape.edges[-1] < 2000
    assert shape.above == [pytest.approx(0.001, rel=0.2)]


def test_times_dates_and_clocks_are_drawn_on_axes_of_their_own(tmp_path: Path) -> None:
    import datetime

    start = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    rows = {
        "time": pa.array([start + datetime.timedelta(hours=hour) for hour in range(240)], pa.timestamp("ns", "UTC")),
        "date": pa.array([start.date() + datetime.timedelta(days=day % 60) for day in range(240)]),
        "clock": pa.array([datetime.time(hour % 24, hour % 60) for hour in range(240)], pa.time32("s")),
    }
    columns = statistics_of(tmp_path, train=pa.table(rows)).columns("train")
    shapes = {name: shape_of([columns[name]], 24, 5) for name in rows}
    assert all(isinstance(shape, Curves) for shape in shapes.values())
    ends = {
        name: (shape.axis, shape.edges[0], shape.edges[-1])
        for name, shape in shapes.items()
        if isinstance(shape, Curves)
    }
    midnight = start.timestamp()
    assert ends["time"] == ("time", midnight, midnight + 239 * 3600)
    assert ends["date"] == ("time", midnight, midnight + 60 * 86400)  # to the end of the last day
    assert ends["clock"] == ("clock", 0.0, pytest.approx(23 * 3600 + 59 * 60, abs=1))


def test_a_value_that_was_not_counted_on_a_side_is_not_called_absent_there() -> None:
    def words(**counts: int) -> ColumnStatistics:
        values = sum(counts.values()) + 100
        return ColumnStatistics(
            "w", "string", "string", rows=values, missing=0, values=values, distinct=50, top=tuple(counts.items())
        )

    shape = shape_of([words(a=50, b=30), words(a=50, c=40)], 10, 5)
    assert isinstance(shape, Bars)
    shares = dict(zip(shape.labels, zip(*[part or [] for part in shape.shares], strict=True), strict=True))
    assert shares["b"][1] is None and shares["c"][0] is None
    assert shares["a"] == (pytest.approx(50 / 180), pytest.approx(50 / 190))


def test_a_time_that_the_calendar_does_not_know_has_no_picture() -> None:
    far = ColumnStatistics(
        "t", "timestamp[us]", "timestamp", rows=3, missing=0, values=3, distinct=99,
        min="2013-01-01T00:00:00", max="+292277-01-09T04:00:54", quantiles=("2013-01-01T00:00:00", "+292277-01-09"),
    )  # fmt: skip
    assert spread_of(far) is None
    assert shape_of([far], 10, 5) is None


def test_quantiles_are_found_again_in_a_histogram_of_them() -> None:
    spread = Spread(tuple(float(place) for place in range(101)), tuple(place / 100 for place in range(101)))
    assert [spread.value(share) for share in (0, 0.01, 0.505, 1)] == [0, 1, pytest.approx(50.5), 100]
    assert math.isclose(sum(spread.within([0.0, 10.0, 50.0, 100.0])), 1)
