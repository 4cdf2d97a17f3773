"""Runs killed with -9 at random moments: `.venv/bin/python benchmarks/kills.py 100 --interrupts 40`

A series runs one pipeline in a fresh store until a run comes to its end. Each run is killed at a moment drawn from the
time that an undisturbed one takes. After every kill the next command (`levada sync`, itself killed now and then) must
close the run; what is checked each time and at the end of a series is in `faults_after_a_kill`, `faults_at_the_end`.
`--interrupts` then stops as many runs with signals that can be answered, as `benchmarks/interrupts.py` does.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import BIN, ROOT, environment

LEVADA = BIN / "levada"
OF_A_PROJECT = ("components", "pipelines", "schemas", "pyproject.toml")
OF_A_LIGHT_ONE = ("noop", "pyproject.toml")
LIGHT = "chain"
THAT_DIFFER = ("Evaluation", "Blessing", "Anomalies", "PushedModel")
"""Artifacts that say when they were made, or which version: what they say otherwise is compared by metrics."""
TIMED = "ServingCheck"
"""An artifact that says how long something took: what it comes to is compared."""


@dataclass(frozen=True)
class Started:
    """A command that runs, and the file with what it says."""

    process: subprocess.Popen[bytes]
    said: Path


@dataclass
class Series:
    """One pipeline, in a project and a store of its own."""

    home: Path
    words: tuple[str, ...]
    rng: random.Random
    duration: float = 0.0
    kept: set[str] = field(default_factory=set)
    hits: Counter[str] = field(default_factory=Counter)

    @property
    def store(self) -> Path:
        return self.home / ".levada"

    @property
    def kills(self) -> int:
        return sum(self.hits.values())

    def start(self, *words: str) -> Started:
        said = self.home.with_name(f"{self.home.name}.txt")  # not a pipe: nobody reads while it runs
        with said.open("w") as out:
            process = subprocess.Popen(
                [LEVADA, *words], cwd=self.home, env=environment(), stdout=out, stderr=subprocess.STDOUT
            )
        return Started(process, said)

    def run_until_it_ends(self, most: int) -> list[str]:
        """Start the run again and again, killing each, until one ends or `most` were killed; return what is wrong."""
        faults: list[str] = []
        while self.kills < most:
            started = self.start("run", *self.words)
            if not _killed_after(started, self.rng.uniform(0, self.duration)):
                faults += _unless_ok(started, "the run")
                return faults + self.faults_at_the_end()
            self.hits[self._doing()] += 1
            faults += self.faults_of_serving()
            if self.rng.random() < 0.25:
                _killed_after(self.start("sync"), self.rng.uniform(0, 4))
            faults += _unless_ok(self.start("sync"), "levada sync")
            faults += self.faults_after_a_kill()
        started = self.start("run", *self.words)
        return faults + _unless_ok(started, "the run") + self.faults_at_the_end()

    def _doing(self) -> str:
        """Say what the last run was doing when it was killed."""
        leases = sorted((self.store / "open").glob("*.json"))
        if not leases:
            return "before or after the run"
        started: list[str] = []
        for event in self.events(leases[-1].stem):
            if event["kind"] == "node_started":
                started.append(event["node"])
            elif event["kind"] == "node_finished" and event["node"] in started:
                started.remove(event["node"])
        return started[-1] if started else "between nodes"

    # -- what must hold ---------------------------------------------------------------------------------

    def faults_after_a_kill(self) -> list[str]:
        """The run is closed, here and in MLflow; what was finished is still a hit; nothing else is left."""
        faults = [f"still open: {path.name}" for path in (self.store / "open").glob("*")]
        done: set[str] = set()
        named: set[str] = set()
        for run in sorted((self.store / "runs").glob("*")):
            if not (run / "end.json").is_file():
                faults.append(f"no end: {run.name} has {sorted(path.name for path in run.iterdir())}")
                continue
            if [event["kind"] for event in self.events(run.name)].count("run_finished") != 1:
                faults.append(f"the journal of {run.name} does not end once")
            for result in self.results(run):
                if result["status"] == "done" and "items" not in result:
                    done.add(result["key"])
                    named.add(result["attempt"])
        faults += [f"no cache entry for {key}" for key in done if not self._entry(key).is_file()]
        faults += [f"lost: {key}" for key in self.kept - done]
        self.kept = done
        for attempt in self.store.glob("artifacts/*/*/*"):
            if attempt.name not in named:
                faults.append(f"nothing names {attempt.relative_to(self.store)}")
        faults += [f"left over: {path.relative_to(self.home)}" for path in self.home.rglob("*.tmp")]
        faults += [f"left over: {path.name}" for path in self.store.glob("probe*")]
        return faults + self.faults_of_serving() + self._running_in_mlflow()

    def faults_at_the_end(self) -> list[str]:
        """All that holds after a kill, and the serving folder holds whole versions and nothing else."""
        left = [path for folder in self.home.glob("serving/*") for path in folder.glob(".*.tmp-*")]
        faults = [f"left over: {path.relative_to(self.home)}" for path in left]
        return faults + _unless_ok(self.start("sync"), "levada sync") + self.faults_after_a_kill()

    def faults_of_serving(self) -> list[str]:
        """A pointer is whole, and points to a whole version."""
        faults: list[str] = []
        for pointer in self.home.glob("serving/*/levada.json"):
            version = pointer.parent / str(json.loads(pointer.read_text())["version"])
            for path, size in json.loads((version / "model.json").read_text())["files"]:
                if not (version / path).is_file() or (version / path).stat().st_size != size:
                    faults.append(f"half a version is live: {version / path}")
        return faults

    def _running_in_mlflow(self) -> list[str]:
        database = self.store / "mlflow.db"
        if not database.is_file():
            return []
        with sqlite3.connect(database) as connection:
            found = connection.execute("select name from runs where status = 'RUNNING'").fetchall()
        return [f"still running in MLflow: {name}" for (name,) in found]

    # -- what is in the store -----------------------------------------------------------------------------

    def _entry(self, key: str) -> Path:
        return self.store / "cache" / key[:2] / f"{key}.json"

    def events(self, run: str) -> Iterator[dict[str, Any]]:
        for path in sorted((self.store / "runs" / run / "journal").glob("*.jsonl")):
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):  # a line that was cut off is no event
                    yield json.loads(line)

    def results(self, run: Path) -> Iterator[dict[str, Any]]:
        for path in [*run.glob("nodes/**/*.json"), *run.glob("items/**/*.json")]:
            yield json.loads(path.read_text())

    def made(self) -> dict[str, Any]:
        """Return what identifies each output of the last run: fingerprint or digest; metrics where neither can."""
        last = max(self.store.glob("runs/*"))
        found: dict[str, Any] = {}
        for result in self.results(last):
            for name, record in result["outputs"].items():
                kind = record["type"].rsplit(":", 1)[-1]
                identity = record["properties"].get("fingerprint") or record["digest"]
                same = record["properties"]["verdict"]["open"] if kind == TIMED else identity
                found[f"{result['node']}.{name}"] = result["metrics"] if kind in THAT_DIFFER else same
        return found


def _killed_after(started: Started, seconds: float) -> bool:
    """Kill a process after some seconds; False if it had ended by itself."""
    try:
        started.process.wait(seconds)
    except subprocess.TimeoutExpired:
        started.process.send_signal(signal.SIGKILL)
    return started.process.wait() == -signal.SIGKILL


def _unless_ok(started: Started, what: str) -> list[str]:
    code = started.process.wait()
    return [] if code == 0 else [f"{what} ended with {code}: {started.said.read_text()[-2000:]}"]


def project(home: Path, pipeline: str) -> Path:
    """Make a project of its own out of the parts of this one, so that its serving folder is its own too."""
    source, parts = (ROOT, OF_A_PROJECT) if pipeline != LIGHT else (ROOT / "benchmarks" / "noop", OF_A_LIGHT_ONE)
    home.mkdir(parents=True)
    for name in parts:
        (home / name).symlink_to(source / name)
    return home


def kill_runs(home: Path, words: tuple[str, ...], kills: int, rng: random.Random) -> tuple[Counter[str], list[str]]:
    """Kill runs of a pipeline `kills` times, in as many series as it takes; return where they were hit, and faults."""
    undisturbed = Series(project(home / "undisturbed", words[0]), words, rng)
    started = time.monotonic()
    faults = _unless_ok(undisturbed.start("run", *words), "the undisturbed run")
    duration = time.monotonic() - started
    wanted = undisturbed.made()
    say(f"{words[0]}: an undisturbed run takes {duration:.1f} s")
    hits: Counter[str] = Counter()
    number = 0
    while hits.total() < kills and not faults:
        number += 1
        series = Series(project(home / f"series-{number}", words[0]), words, rng, duration)
        found = series.run_until_it_ends(kills - hits.total())
        made = series.made()
        found += [f"{name} is {made.get(name)}, not {one}" for name, one in wanted.items() if made.get(name) != one]
        hits += series.hits
        say(f"{words[0]}: series {number}, {series.kills} kills, {len(found)} faults", *found)
        faults += found
    return hits, faults


def say(line: str, *more: str) -> None:
    print(line, *(f"  {text}" for text in more), sep="\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=100, help="how often, over all pipelines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pipelines", nargs="+", default=["digits", "flights"], help=f"also: {LIGHT}")
    parser.add_argument("--interrupts", type=int, default=0, help="how often Ctrl-C or SIGTERM besides")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    home = Path(tempfile.mkdtemp(prefix="kills-of-levada-"))
    faults: list[str] = []
    for name in arguments.pipelines:
        share = arguments.kills // len(arguments.pipelines)
        words = (name, "--length", "30") if name == LIGHT else (name,)
        hits, found = kill_runs(home / name, words, share, rng)
        faults += found
        say(f"{name}: {hits.total()} kills", *(f"{count:4} {where}" for where, count in hits.most_common()))
    if arguments.interrupts:
        from interrupts import interrupt_runs  # which begins where this ends

        hits, found = interrupt_runs(home / "interrupts", arguments.interrupts, rng)
        faults += found
        say(
            f"{arguments.interrupts} interrupts", *(f"{count:4} {where}" for where, count in hits.most_common()), *found
        )
    say(f"{len(faults)} faults" + (f", see {home}" if faults else ""))
    if not faults:
        shutil.rmtree(home)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
