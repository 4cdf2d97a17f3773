"""Whether records are lost under load: `.venv/bin/python benchmarks/records.py [--processes 8] [--runs 5] [--lock 30]`

Processes that run chains of no-op nodes one after the other share one store and one SQLite file, which a writer holds
for some seconds meanwhile. What the journals say is then compared with what MLflow has, run by run and node by node.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import BIN, ROOT, environment, once

NOOP = ROOT / "benchmarks" / "noop"
LEVADA = BIN / "levada"
NODES = 5


def main() -> int:
    """Run, compare, and print what was found; the exit code is 1 if anything is missing or there twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5, help="of each process, one after the other")
    parser.add_argument("--lock", type=float, default=30, help="seconds for which the database is held")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="levada-benchmark-"))
    store = home / "store"
    try:
        once([LEVADA, "--store", store, "run", "chain", "--length", "1"], NOOP)
        started = time.monotonic()
        command = (
            f"for i in $(seq {asked.runs}); do '{LEVADA}' --store '{store}' run chain --length {NODES} --no-cache; done"
        )
        processes = [
            subprocess.Popen(
                ["bash", "-c", command], cwd=NOOP, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            for _ in range(asked.processes)
        ]
        hold(store / "mlflow.db", asked.lock)
        said = [process.communicate()[0].decode() for process in processes]
        wall = time.monotonic() - started
        notes = Counter(line.strip() for output in said for line in output.splitlines() if line.startswith("note"))
        synced = once([LEVADA, "--store", store, "sync"], NOOP).output.strip()
        return report(store, asked, wall, notes, synced)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def hold(database: Path, seconds: float) -> None:
    """Be a writer of the database that does not come to an end for a while."""
    time.sleep(5)
    connection = sqlite3.connect(database, isolation_level=None, timeout=60)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    connection.execute("ROLLBACK")
    connection.close()


def report(store: Path, asked: argparse.Namespace, wall: float, notes: Counter[str], synced: str) -> int:
    """Compare journals and MLflow."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store}/mlflow.db")
    experiment = client.get_experiment_by_name("chain")
    assert experiment is not None
    there: Counter[tuple[str, str]] = Counter()
    ended = True
    token = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        for run in page:
            there[run.data.tags["levada.run"], run.data.tags.get("levada.node", "")] += 1
            ended = ended and run.info.status == "FINISHED"
        token = page.token
        if not token:
            break
    wanted: set[tuple[str, str]] = set()
    for folder in (store / "runs").iterdir():
        wanted.add((folder.name, ""))
        for path in (folder / "journal").iterdir():
            events = [json.loads(line) for line in path.read_bytes().splitlines()]
            wanted |= {(folder.name, event["node"]) for event in events if event["kind"] == "node_started"}
    missing, twice = wanted - set(there), [key for key, count in there.items() if count > 1]
    print(
        f"{asked.processes} processes x {asked.runs} runs x {NODES} nodes in {wall:.0f} s wall, "
        f"locked for {asked.lock:.0f} s"
    )
    print(f"runs and nodes in the journals {len(wanted)}, missing in MLflow {len(missing)}, there twice {len(twice)}")
    print(f"all ended: {ended}; `levada sync` afterwards: {synced}")
    for note, count in notes.items():
        print(f"{count:3} x {note}")
    return 1 if missing or twice or not ended else 0


if __name__ == "__main__":
    raise SystemExit(main())
