"""A training in several worker processes, and what keeps it going: when one worker is lost, all start again.

The others cannot go on without it, and one that is started alone would wait for them for ever. So the group starts
again as a whole, and goes on from the last backup that the chief has written: the weights come out as if nothing had
happened.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levada import errors
from levada.errors import LevadaError, Position, ProcessError, ProjectError, Stopped
from levada.training.cluster import HOST, VARIABLE, Cluster, on_this_machine
from levada.training.description import Training
from levada.training.member import Member
from levada.training.news import Outcome, Said
from levada.values import decode, encode

PATIENCE = 300.0
"""Seconds that workers have to come up and find each other."""

RESTARTS = 3
"""How often in a row a group starts again without an epoch done in between."""

_LOOK = 0.05

_NO_PROXY = "no_grpc_proxy"
"""Where gRPC, in lower case, is told for whom it goes through no proxy."""


@dataclass(frozen=True)
class Supervision:
    """How a group is watched.

    `logs` is the folder for the workers' logs, `command` what shows one of them, but for `--worker N` ("": nothing
    does). `say` hears how far the training is, each end of an epoch once; `note` a sentence when all start again.
    `stopped` is asked many times a second: true ends all workers, with `levada.errors.Stopped`. `patience` and
    `restarts` are as `PATIENCE` and `RESTARTS`.
    """

    logs: Path
    command: str = ""
    say: Callable[[Said], None] = lambda said: None
    note: Callable[[str], None] = lambda sentence: None
    stopped: Callable[[], bool] = lambda: False
    patience: float = PATIENCE
    restarts: int = RESTARTS

    def file_of(self, place: int) -> Path:
        """Return the log of a worker."""
        return self.logs / f"worker-{place}.log"

    def log_of(self, place: int) -> str:
        """Say where the log of a worker is."""
        return f"Its log: {f'{self.command} --worker {place}' if self.command else self.file_of(place)}"


def carry_out_in_group(training: Training, folder: Path, workers: int, supervision: Supervision) -> Outcome:
    """Train in worker processes, as `carry_out` does in one, and return what came of it.

    Where TF_CONFIG is set this process stands for one worker of that cluster, and starts that one; each of its workers
    must see `training.home`. Otherwise it starts `workers` of them on this machine.

    Raises ProcessError for a worker that does not come up, or is lost again and again; ProjectError for a TF_CONFIG
    that cannot be, or names a port in use; and what was raised in a worker: a LevadaError as it is, others as
    ProcessError with the user's own line.
    """
    given = Cluster.from_config(os.environ.get(VARIABLE, ""))
    if given is not None and workers not in (1, given.size):
        raise ProjectError(f"{VARIABLE} names {given.size} workers, and {workers} were asked for.")
    size = given.size if given is not None else workers
    if training.batch_size < size:
        raise ProjectError(f"a batch of {training.batch_size} rows cannot be divided among {size} workers.")
    if training.home is None:
        raise ProjectError("workers need a folder for the backup that they go on from.")
    watched = _Watched(training, folder, supervision)
    in_vain = 0
    while True:
        before = watched.epochs
        with nullcontext(given) if given is not None else on_this_machine(workers) as cluster:
            loss = watched.generation(cluster, is_given=given is not None)
        if isinstance(loss, Outcome):
            return loss
        in_vain = 0 if watched.epochs > before else in_vain + 1
        if in_vain > supervision.restarts:
            raise ProcessError(
                f"{loss.what}; {in_vain} starts ended like that, without an epoch done.{loss.tail}",
                hint=supervision.log_of(loss.place),
            )
        supervision.note(f"{loss.what}: all {size} workers start again, after epoch {watched.epochs}")


@dataclass(frozen=True)
class _Loss:
    """What became of a worker, so that the others cannot go on."""

    what: str
    place: int
    tail: str


class _Watched:
    """A training as it is watched, through all its starts."""

    def __init__(self, training: Training, folder: Path, supervision: Supervision) -> None:
        self.epochs = 0
        self._training, self._folder, self._by = training, folder, supervision

    def generation(self, cluster: Cluster, is_given: bool) -> Outcome | _Loss:
        """Start all workers of this process, and return what came of the training, or how a worker was lost."""
        _empty(self._folder)
        places = [cluster.place] if is_given else range(cluster.size)
        if is_given:
            cluster.check_port()
        with self._started(cluster, places, is_given) as members:
            deadline = time.monotonic() + self._by.patience
            while True:
                if self._by.stopped():
                    raise Stopped
                for member in members:
                    ended = member.has_ended  # asked first: what it said before its end is heard then
                    for form in member.hear():
                        if form["kind"] == "done" and member is members[0]:
                            return decode(form["outcome"])
                        if form["kind"] == "said" and member is members[0]:
                            self._hear(decode(form["said"]))
                        if form["kind"] == "failed":
                            return _failure(member, form, members, self._by)
                    if ended and member.process.returncode != 0:
                        return _end_of(member, self._by)
                late = [member for member in members if not member.has_joined]
                if late and time.monotonic() > deadline:
                    raise _late(late, cluster, self._by, is_given)
                time.sleep(_LOOK)

    def _hear(self, said: Said) -> None:
        if said.is_end and said.epoch <= self.epochs:
            return  # it was done before, and has been said
        if said.is_end:
            self.epochs = said.epoch
        self._by.say(said)

    @contextmanager
    def _started(self, cluster: Cluster, places: Sequence[int], is_given: bool) -> Iterator[list[Member]]:
        """Start workers; they are gone when the block is left, and when this process is gone."""
        alive, held = os.pipe()  # its end in a worker is closed when this process is no more
        form = encode(self._training)
        self._by.logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.callback(os.close, held)
            stack.callback(os.close, alive)
            members: list[Member] = []
            for place in places:
                request = {
                    "training": form,
                    "folder": self._folder.as_posix() if place == places[0] else None,
                    "path": os.environ.get("PYTHONPATH"),
                }
                log = self._by.file_of(place)
                environment = _environment(cluster.at(place), is_given)
                members.append(Member(place, cluster.size, alive, request, environment, log))
                stack.callback(members[-1].end)
            yield members


def _empty(folder: Path) -> None:
    """Take away what an earlier start may have left of a model."""
    if folder.is_dir():
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _environment(cluster: Cluster, is_given: bool) -> dict[str, str]:
    """Return the environment of a worker."""
    found = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONFAULTHANDLER": "1",
    }
    if not is_given:
        found[VARIABLE] = cluster.config()
        found["TF_GRPC_REUSE_PORT"] = "1"  # the port is held, and TensorFlow binds beside the holder
        found[_NO_PROXY] = ",".join(filter(None, (os.environ.get(_NO_PROXY), HOST)))
        devices = _devices(cluster)
        if devices is not None:
            found["CUDA_VISIBLE_DEVICES"] = devices
    return found


def _devices(cluster: Cluster) -> str | None:
    """Return the GPUs of a worker: an equal part of this machine's, and none where there are fewer than workers."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        gpus = [name for name in chosen.split(",") if name and name != "-1"]
    else:
        gpus = [str(number) for number, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
    if not gpus:
        return chosen
    each = len(gpus) // cluster.size
    return ",".join(gpus[cluster.place * each : (cluster.place + 1) * each]) or "-1"


def _end_of(member: Member, by: Supervision) -> _Loss:
    """Return a loss for a worker that was killed; raises ProcessError for one that ended by itself, without a word."""
    if member.was_killed:
        return _Loss(f"{member.name} {member.ending}", member.place, member.tail())
    raise ProcessError(
        f"{member.name} {member.ending}, and did not say why.{member.tail()}", hint=by.log_of(member.place)
    )


def _failure(member: Member, form: dict[str, Any], members: list[Member], by: Supervision) -> _Loss:
    """Return a loss where another worker is gone; raises what the worker raised where it is its own failure."""
    killed = next((other for other in members if other.was_killed), None)
    if killed is not None:
        return _end_of(killed, by)
    failure: dict[str, Any] = form["failure"]
    said = f"{failure['type']}: {failure['message']}"
    if form["lost"]:
        return _Loss(f"{member.name} has lost the others ({said.splitlines()[0][:200]})", member.place, member.tail())
    where = Position(**failure["where"]) if "where" in failure else None
    kind: Any = getattr(errors, failure["type"], None)
    if isinstance(kind, type) and issubclass(kind, LevadaError):
        raise kind(failure["message"], where=where, hint=failure["hint"])
    raise ProcessError(f"{member.name} failed: {said}", where=where, hint=by.log_of(member.place))


def _late(late: list[Member], cluster: Cluster, by: Supervision, is_given: bool) -> ProcessError:
    """Return the error for workers that have not come up, or have waited for others in vain."""
    silent = [member for member in late if not member.is_up]
    if silent or not is_given:
        shown = (silent or late)[0]
        names = ", ".join(str(member.place) for member in silent or late)
        return ProcessError(
            f"after {by.patience:g} s worker {names} of {cluster.size} has not come up.{shown.tail()}",
            hint=by.log_of(shown.place),
        )
    others = [address for place, address in enumerate(cluster.addresses) if place != cluster.place]
    return ProcessError(
        f"{late[0].name} is up, and has waited {by.patience:g} s for {', '.join(others)}.{late[0].tail()}",
        hint=f"Is each of them started, with the same {VARIABLE} but for its own place, and can this machine reach it? "
        f"{by.log_of(late[0].place)}",
    )
