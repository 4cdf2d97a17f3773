"""Closed forms are held against what was published, against brute force, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.evaluation.built_in import built_in
from levada.evaluation.intervals import NormalDrops, RateDrops, holm, quantile, wilson
from tests.evaluation.samples import Z, binary, rows, thirds

TABLES = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 40)).filter(
    lambda each: each[0] + each[1] <= each[2]
)


def test_wilsons_interval_is_the_published_one() -> None:
    # R. G. Newcombe, Statistics in Medicine 17, 1998, table I.
    published = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    hits, count, low, high = (np.array(column, float) for column in zip(*published, strict=True))
    found = wilson(hits, count, Z)
    assert found[0] == pytest.approx(low, abs=1e-4) and found[1] == pytest.approx(high, abs=1e-4)
    assert np.isnan(wilson(np.array([0.0]), np.array([0.0]), Z)[0]).all()


def paired(lost: int, won: int, count: int) -> RateDrops:
    return RateDrops(*(np.array([number], float) for number in (lost, won, count)))


def test_tangos_interval_is_the_published_one() -> None:
    # T. Tango, Statistics in Medicine 17, 1998: the cross-over trial of Miyanaga, 43 against 44 of 44.
    low, high = paired(0, 1, 44).bounds(Z)
    assert (low[0], high[0]) == pytest.approx((-0.118, 0.0575), abs=2e-3)


@given(TABLES, st.floats(-0.9, 0.9))
def test_tangos_statistic_is_the_score_at_the_most_likely_discordance(table: tuple[int, int, int], drop: float) -> None:
    """The likelihood of the discordant rates, searched on a grid."""
    lost, won, count = table
    rates = np.linspace(max(0.0, -drop), (1 - drop) / 2 if drop > -1 else 0.0, 20_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = sum(
            np.where(number > 0, number * np.log(chance), 0.0)
            for number, chance in ((lost, rates + drop), (won, rates), (count - lost - won, 1 - 2 * rates - drop))
        )
    rate = rates[np.nanargmax(likelihood)]
    spread = count * (2 * rate + drop * (1 - drop))
    if spread > 1e-3:
        assert paired(lost, won, count).beyond(drop)[0] == pytest.approx(
            (lost - won - count * drop) / np.sqrt(spread), rel=2e-3, abs=2e-3
        )


@given(TABLES)
def test_an_interval_of_a_drop_ends_where_its_statistic_is_the_quantile(table: tuple[int, int, int]) -> None:
    drops = paired(*table)
    low, high = drops.bounds(Z)
    assert -1 <= low[0] <= drops.value[0] + 1e-9 and drops.value[0] - 1e-9 <= high[0] <= 1
    if low[0] > -0.999:
        assert drops.beyond(low[0])[0] == pytest.approx(Z, abs=1e-3)
    if high[0] < 0.999:
        assert drops.beyond(high[0])[0] == pytest.approx(-Z, abs=1e-3)


def test_no_discordant_row_is_no_proof_of_equality() -> None:
    low, high = paired(0, 0, 360).bounds(Z)
    assert high[0] == pytest.approx(Z**2 / (360 + Z**2)) and low[0] == -high[0]
    assert np.isnan(paired(0, 0, 0).bounds(Z)[0]).all()


def test_a_drop_without_any_error_is_beyond_what_it_exceeds() -> None:
    drops = NormalDrops(np.array([0.0, 0.02, 0.01]), np.zeros(3))
    assert drops.beyond(0.01).tolist() == [-np.inf, np.inf, 0.0]


@pytest.mark.parametrize("name", sorted(built_in("binary")))
def test_a_paired_interval_tells_a_worse_model_from_an_equal_one_in_every_metric(name: str) -> None:
    random = np.random.default_rng(3)
    good = binary(4_000, (2.0,))
    equal = np.clip(good.predictions[0] + random.normal(scale=1e-3, size=4_000), 0, 1)
    bad = np.clip(random.permutation(good.predictions[0]) * 0.7, 0, 1)
    both = [rows("binary", good.labels, answers, good.predictions[0], classes=("0", "1")) for answers in (equal, bad)]
    metric = built_in("binary")[name]
    low, high = metric.drops(both[0], both[0].groups).bounds(Z)
    assert low[0] <= 1e-3 and high[0] >= -1e-3 and high[0] - low[0] < 0.02
    found = metric.drops(both[1], both[1].groups).bounds(Z)
    assert found[0][0] > 0 or name == "specificity"  # of which it has more, with everything said to be zero
    parts = metric.drops(both[1], thirds(4_000))
    assert len(parts.value) == 3 and (np.subtract(*reversed(parts.bounds(Z))) > 0).all()


def test_comparing_on_the_same_rows_is_sharper_than_two_intervals() -> None:
    before = binary(2_000)
    after = np.clip(before.predictions[0] + np.random.default_rng(1).normal(scale=0.02, size=2_000), 0, 1)
    both = rows("binary", before.labels, after, before.predictions[0], classes=("0", "1"))
    for name in ("auc", "log_loss", "accuracy", "f1"):
        metric = built_in("binary")[name]
        low, high = metric.drops(both, both.groups).bounds(Z)
        alone = metric.find(both, 1, both.groups, Z)
        assert high[0] - low[0] < 0.4 * (alone.high[0] - alone.low[0]), name


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_is_the_step_down_one(chances: list[float]) -> None:
    """Each p-value below `alpha` after correction is one that stepping down rejects, for any `alpha`."""
    corrected = holm(chances)
    for alpha in (0.01, 0.05, 0.3):
        rejected: set[int] = set()
        for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
            if chances[place] * (len(chances) - rank) > alpha:
                break
            rejected.add(place)
        assert {place for place, chance in enumerate(corrected) if chance <= alpha} == rejected


def test_a_normal_quantile_is_the_known_one() -> None:
    assert quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
