"""What goes on beside Keras's `fit`: watching the loss, curves, stopping early, the learning rate, checkpoints, news.

Imports Keras: import it where a training begins.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from levada.errors import ComponentError, Stopped, did_you_mean
from levada.training import randomness
from levada.training.checkpoints import Checkpoint, Checkpoints
from levada.training.description import Plateau, StopEarly, Training
from levada.training.news import Said
from levada.training.patience import Patience, higher_is_better

SECONDS_BETWEEN_NEWS = 0.2


class NotANumberError(Exception):
    """The loss of a step (from 0) of an epoch (from 0) is no finite number."""

    def __init__(self, epoch: int, step: int, loss: float) -> None:
        super().__init__(f"loss is {loss} at step {step + 1} of epoch {epoch + 1}")
        self.epoch, self.step, self.loss = epoch, step, loss


class NoMeasureError(Exception):
    """The metric that somebody watches is no number after an epoch (from 1), and was none before."""

    def __init__(self, watcher: str, metric: str, epoch: int, value: float) -> None:
        super().__init__(f"{watcher} watches '{metric}', which is {value} after epoch {epoch}")
        self.metric, self.epoch, self.value = metric, epoch, value


class Course(keras.callbacks.Callback):
    """The course of one training, in one process of it."""

    model: Any

    def __init__(
        self,
        training: Training,
        steps: int,
        say: Callable[[Said], None],
        stopped: Callable[[], bool],
        checkpoints: Checkpoints | None,
    ) -> None:
        super().__init__()
        self._training, self._steps = training, steps
        self._say, self._stopped, self._checkpoints = say, stopped, checkpoints
        self._epoch, self._spoke = 0, 0.0
        self._known = False
        self.curves: dict[str, list[float]] = {}
        self.best: list[Any] | None = None
        self._early = _patience(training, training.stop_early)
        self._plateau = _patience(training, training.plateau)

    # -- what Keras calls -----------------------------------------------------------------------------

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        logs = logs or {}
        loss = logs.get("loss", 0.0)  # the mean of the epoch so far: once it is no number, it stays none
        if not math.isfinite(loss):
            raise NotANumberError(self._epoch, batch, float(loss))
        if self._stopped():
            raise Stopped
        if not self._known:
            self._check_names(logs)
        moment = time.monotonic()
        if moment - self._spoke >= SECONDS_BETWEEN_NEWS and batch + 1 < self._steps:
            self._spoke = moment
            self._tell(batch + 1, {name: float(value) for name, value in logs.items()})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        found = {name: float(value) for name, value in (logs or {}).items()}
        rate = self._rate()
        if rate is not None:
            found["learning_rate"] = rate
        for name, value in found.items():
            self.curves.setdefault(name, []).append(value)
        if self._early is not None:
            self._watch(self._early, epoch, found)
        if self._plateau is not None:
            self._flatten(self._plateau, epoch, found)
        if self._checkpoints is not None:
            self._checkpoints.write(Checkpoint(epoch + 1, self._arrays(), self._state()))
        self._tell(self._steps, found, is_end=True)

    # -- what others ask ------------------------------------------------------------------------------

    @property
    def epochs(self) -> int:
        """How many epochs were trained, earlier attempts included."""
        return max(map(len, self.curves.values()), default=0)

    @property
    def best_epoch(self) -> int:
        """The epoch (from 1) whose weights the model ends with."""
        return self._early.best_epoch + 1 if self._early is not None and self.best is not None else self.epochs

    @property
    def notes(self) -> list[str]:
        """What is no number, and from which epoch on."""
        wrong = {
            name: [place for place, value in enumerate(values, 1) if not math.isfinite(value)]
            for name, values in self.curves.items()
        }
        return [f"{name} is {self.curves[name][at[0] - 1]} after epoch {at[0]}" for name, at in wrong.items() if at]

    def go_on_from(self, checkpoint: Checkpoint) -> bool:
        """Set the model to a checkpoint; False, and nothing is changed, if it is one of another network."""
        variables = self._variables()
        own, best = checkpoint.arrays[: len(variables)], checkpoint.arrays[len(variables) :]
        if [tuple(array.shape) for array in own] != [tuple(variable.shape) for variable in variables]:
            return False
        for variable, array in zip(variables, own, strict=True):
            variable.assign(array)
        self.curves = {name: list(values) for name, values in checkpoint.state["curves"].items()}
        if self._early is not None and checkpoint.state.get("early"):
            self._early.restore(checkpoint.state["early"])
            self.best = best or None
        randomness.go_to(checkpoint.state.get("random"))
        if self._plateau is not None and checkpoint.state.get("plateau"):
            self._plateau.restore(checkpoint.state["plateau"])
        return True

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to train: it had stopped early before."""
        return self._early is not None and self._early.is_over

    def finish(self) -> None:
        """Give the model the weights of its best epoch, where that was asked for."""
        if self.best is not None:
            for variable, array in zip(self.model.variables, self.best, strict=True):
                variable.assign(array)

    # -- parts ----------------------------------------------------------------------------------------

    def _watch(self, early: Patience, epoch: int, logs: dict[str, float]) -> None:
        wanted = self._training.stop_early
        assert wanted is not None
        self._check_measured(early, wanted, epoch, logs)
        if early.look(epoch, logs[_metric(self._training, wanted)]) and wanted.restore:
            self.best = [variable.numpy() for variable in self.model.variables]
        if early.is_over:
            self.model.stop_training = True

    def _flatten(self, plateau: Patience, epoch: int, logs: dict[str, float]) -> None:
        wanted = self._training.plateau
        assert wanted is not None
        self._check_measured(plateau, wanted, epoch, logs)
        plateau.look(epoch, logs[_metric(self._training, wanted)])
        if plateau.is_over:
            optimizer = self._optimizer()
            optimizer.learning_rate = max(float(optimizer.learning_rate) * wanted.factor, wanted.lowest)
            plateau.waited = 0

    def _check_measured(
        self, patience: Patience, wish: StopEarly | Plateau, epoch: int, logs: dict[str, float]
    ) -> None:
        """Raise NoMeasureError where waiting is in vain: what never was a number cannot get better."""
        name = _metric(self._training, wish)
        if patience.best is None and not math.isfinite(logs[name]):
            raise NoMeasureError(type(wish).__name__, name, epoch + 1, logs[name])

    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer)  # behind the one that scales the loss of float16

    def _rate(self) -> float | None:
        """Return the learning rate where it changes; None where it never does."""
        optimizer = self._optimizer()
        is_scheduled = isinstance(
            getattr(optimizer, "_learning_rate", None), keras.optimizers.schedules.LearningRateSchedule
        )
        if not is_scheduled and self._training.plateau is None:
            return None
        return float(optimizer.learning_rate)

    def _check_names(self, logs: dict[str, Any]) -> None:
        self._known = True
        for wish in (self._training.stop_early, self._training.plateau):
            if wish is None:
                continue
            name = _metric(self._training, wish)
            if name.removeprefix("val_") not in logs:
                known = [*logs, *(f"val_{each}" for each in logs if self._training.validation)]
                raise ComponentError(
                    f"{type(wish).__name__} watches '{name}', and the network is compiled with "
                    f"{', '.join(logs)}{' (and val_ of each)' if self._training.validation else ''}.",
                    hint=did_you_mean(name, known),
                )

    def _tell(self, step: int, logs: dict[str, float], *, is_end: bool = False) -> None:
        self._say(Said(self._epoch + 1, self._training.epochs, step, self._steps, logs, is_end))

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def _arrays(self) -> list[Any]:
        return [*(variable.numpy() for variable in self._variables()), *(self.best or [])]

    def _state(self) -> dict[str, Any]:
        return {
            "curves": self.curves,
            "early": self._early.state if self._early else None,
            "plateau": self._plateau.state if self._plateau else None,
            "random": randomness.place(),
        }


def _metric(training: Training, wish: StopEarly | Plateau) -> str:
    return wish.metric or ("val_loss" if training.validation else "loss")


def _patience(training: Training, wish: StopEarly | Plateau | None) -> Patience | None:
    if wish is None:
        return None
    name = _metric(training, wish)
    if name.startswith("val_") and not training.validation:
        raise ComponentError(
            f"{type(wish).__name__} watches '{name}', and nothing is measured besides training.",
            hint='Name the split to measure after each epoch: validation="eval".',
        )
    higher = higher_is_better(name) if wish.higher is None else wish.higher
    return Patience(wish.patience, wish.least, higher)
