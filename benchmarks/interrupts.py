"""Runs stopped with Ctrl-C or SIGTERM at random moments: `.venv/bin/python benchmarks/interrupts.py 20`

The pipeline has nodes in this process and in processes of their own, which start children of their own. A third of the
signals is followed by a second one. Whatever the moment: the command ends with 130 or 143, no process is left, the run
is shown as killed, and nothing of Levada's own is shown as a traceback.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kills import LEVADA, project
from measure import environment

MARK = "LEVADA_BENCHMARK_MARK"
CODES = {signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, -signal.SIGTERM)}
"""What a shell calls 130 and 143: the exit code, or the signal itself before Python has begun to listen."""


def interrupt_runs(home: Path, count: int, rng: random.Random) -> tuple[Counter[str], list[str]]:
    """Interrupt `count` runs; return what they were doing, and what is wrong."""
    hits: Counter[str] = Counter()
    faults: list[str] = []
    duration = 0.0
    for number in range(count + 1):  # the first is left undisturbed
        folder = project(home / str(number), "chain")
        mark = secrets.token_hex(8)
        started = time.monotonic()
        process = subprocess.Popen(
            ["env", "--default-signal=INT", LEVADA, "run", "families"],  # a shell's background ignores it
            cwd=folder,
            env={**environment(), MARK: mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        sent: signal.Signals | None = None
        if number:
            sent = rng.choice([signal.SIGINT, signal.SIGTERM])
            time.sleep(rng.uniform(0, 0.8 * duration))
            process.send_signal(sent)
            if rng.random() < 1 / 3:
                time.sleep(rng.uniform(0, 1))
                process.send_signal(sent)
        output, _ = process.communicate()
        duration = duration or time.monotonic() - started
        found = faults_of(folder, process.returncode, sent, output, mark)
        hits[doing(folder, process.returncode)] += 1
        faults += [f"{number}, {sent.name if sent else 'undisturbed'}: {fault}" for fault in found]
        if not found:
            shutil.rmtree(folder)
    return hits, faults


def doing(folder: Path, code: int) -> str:
    """Say in words how far a run had come."""
    if code == 0:
        return "ended before"
    kinds = [
        json.loads(line)["kind"]
        for path in folder.glob(".levada/runs/*/journal/*.jsonl")
        for line in path.read_text().splitlines()
    ]
    if "run_started" not in kinds:
        return "before the run began"
    return "while nodes ran" if kinds.count("node_started") > kinds.count("node_finished") else "between nodes"


def faults_of(folder: Path, code: int, sent: signal.Signals | None, output: str, mark: str) -> list[str]:
    """Return what is wrong with how a run ended."""
    store = folder / ".levada"
    faults: list[str] = []
    if code not in (0, *CODES.get(sent, ())):
        faults.append(f"exit code {code}: {output[-1500:]}")
    if "Traceback" in output and "levada" in output.partition("Traceback")[2]:
        faults.append(f"a traceback of ours: {output[-3000:]}")
    if left := with_mark(mark):
        faults.append(f"processes left: {left}")
    if list(store.glob("open/*")):
        subprocess.run([LEVADA, "sync"], cwd=folder, env=environment(), check=True, capture_output=True)
        if code in CODES.get(sent, ()) and code > 0 and doing(folder, code) == "while nodes ran":
            faults.append("its end was left to the next command")
    faults += [f"still open: {path.name}" for path in store.glob("open/*")]
    for run in store.glob("runs/*"):
        if not (run / "end.json").is_file():
            faults.append(f"no end: {run.name} has {sorted(path.name for path in run.iterdir())}")
        elif (status := json.loads((run / "end.json").read_text())["status"]) != "killed" and code != 0:
            kinds = "".join(path.read_text() for path in run.glob("journal/*"))
            if '"run_finished"' not in kinds:
                faults.append(f"shown as {status}")
        named = {json.loads(path.read_text()).get("attempt") for path in run.glob("nodes/*.json")}
        faults += [f"left over: {path}" for path in store.glob("artifacts/*/*/*") if path.name not in named]
    return faults


def with_mark(mark: str) -> list[str]:
    """Return the command lines of processes that have a mark in their environment."""
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="interrupts-of-levada-"))
    hits, faults = interrupt_runs(home, arguments.count, random.Random(arguments.seed))
    for what, count in hits.most_common():
        print(f"{count:4} {what}")
    print(*faults, f"{len(faults)} faults" + (f", see {home}" if faults else ""), sep="\n")
    if not faults:
        shutil.rmtree(home)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
