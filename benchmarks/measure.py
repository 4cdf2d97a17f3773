"""Whole processes, timed from outside: CPU seconds of the process tree and wall seconds."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Timing:
    """One finished process."""

    cpu: float
    wall: float
    output: str


def environment() -> dict[str, str]:
    """Return this process's environment with compiled bytecode allowed and nothing of MLflow's or Levada's set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "LEVADA_STORE"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


def once(command: Sequence[str | Path], folder: Path = ROOT) -> Timing:
    """Run a command to its end; raises if it fails."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(cpu, wall, done.stdout)


def median(run: Callable[[], Timing], runs: int = 5) -> Timing:
    """Run once to warm up, then several times; return the median CPU and wall seconds."""
    run()
    timings = [run() for _ in range(runs)]
    return Timing(
        statistics.median(timing.cpu for timing in timings),
        statistics.median(timing.wall for timing in timings),
        timings[-1].output,
    )
