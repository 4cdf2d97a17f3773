"""P-values are those of scipy or larger, never smaller: closed forms, bounds and the correction for many tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from levada.drift.categories import Categories, Paired
from levada.drift.significance import (
    binomial_p,
    chi_squared_p,
    chi_squared_tail,
    false_discovery,
    kuiper_p,
    largest_cell_p,
    pearson_p,
    smirnov_p,
    two_shares_p,
)

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("distance", [0.0, 0.01, 0.02, 0.05, 0.2, 1.0])
def test_smirnovs_is_the_limit(distance: float) -> None:
    rows = math.sqrt(5_000 * 3_000 / 8_000)
    assert smirnov_p(distance, 5_000, 3_000) == pytest.approx(stats.kstwobign.sf(distance * rows), abs=1e-12)


def test_smirnovs_is_on_the_safe_side_of_the_exact_one() -> None:
    for rows in (50, 200, 1_000):
        for distance in (0.5, 0.2, 0.1):
            before = np.arange(rows) / rows
            now = before + distance
            exact = stats.ks_2samp(before, now, method="exact")
            assert smirnov_p(exact.statistic, rows, rows) >= exact.pvalue * 0.99


def test_kuipers_is_uniform_or_above() -> None:
    """As often as it says, and not more often, in samples of one distribution."""
    found = []
    for _ in range(400):
        before, now = np.sort(RANDOM.random(300)), np.sort(RANDOM.random(200))
        places = np.concatenate([before, now])
        gap = np.searchsorted(before, places, "right") / 300 - np.searchsorted(now, places, "right") / 200
        found.append(kuiper_p(max(gap.max(), 0) + max(-gap.min(), 0), 300, 200))
    assert np.mean(np.array(found) <= 0.1) <= 0.13
    assert 0.3 < np.mean(found) <= 0.75
    assert kuiper_p(0.5, 300, 200) < 1e-9


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 31, 48])
@pytest.mark.parametrize("statistic", [0.0, 0.5, 3.0, 20.0, 100.0, 5_000.0])
def test_the_chi_squared_tail_is_scipys(degrees: int, statistic: float) -> None:
    assert chi_squared_tail(statistic, degrees) == pytest.approx(
        stats.chi2.sf(statistic, degrees), rel=1e-9, abs=1e-300
    )


def test_pearsons_test_is_scipys() -> None:
    before, now = np.array([120.0, 300.0, 580.0, 0.0]), np.array([90.0, 170.0, 240.0, 0.0])
    exact = stats.chi2_contingency(np.stack([before[:3], now[:3]]), correction=False)
    assert pearson_p(before, now) == pytest.approx(exact.pvalue)
    assert chi_squared_p(before, now) == pytest.approx(exact.pvalue)
    assert pearson_p(before, np.zeros(4)) == 1.0


@pytest.mark.parametrize("share", [0.5, 0.01, 0.9])
@pytest.mark.parametrize("of", [1, 10, 500, 20_000])
def test_a_binomial_p_value_bounds_the_exact_one_closely(share: float, of: int) -> None:
    for found in {0, of // 3, round(of * share * 1.5), of}:
        if found > of:
            continue
        side = stats.binom.sf(found - 1, of, share) if found >= of * share else stats.binom.cdf(found, of, share)
        exact = min(1.0, 2 * float(side))
        assert binomial_p(found, of, share) >= exact * (1 - 1e-9)
        if exact < 0.01:
            assert binomial_p(found, of, share) <= max(exact * 1.5, 1e-290)


@pytest.mark.parametrize("counts", [(5, 1_000, 30, 1_000), (0, 100_000, 10, 1_000), (400, 1_000, 500, 1_000)])
def test_the_test_of_two_shares_is_fishers_or_safer(counts: tuple[int, int, int, int]) -> None:
    before, rows_before, now, rows_now = counts
    exact = stats.fisher_exact([[before, rows_before - before], [now, rows_now - now]]).pvalue
    found = two_shares_p(*counts)
    assert exact * 0.3 <= found <= max(exact * 10, 1e-12)
    assert two_shares_p(now, rows_now, before, rows_before) == pytest.approx(found, rel=1e-6)
    turned = two_shares_p(rows_before - before, rows_before, rows_now - now, rows_now)
    assert turned == pytest.approx(found, rel=1e-6)


def test_equal_shares_and_no_rows_are_no_difference() -> None:
    assert two_shares_p(100, 1_000, 100, 1_000) == 1.0
    assert two_shares_p(0, 1_000, 0, 50) == 1.0
    assert two_shares_p(0, 0, 3, 50) == 1.0


def test_the_category_that_changed_most_is_found_and_its_number_counts() -> None:
    before, now = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.5, 0.29, 0.2, 0.01])
    p_value, place = largest_cell_p(before, 10_000, now, 10_000)
    assert place == 3
    assert p_value == pytest.approx(4 * two_shares_p(0, 10_000, 100, 10_000))
    assert largest_cell_p(before, 10_000, before, 10_000)[0] == 1.0


def test_rare_categories_are_pooled_by_both_sides_together() -> None:
    counts = [("a", 500), ("b", 470), *((f"rare {number}", 1) for number in range(30))]
    before = Categories.of_counts(counts, 1_000, 1_000)
    now = Categories.of_counts([("b", 500), ("a", 470), *((f"other {n}", 1) for n in range(30))], 1_000, 1_000)
    cells = Paired.of(before, now).tested_cells(1_000, 1_000)
    assert [part.round(6).tolist() for part in cells] == [[500, 470, 30], [470, 500, 30]]
    few = Paired.of(before, now).tested_cells(1_000, 100)
    assert [round(float(part.sum())) for part in few] == [1_000, 100]
    assert len(few[0]) == 2


def test_q_values_are_scipys() -> None:
    p_values = [0.001, 0.9, 0.02, 0.02, 0.5, 1.0, 0.0001]
    assert false_discovery(p_values) == pytest.approx(stats.false_discovery_control(p_values))
    assert false_discovery([]) == []


def test_p_values_of_categories_that_did_not_change_are_not_too_small() -> None:
    """Far into the tail, where the correction for many columns looks, and for very unequal sizes."""
    random = np.random.default_rng(1)
    shares = 1 / np.arange(1, 81)
    shares /= shares.sum()
    for rows, against in ((2_000, 2_000), (20_000, 500)):
        found = []
        for _ in range(2_000):
            before, now = random.multinomial(rows, shares), random.multinomial(against, shares)
            sides = [
                Categories.of_counts(list(enumerate(part.tolist())), size, size)
                for part, size in ((before, rows), (now, against))
            ]
            found.append(chi_squared_p(*Paired.of(*sides).tested_cells(rows, against)))
        assert np.mean(np.array(found) <= 0.05) <= 0.07
        assert np.mean(np.array(found) <= 0.002) <= 0.006
