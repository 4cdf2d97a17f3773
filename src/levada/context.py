"""What a running component is given: where to write, how to report, Beam, a seed."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from levada.artifact import Artifact, Making
from levada.errors import ComponentError, Stopped
from levada.fanout import Growing
from levada.secret import knows_secrets, redact, redact_bytes
from levada.store import Scratch, Store, private_folder

if TYPE_CHECKING:
    from levada.beam.inner import BeamJob
    from levada.registry import Registry

A = TypeVar("A", bound=Artifact)

SECONDS_BETWEEN_PROGRESS = 0.2

KEPT = "kept"
"""Where a local store has the folders that outlive an attempt."""


@dataclass
class Context:
    """The first parameter of every component.

    `root` is the project's folder (relative paths in parameters are meant from there), `seed` an int that is
    the same whenever the same node of the same pipeline runs. `item` names the list item that a mapped node's call
    is about (empty for other nodes), `number` is 1 for the first attempt, `key` names the call by all that its outcome
    depends on. `at_once` is what the node says of how much may go on at the same time, `is_fresh` that nothing made
    before is to be taken for it.
    """

    run_id: str
    node_id: str
    pipeline: str
    attempt: str
    store: Store
    root: Path
    output_types: dict[str, type[Artifact]]
    emit: Callable[..., Any]
    list_outputs: tuple[str, ...] = ()
    beam_options: tuple[str, ...] = ()
    item: str = ""
    number: int = 1
    key: str = ""
    stopped: Callable[[], bool] = lambda: False
    at_once: int | None = None
    is_fresh: bool = False
    digest: Callable[[], str] = lambda: ""
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    outputs: dict[str, Artifact | Growing[Any]] = field(default_factory=dict[str, "Artifact | Growing[Any]"])
    line: str = ""
    _said: float = 0.0

    @property
    def seed(self) -> int:
        """A number below 2**31, from the names of the pipeline and the node, and of the item if there is one."""
        names = "/".join(filter(None, (self.pipeline, self.node_id, self.item)))
        return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4], "big") >> 1

    @property
    def basis(self) -> str:
        """A digest over all that this call depends on but the values of its parameters: code, packages, inputs."""
        return self.digest()

    @property
    def log(self) -> logging.Logger:
        """The node's logger, `levada.node.<id>`."""
        return logging.getLogger(f"levada.node.{self.node_id}")

    @property
    def registry(self) -> Registry:
        """Candidates, versions and promotions of models."""
        from levada.registry import Registry

        return Registry(self.store)

    def output(self, kind: type[A], name: str | None = None) -> A:
        """Start making an output of this component; write its files below its `path`, then return it.

        `name` is the field of the NamedTuple that the component returns, needed only where two have the
        same type. Raises ComponentError if the component has no such output.
        """
        name = self._output_name(kind, name, many=False)
        if name not in self.outputs:
            key = f"{self.home}/{name}"
            self.outputs[name] = kind(Making(self.store.staging(key), self.store.uri_of(key), name))
        return cast("A", self.outputs[name])

    def output_many(self, kind: type[A], name: str | None = None) -> Growing[A]:
        """Start making a list of outputs: `parts.add()` starts one of them; return the list.

            parts = ctx.output_many(Part)
            for month in months:
                part = parts.add(month)
                (part.path / "rows.parquet").write_bytes(...)
            return parts

        Raises ComponentError if the component does not return `Many[kind]`.
        """
        name = self._output_name(kind, name, many=True)
        if name not in self.outputs:
            self.outputs[name] = Growing(kind, self.store, f"{self.home}/{name}", name)
        return cast("Growing[A]", self.outputs[name])

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Give workers of a Beam job a place in the store for what they leave; it is emptied when the block ends."""
        place = Scratch(self.store.uri, tuple(self.store.options.items()), f"scratch/{self.attempt}")
        try:
            yield place
        finally:
            self.store.delete(place.key)

    @property
    def home(self) -> str:
        """The key below which this attempt's outputs lie."""
        return f"artifacts/{self.pipeline}/{self.node_id}/{self.attempt}"

    def kept_folder(self, name: str) -> Path:
        """Return a folder on this machine that outlives the attempt, for a component that can go on where it was.

        The next attempt at the same call (same code, inputs and parameters), in this run or a later one, finds what
        this one left. The folder is there once somebody writes into it. Whoever is done removes it; `levada gc` does
        after a week.
        """
        place = f"{self.pipeline}/{self.node_id}/{(self.key or self.attempt)[:32]}/{name}"
        if self.store.local is not None:
            return self.store.local / KEPT / place
        return private_folder(KEPT) / hashlib.sha256(self.store.uri.encode()).hexdigest()[:16] / place

    def _output_name(self, kind: type[Artifact], name: str | None, many: bool) -> str:
        declared = {field: type_ for field, type_ in self.output_types.items() if (field in self.list_outputs) == many}
        fitting = [field for field, type_ in declared.items() if type_ is kind]
        if name is None and len(fitting) == 1:
            name = fitting[0]
        if name is None or declared.get(name) is not kind:
            said = ", ".join(
                f"{field}: {f'Many[{type_.__name__}]' if field in self.list_outputs else type_.__name__}"
                for field, type_ in self.output_types.items()
            )
            verb = "output_many" if many else "output"
            wish = f"ctx.{verb}({kind.__name__}{f', {name!r}' if name else ''})"
            several = len(fitting) > 1 and name is None
            other = "output" if many else "output_many"
            hint = f"Say which: ctx.{verb}({kind.__name__}, {fitting[0]!r})." if several else ""
            if not fitting and kind in self.output_types.values():
                hint = f"Use ctx.{other}({kind.__name__})."
            raise ComponentError(
                f"{self.node_id}: {wish} does not name one of its outputs ({said or 'it has none'}).", hint=hint
            )
        return name

    @contextmanager
    def log_folder(self) -> Iterator[Path]:
        """Give a folder for the logs of processes that the component starts; they stay beside the node's own log.

        While the block runs, files in it grow where `levada logs` finds them, if the store is on this machine; they
        come there when it ends, if not. Values of secrets are taken out then.
        """
        import tempfile

        key = "/".join(filter(None, ("runs", self.run_id, "logs", self.node_id, self.item, self.attempt)))
        with tempfile.TemporaryDirectory() as elsewhere:
            folder = Path(elsewhere) if self.store.local is None else self.store.local / key
            folder.mkdir(parents=True, exist_ok=True)
            try:
                yield folder
            finally:
                for file in sorted(path for path in folder.iterdir() if path.is_file()):
                    if self.store.local is None or knows_secrets():
                        self.store.write(f"{key}/{file.name}", redact_bytes(file.read_bytes()))

    @property
    def stopping(self) -> bool:
        """Whether the run is being stopped: a component with long loops looks now and then, cleans up and returns."""
        return self.stopped()

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the component has come; shown beside the running node.

        It may be called often: the journal takes a few a second, and always the last. Raises `levada.errors.Stopped`
        when the run is being stopped, so that a component that reports can be stopped.
        """
        if self.stopped():
            raise Stopped
        moment = time.monotonic()
        if done != total and moment - self._said < SECONDS_BETWEEN_PROGRESS:
            return
        self._said = moment
        self.emit("progress", done=done, total=total, message=message)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Report a metric. Without `step` it is a result of the node, with `step` a point of a curve too."""
        self.metrics[name] = float(value)
        self.emit("metric", name=name, value=float(value), step=step)

    def summary(self, text: str) -> None:
        """Say in a few words what came out; shown behind the node when it is done."""
        self.line = redact(text)

    def beam(self, label: str = "job") -> BeamJob:
        """Return a Beam job of this node's own, with the run's Beam options.

            with ctx.beam() as p:
                p | beam.Create(paths) | beam.Map(read)

        It runs when the block ends. What a transform raises comes out as the exception it was.
        """
        from levada.beam.inner import BeamJob

        return BeamJob(f"{self.pipeline}-{self.node_id}-{label}", self.beam_options)
