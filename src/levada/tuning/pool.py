"""The worker processes of a study: started when there is work, given trials, replaced when they die, ended with it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from levada.artifact import Artifact
from levada.context import Context
from levada.fanout import Many
from levada.store.temporary import private_folder
from levada.tuning.search import Search
from levada.values import float_or_object, json_text

GRACE = 2.0
"""Seconds that a trial has to clean up when its study is stopped; then it is killed."""

MODULE = "levada.tuning.worker"


@dataclass
class Worker:
    """One worker process, and the trial that it is at."""

    process: subprocess.Popen[bytes]
    said: int
    alive: int
    log: Path
    trial: int | None = None
    _heard: bytes = b""
    _read: int = 0

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something; one that is gone is noticed when it is listened to."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write((json_text(message) + "\n").encode())
            self.process.stdin.flush()

    def hear(self) -> Iterator[dict[str, Any]]:
        """Yield what it has said; `{"died": "..."}` if it is no more."""
        part = os.read(self.said, 1 << 16)
        if not part:
            yield {"died": self._ending()}
            return
        *lines, self._heard = (self._heard + part).split(b"\n")
        for line in lines:
            yield json.loads(line, object_hook=float_or_object)

    def _ending(self) -> str:
        code = self.process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            return f"was killed by {name}" + (": out of memory, or somebody killed it" if name == "SIGKILL" else "")
        return f"ended with exit code {code}"

    def written(self) -> str:
        """Return what it has written to standard output and error since this was last asked."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        self._read += len(content)
        return content.decode(errors="replace")

    def end(self) -> None:
        """Stop it, and what it started: at once if it is at no trial, else after a moment to clean up."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        if self.trial is not None:
            self.process.terminate()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            os.close(self.said)
            os.close(self.alive)


@dataclass
class Pool:
    """At most `size` workers, all told `about` the study. A context manager: at its end no worker is left."""

    about: dict[str, Any]
    size: int
    workers: list[Worker] = field(default_factory=list[Worker])

    def __enter__(self) -> Pool:
        import tempfile

        self._folder = tempfile.TemporaryDirectory(prefix="study-", dir=private_folder("studies"))
        self._selector = selectors.DefaultSelector()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.end()
        self._selector.close()
        self._folder.cleanup()

    def start(self, trial: int, parameters: dict[str, Any]) -> None:
        """Give a trial to a worker that has none."""
        worker = next((worker for worker in self.workers if worker.trial is None), None) or self._hire()
        worker.trial = trial
        worker.send({"trial": trial, "parameters": parameters})

    @property
    def room(self) -> int:
        """How many more trials can begin."""
        return self.size - sum(worker.trial is not None for worker in self.workers)

    def listen(self, seconds: float) -> list[tuple[Worker, dict[str, Any]]]:
        """Return what workers say within some seconds, as soon as one says anything."""
        heard: list[tuple[Worker, dict[str, Any]]] = []
        for key, _ in self._selector.select(seconds):
            worker: Worker = key.data
            for message in worker.hear():
                heard.append((worker, message))
                if "died" in message:
                    self._selector.unregister(worker.said)
                    self.workers.remove(worker)
        return heard

    def bury(self, worker: Worker) -> None:
        """Clear up after a worker that has died, and what it had started."""
        worker.trial = None
        worker.end()

    def _hire(self) -> Worker:
        alive_read, alive_write = os.pipe()  # its end in the worker is closed when this process is no more
        said_read, said_write = os.pipe()
        log = Path(self._folder.name) / f"{alive_write}-{len(os.listdir(self._folder.name))}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(alive_read), str(said_write)],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                pass_fds=(alive_read, said_write),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONFAULTHANDLER": "1"},
            )
        os.close(alive_read)
        os.close(said_write)
        worker = Worker(process, said_read, alive_write, log)
        self.workers.append(worker)
        self._selector.register(said_read, selectors.EVENT_READ, worker)
        worker.send({**self.about, "folder": self._folder.name, "path": os.environ.get("PYTHONPATH")})
        return worker


def brief(ctx: Context, search: Search, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker is told of the study: the component, its inputs on this machine, whose trials these are."""
    return {
        "component": search.component.reference,
        "inputs": {name: _records(value) for name, value in inputs.items()},
        "root": ctx.root.as_posix(),
        "beam_options": list(ctx.beam_options),
        "run": ctx.run_id,
        "pipeline": ctx.pipeline,
        "node": ctx.node_id,
        "item": ctx.item,
        "attempt": ctx.attempt,
        "goals": list(search.metrics),
        "uses_keras": "keras" in search.component.options.packages,
        "pruned_by": search.metrics[0] if search.prunes else "",
    }


def _records(value: Any) -> Any:
    """Return artifacts as a worker is told of them: the record, and the folder on this machine, whole."""
    if isinstance(value, Artifact):
        return {"record": value.record.to_json(), "path": value.path.as_posix()}
    if isinstance(value, list | tuple | Many):
        return [_records(artifact) for artifact in cast("Sequence[Artifact]", value)]
    return None
