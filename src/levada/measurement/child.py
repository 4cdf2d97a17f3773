"""The process that a model is measured in: it imports the runtime, loads the model, and asks it.

`python -m levada.measurement.child FOLDER`: reads `request.json` and `rows.npz` there, writes `answers.npz` and, last,
`result.json`; or `failure.json`, for what Levada has a sentence for. Anything else ends it with a traceback.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levada.errors import LevadaError
from levada.measurement.packing import pack, unpack

WARM_UP = 20
DISTINCT = 256
"""Rows that single calls are made of, in turn."""

BATCHES = 100
"""Calls with many rows, at most."""

FEWEST, FEWEST_BATCHES = 20, 3
"""Calls that are made however long they take."""


@dataclass(frozen=True)
class _Moment:
    """A point of time, and the processor time that this process had taken."""

    wall: float
    cpu: float

    @staticmethod
    def now() -> _Moment:
        return _Moment(time.perf_counter(), time.process_time())

    def since(self, name: str) -> dict[str, float]:
        now = _Moment.now()
        return {f"{name}_seconds": now.wall - self.wall, f"{name}_cpu": now.cpu - self.cpu}


def main() -> None:
    """Measure the model that the folder in `sys.argv` asks about."""
    folder = Path(sys.argv[1])
    request: dict[str, Any] = json.loads((folder / "request.json").read_text())
    # The system ends this process, whatever holds it up, should whoever started it be gone by then.
    signal.alarm(int(request["timeout"]) + 10)
    try:
        found = _measured(folder, request)
    except LevadaError as error:
        (folder / "failure.json").write_text(json.dumps({"message": error.message, "hint": error.hint}))
        raise SystemExit(1) from None
    (folder / "result.json").write_text(json.dumps(found))
    os._exit(0)  # what a runtime does when it is taken down is nobody's concern


def _measured(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    from levada.artifacts.model import ModelDocument
    from levada.models.predictor import read_predictor
    from levada.models.runtimes import RUNTIMES

    model, threads, batch = Path(request["model"]), int(request["threads"]), int(request["batch"])
    arrays = unpack(folder / "rows.npz")
    rows = len(next(iter(arrays.values())))
    runtime = RUNTIMES[ModelDocument.read(model).format]

    moment = _Moment.now()
    runtime.load()
    found: dict[str, Any] = moment.since("import")
    found["base_memory"] = _memory("VmRSS")
    moment = _Moment.now()
    predictor = read_predictor(model, threads=threads)
    found |= moment.since("load")
    singles = [{name: array[row : row + 1] for name, array in arrays.items()} for row in range(min(rows, DISTINCT))]
    moment = _Moment.now()
    predictor.answer(singles[0])
    found |= moment.since("first")

    pack(folder / "answers.npz", predictor.predict(arrays, batch=batch))
    many = {name: array.take(range(batch), axis=0, mode="wrap") for name, array in arrays.items()}
    gc.collect()
    gc.disable()
    for row in range(WARM_UP):
        predictor.answer(singles[row % len(singles)])
    taken = _timed(lambda call: predictor.answer(singles[call % len(singles)]), request, FEWEST)
    found |= {"p50": _quantile(taken, 0.5), "p99": _quantile(taken, 0.99), "calls": len(taken)}
    predictor.answer(many)
    fewer = min(BATCHES, max(FEWEST_BATCHES, int(request["calls"]) // 10))
    taken = _timed(lambda call: predictor.answer(many), {**request, "calls": fewer}, FEWEST_BATCHES)
    found |= {"throughput": batch * len(taken) / sum(taken), "batch": batch, "batches": len(taken)}
    found |= {"peak_memory": _memory("VmHWM"), "total_cpu": time.process_time()}
    if request["reference"]:
        pack(folder / "reference.npz", read_predictor(Path(request["reference"])).predict(arrays, batch=batch))
    return found | {"runtime": f"{runtime.title} {runtime.version}".strip(), "threads": threads}


def _timed(call: Callable[[int], Any], request: dict[str, Any], fewest: int) -> list[float]:
    """Return the seconds of each call: as many as were asked for, or as many as fit into the time, but the fewest."""
    clock, taken = time.perf_counter, list[float]()
    end = clock() + float(request["seconds"])
    for number in range(int(request["calls"])):
        start = clock()
        call(number)
        now = clock()
        taken.append(now - start)
        if now > end and len(taken) >= fewest:
            break
    return taken


def _quantile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed (the nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _memory(field: str) -> int:
    """Return a size of this process in bytes: `VmRSS` is now, `VmHWM` the most that was.

    Not `ru_maxrss`, which begins with the size of the process that this one was forked from.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main()
