"""The Chicago-taxi pipeline beside the same work as one plain script, and beside TFX.

    LEVADA_DATA=... .venv/bin/python benchmarks/taxi/compare.py
    LEVADA_DATA=... .venv/bin/python benchmarks/taxi/compare.py --tfx PYTHON

PYTHON is the interpreter of a virtual environment (Python 3.11) with TFX:
`uv venv -p 3.11 tfx && uv pip install -p tfx tfx==1.16.0 dill pip "setuptools<81" --compile-bytecode`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measure import BIN, ROOT, Timing, once

HERE = ROOT / "benchmarks" / "taxi"


def main() -> None:
    """Run each in turn, A B A B, and print medians and the ratios pair by pair."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tfx", help="the Python of an environment that has TFX")
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    if "LEVADA_DATA" not in os.environ:
        raise SystemExit("LEVADA_DATA is not set: it names the folder that holds chicago_taxi/data.csv.")
    data = Path(os.environ["LEVADA_DATA"]).absolute() / "chicago_taxi" / "data.csv"
    home = Path(tempfile.mkdtemp(prefix="levada-taxi-"))
    found: dict[str, list[Timing]] = {"levada": [], "by hand": []}
    try:
        for number in range(chosen.runs + 1):
            project = home / f"levada-{number}"
            project.mkdir()
            shutil.copy(HERE / "pyproject.toml", project)
            shutil.copytree(HERE / "taxi", project / "taxi")
            found["levada"].append(once([BIN / "levada", "run", "taxi", "--data", data], project))
            found["by hand"].append(once([BIN / "python", HERE / "by_hand.py", home / f"hand-{number}"]))
            if chosen.tfx and number:
                words = [chosen.tfx, HERE / "tfx_taxi.py", data.parent, home / f"tfx-{number}"]
                found.setdefault("TFX", []).append(once(words, home))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    found["levada"], found["by hand"] = found["levada"][1:], found["by hand"][1:]  # the first warms up
    for name, timings in found.items():
        cpu = statistics.median(timing.cpu for timing in timings)
        wall = statistics.median(timing.wall for timing in timings)
        print(f"{name:<8} {cpu:7.2f} CPU s  {wall:7.2f} wall s")
    for name, timings in found.items():
        if name != "levada":
            ratios = [one.cpu / other.cpu for one, other in zip(found["levada"], timings, strict=False)]
            print(f"levada / {name}: {statistics.median(ratios):.2f} of the CPU time")


if __name__ == "__main__":
    main()
