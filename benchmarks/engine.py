"""What the engine itself costs: `.venv/bin/python benchmarks/engine.py`"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import BIN, ROOT, Timing, median, once

NOOP = ROOT / "benchmarks" / "noop"
LEVADA = BIN / "levada"


def main() -> None:
    """Measure, and print a line each with the figure to reach."""
    home = Path(tempfile.mkdtemp(prefix="benchmark-of-levada-"))
    try:
        seed = home / "seed"  # a store whose MLflow database exists, as after the first run of a project
        once([LEVADA, "--store", seed, "run", "chain", "--length", "1"], NOOP)

        def new_store(name: str) -> Path:
            store = home / name
            shutil.rmtree(store, ignore_errors=True)
            store.mkdir()
            shutil.copy(seed / "mlflow.db", store)
            return store

        def fresh(length: int) -> Timing:
            store = new_store("fresh")
            return once([LEVADA, "--store", store, "run", "chain", "--length", str(length)], NOOP)

        def cached() -> Timing:
            return once([LEVADA, "--store", home / "fresh", "run", "chain", "--length", "50"], NOOP)

        def fan() -> Timing:
            store = new_store("fan")
            return once([LEVADA, "--store", store, "run", "fan", "--jobs", "20", "--json"], NOOP)

        def own(length: int) -> Timing:
            store = new_store("own")
            return once([LEVADA, "--store", store, "run", "isolated", "--length", str(length)], NOOP)

        say("one more no-op node", more_by(lambda: fresh(300), lambda: fresh(50)) / 250 * 1000, "CPU ms", 22)
        say("chain of 50, fresh", median(lambda: fresh(50)).cpu, "CPU s", 4.5)
        say("chain of 50, all cached", median(cached).cpu, "CPU s", 0.6)
        say("one more no-op node in a process of its own", more_by(lambda: own(9), lambda: own(1)) / 8, "CPU s", 0.3)
        spread = median(fan, 3)
        say("fan-out of 20 x sleep(1), whole process", spread.cpu, "CPU s", 3.5)
        say("fan-out, first start to last end", _span(spread.output), "wall s", 2)
        for line in once([BIN / "python", ROOT / "benchmarks" / "scale.py"]).output.splitlines():
            what, figure, unit, reach = line.split(";")
            say(what, float(figure), unit, float(reach))
        say("import levada", median(lambda: once([BIN / "python", "-c", "import levada"])).cpu, "CPU s", 0.15)
        say("levada --help", median(lambda: once([LEVADA, "--help"])).cpu, "CPU s", 0.3)
        say("levada plan flights", median(lambda: once([LEVADA, "plan", "flights"])).cpu, "CPU s", 0.8)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def more_by(more: Callable[[], Timing], few: Callable[[], Timing]) -> float:
    """Return how many CPU seconds more one work takes than another; they take turns, as the machine's speed changes."""
    few()
    return statistics.median(more().cpu - few().cpu for _ in range(4))


def _span(output: str) -> float:
    """Seconds between the first node's start and the last node's end, from the events a run printed."""
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    starts = [datetime.fromisoformat(event["time"]) for event in events if event["kind"] == "node_started"]
    ends = [datetime.fromisoformat(event["time"]) for event in events if event["kind"] == "node_finished"]
    return (max(ends) - min(starts)).total_seconds()


def say(what: str, figure: float, unit: str, reach: float) -> None:
    """Print one measured figure beside the one to reach."""
    verdict = "reached" if figure <= reach else "NOT reached"
    print(f"{what:<44} {figure:8.2f} {unit:<7} (reach {reach:g}: {verdict})", flush=True)


if __name__ == "__main__":
    main()
