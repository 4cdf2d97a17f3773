"""The champion gate: how often it lets a model pass that is worse by exactly the margin, and one that is as good.

    .venv/bin/python benchmarks/models/gate.py [EVALUATIONS]       for each metric, at three sizes
    .venv/bin/python benchmarks/models/gate.py --slices            equal models, 16 slices: how often one closes it
    .venv/bin/python benchmarks/models/gate.py --small             few rows, rare classes, near-perfect models
    .venv/bin/python benchmarks/models/gate.py --rare              models that differ in a handful of rows that decide
    .venv/bin/python benchmarks/models/gate.py --bounds            bounds by interval at the true value: too narrow?

Labels are half ones; the champion scores a row with `mu * (y - 1/2)` and normal noise, the other model likewise, its
noise correlated with the champion's. So the true AUC, accuracy and F1 are known in closed form, the log loss by
quadrature, and the second model's `mu` is chosen so that it is worse by exactly the margin. `bare` is what comparing
two numbers does: pass if the measured drop is at most the margin. The last size of a metric is the one that
docs/guides/evaluation.md documents: from which an equal model passes in 80 % of evaluations.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa

from levada.artifacts.measured import Task
from levada.evaluation.built_in import built_in
from levada.evaluation.gate import POWER, Rules, not_worse, rounded_up
from levada.evaluation.intervals import quantile
from levada.evaluation.measuring import measure
from levada.evaluation.metrics import Sums
from levada.evaluation.rows import Rows
from levada.evaluation.slicing import slice_up

PHI = NormalDist()
MU = 1.2  # AUC 0.802, accuracy 0.726
MARGIN = 0.01
ALIKE = 0.97  # correlation of the two models' noise: 5.6 % of the answers differ, as after another seed
METRICS = ("auc", "accuracy", "f1", "log_loss")

TRUTH: dict[str, Callable[[float], float]] = {
    "auc": lambda mu: PHI.cdf(mu / 2**0.5),
    "accuracy": lambda mu: PHI.cdf(mu / 2),
    "f1": lambda mu: PHI.cdf(mu / 2),
    "log_loss": lambda mu: -log_loss(mu),
}


def log_loss(mu: float) -> float:
    """The mean loss of `sigmoid(score)`, by Gauss-Hermite quadrature over the noise."""
    at, weight = np.polynomial.hermite_e.hermegauss(80)
    return float((np.log1p(np.exp(-(mu / 2 + at))) * weight).sum() / weight.sum())


def worse_by(metric: str, drop: float) -> float:
    """Return the `mu` of a model that is worse than the champion by `drop`."""
    wanted = TRUTH[metric](MU) - drop
    low, high = 0.0, MU
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if TRUTH[metric](middle) < wanted else (low, middle)
    return (low + high) / 2


def drawn(count: int, mu: float, seed: int, *, champion: float = MU, alike: float = ALIKE, ones: float = 0.5) -> Rows:
    random = np.random.default_rng([seed, count])
    labels = (random.random(count) < ones).astype(np.int64)
    noise = random.normal(size=count)
    other = alike * noise + (1 - alike**2) ** 0.5 * random.normal(size=count)
    chances = tuple(
        1 / (1 + np.exp(-(part * (labels - 0.5) + each))) for part, each in ((mu, other), (champion, noise))
    )
    columns = pa.table({"slice": (random.integers(0, 16, count)).astype(str)})
    return Rows("binary", ("0", "1"), labels, chances, columns, seed=seed)


def passes(
    rows: Rows, metric: str, margin: float = MARGIN, slices: tuple[str, ...] = (), *, task: Task = "binary"
) -> tuple[bool, bool]:
    """Return whether the gate opens, and whether a bare comparison would let the model pass."""
    slicings = slice_up(slices, rows.columns, least=1, most=100)
    measured = measure(rows, {metric: built_in(task)[metric]}, slicings, 0.95)
    rules = Rules({}, {metric: margin}, 0.95)
    conditions = not_worse(measured, rules, "the champion", answers_alike=False)
    if slices:
        conditions = [condition for condition in conditions if condition.kind == "slice"]
    part = measured.whole.parts[0]
    bare = metric in part.drops and part.drops[metric].value <= margin
    return all(condition.holds for condition in conditions), bare


def needed(metric: str, mu: float = MU) -> int:
    """Return how many rows an equal model needs, from the error of the drop in many rows."""
    z, squares = quantile(0.95), list[float]()
    for seed in range(10):  # a bootstrapped error of one is exact to 4 % only
        rows = drawn(50_000, mu, 10**6 + seed)
        low, high = built_in("binary")[metric].drops(rows, rows.groups).bounds(z)
        squares.append((float(high[0] - low[0]) / (2 * z)) ** 2)
    return rounded_up(50_000 * float(np.mean(squares)) * ((z + PHI.inv_cdf(POWER)) / MARGIN) ** 2)


def table(evaluations: int, metrics: Sequence[str]) -> None:
    print(
        f"margin {MARGIN}, {evaluations:,} evaluations each; "
        f"champion: AUC {TRUTH['auc'](MU):.3f}, accuracy {TRUTH['accuracy'](MU):.3f}"
    )
    print(f"{'metric':10}{'rows':>8}   worse by the margin, passes   bare     equal, passes    CPU-s an evaluation")
    for metric in metrics:
        edge, documented = worse_by(metric, MARGIN), needed(metric)
        for count in (500, 2_000, documented):
            before = spent()
            at_margin = [passes(drawn(count, edge, seed), metric) for seed in range(evaluations)]
            equal = [passes(drawn(count, MU, seed + 10**7), metric)[0] for seed in range(evaluations)]
            cpu = (spent() - before) / (2 * evaluations)
            wrong, bare = (np.mean([each[place] for each in at_margin]) for place in (0, 1))
            mark = "  documented" if count == documented else ""
            print(
                f"{metric:10}{count:>8,}{wrong:>28.1%}{bare:>9.1%}{np.mean(equal):>17.1%}{cpu:>15.4f}{mark}", flush=True
            )


def sliced(evaluations: int) -> None:
    print(
        f"equal models, 16 slices of about 500 rows, {evaluations:,} evaluations: how often any slice closes the gate"
    )
    for metric in METRICS:
        closed = [not passes(drawn(8_000, MU, seed), metric, 0.0, ("slice",))[0] for seed in range(evaluations)]
        print(f"{metric:10}{np.mean(closed):8.1%}", flush=True)


def small(evaluations: int) -> None:
    print(f"worse by exactly the margin, passes ({evaluations:,} evaluations each)")
    cases: list[dict[str, Any]] = [
        {"count": count, "ones": ones, "champion": champion, "margin": margin}
        for count in (100, 200)
        for ones in (0.5, 0.1)
        for champion in (1.2, 3.3)
        for margin in (0.01, 0.03)
    ]
    for case in cases:
        champion, margin = case["champion"], case["margin"]
        edge = float(PHI.inv_cdf(PHI.cdf(champion / 2**0.5) - margin) * 2**0.5)
        other = float(PHI.inv_cdf(PHI.cdf(champion / 2) - margin) * 2)
        said = [
            np.mean(
                [
                    passes(drawn(case["count"], mu, seed, champion=champion, ones=case["ones"]), metric, margin)[0]
                    for seed in range(evaluations)
                ]
            )
            for metric, mu in (("auc", edge), ("accuracy", other))
        ]
        auc = PHI.cdf(champion / 2**0.5)
        print(
            f"{case['count']:>5} rows, {case['ones']:.0%} ones, AUC {auc:.3f}, margin {margin}: "
            f"auc {said[0]:.1%}  accuracy {said[1]:.1%}",
            flush=True,
        )


# -- a handful of rows that decide ------------------------------------------------------------------

FOUND, CLAIMED, LOST = 0.9, 0.002, 0.02  # of a rare class: hits, false claims among the others, what equal models swap


def fraud(count: int, rare: int, lose: float, find: float, seed: int) -> Rows:
    """A champion that finds `FOUND` of `rare` ones, beside a model that loses and finds some of them."""
    random = np.random.default_rng([seed, count, rare])
    labels = (np.arange(count) < rare).astype(np.int64)
    old = random.random(count) < np.where(labels == 1, FOUND, CLAIMED)
    chance = random.random(count)
    new = np.where(labels == 1, np.where(old, chance >= lose, chance < find), old)
    noise = random.random(count) / 10
    chances = tuple(np.where(said, 0.8, 0.1) + noise * part for said, part in ((new, 1), (old, 0.9)))
    return Rows("binary", ("0", "1"), labels, chances, pa.table({"a": noise}), seed=seed)


def fraud_counts(count: int, rare: int, found: float) -> np.ndarray[Any, Any]:
    """What is expected of each class: hits, answers, rows."""
    false = (count - rare) * CLAIMED
    hits, said = [count - rare - false, rare * found], rare * found + false
    return np.array([*hits, count - said, said, count - rare, rare])[:, None]


def many(count: int, rare: int, lose: float, find: float, seed: int) -> Rows:
    """Five classes, 95 % right; of the last, with `rare` rows, the model loses some and finds some."""
    random = np.random.default_rng([seed, count, rare])
    labels = np.concatenate([np.full(rare, 4), np.arange(count - rare) % 4])
    old = np.where(random.random(count) < 0.95, labels, (labels + 1) % 4)
    chance = random.random(count)
    new = np.where(labels == 4, np.where(old == 4, np.where(chance < lose, 0, 4), np.where(chance < find, 4, old)), old)
    answers = tuple(np.eye(5)[said] * part + (1 - part) / 5 for said, part in ((new, 0.8), (old, 0.79)))
    return Rows("multiclass", tuple("abcde"), labels, answers, pa.table({"a": chance}), seed=seed)


def many_counts(count: int, rare: int, found: float) -> np.ndarray[Any, Any]:
    true = np.array([*[(count - rare) / 4] * 4, rare])
    hits = np.array([*true[:4] * 0.95, rare * found])
    said = np.array([*[(count - rare) / 4] * 4, rare * found])
    said[0] += rare * (0.95 - found)
    said[1] += rare * 0.05  # (4 + 1) % 4
    return np.concatenate([hits, said, true])[:, None]


RARE = [
    *[(name, fraud, fraud_counts, FOUND, *size, 0.02)
      for name in ("f1", "mcc", "balanced_accuracy", "recall", "precision")
      for size in ((200, 20), (2_000, 20), (2_000, 40), (20_000, 100), (20_000, 500))],
    *[(name, many, many_counts, 0.95, *size, 0.012)
      for name in ("macro_f1", "balanced_accuracy")
      for size in ((500, 10), (2_000, 20), (5_000, 30), (20_000, 500))],
]  # fmt: skip


def value_of(name: str, task: Task, counts: np.ndarray[Any, Any]) -> float:
    """Return a metric of expected counts."""
    metric = built_in(task)[name]
    if isinstance(metric, Sums):
        return float(metric.of(counts)[0])
    return float((counts[1] / counts[5 if name == "recall" else 3])[0])


def rare(evaluations: int) -> None:
    print(f"models that differ in a rare class alone, {evaluations:,} evaluations each")
    print(f"{'metric':20}{'rows':>8}{'rare':>6}{'margin':>8}   worse by the margin, passes   bare     equal, passes")
    for name, draw, counts, share, count, few, margin in RARE:
        task: Task = "binary" if draw is fraud else "multiclass"
        expected = partial(counts, count, few)
        before = value_of(name, task, expected(share))
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            is_less = before - value_of(name, task, expected(share * (1 - middle))) < margin
            low, high = (middle, high) if is_less else (low, middle)
        wrong = [passes(draw(count, few, high, 0.0, seed), name, margin, task=task) for seed in range(evaluations)]
        find = LOST * share / (1 - share)
        equal = [
            passes(draw(count, few, LOST, find, seed + 10**7), name, margin, task=task)[0]
            for seed in range(evaluations)
        ]
        held, bare = (np.mean([each[place] for each in wrong]) for place in (0, 1))
        print(f"{name:20}{count:>8,}{few:>6}{margin:>8}{held:>28.1%}{bare:>9.1%}{np.mean(equal):>17.1%}", flush=True)


def bounds(evaluations: int) -> None:
    print(f"at_least(what is true, by='interval') passes, and how often the interval holds it ({evaluations:,} each)")
    z = quantile(0.95)
    for champion in (1.2, 2.0, 3.0, 4.0):
        for count, ones in ((100, 12), (500, 12), (1_000, 20), (5_000, 30), (20_000, 100)):
            truth = TRUTH["auc"](champion)
            labels = np.arange(count) < ones
            ends: list[tuple[float, float]] = []
            for seed in range(evaluations):
                scores = np.random.default_rng([seed, count]).normal(size=count) + champion * labels
                chances = 1 / (1 + np.exp(2 - scores))
                rows = Rows("binary", ("0", "1"), labels.astype(np.int64), (chances,), pa.table({}), seed=seed)
                found = built_in("binary")["auc"].find(rows, 0, rows.groups, z)
                ends.append((float(found.low[0]), float(found.high[0])))
            shown(f"auc {truth:.3f}, {count:,} rows, {ones} ones", truth, ends)
    for count, right in ((20, 0.95), (50, 0.97), (100, 0.98), (200, 0.99), (2_000, 0.8)):
        for name, truth in (("f1", right), ("balanced_accuracy", right), ("mcc", 2 * right - 1)):
            ends = []
            for seed in range(evaluations):
                random = np.random.default_rng([seed, count])
                labels = random.integers(0, 2, count)
                decided = np.where(random.random(count) < right, labels, 1 - labels)
                rows = Rows("binary", ("0", "1"), labels, (decided * 0.8 + 0.1,), pa.table({}), seed=seed)
                found = built_in("binary")[name].find(rows, 0, rows.groups, z)
                ends.append((float(found.low[0]), float(found.high[0])))
            shown(f"{name} {truth:.3f}, {count:,} rows", truth, ends)
    for count in (200, 1_000, 10_000):
        for name in ("calibration_error", "calibration_gap"):
            ends = []
            for seed in range(evaluations):
                random = np.random.default_rng([seed, count])
                chances = random.beta(2, 3, count)
                labels = (random.random(count) < chances).astype(np.int64)
                rows = Rows("binary", ("0", "1"), labels, (chances,), pa.table({}), seed=seed)
                found = built_in("binary")[name].find(rows, 0, rows.groups, z)
                ends.append((float(found.low[0]), float(found.high[0])))
            shown(f"{name} 0, {count:,} rows", 0.0, ends)


def shown(case: str, truth: float, ends: list[tuple[float, float]]) -> None:
    above = np.mean([low > truth for low, _ in ends])
    holds = np.mean([low <= truth <= high for low, high in ends])
    width = np.mean([high - low for low, high in ends])
    print(f"{case:40} passes {above:6.1%}  holds it {holds:6.1%}  mean width {width:.3f}", flush=True)


def spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("evaluations", nargs="?", type=int, default=1_000)
    words.add_argument("--metric", action="append", choices=METRICS, help="only this one")
    words.add_argument("--slices", action="store_true")
    words.add_argument("--small", action="store_true")
    words.add_argument("--rare", action="store_true")
    words.add_argument("--bounds", action="store_true")
    given = words.parse_args()
    others = {"slices": sliced, "small": small, "rare": rare, "bounds": bounds}
    chosen = [other for name, other in others.items() if getattr(given, name)]
    if chosen:
        chosen[0](given.evaluations)
    else:
        table(given.evaluations, given.metric or METRICS)


if __name__ == "__main__":
    main()
