"""What a column's statistics hold beside numbers: histograms, texts, images, times, correlations."""

from __future__ import annotations

import datetime
import io
import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import ColumnStatistics
from levada.profiling.column import ColumnProfile
from levada.profiling.finishing import finish
from levada.profiling.order import steps_for
from levada.profiling.times import Gaps


def statistics_of(values: Any, type_: Any = None, label: Any = None, pieces: int = 3) -> ColumnStatistics:
    column = pa.array(values, type_)
    beside = None if label is None else pa.array(label)
    profile = ColumnProfile(column.type, len(column), 100_000, None if beside is None else beside.type)
    size = -(-len(column) // pieces) or 1
    for piece in range(pieces):
        part = column.slice(piece * size, size)
        other = None if beside is None else beside.slice(piece * size, size)
        profile.add(piece, pa.chunked_array([part]), other)
    return finish(profile, "x", 20)


# -- histograms and quantiles -------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    histogram = statistics_of(values, pa.float64()).histogram
    assert histogram is not None
    edges = np.array(histogram.edges)
    assert np.isfinite(edges).all() and (edges[1:] > edges[:-1]).all()
    assert edges[0] <= min(values) and max(values) <= edges[-1]
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    assert list(histogram.counts) == np.bincount(places, minlength=len(edges) - 1).tolist()


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50), min_size=1, max_size=200))
def test_a_histogram_of_whole_numbers_has_whole_edges(values: list[int]) -> None:
    histogram = statistics_of(values, pa.int64()).histogram
    assert histogram is not None
    assert sum(histogram.counts) == len(values)
    assert all(low < high for low, high in itertools.pairwise(histogram.edges))
    if max(map(abs, values)) <= 50:
        assert all(edge == int(edge) for edge in histogram.edges)


def test_outliers_do_not_spoil_a_histogram() -> None:
    """One value at a billion leaves the bins of the others as wide as they are without it."""
    values = np.random.default_rng(0).normal(0, 1, 10_000)
    histogram = statistics_of([*values, 1e9]).histogram
    assert histogram is not None
    widths = np.diff(histogram.edges)
    assert widths[1:-1] == pytest.approx(widths[1], rel=1e-6)
    assert widths[1] < 0.3
    assert histogram.counts[-1] < 100


def test_a_shift_of_a_fifth_of_a_standard_deviation_is_seen() -> None:
    """In quantiles and in histograms, of a million values each: far beyond what sampling alone would do."""
    random = np.random.default_rng(0)
    before = statistics_of(random.normal(0, 1, 1_000_000))
    same = statistics_of(random.normal(0, 1, 1_000_000))
    after = statistics_of(random.normal(0.2, 1, 1_000_000))

    def distance(one: ColumnStatistics, other: ColumnStatistics) -> float:
        grid = np.linspace(-3, 3, 61)
        return max(
            abs(np.searchsorted(np.array(one.quantiles), x) - np.searchsorted(np.array(other.quantiles), x)) / 1000
            for x in grid
        )

    assert distance(before, same) < 0.01
    assert distance(before, after) == pytest.approx(0.08, abs=0.01)  # 2 Phi(0.1) - 1


def test_few_values_and_many_columns_have_few_quantile_steps() -> None:
    assert [steps_for(count, 18) for count in (1, 10, 60, 1000, 10**7)] == [10, 10, 100, 1000, 1000]
    assert [steps_for(10**7, columns) for columns in (200, 201, 2001, 100_000)] == [1000, 200, 50, 10]


# -- texts --------------------------------------------------------------------------------------------


def test_tokens_are_words_of_any_language() -> None:
    text = statistics_of(["Hello, world! HELLO", " \t", "", "naïve café_au-lait", "日本語 3回", None]).text
    assert text is not None
    assert (text.empty, text.blank, text.non_ascii, text.sampled) == (1, 1, 2, 5)
    assert dict(text.top_tokens) == dict.fromkeys(["world", "naïve", "café_au", "lait", *"日本語回", "3"], 1) | {
        "hello": 2
    }
    assert text.distinct_tokens == 10
    assert text.tokens is not None
    assert (text.tokens.min, text.tokens.max, text.tokens.mean) == (0, 5, 11 / 5)


def test_tokens_of_many_texts_come_from_a_sample() -> None:
    """16,384 values of 100,000, all different: counts within five standard errors."""
    text = statistics_of([f"row {number}" for number in range(100_000)]).text
    assert text is not None and text.tokens is not None
    assert text.sampled == pytest.approx(16_384, abs=5 * 128)
    assert text.top_tokens[0][0] == "row"
    assert text.top_tokens[0][1] == pytest.approx(100_000)
    assert (text.tokens.min, text.tokens.max, text.blank) == (2, 2, 0)


# -- images -------------------------------------------------------------------------------------------


def image(mode: str, colour: Any, size: tuple[int, int], format_: str = "PNG") -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, format_)
    return target.getvalue()


def test_images_are_measured_and_broken_ones_counted() -> None:
    whole = image("RGB", (255, 0, 10), (8, 6))
    grey = image("L", 100, (8, 6))
    images = statistics_of([whole, grey, image("RGB", (5, 5, 5), (4, 3), "BMP"), whole[:40], b"no image"]).images
    assert images is not None
    assert (images.sampled, images.corrupt) == (5, 2)
    assert (images.formats, images.modes) == ((("PNG", 2), ("BMP", 1)), (("RGB", 2), ("L", 1)))
    assert images.widths is not None and images.heights is not None
    assert (images.widths.min, images.widths.max, images.heights.mean) == (4, 8, 5)
    pixels = np.array([[255, 0, 10]] * 48 + [[100] * 3] * 48 + [[5] * 3] * 12)
    assert images.means == pytest.approx(pixels.mean(axis=0))
    assert images.stds == pytest.approx(pixels.std(axis=0))


def test_bytes_that_are_no_images_have_no_image_profile() -> None:
    assert statistics_of([b"abc", b"\x89PNG\r\n\x1a\n", b""]).images is None


# -- times --------------------------------------------------------------------------------------------


def test_the_largest_gap_and_the_step_are_found() -> None:
    """Hours of most of a year, with two days missing."""
    start = datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)
    moments = [start + datetime.timedelta(hours=hour) for hour in range(8000) if not 100 < hour < 150]
    np.random.default_rng(0).shuffle(moments)
    times = statistics_of(moments, pa.timestamp("us", "UTC")).times
    assert times is not None
    assert (times.zone, times.tick, times.resolution, times.largest_gap) == ("UTC", 1e-6, 3600, 50 * 3600)
    assert (times.gap_start, times.gap_end) == ("2013-01-05T04:00:00.000000Z", "2013-01-07T06:00:00.000000Z")
    dates = statistics_of([datetime.date(2020, 1, day) for day in (1, 8, 9, 10)]).times
    assert dates is not None
    assert (dates.zone, dates.step, dates.largest_gap, dates.gap_start) == (None, 86_400, 7 * 86_400, "2020-01-01")


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 100)), min_size=1, max_size=4))
def test_gaps_merge_in_any_order(pieces: list[list[int]]) -> None:
    def merged(order: list[int]) -> Gaps:
        whole = Gaps()
        for number in order:
            part = Gaps()
            part.add(np.array(pieces[number], np.int64))
            whole.merge(part)
        return whole

    there, back = merged(list(range(len(pieces)))), merged(list(range(len(pieces)))[::-1])
    assert (there.shift, there.step, there.largest()) == (back.shift, back.step, back.largest())
    together = sorted({value for piece in pieces for value in piece})
    gaps = [high - low for low, high in itertools.pairwise(together)]
    if gaps:
        found = there.largest()
        assert found is not None
        assert found[1] - found[0] == max(gaps)  # a few hundred values: the largest gap is wider than a bucket
        assert there.step == math.gcd(*gaps)


# -- correlations -------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(100, 1, 5000)
Y = X + RANDOM.normal(0, 1, 5000)


def test_numbers_correlate_as_numpy_says() -> None:
    holes = [None if number % 7 == 0 else value for number, value in enumerate(X.tolist())]
    found = statistics_of(holes, pa.float64(), Y)
    kept = np.arange(5000) % 7 != 0
    assert found.correlation_kind == "pearson"
    assert found.correlation == pytest.approx(np.corrcoef(X[kept], Y[kept])[0, 1])


def test_categories_correlate_with_numbers() -> None:
    """Either way round, by variances computed group by group; chance alone gives nothing to speak of."""
    groups = np.round(X - 100).astype(int).astype(str)
    within = sum(((Y[groups == name] - Y[groups == name].mean()) ** 2).sum() for name in set(groups))
    size, number = len(Y), len(set(groups))
    wanted = math.sqrt(1 - within / (size - number) / Y.var(ddof=1))
    for found in (statistics_of(groups.tolist(), label=Y), statistics_of(Y, label=groups.tolist())):
        assert (found.correlation, found.correlation_kind) == (pytest.approx(wanted), "eta")
    chance = statistics_of(RANDOM.integers(0, 900, 5000).astype(str).tolist(), label=Y)
    assert chance.correlation == pytest.approx(0, abs=0.15)  # without the correction 0.42


def test_categories_correlate_with_categories() -> None:
    sides = np.where(X > 100, "high", "low").tolist()
    same = statistics_of(sides, label=sides)
    assert (same.correlation, same.correlation_kind) == (pytest.approx(1), "cramers_v")
    assert statistics_of(RANDOM.choice(list("abcdef"), 5000).tolist(), label=sides).correlation == pytest.approx(
        0, abs=0.06
    )


def test_what_never_changes_or_names_rows_has_no_correlation() -> None:
    assert statistics_of([1.0] * 10, label=range(10)).correlation is None
    assert statistics_of([f"N{number}" for number in range(5000)], label=Y).correlation is None
    assert statistics_of([[1]] * 10, label=range(10)).correlation_kind is None
