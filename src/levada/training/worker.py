"""A worker of a group: `python -m levada.training.worker ALIVE SAID`, with what to do as JSON on standard input.

It says how far it is in lines of JSON, to the file descriptor SAID, and has no life of its own: when the other end of
ALIVE is closed, since the run is gone, it ends with all that it started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from levada.errors import LevadaError, Position
from levada.hiding import hidden
from levada.training.cluster import VARIABLE, Cluster
from levada.training.description import Training
from levada.training.fitting import carry_out
from levada.training.news import Hooks, Outcome
from levada.training.sharing import Share
from levada.values import decode, encode

GONE = frozenset({"UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError"})
"""TensorFlow's exceptions, by name, that come when another worker is gone."""


class Channel:
    """What this worker says to the process that started it, a line of JSON at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def say(self, kind: str, **fields: Any) -> None:
        line = memoryview(json.dumps({"kind": kind, **fields}).encode() + b"\n")
        with self._lock:
            while line:
                line = line[os.write(self._descriptor, line) :]


def main() -> NoReturn:
    """Do what is asked, say how it ended, and end, whatever threads are left."""
    alive, channel = int(sys.argv[1]), Channel(int(sys.argv[2]))
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]  a crash loses little
    _restore("PYTHONPATH", request["path"])
    try:
        outcome = _train(request, channel)
    except BaseException as error:  # noqa: BLE001  whatever it is, the run is told
        traceback.print_exc()
        channel.say("failed", failure=failure_of(error), lost=is_loss(error))
        _leave(1)
    channel.say("done", outcome=encode(outcome))
    _leave(0)


def _train(request: dict[str, Any], channel: Channel) -> Outcome:
    cluster = Cluster.from_config(os.environ[VARIABLE])
    assert cluster is not None
    training: Training = decode(request["training"])
    # Keras imports them for conveniences that a worker has no use for: a third of the time it takes to start.
    with hidden("IPython", "matplotlib", "pandas", "sklearn"):
        import tensorflow as tf

    from levada.training.agreement import agree, learnt_by, state_of

    channel.say("up")
    strategy: Any = tf.distribute.MultiWorkerMirroredStrategy()  # returns when all workers have come
    channel.say("joined")
    devices = strategy.num_replicas_in_sync // cluster.size
    share = Share(cluster.place, cluster.size, devices)
    folder = request["folder"]

    def built(model: Any, epoch: int) -> None:
        agree(strategy, epoch, state_of(model), hint=f"All go on from the backup in {training.home}: do all see it?")
        channel.say("ready", epoch=epoch)

    def trained(model: Any, epoch: int) -> None:
        hint = "They began with the same one: something in a step differs from worker to worker, and is not averaged."
        agree(strategy, epoch, learnt_by(model), hint)

    hooks = Hooks(say=lambda said: channel.say("said", said=encode(said)), built=built, trained=trained)
    outcome = carry_out(training, folder and Path(folder), strategy=strategy, share=share, hooks=hooks)
    agree(strategy, outcome.epochs)  # nobody leaves while others still save
    return outcome


def failure_of(error: BaseException) -> dict[str, Any]:
    """Return an exception as JSON carries it: its type and message, and the user's own line if there is one."""
    from levada.failure import describe

    failure = describe(error)
    form: dict[str, Any] = {"type": failure.type, "message": failure.message, "hint": ""}
    where = (
        Position(failure.frames[-1].file, failure.frames[-1].line, failure.frames[-1].text) if failure.frames else None
    )
    if isinstance(error, LevadaError):
        form["message"], form["hint"], where = error.message, error.hint, error.where
    return form if where is None else {**form, "where": asdict(where)}


def is_loss(error: BaseException | None) -> bool:
    """Whether an exception says that another worker is gone, rather than that something is wrong here."""
    while error is not None:
        kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("tensorflow.")}
        if kinds & GONE or ("OpError" in kinds and "ollective" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _end_with(alive: int) -> None:
    """Wait until the process that started this one is gone, and end with everything below."""
    os.read(alive, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
