"""Schema and checks after the profile: CPU seconds on 18 columns, by statistics alone and with rows.

    .venv/bin/python benchmarks/data/validate.py [--rows 1000000] [--runs 5]

Each part runs in turn in a process of its own; medians are shown. Imports of Levada and protocol buffers are counted
apart: a run has them once.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # beside this file `profile.py` hides Python's own

from measure import BIN, once

HERE = Path(__file__).resolve()


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--one", help=argparse.SUPPRESS)
    options.add_argument("--prepare", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(measured(Path(chosen.one))))
        return
    if chosen.prepare:
        prepare(Path(chosen.prepare), chosen.rows)
        return
    home = Path(tempfile.mkdtemp(prefix="levada-validate-"))
    try:
        once([BIN / "python", HERE, "--prepare", home, "--rows", str(chosen.rows)])
        runs = [json.loads(once([BIN / "python", HERE, "--one", home]).output) for _ in range(chosen.runs)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{chosen.rows:,} rows of 18 columns, medians of {chosen.runs} processes\n")
    for part in runs[0]:
        print(f"  {part:<58} {statistics.median(run[part] for run in runs):7.3f} CPU-s")


def prepare(home: Path, rows: int) -> None:
    """Profile the table, into a folder."""
    from data.flat import batches

    from levada.artifact import Making
    from levada.artifacts import Examples
    from levada.components import profile

    place = home / "examples"
    place.mkdir()
    examples = Examples(Making(place, str(place), "output"))
    examples.write("train", batches(rows))
    statistics_ = call(profile, home, examples)
    (home / "paths.json").write_text(
        json.dumps([str(examples.path), str(statistics_.path), dict(examples.properties), dict(statistics_.properties)])
    )


def call(component: Any, home: Path, *args: Any, **kwargs: Any) -> Any:
    """Run a component as a plain function."""
    from levada.context import Context
    from levada.store import Store

    context = Context(
        run_id="run",
        node_id=component.name,
        pipeline="benchmark",
        attempt="attempt",
        store=Store(home / "store"),
        root=home,
        output_types=component.signature.outputs,
        emit=lambda *args, **fields: None,
    )
    return component.function(context, *args, **kwargs)


def measured(home: Path) -> dict[str, float]:
    """Return the CPU seconds of each part."""
    from levada.artifact import Making
    from levada.artifacts import Examples, Statistics
    from levada.components import check_data, infer_schema, rule, unique

    examples_at, statistics_at, examples_has, statistics_has = json.loads((home / "paths.json").read_text())

    def looked_at() -> Statistics:
        return Statistics(Making(Path(statistics_at), statistics_at, "output", statistics_has))

    examples = Examples(Making(Path(examples_at), examples_at, "output", examples_has))
    found: dict[str, float] = {}

    def part(name: str, work: Callable[[], Any]) -> Any:
        before = cpu()
        made = work()
        found[name] = cpu() - before
        return made

    part("imports of protocol buffers", lambda: __import__("tensorflow_metadata.proto.v0.schema_pb2"))
    __import__("google.protobuf.text_format")
    statistics_ = looked_at()
    schema = part("infer_schema, with reading the statistics", lambda: call(infer_schema, home, statistics_))
    anomalies = part("check_data, by statistics", lambda: call(check_data, home, looked_at(), schema))
    found["both"] = sum(found[name] for name in list(found)[1:])
    assert anomalies.all() == [], anomalies.all()
    rules = [rule("tip <= fare * 100"), rule("hour < 24 and passengers in [1, 2, 3, 4, 5, 6]")]
    given = {"examples": examples, "rules": rules}
    part("imports of Arrow", lambda: __import__("pyarrow.parquet"))
    part("check_data, two rules over rows", lambda: call(check_data, home, looked_at(), schema, **given))
    given["rules"] = [unique("id", "carrier")]
    part("check_data, a key of two columns", lambda: call(check_data, home, looked_at(), schema, **given))
    return found


if __name__ == "__main__":
    main()
