"""The gate keeps what it promises: what is worse by the margin seldom passes, what is as good mostly does."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts.measured import Condition
from levada.evaluation.built_in import built_in
from levada.evaluation.gate import Rules, not_worse, rounded_up, shown
from levada.evaluation.intervals import RateDrops, quantile
from levada.evaluation.measuring import measure
from levada.evaluation.rows import Rows
from levada.evaluation.slicing import slice_up

PHI = NormalDist()
MU, MARGIN = 1.2, 0.02


def drawn(count: int, mu: float, seed: int, alike: float = 0.97) -> Rows:
    """A model whose AUC is PHI(mu / sqrt 2), and whose accuracy is PHI(mu / 2), beside a champion of MU."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    noise = random.normal(size=count)
    mine = alike * noise + (1 - alike**2) ** 0.5 * random.normal(size=count)
    chances = [1 / (1 + np.exp(-(part * (labels - 0.5) + each))) for part, each in ((mu, mine), (MU, noise))]
    columns = pa.table({"slice": random.integers(0, 8, count).astype(str)})
    return Rows("binary", ("0", "1"), labels, tuple(chances), columns, seed=seed)


def asked(rows: Rows, metric: str, margin: float, *slices: str, rule: str = "harm") -> list[Condition]:
    slicings = slice_up(slices, rows.columns, least=1, most=100)
    measured = measure(rows, {metric: built_in("binary")[metric]}, slicings, 0.95)
    return not_worse(measured, Rules({}, {metric: margin}, 0.95, rule), "the champion", answers_alike=False)


def passed(rows: Rows, metric: str) -> bool:
    return all(condition.holds for condition in asked(rows, metric, MARGIN))


def test_a_model_that_is_worse_by_the_margin_seldom_passes_and_one_that_is_as_good_mostly_does() -> None:
    """Of 100 each: at most 5 % pass wrongly (2.5 % are meant to), where a bare comparison lets half of them."""
    edge = PHI.inv_cdf(PHI.cdf(MU / 2**0.5) - MARGIN) * 2**0.5
    wrong = sum(passed(drawn(500, edge, seed), "auc") for seed in range(100))
    right = sum(passed(drawn(500, MU, 1_000 + seed), "auc") for seed in range(100))
    assert wrong <= 5 and right >= 80, (wrong, right)


@pytest.mark.parametrize("count", [40, 200, 1_000, 4_000])
def test_the_same_holds_of_rates_with_few_discordant_rows(count: int) -> None:
    """10,000 evaluations at once, from how many rows only one of the models got right."""
    random = np.random.default_rng(count)
    for lost, won in ((0.03, 0.01), (0.06, 0.04), (0.021, 0.001)):
        first, second, _ = random.multinomial(count, [lost, won, 1 - lost - won], 10_000).T.astype(float)
        drops = RateDrops(first, second, np.full(10_000, float(count)))
        assert (drops.bounds(quantile(0.95))[1] <= MARGIN).mean() <= 0.04, (count, lost, won)
    needed = 7.85 * 0.05 / MARGIN**2  # rows for 80 %, where 5 % are discordant
    first, second, _ = random.multinomial(round(needed * 1.1), [0.025, 0.025, 0.95], 10_000).T.astype(float)
    drops = RateDrops(first, second, np.full(10_000, float(round(needed * 1.1))))
    assert (drops.bounds(quantile(0.95))[1] <= MARGIN).mean() >= 0.8


def test_a_near_perfect_model_needs_more_than_the_few_errors_it_happens_to_make() -> None:
    """Where a drop comes from single rows, an interval that knows only those would let one in ten pass."""
    champion, margin = 3.3, 0.01
    edge = PHI.inv_cdf(PHI.cdf(champion / 2**0.5) - margin) * 2**0.5
    wrong = 0
    for seed in range(120):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 2, 100)
        noise, other = random.normal(size=(2, 100))
        mine = 0.97 * noise + (1 - 0.97**2) ** 0.5 * other
        chances = tuple(part * (labels - 0.5) + each for part, each in ((edge, mine), (champion, noise)))
        rows = Rows("binary", ("0", "1"), labels, chances, pa.table({}), seed=seed)
        wrong += all(condition.holds for condition in asked(rows, "auc", margin))
    assert wrong <= 6, wrong


def test_equal_models_are_seldom_stopped_by_any_of_many_slices() -> None:
    """Eight slices and no margin at all: at most 5 % of evaluations, where each alone would stop a third of them."""
    stopped = 0
    for seed in range(60):
        conditions = asked(drawn(1_200, MU, seed), "auc", 0.0, "slice")
        stopped += any(not condition.holds for condition in conditions if condition.kind == "slice")
    assert stopped <= 5, stopped


def test_a_proof_in_every_slice_is_asked_of_every_slice() -> None:
    rows = drawn(2_400, MU, 0)
    few = [each for each in asked(rows, "auc", MARGIN, "slice", rule="proof") if each.kind == "slice"]
    assert any(not each.holds for each in few)  # 300 rows a slice prove little
    assert all("rows are too few to show that it is not worse by" in each.sentence for each in few if not each.holds)
    (enough,) = [each for each in asked(rows, "auc", 0.2, "slice", rule="proof") if each.kind == "slice"]
    assert enough.holds and enough.sentence == "auc is shown to be worse by no more than 0.2 in each of 8 slices"


@pytest.mark.parametrize(
    ("mu", "count", "holds", "said"),
    [
        (1.6, 500, True, "better by"),
        (1.2, 2_000, True, "(95 % interval of the drop -"),
        (0.6, 500, False, "worse by 0.1"),
        (1.2, 60, False, "60 rows are too few to show that it is not worse by"),
        (1.2, 12, False, "12 rows (or those of a class) are too few to say how sure that is"),
    ],
)
def test_the_sentence_says_which_of_the_cases_it_is(mu: float, count: int, holds: bool, said: str) -> None:
    condition: Any = asked(drawn(count, mu, 7), "auc", MARGIN)[0]
    assert condition.holds is holds and said in condition.sentence, condition.sentence
    assert (condition.kind, condition.metric, condition.limit) == ("champion", "auc", MARGIN)


def test_a_number_that_is_not_zero_has_no_minus_zero_and_is_told_from_its_margin() -> None:
    assert [shown(-0.0002), shown(0.0), shown(0.0002, 0.0), shown(0.0101, 0.01, 0.0)] == [
        "0.000", "0.000", "0.0002", "0.0101",
    ]  # fmt: skip


def test_a_number_of_rows_is_rounded_up_to_two_digits() -> None:
    assert [rounded_up(count) for count in (0.3, 7.2, 99.1, 1_234, 56_789)] == [1, 8, 100, 1_300, 57_000]
