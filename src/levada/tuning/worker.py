"""A worker process of a study: `python -m levada.tuning.worker ALIVE SAID`, told what to do on standard input.

The first line says what is tuned, each later one is a trial. What it answers, a JSON object a line, goes to the file
descriptor SAID:

    {"metric": ["val_auc", 0.67, 3, MILLISECONDS]}   a value on the way; answered by {"prune": false} if it is `asked`
    {"progress": "epoch 3/5"}
    {"done": {"metrics": {...}}}   {"pruned": 3}   {"failed": {...}}   how the trial ended

It goes on with the next trial in the same process, so that TensorFlow is imported once. It ends when its standard
input ends, and at once when ALIVE is closed: then the study's own process is gone.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NoReturn, cast

from levada.artifact import Artifact, ArtifactRecord, Made, made
from levada.component import Component, component_of
from levada.context import Context
from levada.errors import Stopped
from levada.failure import describe
from levada.fanout import Growing, Many
from levada.references import load
from levada.store import Store
from levada.tuning.measures import LATENCY, SECONDS, SIZE, files_of, latency_of, size_of
from levada.values import decode, float_or_object, json_text


class Pruned(Stopped):
    """Raised inside a component whose trial is hopeless, so that it can clean up."""


def main() -> NoReturn:
    """Do trials until there are no more."""
    alive, said = int(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with_study, args=(alive,), daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]  a crash loses little
    _show_log_lines()
    lines = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  what is said here is not the component's to read
    about: dict[str, Any] = json.loads(lines.readline(), object_hook=float_or_object)
    if about["path"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = about["path"]
    work = Work(about, lines, said)
    for line in lines:
        work.do(json.loads(line, object_hook=float_or_object))
    os._exit(0)


def _show_log_lines() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("levada.node")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _end_with_study(alive: int) -> None:
    os.read(alive, 1)  # nobody writes: it returns when the other end is closed
    os._exit(1)


class Work:
    """What a worker was told of the study, and its line to it."""

    def __init__(self, about: dict[str, Any], lines: Any, said: int) -> None:
        self._about = about
        self._lines = lines
        self._said = said
        self._lock = threading.Lock()
        self._inputs: dict[str, Any] | None = None
        self._pruned_at: int | None = None

    def do(self, trial: dict[str, Any]) -> None:
        """Do one trial, and say how it ended."""
        self._pruned_at = None
        folder = tempfile.mkdtemp(prefix=f"trial-{trial['trial']}-", dir=self._about["folder"])
        try:
            answer = self._result(trial, folder)
        except BaseException as error:  # noqa: BLE001  whatever a component raises fails its trial and nothing else
            answer = {"failed": describe(error).to_json()} if self._pruned_at is None else {"pruned": self._pruned_at}
        shutil.rmtree(folder, ignore_errors=True)
        if self._about["uses_keras"]:
            _forget_models()
        sys.stdout.flush()
        sys.stderr.flush()
        self._say(answer)

    def _result(self, trial: dict[str, Any], folder: str) -> dict[str, Any]:
        component = component_of(load(self._about["component"]))
        assert component is not None
        context = self._context(component, trial["trial"], folder)
        if self._inputs is None:
            self._inputs = inputs_of(component, self._about)
        parameters = {name: decode(form) for name, form in trial["parameters"].items()}
        started = time.monotonic()
        returned: Any = component.function(context, **self._inputs, **parameters)
        seconds = time.monotonic() - started
        if self._pruned_at is not None:  # it caught what told it to stop
            return {"pruned": self._pruned_at}
        outputs = [
            one for output in context.outputs.values() for one in (output if isinstance(output, Growing) else [output])
        ]
        measured = {SIZE: float(size_of(files_of(outputs))), SECONDS: round(seconds, 3)}
        if LATENCY in self._about["goals"] and LATENCY not in context.metrics:
            measured[LATENCY] = latency_of(_artifacts(returned), self._inputs)
        return {"done": {"metrics": {**measured, **context.metrics}, "said": context.line}}

    def _context(self, component: Component[..., Any], number: int, folder: str) -> Context:
        about = self._about
        return Context(
            run_id=about["run"],
            node_id=about["node"],
            pipeline=about["pipeline"],
            attempt=f"{about['attempt']}-{number}",
            store=Store(folder),
            root=Path(about["root"]),
            output_types=component.signature.outputs,
            list_outputs=component.signature.lists,
            emit=self._emit,
            beam_options=tuple(about["beam_options"]),
            item=about["item"],
        )

    def _emit(self, kind: str, **fields: Any) -> None:
        """Pass on what a component reports; candidates and promotions are not a trial's to make."""
        if kind == "progress":
            self._say({"progress": fields["message"]})
        elif kind == "metric" and fields["step"] is not None:
            self._point(fields["name"], fields["value"], int(fields["step"]))

    def _point(self, name: str, value: float, step: int) -> None:
        is_asked = name == self._about["pruned_by"] and step >= 0
        with self._lock:
            self._write({"metric": [name, value, step, int(time.time() * 1000)], "asked": is_asked})
            prune = is_asked and bool(json.loads(self._lines.readline() or '{"prune": true}')["prune"])
        if prune:
            self._pruned_at = step
            raise Pruned
        if is_asked and not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value} at step {step}, so there is nothing to judge the trial by")

    def _say(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._write(message)

    def _write(self, message: dict[str, Any]) -> None:
        content = memoryview((json_text(message) + "\n").encode())
        while content:
            content = content[os.write(self._said, content) :]


def inputs_of(component: Component[..., Any], about: dict[str, Any]) -> dict[str, Any]:
    """Return the artifacts that a component is called with, as the engine would give them."""

    def one(form: dict[str, Any]) -> Artifact:
        record, path = ArtifactRecord.from_json(form["record"]), Path(form["path"])
        return type(made(record, _Here()))(Made(record, _Here(), path))

    found: dict[str, Any] = {}
    for name, wanted in component.signature.inputs.items():
        form = about["inputs"].get(name)
        if isinstance(form, list):
            items = [one(each) for each in cast("list[dict[str, Any]]", form)]
            found[name] = Many(items) if wanted.many == "gather" else items
        else:
            found[name] = one(form) if form is not None else None
    return found


class _Here:
    """The home of artifacts that are on this machine, where the study has looked at them."""

    def fetch(self, record: ArtifactRecord) -> Path:
        return Path(record.uri)

    def address(self, uri: str) -> str:
        return uri


def _artifacts(returned: Any) -> list[Any]:
    return list(returned) if isinstance(returned, tuple) else [returned]


def _forget_models() -> None:
    """Let go of the models of a trial: Keras keeps every one that it built, and they refer to each other in circles."""
    import keras

    keras.utils.clear_session()
    gc.collect()


if __name__ == "__main__":
    main()
