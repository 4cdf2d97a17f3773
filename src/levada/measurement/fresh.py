"""A model in a fresh process: asked there, timed, and ended whatever it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.cost import Cost
from levada.artifacts.model import ModelDocument
from levada.errors import ModelError, ParameterError, ProcessError
from levada.measurement.packing import pack, unpack
from levada.models.comparison import check_answers
from levada.models.feed import arrays_of, count_rows
from levada.models.served import files_served

if TYPE_CHECKING:
    from levada.models.feed import Arrays, Rows

TIMEOUT = 120.0
TAIL = 12
"""Lines of a log that an error shows."""


@dataclass(frozen=True)
class Measured:
    """What a model costs, and what it answered: each output by name, one row for each row it was asked about."""

    cost: Cost
    answers: Arrays


def measure(
    folder: Path,
    rows: Rows,
    *,
    calls: int = 1000,
    batch: int = 1024,
    threads: int = 1,
    seconds: float = 2.0,
    timeout: float = TIMEOUT,
    expected: Mapping[str, Any] | None = None,
    reference: Path | None = None,
    tolerance: float = 1e-4,
) -> Measured:
    """Load the model of a folder (with a `model.json`) in a fresh process, ask it about rows, and return what it cost.

    The runtime that serves its format answers, with `threads` threads a call. Of single rows `calls` calls are timed,
    or as many as fit into `seconds`, but 20 at least; then calls of `batch` rows: a tenth of that number, 3 to 100, as
    long. All `rows` (an Arrow table, or arrays by column) are asked about once: `Measured.answers` is what the runtime
    says, from which metrics can be computed. With `expected` the answers must be those, by output, within `tolerance`
    (the largest absolute difference, or that share of the largest number if it is beyond 1; texts must be equal); with
    a `reference`, the folder of another model of the same format, those that it gives in the same process once all has
    been measured.

    Raises ModelError if the model cannot be loaded, cannot answer, or answers otherwise than expected; ProcessError,
    with the end of its log, for a process that dies, or is not done after `timeout` seconds; ParameterError for numbers
    that cannot be meant.
    """
    for name, value in (("calls", calls), ("batch", batch), ("threads", threads)):
        if value < 1:
            raise ParameterError(f"measure({name}={value!r}): wanted a whole number from 1 on.")
    if not seconds >= 0 or not timeout > 0:
        raise ParameterError(f"measure(seconds={seconds:g}, timeout={timeout:g}): wanted times in seconds, above 0.")
    document = ModelDocument.read(folder)
    if not count_rows(rows):
        raise ModelError("a model cannot be measured without rows.", hint="Give measure() some real rows.")
    arrays = arrays_of(document.inputs, rows)
    request = {
        "model": str(folder.absolute()),
        "calls": calls,
        "seconds": seconds,
        "batch": batch,
        "threads": threads,
        "timeout": timeout,
        "reference": str(reference.absolute()) if reference is not None else None,
    }
    with tempfile.TemporaryDirectory(prefix="levada-measured-") as home:
        found, answers = _asked(Path(home), request, arrays, document.format, timeout)
        if reference is not None:
            wanted = unpack(Path(home) / "reference.npz")
            check_answers(answers, wanted, tolerance, f"{found['runtime']} in a fresh process")
    if expected is not None:
        check_answers(answers, expected, tolerance, f"{found['runtime']} in a fresh process")
    size, gzipped = sizes_of(folder)
    return Measured(Cost(format=document.format, size=size, gzipped=gzipped, **found), answers)


def sizes_of(folder: Path) -> tuple[int, int]:
    """Return the bytes of a model's files as they are served, and of each of them compressed (zlib, level 6)."""
    files = files_served(folder).values()
    return sum(file.stat().st_size for file in files), sum(_compressed(file) for file in files)


def _compressed(file: Path) -> int:
    squeezed, total = zlib.compressobj(6, wbits=31), 0
    with file.open("rb") as content:
        while part := content.read(1 << 20):
            total += len(squeezed.compress(part))
    return total + len(squeezed.flush())


def _asked(
    home: Path, request: dict[str, Any], arrays: Arrays, format_: str, timeout: float
) -> tuple[dict[str, Any], Arrays]:
    (home / "request.json").write_text(json.dumps(request))
    pack(home / "rows.npz", arrays)
    log = home / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "levada.measurement.child", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env=_environment(),
        )
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise ProcessError(
            f"the {format_} model was not done after {timeout:g} s in a fresh process.{_tail(log)}",
            hint="Give it longer (timeout=), or fewer rows and calls.",
        ) from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if (home / "failure.json").is_file():
        failure = json.loads((home / "failure.json").read_text())
        raise ModelError(f"in a fresh process: {failure['message']}", hint=failure["hint"])
    if process.returncode or not (home / "result.json").is_file():
        raise ProcessError(f"the process that asked the {format_} model {_ending(process.returncode)}.{_tail(log)}")
    return json.loads((home / "result.json").read_text()), unpack(home / "answers.npz")


def _environment() -> dict[str, str]:
    return {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (": out of memory, or somebody killed it" if name == "SIGKILL" else "")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "".join(f"\n  | {line[:300]}" for line in lines[-TAIL:])
