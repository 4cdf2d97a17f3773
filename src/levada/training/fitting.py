"""Doing what a description of a training says: the same function in one process and in every worker of a group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from levada.artifact import Making
from levada.artifacts.model import Model
from levada.models.keras_export import save_keras
from levada.training import faults, replicas
from levada.training.checkpoints import Checkpoints
from levada.training.curves import write_curves
from levada.training.data import Feed
from levada.training.description import Training
from levada.training.kept import keep
from levada.training.labels import target_of
from levada.training.news import Hooks, Outcome
from levada.training.sharing import Share
from levada.training.warm import start_from, vocabularies


def carry_out(
    training: Training,
    folder: Path | None,
    *,
    strategy: Any = None,
    share: Share | None = None,
    hooks: Hooks | None = None,
) -> Outcome:
    """Train a network, and save it in `folder` as the Model artifact does; return what came of it.

    `strategy` is a `tf.distribute.Strategy`, None for one device. `share` says which part of each global batch is this
    process's. Checkpoints lie in `training.home`: the chief writes one after each epoch, and all go on from the last
    whole one. Whoever has no `folder` saves nothing.

    Raises DataError for labels that nothing can be learnt from, ModelError for a network that does not fit what it is
    fed, TrainingError for a loss that is no number, for a watched metric that never was one, and where memory or disk
    ran out, `Stopped` if the run is being stopped.
    """
    import keras
    import tensorflow as tf

    hooks = hooks or Hooks()
    share = share or Share(devices=strategy.num_replicas_in_sync if strategy is not None else 1)
    target = target_of(training)
    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        with precise(training.precision), strategy.scope() if strategy is not None else nullcontext():
            model = faults.built(training)
            feed = Feed(training, target, share, training.split, faults.is_bare(model))
            given = None
            if not model.built:  # a network without keras.Input knows its shapes when it has seen some rows
                answer: Any = model(next(iter(Feed(training, target, Share(), training.split, feed.bare).batches()))[0])
                given = keras.tree.map_structure(lambda part: tuple(part.shape), answer)
            faults.check_fit(training, target, model, given)
            model.optimizer.build(model.trainable_variables)  # otherwise the first step does it, in its slow trace
            if strategy is None:
                _build_metrics(model, feed)
        return _trained(training, folder, strategy, share, hooks, feed, model)
    except (MemoryError, OSError, tf.errors.ResourceExhaustedError) as error:
        if faults.is_of_disk(error):  # TensorFlow has one kind of error for both
            raise faults.no_disk(training, folder, error) from error
        if isinstance(error, OSError):
            raise
        raise faults.no_memory(training, error) from error


def _trained(
    training: Training,
    folder: Path | None,
    strategy: Any,
    share: Share,
    hooks: Hooks,
    feed: Feed,
    model: Any,
) -> Outcome:
    from levada.training.loop import Course, NoMeasureError, NotANumberError

    checkpoints = Checkpoints(training.home) if training.home is not None else None
    course = Course(training, feed.steps, hooks.say, hooks.stopped, checkpoints if share.is_chief else None)
    course.set_model(model)
    notes: list[str] = []
    first = _go_on(course, checkpoints, notes)
    if first == 0 and training.start is not None:
        notes += start_from(training.start, model)
    hooks.built(model, first)
    arguments: dict[str, Any] = {
        "epochs": training.epochs,
        "initial_epoch": first,
        "steps_per_epoch": feed.steps,
        "verbose": 0,
        "shuffle": False,
        "callbacks": [*(training.callbacks() if training.callbacks else []), *hooks.callbacks, course],
    }
    judge = feed
    if training.validation:
        judge = Feed(
            replace(training, weight="", class_weights=None),
            replace(feed.target, weight="", weights={}),
            share,
            training.validation,
            feed.bare,
        )
        arguments |= {"validation_data": _spread(judge, strategy, 0, mixed=False), "validation_steps": judge.steps}
    if not course.is_over and first < training.epochs:
        data = _spread(feed, strategy, first)
        try:
            if _has_replicas(strategy):
                replicas.fit(model, data, **arguments)
            else:
                model.fit(data, **arguments)
        except NotANumberError as wrong:
            raise faults.no_number(training, feed, model, wrong.epoch, wrong.step, wrong.loss) from None
        except NoMeasureError as wrong:
            raise faults.no_measure(training, judge, str(wrong)) from None
    hooks.trained(model, course.epochs)
    course.finish()
    notes += [*course.notes, *(checkpoints.notes if checkpoints is not None else [])]
    outcome = Outcome(
        course.curves, course.epochs, course.best_epoch, first, feed.rows, notes=tuple(dict.fromkeys(notes))
    )
    if folder is None:
        return outcome
    properties = _save(training, _alone(training, model) if _has_replicas(strategy) else model, folder, outcome)
    if checkpoints is not None and share.is_chief:
        checkpoints.clear()
    return replace(outcome, properties=properties)


def _build_metrics(model: Any, feed: Feed) -> None:
    """Let the metrics make their variables: if the first step did it, TensorFlow would trace it twice."""
    import keras

    if feed.target.label is None or type(model).train_step is not keras.Model.train_step:
        return  # what an author's own step does with a batch is not known
    few: Any = keras.tree.map_structure(lambda part: part[:2], next(iter(feed.batches(mixed=False))))
    x, y, weight = (*few, None)[:3]
    answer = model(x, training=False)
    model.compute_loss(x, y, answer, weight)
    model.compute_metrics(x, y, answer, weight)
    model.reset_metrics()


def _go_on(course: Any, checkpoints: Checkpoints | None, notes: list[str]) -> int:
    """Set the model to the newest whole checkpoint; return the epoch (from 0) to go on with."""
    newest = checkpoints.newest() if checkpoints is not None else None
    if newest is None:
        return 0
    if not course.go_on_from(newest):
        notes.append(f"the checkpoint of epoch {newest.epoch} is one of another network, and was left aside")
        return 0
    notes.append(f"went on after epoch {newest.epoch}, where an earlier attempt had ended")
    return newest.epoch


def _spread(feed: Feed, strategy: Any, epoch: int, *, mixed: bool = True) -> Any:
    """Return a feed's batches as Keras takes them: with several devices, each step gives a piece to each."""
    if not _has_replicas(strategy):
        return feed.batches(epoch, mixed=mixed)
    return strategy.distribute_datasets_from_function(lambda context: feed.batches(epoch, mixed=mixed))


@contextmanager
def precise(name: str) -> Iterator[None]:
    """Let layers that are made meanwhile compute in another precision."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _has_replicas(strategy: Any) -> bool:
    return strategy is not None and strategy.num_replicas_in_sync > 1


def _alone(training: Training, model: Any) -> Any:
    """Return the network as one process builds it, with a model's weights: what is saved knows of no replicas."""
    with precise(training.precision):
        alone = faults.built(training)
    alone.set_weights(model.get_weights())
    return alone


def _save(training: Training, model: Any, folder: Path, outcome: Outcome) -> dict[str, Any]:
    """Write the model, its curves and how it was trained into a folder; return the properties of the artifact."""
    out = Model(Making(folder, folder.as_posix(), "model"))
    save_keras(model, out, inputs=training.inputs, output=training.output, classes=training.classes)
    write_curves(folder, training, outcome, vocabularies(model))
    keep(out, training)
    return dict(out.properties)
