"""Distances are what scipy computes where it computes the same, from rows exactly and from statistics nearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import spatial, stats

from levada.artifacts.statistics import ColumnStatistics
from levada.drift.comparison import compare
from levada.drift.distances import Overlaid, jensen_shannon, kolmogorov_smirnov, population_stability, wasserstein
from levada.drift.distribution import of_rows, of_statistics
from levada.drift.ordered import Ordered
from levada.profiling.column import ColumnProfile
from levada.profiling.finishing import finish

RANDOM = np.random.default_rng(3)

SIDES: dict[str, tuple[Any, Any]] = {
    "normal": (RANDOM.normal(size=4_000), RANDOM.normal(0.3, 1.1, 3_000)),
    "skewed": (RANDOM.lognormal(size=4_000), RANDOM.lognormal(0.2, 1, 3_000)),
    "whole": (RANDOM.poisson(4, 4_000), RANDOM.poisson(5, 3_000)),
    "wide": (RANDOM.integers(0, 10**9, 4_000), RANDOM.integers(0, 10**9, 3_000)),
    "mostly zero": (
        np.where(RANDOM.random(4_000) < 0.8, 0, RANDOM.normal(size=4_000)),
        np.where(RANDOM.random(3_000) < 0.7, 0, RANDOM.normal(size=3_000)),
    ),
    "apart": (RANDOM.normal(size=4_000), RANDOM.normal(100, 1, 3_000)),
    "constant": (np.ones(4_000), np.full(3_000, 2.0)),
    "few": (np.array([1.0, 2.0, 2.0]), np.array([2.0, 5.0])),
}


def profiled(values: Any) -> ColumnStatistics:
    column = pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])
    profile = ColumnProfile(column.type, len(column), 100_000)
    profile.add(0, column)
    return finish(profile, "x", 20)


def rows(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])


@pytest.mark.parametrize("name", SIDES)
def test_distances_of_rows_are_those_of_scipy(name: str) -> None:
    before, now = (np.asarray(side, np.float64) for side in SIDES[name])
    found = compare(of_rows("x", rows(before)), of_rows("x", rows(now))).distances
    assert found["kolmogorov_smirnov"] == pytest.approx(stats.ks_2samp(before, now).statistic, abs=1e-12)
    scale = before.std() or np.abs(now).max()
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, now) / scale, rel=1e-9)


@pytest.mark.parametrize("name", SIDES)
def test_distances_of_statistics_are_those_of_rows_within_their_error(name: str) -> None:
    before, now = SIDES[name]
    statistics = [profiled(side) for side in (before, now)]
    exact = compare(of_rows("x", rows(before)), of_rows("x", rows(now)))
    told = compare(*(of_statistics(column) for column in statistics))
    error = sum(1 / (len(column.quantiles) - 1) for column in statistics)
    assert set(told.distances) == set(exact.distances)
    assert told.distances["kolmogorov_smirnov"] == pytest.approx(exact.distances["kolmogorov_smirnov"], abs=error)
    assert told.distances["psi"] == pytest.approx(exact.distances["psi"], rel=0.1, abs=4 * error)
    assert told.distances["jensen_shannon"] == pytest.approx(exact.distances["jensen_shannon"], abs=4 * error)
    assert told.distances["wasserstein"] == pytest.approx(exact.distances["wasserstein"], rel=0.05, abs=5 * error)
    assert told.shape_p is not None and exact.shape_p is not None
    assert told.shape_p >= exact.shape_p - 1e-12  # quantiles never make a difference more significant


def test_what_statistics_are_certain_of_holds_of_the_rows() -> None:
    """The bounds on F that quantiles give hold at every value, those in between and the repeated ones too."""
    for before, _ in SIDES.values():
        values = np.asarray(before, np.float64)
        exact = Ordered.of_values(values)
        for steps in (4, 200, 1_000):
            points = np.quantile(values, np.arange(steps + 1) / steps, method="inverted_cdf")
            known = Ordered.of_quantiles(points, len(values))
            places = np.union1d(values, np.linspace(values.min() - 1, values.max() + 1, 501))
            for found, truth in (
                (known.at_places(places), exact.at_places(places).likely),
                (known.before_places(places), exact.before_places(places).likely),
            ):
                assert (found.low <= truth + 1e-9).all()
                assert (found.high >= truth - 1e-9).all()
                assert (found.low - 1e-9 <= found.likely).all() and (found.likely <= found.high + 1e-9).all()
                assert (found.high - found.low <= 1 / steps + 1e-9).all()


def test_jensen_shannon_is_scipys_in_bits() -> None:
    p, q = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.3, 0.3])
    assert jensen_shannon(p, q) == pytest.approx(spatial.distance.jensenshannon(p, q, base=2))
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0


def test_psi_of_a_textbook_example() -> None:
    p, q = np.array([0.4, 0.6]), np.array([0.5, 0.5])
    assert population_stability(p, q) == pytest.approx(0.1 * np.log(1.25) + 0.1 * np.log(1.2))
    assert population_stability(q, p) == pytest.approx(population_stability(p, q))


@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.0), (-2.0, 0.5), (0.0, 1.0)])
def test_wasserstein_of_a_shift_is_the_shift(shift: float, scale: float) -> None:
    values = RANDOM.normal(size=2_000)
    sides = Ordered.of_values(values), Ordered.of_values(values + shift)
    assert wasserstein(Overlaid.of(*sides), scale) == pytest.approx(abs(shift) / scale, abs=1e-9)


def test_a_kuiper_distance_sees_a_change_of_scale_on_both_sides() -> None:
    before, now = Ordered.of_values(RANDOM.normal(size=20_000)), Ordered.of_values(RANDOM.normal(0, 2, 20_000))
    likely, certain, kuiper = kolmogorov_smirnov(Overlaid.of(before, now))
    assert certain == pytest.approx(likely)
    assert kuiper == pytest.approx(2 * certain, rel=0.1)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 50 + ["c"] * 20),
        ([True] * 30 + [False] * 70, [True] * 60 + [False] * 40),
        ([1] * 60 + [2] * 40, [1] * 30 + [2] * 50 + [7] * 20),
    ],
)
def test_categories_are_compared_by_their_shares(before: list[Any], now: list[Any]) -> None:
    for read in (lambda side: of_rows("x", rows(side)), lambda side: of_statistics(profiled(side))):
        found = compare(read(before), read(now))
        values = sorted({*before, *now})
        p, q = (np.array([side.count(value) for value in values]) / 100 for side in (before, now))
        assert found.distances["l_infinity"] == pytest.approx(np.abs(q - p).max())
        assert found.distances["jensen_shannon"] == pytest.approx(spatial.distance.jensenshannon(p, q, base=2))


def test_a_vocabulary_too_large_to_keep_never_overstates_a_difference() -> None:
    """What only one side lists, the other may have too: up to the share of the least value that it lists."""
    words = np.array([f"w{number}" for number in range(40_000)])
    shares = 1 / np.arange(1, len(words) + 1) ** 0.7
    before, now = (RANDOM.choice(words, 120_000, p=shares / shares.sum()) for _ in range(2))
    sides = []
    for side in (before, now):
        column = rows(side)
        profile = ColumnProfile(column.type, len(column), 1_000)
        profile.add(0, column)
        sides.append(of_statistics(finish(profile, "x", 20)))
        assert sides[-1].categories is not None and not sides[-1].categories.complete
        assert sides[-1].categories.values == 16_384  # what the sample holds, not what the column has
    found = compare(*sides)
    assert found.shape_p is not None and found.shape_p > 0.01
    assert found.distances["psi"] < 0.02


def test_times_are_compared_as_times() -> None:
    for type_ in (pa.date32(), pa.timestamp("ms", "UTC"), pa.timestamp("us"), pa.time32("s")):
        before, now = (pa.array(range(start, start + 1_000), pa.int64()) for start in (1_000, 1_500))
        before, now = ((side.cast(pa.int32()) if type_.bit_width == 32 else side).cast(type_) for side in (before, now))
        exact = compare(of_rows("x", rows(before)), of_rows("x", rows(now))).distances
        told = compare(of_statistics(profiled(before)), of_statistics(profiled(now))).distances
        assert exact["kolmogorov_smirnov"] == pytest.approx(0.5)
        assert told["kolmogorov_smirnov"] == pytest.approx(0.5, abs=0.011)
        assert told["wasserstein"] == pytest.approx(exact["wasserstein"], rel=0.05)


def test_text_without_repeated_values_is_compared_by_its_lengths() -> None:
    def texts(longest: int) -> pa.Array:
        return pa.array([f"{number:0{6 + number % longest}d}" for number in range(5_000)])

    found = compare(of_rows("x", rows(texts(10))), of_rows("x", rows(texts(20))))
    assert found.distances["wasserstein"] > 1
    assert found.shape_p is not None and found.shape_p < 1e-6
