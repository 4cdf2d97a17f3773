"""Which workers train together, and which of them this process is: what TF_CONFIG says.

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}

A cluster's scheduler sets it for each process that it starts. For workers on this machine Levada writes it itself, with
ports that are held from the moment they are chosen, so nobody else can take one before TensorFlow does.
"""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from levada.errors import ProjectError, did_you_mean

VARIABLE = "TF_CONFIG"
HOST = "127.0.0.1"
_TRAINING = ("chief", "worker")
_EXAMPLE = 'Wanted {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}.'


@dataclass(frozen=True)
class Cluster:
    """The addresses of all workers, `host:port`, the chief's first, and the place of this one among them."""

    addresses: tuple[str, ...]
    place: int = 0

    @property
    def size(self) -> int:
        return len(self.addresses)

    @property
    def address(self) -> str:
        """This worker's own."""
        return self.addresses[self.place]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def at(self, place: int) -> Cluster:
        """Return the same cluster as another of its workers sees it."""
        return Cluster(self.addresses, place)

    def config(self) -> str:
        """Return what TF_CONFIG says for this worker."""
        task = {"type": "worker", "index": self.place}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})

    @staticmethod
    def from_config(text: str) -> Cluster | None:
        """Return the cluster that a TF_CONFIG describes, None if it is empty. Raises ProjectError if it cannot be.

        Worker 0 is the chief where no task is called that. Evaluators are no part of a training.
        """
        if not text.strip():
            return None
        try:
            form: Any = json.loads(text)
        except ValueError as error:
            raise _wrong(f"is not JSON: {error}") from None
        if form == {}:
            return None
        cluster, task = _part(form, "cluster"), _part(form, "task")
        unknown = [job for job in cluster if job not in (*_TRAINING, "evaluator")]
        if unknown:
            hint = did_you_mean(unknown[0], _TRAINING) or "Levada trains with workers that all hold the whole model."
            raise _wrong(f"has a job '{unknown[0]}', which takes no part in synchronous training", hint)
        jobs = {job: _addresses(job, cluster[job]) for job in _TRAINING if job in cluster}
        kind, index = task.get("type"), task.get("index")
        if kind not in jobs:
            raise _wrong(f"says that this process is a {kind!r}, and its cluster has {' and '.join(jobs) or 'nobody'}")
        if not isinstance(index, int) or not 0 <= index < len(jobs[kind]):
            raise _wrong(
                f"says that this process is {kind} {index!r}, and its cluster has {kind} 0 to {len(jobs[kind]) - 1}"
            )
        addresses = tuple(address for job in _TRAINING for address in jobs.get(job, ()))
        twice = next((address for address in addresses if addresses.count(address) > 1), None)
        if twice is not None:
            raise _wrong(f"gives {twice} to two workers")
        return Cluster(addresses, index + (len(jobs.get("chief", ())) if kind == "worker" else 0))

    def check_port(self) -> None:
        """Raise ProjectError if something on this machine has this worker's port already."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was closed a minute ago does not count
            try:
                probe.bind(("", self.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    why = "in use already"
                elif error.errno == errno.EACCES:
                    why = "for the system's own services"
                else:
                    why = f"not to be had ({error.strerror})"
                raise ProjectError(
                    f"{VARIABLE} says that this process is worker {self.place} of {self.size}, at {self.address}; "
                    f"port {self.port} of this machine is {why}.",
                    hint=f"`ss -ltnp 'sport = :{self.port}'` says who has it: a worker of an earlier run, perhaps. "
                    "Or name another port, in the TF_CONFIG of every worker.",
                ) from None


@contextmanager
def on_this_machine(workers: int) -> Iterator[Cluster]:
    """Give a cluster of workers on this machine, with ports that are theirs while the block runs.

    The sockets are bound and never listen. TensorFlow can bind beside them, as the same user and with
    TF_GRPC_REUSE_PORT=1; for everybody else the ports are taken.
    """
    with ExitStack() as held:
        ports: list[int] = []
        for _ in range(workers):
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(("", 0))
            ports.append(holder.getsockname()[1])
        yield Cluster(tuple(f"{HOST}:{port}" for port in ports))


def _part(form: Any, name: str) -> Mapping[str, Any]:
    part: Any = cast("dict[str, Any]", form).get(name) if isinstance(form, dict) else None
    if not isinstance(part, dict):
        raise _wrong(f"has no '{name}'")
    return cast("Mapping[str, Any]", part)


def _addresses(job: str, value: Any) -> tuple[str, ...]:
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    for item in items:
        host, _, port = str(item).rpartition(":")
        if not (isinstance(item, str) and host and port.isdecimal() and 0 < int(port) < 65_536):
            raise _wrong(f"gives {job} the address {item!r}, which is not host:port")
    return tuple(items)


def _wrong(what: str, hint: str = _EXAMPLE) -> ProjectError:
    return ProjectError(f"{VARIABLE} {what}.", hint=hint)
