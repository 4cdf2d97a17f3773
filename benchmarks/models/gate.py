"""The champion gate: how often it lets a model pass that is worse by exactly the margin, and one that is as good.

    .venv/bin/python benchmarks/models/gate.py [EVALUATIONS]       for each metric, at three sizes
    .venv/bin/python benchmarks/models/gate.py --slices            equal models, 16 slices: how often one closes it
    .venv/bin/python benchmarks/models/gate.py --small             few rows, rare classes, near-perfect models

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
from pathlib import Path
from statistics import NormalDist
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa

from levada.evaluation.built_in import built_in
from levada.evaluation.gate import POWER, Rules, not_worse, rounded_up
from levada.evaluation.intervals import quantile
from levada.evaluation.measuring import measure
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


def passes(rows: Rows, metric: str, margin: float = MARGIN, slices: tuple[str, ...] = ()) -> tuple[bool, bool]:
    """Return whether the gate opens, and whether a bare comparison would let the model pass."""
    slicings = slice_up(slices, rows.columns, least=1, most=100)
    measured = measure(rows, {metric: built_in("binary")[metric]}, slicings, 0.95)
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


def spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("evaluations", nargs="?", type=int, default=1_000)
    words.add_argument("--metric", action="append", choices=METRICS, help="only this one")
    words.add_argument("--slices", action="store_true")
    words.add_argument("--small", action="store_true")
    given = words.parse_args()
    if given.slices or given.small:
        (sliced if given.slices else small)(given.evaluations)
    else:
        table(given.evaluations, given.metric or METRICS)


if __name__ == "__main__":
    main()
