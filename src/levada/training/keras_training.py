"""Fitting a Keras network in a component: the author says what, and everything around it is done here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from levada.artifacts.examples import Examples
from levada.artifacts.model import Model, Tensor
from levada.context import Context
from levada.training.cluster import VARIABLE
from levada.training.description import Network, Plateau, Precision, Rows, StopEarly, Training
from levada.training.news import Hooks, Outcome, Said
from levada.training.options import check_options, check_sent

if TYPE_CHECKING:
    import keras


def fit_keras(
    ctx: Context,
    network: Callable[[], keras.Model],
    examples: Examples,
    *,
    inputs: Sequence[Tensor],
    label: str | Tensor | None,
    split: str = "train",
    validation: str | None = None,
    batch_size: int = 1024,
    epochs: int = 1,
    classes: Sequence[str | int] = (),
    weight: str | None = None,
    class_weights: Mapping[Any, float] | Literal["balanced"] | None = None,
    output: str = "prediction",
    stop_early: StopEarly | None = None,
    plateau: Plateau | None = None,
    start: Model | None = None,
    devices: Literal["one", "all"] = "one",
    workers: int = 1,
    precision: Precision = "float32",
    deterministic: bool = True,
    callbacks: Callable[[], list[Any]] | None = None,
    memory: int = 1 << 30,
    seed: int | None = None,
) -> Model:
    """Fit a Keras network on a split, save it with a signature of raw features, and return the Model of this node.

        def network(fitted: Fitted, *, units: int) -> keras.Model: ...       # builds it, and compiles it

        @component(packages=("tensorflow", "keras"))
        def train(ctx: Context, examples: Examples, statistics: Statistics, *, units: int = 32) -> Model:
            fitted = FEATURES.fitted(statistics)
            return fit_keras(
                ctx, partial(network, fitted, units=units), examples, inputs=fitted.tensors, label="late", epochs=4
            )

    `network` is a function at the top level of a module, or a `functools.partial` of one: other processes can build it
    too. `inputs` says what it is fed, by name, dtype and shape. The label is float32 unless it is given as a Tensor;
    with `classes`, which may be words, it is the place of its value among them: the network has a unit for each, or a
    single sigmoid for two, which is the probability of the second. `weight` names a column that says how
    much each row counts; `class_weights` does it by the value of the label.

    The rows are shuffled anew in every epoch by the node's seed, or `seed`. A split whose batches take less than
    `memory` bytes is kept in memory, others are read while training goes on. `validation` is measured after every
    epoch. `devices="all"` trains one replica on each GPU with `tf.distribute.MirroredStrategy`. `workers` of them train
    together with `tf.distribute.MultiWorkerMirroredStrategy`, each in a process of its own, which has its part of this
    machine's GPUs; where TF_CONFIG is set, this process is one of the workers that it names. `batch_size` is that of
    all devices and workers together.

    `deterministic` makes equal trainings give equal weights, at some cost on a GPU. `callbacks` is a function that
    gives more Keras callbacks. `start` is a model whose weights are where training begins.

    After every epoch the state of training is kept: an attempt that was cut short is gone on with, and ends with the
    weights that it would have had. Metrics are reported as they come. The curves are kept with the model.

    Raises DataError, ModelError and TrainingError where labels, network and rows do not fit; ComponentError for options
    that do not; ProcessError for workers that do not come up or are lost again and again; ProjectError for a TF_CONFIG
    that cannot be.
    """
    for name in filter(None, (split, validation)):
        examples.rows(name)  # a wrong name is said before all else
    training = Training(
        network=Network.of(network),
        rows=Rows.of(examples),
        inputs=tuple(inputs),
        label=Tensor(label, "float32") if isinstance(label, str) else label,
        split=split,
        validation=validation or "",
        batch_size=batch_size,
        epochs=epochs,
        seed=ctx.seed if seed is None else seed,
        classes=tuple(classes),
        weight=weight or "",
        class_weights=class_weights,
        output=output,
        precision=precision,
        deterministic=deterministic,
        stop_early=stop_early,
        plateau=plateau,
        callbacks=callbacks,
        start=start.path if start is not None else None,
        memory=memory,
    )
    check_options(training, workers, devices)
    training = replace(training, home=ctx.kept_folder(f"training-{training.digest[:16]}"))
    model = ctx.output(Model)
    if workers > 1 or os.environ.get(VARIABLE):
        check_sent(training)
        reporter = Reporter(ctx, workers)
        outcome = _in_group(ctx, training, model.path, workers, reporter)
    else:
        from levada.training.fitting import carry_out

        reporter = Reporter(ctx)
        hooks = Hooks(say=reporter.say, stopped=lambda: ctx.stopping)
        outcome = carry_out(training, model.path, strategy=_strategy(devices), hooks=hooks)
    model.properties.update(outcome.properties)
    reporter.conclude(training, outcome)
    return model


def _in_group(ctx: Context, training: Training, folder: Path, workers: int, reporter: Reporter) -> Outcome:
    from levada.training.group import Supervision, carry_out_in_group

    with ctx.log_folder() as logs:
        ctx.log.info("each worker has a log of its own: --worker 0 shows the first")  # so that there is a log
        item = f" --item {ctx.item}" if ctx.item else ""
        command = f"levada logs {ctx.run_id.rsplit('-', 1)[-1]} {ctx.node_id}{item}"
        supervision = Supervision(logs, command, reporter.say, ctx.log.warning, lambda: ctx.stopping)
        return carry_out_in_group(training, folder, workers, supervision)


def _strategy(devices: str) -> Any:
    if devices == "one":
        return None
    import tensorflow as tf

    # On a machine without GPUs: all logical CPUs, of which there is one unless somebody has made more.
    names = [device.name for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else None


class Reporter:
    """Passes on what a training says: to the terminal, and as points of curves to the journal and whoever reads it."""

    def __init__(self, ctx: Context, workers: int = 1) -> None:
        self._ctx = ctx
        self._shown = [f"{workers} workers"] if workers > 1 else []

    def say(self, said: Said) -> None:
        """Report how far a training is; the metrics of an epoch once it is over."""
        if said.is_end:
            for name, value in said.logs.items():
                self._ctx.metric(name, value, step=said.epoch)
        done = (said.epoch - 1) * said.steps + said.step
        shown = [f"epoch {said.epoch}/{said.epochs}", *(f"{name} {value:.3g}" for name, value in _first(said.logs))]
        self._ctx.progress(done, said.epochs * said.steps, " · ".join([*shown, *self._shown]))

    def conclude(self, training: Training, outcome: Outcome) -> None:
        """Say what came of it: the metrics are those of the epoch whose weights the model has."""
        last = {name: values[outcome.best - 1] for name, values in outcome.curves.items() if values}
        for name, value in last.items():
            if outcome.best != outcome.epochs:
                self._ctx.metric(name, value)
        epochs = f"{outcome.epochs} epoch{'s' if outcome.epochs != 1 else ''}"
        if outcome.best != outcome.epochs:
            epochs += f", best {outcome.best}"
        shown = [f"{name} {value:.3f}" for name, value in _first(last)]
        self._ctx.summary(" · ".join([f"{outcome.rows:,} rows", epochs, *shown, *self._shown, *outcome.notes]))


def _first(logs: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return what to show of some metrics: the loss and another, on held-out rows where there are any."""
    held = {name: value for name, value in logs.items() if name.startswith("val_")}
    shown = [item for item in (held or logs).items() if item[0] != "learning_rate"]
    return sorted(shown, key=lambda item: not item[0].endswith("loss"))[:2]
