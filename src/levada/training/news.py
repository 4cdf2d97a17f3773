"""What a training says while it goes on, and what came of it: values that JSON can carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from levada.values import Json


@dataclass(frozen=True)
class Said:
    """How far a training is.

    `epoch` counts from 1. `step` and `steps` are batches of the epoch. At the end of an epoch `is_end` is true, and
    `logs` has its metrics (`loss`, `auc`, `val_loss`, `learning_rate`); before that, `logs` is how it looks so far.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    logs: dict[str, float]
    is_end: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a training.

    `curves` has a number an epoch for each metric, `epochs` how many were trained, `best` the epoch (from 1) whose
    weights the model has, `first` the epoch (from 0) that this attempt began with. `properties` are those of the
    Model artifact; `notes` is what somebody should know.
    """

    curves: dict[str, list[float]]
    epochs: int
    best: int
    first: int
    rows: int
    properties: dict[str, Json] = field(default_factory=dict[str, Json])
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hooks:
    """What whoever runs a training does on its way.

    `say` hears how far it is (on the chief only). `stopped` is asked after every batch: true ends it with
    `levada.errors.Stopped`. `built` is given the model after it was built, compiled and set to where it goes on from,
    and the number of the first epoch (from 0): before the first step. `trained` is given it after the last one, with
    the number of epochs. `callbacks` are more Keras callbacks.
    """

    say: Callable[[Said], None] = lambda said: None
    stopped: Callable[[], bool] = lambda: False
    built: Callable[[Any, int], None] = lambda model, epoch: None
    trained: Callable[[Any, int], None] = lambda model, epochs: None
    callbacks: Sequence[Any] = ()
