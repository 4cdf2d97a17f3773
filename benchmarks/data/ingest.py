"""Ingest beside plain pyarrow, and ten times the rows: `.venv/bin/python -m benchmarks.data.ingest [--scale]`

Each piece of work runs in a process of its own, again and again in turn, so that what else the machine does falls on
all of them alike; CPU seconds are those of the work, without imports (user and system, all threads), the least of the
turns. RSS is the largest of the whole process, Python and all libraries included. The data are made here: 18 columns,
numbers, text, dates, a boolean, some missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from benchmarks.measure import ROOT, environment

CHUNK = 250_000
SPLITS = {"train": 8, "eval": 1, "test": 1}


def columns(rows: int, seed: int) -> pa.Table:
    """Return rows of 18 columns."""
    random = np.random.default_rng(seed)
    words = pa.array([f"word-{number}" for number in range(1000)])
    carriers = pa.array(["UA", "B6", "EV", "DL", "AA", "MQ"])
    day = np.datetime64("2013-01-01") + random.integers(0, 365, rows).astype("timedelta64[D]")
    found: dict[str, Any] = {"id": np.arange(rows) + seed * CHUNK}
    found |= {f"int{number}": random.integers(0, 10**number, rows) for number in range(1, 6)}
    found |= {f"float{number}": random.normal(0, 10, rows).round(number) for number in range(1, 6)}
    found["missing"] = pa.array(random.normal(size=rows).round(3), mask=random.random(rows) < 0.3)
    found["carrier"] = carriers.take(pa.array(random.integers(0, 6, rows)))
    found["word"] = words.take(pa.array(random.integers(0, 1000, rows)))
    found["name"] = pa.array([f"N{number:06d}" for number in random.integers(0, 10**6, rows)])
    found["late"] = random.random(rows) < 0.2
    found["day"] = pa.array(day)
    found["moment"] = pa.array(day.astype("datetime64[s]") + random.integers(0, 86400, rows).astype("timedelta64[s]"))
    return pa.table(found)


def generate(folder: Path, rows: int) -> None:
    """Write a CSV file, one with a malformed row in a hundred, and JSON lines."""
    plain, bad, lines = folder / "rows.csv", folder / "bad.csv", folder / "rows.jsonl"
    options = pacsv.WriteOptions(quoting_style="none")
    schema = columns(1, 0).schema
    with pacsv.CSVWriter(plain, schema, write_options=options) as writer:
        for seed in range(-(-rows // CHUNK)):
            writer.write_table(columns(min(CHUNK, rows - seed * CHUNK), seed))
    if rows > 1_000_000:
        return
    with plain.open() as source, bad.open("w") as target:
        for number, line in enumerate(source):
            target.write(
                line if number % 100 != 50 else "1,2,3\n" if number % 200 == 50 else line.replace(",", ",x", 1)
            )
    with lines.open("w") as target:
        for row in columns(CHUNK, 0).to_pandas().to_json(orient="records", lines=True, date_format="iso"):
            target.write(row)


# -- pieces of work, each in a process of its own -----------------------------------------------------


def plain(folder: Path) -> None:
    """Read with pyarrow and write zstd Parquet, with nothing in between: the whole table at once."""
    pq.write_table(pacsv.read_csv(folder / "rows.csv"), folder / "plain.parquet", compression="zstd")


def streamed(folder: Path) -> None:
    """Do the same batch by batch, in row groups as ingest writes them."""
    options = pacsv.ReadOptions(use_threads=False, block_size=4 << 20)
    waiting: list[pa.RecordBatch] = []
    reader = pacsv.open_csv(folder / "rows.csv", read_options=options)
    with pq.ParquetWriter(folder / "streamed.parquet", reader.schema, compression="zstd") as writer:
        for batch in reader:
            waiting.append(batch)
            if sum(map(len, waiting)) >= 131_072:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting.clear()
        writer.write_table(pa.Table.from_batches(waiting, reader.schema))


def _ingest(folder: Path, source: Any, **options: Any) -> Any:
    from levada.components import ingest
    from levada.context import Context
    from levada.store import Store

    context = Context(
        "run",
        "ingest",
        "bench",
        "attempt",
        Store(folder / "store"),
        folder,
        ingest.signature.outputs,
        lambda *a, **k: None,
    )
    return context, ingest.function(context, source, **options)


def _csv(name: str = "rows.csv") -> Any:
    from levada.components import csv

    return csv(name)


def ingested(folder: Path) -> None:
    """Run `ingest` with a hash split into three."""
    _ingest(folder, _csv(), splits=SPLITS)


def by_days(folder: Path) -> None:
    """Run `ingest` with a split by moments."""
    from levada.components import by_time

    _ingest(folder, _csv(), splits=by_time("day", until={"train": "2013-10-01"}, then="eval"))


def by_classes(folder: Path) -> None:
    """Run `ingest` stratified, which reads twice."""
    from levada.components import stratified

    _ingest(folder, _csv(), splits=stratified("late", SPLITS))


def quarantined(folder: Path) -> None:
    """Run `ingest` where one row in a hundred is malformed."""
    _ingest(folder, _csv("bad.csv"), splits=SPLITS, quarantine=0.02)


def from_lines(folder: Path) -> None:
    """Run `ingest` on 250,000 rows of JSON lines."""
    from levada.components import json_lines

    _ingest(folder, json_lines("rows.jsonl"), splits=SPLITS)


def profiled(folder: Path) -> None:
    """Run `ingest` and `profile`, end to end."""
    from levada.components import profile

    context, examples = _ingest(folder, _csv(), splits=SPLITS)
    profile.function(replace(context, node_id="profile", output_types=profile.signature.outputs, outputs={}), examples)


WORK: dict[str, Callable[[Path], None]] = {
    work.__name__: work for work in (plain, streamed, ingested, by_days, by_classes, quarantined, from_lines, profiled)
}


def once(name: str, folder: Path) -> tuple[float, float]:
    """Return the CPU seconds and the peak RSS (MB) of a piece of work in a process of its own."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.data.ingest", "--work", name, "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    form = json.loads(done.stdout.splitlines()[-1])
    return form["cpu"], form["rss"]


def work(name: str, folder: Path) -> None:
    import levada.components
    import levada.splits.on_beam  # noqa: F401  what is imported is not timed

    before = time.process_time()
    WORK[name](folder)
    cpu = time.process_time() - before
    # Not getrusage: its peak begins with that of the process that forked this one.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"cpu": cpu, "rss": int(peak.split()[1]) / 1024}))


def compare(rows: int, turns: int) -> None:
    names = ["plain", "streamed", "ingested", "by_days", "by_classes", "quarantined", "from_lines"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate(folder, rows)
        size = (folder / "rows.csv").stat().st_size / 1e6
        print(f"{rows:,} rows x 18, {size:.0f} MB of CSV; the least of {turns} turns", flush=True)
        turned = {name: [once(name, folder) for _ in range(1)] for name in names}
        for _ in range(turns - 1):
            for name in names:
                turned[name].append(once(name, folder))
    least = {name: min(cpu for cpu, _ in found) for name, found in turned.items()}
    for name, found in turned.items():
        rss = max(rss for _, rss in found)
        print(f"{name:12} {least[name]:6.2f} CPU-s  {least[name] / least['plain']:5.2f} x plain  {rss:6.0f} MB")


def scale(rows: int, turns: int) -> None:
    found: list[tuple[float, float]] = []
    for count in (rows, 10 * rows):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            generate(folder, count)
            turned = [once("profiled", folder) for _ in range(turns)]
        found.append((min(cpu for cpu, _ in turned), max(rss for _, rss in turned)))
        print(f"ingest + profile {count:>12,} rows  {found[-1][0]:7.2f} CPU-s  peak {found[-1][1]:6.0f} MB", flush=True)
    print(f"ten times the rows: {found[1][0] / found[0][0]:.1f} x the CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--scale", action="store_true", help="ingest and profile so many rows and ten times as many")
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.folder)
    elif options.scale:
        scale(options.rows, options.turns)
    else:
        compare(options.rows, options.turns)


if __name__ == "__main__":
    main()
