"""What is trained, on what and how, as one frozen value that JSON can carry.

A component makes it; the function `carry_out` does what it says, in this process or in every worker of a group. So a
worker needs nothing but this value: `encode(training)` of `levada.values` gives its JSON form, `decode` the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from levada.artifact import ArtifactRecord, Made
from levada.artifacts.examples import Examples
from levada.artifacts.model import Tensor
from levada.errors import ComponentError, LevadaError
from levada.values import Json, digest_of, encode

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Weights = Mapping[Any, float] | Literal["balanced"]


@dataclass(frozen=True)
class Network:
    """The author's function that builds and compiles a Keras model, and what it is called with.

    `function` stands at the top level of a module, so that a worker process can import it.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @staticmethod
    def of(network: Callable[[], Any]) -> Network:
        """Take a function, or `functools.partial(function, ...)`, apart. Raises ComponentError for anything else."""
        if isinstance(network, partial):
            inner = Network.of(network.func)
            return Network(inner.function, (*inner.args, *network.args), {**inner.options, **network.keywords})
        if not hasattr(network, "__code__"):
            raise ComponentError(
                f"the network is {type(network).__name__}: wanted a function that builds and compiles it.",
                hint="Pass the function itself, or functools.partial(function, ...) to give it arguments.",
            )
        return Network(network)

    @property
    def name(self) -> str:
        return self.function.__name__

    def build(self) -> Any:
        """Call the function, and return the Keras model."""
        return self.function(*self.args, **self.options)


@dataclass(frozen=True)
class Rows:
    """Examples as they lie on this machine: their folder, the rows of each split, the columns with their types."""

    folder: Path
    splits: Mapping[str, int]
    columns: tuple[tuple[str, str], ...]
    source: str = ""

    @staticmethod
    def of(examples: Examples) -> Rows:
        """Fetch examples to this machine if they are elsewhere, and say where they are."""
        pairs: Any = examples.properties.get("columns", [])
        rows = {split: examples.rows(split) for split in examples.splits}
        return Rows(examples.path, rows, tuple((name, kind) for name, kind in pairs), examples.source)

    def examples(self) -> Examples:
        """Return them as an artifact, to be read."""
        properties: dict[str, Json] = {
            "splits": dict(self.splits),
            "columns": [[name, kind] for name, kind in self.columns],
            "source": self.source,
        }
        record = ArtifactRecord(Examples.type_reference(), self.folder.as_posix(), "", properties, ())
        return Examples(Made(record, _Here(), self.folder))


class _Here:
    """The home of what is on this machine already."""

    def fetch(self, record: ArtifactRecord) -> Path:
        return Path(record.uri)

    def address(self, uri: str) -> str:
        return uri


@dataclass(frozen=True)
class StopEarly:
    """Stop when a metric has not got better for `patience` epochs, and go back to the weights of the best one.

    `metric` is a name of Keras's logs (`val_loss`, `auc`); by default the loss, of the validation split where there is
    one. Better is lower for losses and errors, higher for all else, unless `higher` says so; by more than `least`.
    Without `restore` the weights stay those of the last epoch. Raises ComponentError for a `patience` below 1.
    """

    metric: str = ""
    patience: int = 3
    least: float = 0.0
    higher: bool | None = None
    restore: bool = True

    def __post_init__(self) -> None:
        _check_patience(self)


@dataclass(frozen=True)
class Plateau:
    """Multiply the learning rate by `factor` when a metric has not got better for `patience` epochs.

    It never falls below `lowest`. `metric`, `least` and `higher` as for `StopEarly`.
    """

    metric: str = ""
    factor: float = 0.5
    patience: int = 2
    lowest: float = 0.0
    least: float = 0.0
    higher: bool | None = None

    def __post_init__(self) -> None:
        _check_patience(self)
        if not 0 < self.factor < 1:
            raise ComponentError(f"Plateau(factor={self.factor!r}): wanted a number above 0 and below 1.")
        if not 0 <= self.lowest < math.inf:
            raise ComponentError(f"Plateau(lowest={self.lowest!r}): wanted a learning rate, 0 or more.")


def _check_patience(wish: StopEarly | Plateau) -> None:
    kind = type(wish).__name__
    if isinstance(wish.patience, bool) or not isinstance(wish.patience, int) or wish.patience < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ComponentError(
            f"{kind}(patience={wish.patience!r}): wanted a number of epochs, 1 or more.",
            hint=f"{kind}(patience=1) acts after the first epoch that is not better.",
        )
    if not 0 <= wish.least < math.inf:
        raise ComponentError(f"{kind}(least={wish.least!r}): wanted a number, 0 or more.")


@dataclass(frozen=True)
class Training:
    """A training: the network, the rows that it sees, and how.

    `inputs` and `label` say what a batch has (see `levada.models.batches`); with `classes` the label is the place of
    its value among them. `batch_size` is the global one, over all workers and devices. `validation` names a split that
    is measured after every epoch, "" for none. `weight` names a column that says how much each row counts,
    `class_weights` how much each value of the label does. `start` is the folder of a saved model whose weights are
    where training begins. `home` is a folder of this training alone, where checkpoints are kept until it is done:
    the same for every attempt at it, and None for one that keeps none. `memory` is how many bytes of batches may be
    held in memory; a split that needs more is read anew in every epoch.
    """

    network: Network
    rows: Rows
    inputs: tuple[Tensor, ...]
    label: Tensor | None
    split: str = "train"
    validation: str = ""
    batch_size: int = 1024
    epochs: int = 1
    seed: int = 0
    classes: tuple[str | int, ...] = ()
    weight: str = ""
    class_weights: Weights | None = None
    output: str = "prediction"
    precision: Precision = "float32"
    deterministic: bool = True
    stop_early: StopEarly | None = None
    plateau: Plateau | None = None
    callbacks: Callable[[], list[Any]] | None = None
    start: Path | None = None
    home: Path | None = None
    memory: int = 1 << 30

    @property
    def steps(self) -> int:
        """Batches an epoch; the last may be smaller."""
        return -(-self.rows.splits[self.split] // self.batch_size)

    @property
    def digest(self) -> str:
        """What tells this training from others that one call of a component does (sha256, hex): how, not on which rows.

        Of a function that no other process can import, the name stands for it and its arguments.
        """
        how = replace(self, rows=Rows(Path(), {}, ()), callbacks=None, start=None, home=None)
        try:
            return digest_of(encode(how))
        except LevadaError:
            return digest_of([self.network.function.__qualname__, encode(replace(how, network=_UNNAMED))])


def _nothing() -> None:
    """Stand for a network that has no name of its own."""


_UNNAMED = Network(_nothing)
