"""What an evaluation of a million stored predictions costs: three metrics with intervals, all rows and 100 slices.

    .venv/bin/python benchmarks/models/evaluate.py [ROWS] [--pairs]

Predictions and labels lie in Parquet; the figure is the CPU seconds of `evaluate` from there to the results, with a
champion beside it where `--pairs` says so. The imports of numpy and pyarrow are counted apart.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

METRICS = {
    "auc, log_loss, accuracy": ["auc", "log_loss", "accuracy"],
    "f1, calibration_error, mcc (all bootstrap)": ["f1", "calibration_error", "mcc"],
    "the usual six": None,
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("rows", nargs="?", type=int, default=1_000_000)
    words.add_argument("--pairs", action="store_true", help="with a champion, compared row by row")
    given = words.parse_args()

    before = spent()
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet

    print(f"imports                                     {spent() - before:6.2f} CPU-s")
    from levada.artifacts import Examples, Predictions, Tensor
    from levada.artifacts.model import ModelDocument
    from levada.evaluation.asking import Asked
    from levada.evaluation.assessing import Champion, Question, assess
    from levada.evaluation.thresholds import at_least
    from tests.models.workshop import Workshop

    random = np.random.default_rng(0)
    labels = random.integers(0, 2, given.rows)
    chances = [1 / (1 + np.exp(-(labels - 0.5 + random.normal(size=given.rows)))) for _ in range(2)]
    codes = {f"by_{count}": random.integers(0, count, given.rows) for count in (50, 30, 20)}
    table = pa.table({"y": labels, **{name: pa.array(part).cast(pa.string()) for name, part in codes.items()}})
    tensor = Tensor("p", "float32")
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        examples = workshop.make(Examples, lambda made: made.write("eval", table))

        def stored(answers: Any) -> Asked:
            def write(made: Predictions) -> None:
                made.describe("f", "d", (tensor,), "")
                made.write("eval", pa.table({"p": answers.astype("float32")}))

            document = ModelDocument("onnx", "", (), (tensor,), "", "")
            return Asked("the champion", document, no_model, workshop.make(Predictions, write))

        model, other = (stored(answers) for answers in chances)
        champion = Champion(other, "c") if given.pairs else None
        asked = {"max_drop": {"auc": 0.01, "log_loss": 0.01}} if given.pairs else {}
        for name, metrics in METRICS.items():
            question = Question(
                "y", metrics=metrics, slices=list(codes), min_slice=500, thresholds={"auc": at_least(0.5)}, **asked
            )
            before = spent()
            results = assess(model, "f", champion, examples, question)
            cpu = spent() - before
            assert len(results.slices) == 100
            assert all(each.low is not None for part in results.slices for each in part.metrics.values())
            print(f"{name:44}{cpu:6.2f} CPU-s  {given.rows / cpu:12,.0f} rows/CPU-s  {len(results.slices)} slices")


def no_model() -> Any:
    raise AssertionError("stored predictions are read, no model is asked")


def spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
