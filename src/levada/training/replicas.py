"""What lets Keras's own `fit` train replicas of a model on several workers, as one worker would.

Keras 3.15 fails there in two places: to build a model it averages its first batch over the workers, eagerly, and after
each step it takes the mean of scalars along an axis. Here a model is built from the shapes of a batch, without reading
one, and what a step says is averaged where the step is made, all of it in one message.

Two things would come out otherwise than in one process. The last batch of an epoch may have a row more for one worker
than for another: Keras takes the mean of the workers' means; here each counts by its rows. And Keras clips a worker's
gradients, or looks whether they are finite, before it adds them up; here they are added up first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def fit(model: keras.Model, data: Any, **arguments: Any) -> Any:
    """Like `model.fit(data, ...)`, of a model that was built in the scope of a strategy; returns Keras's history.

    `data`, and `validation_data`, give each replica its part of every global batch: a part has at least one row, and
    every replica gets as many parts. Every worker calls this with the same arguments, and callbacks that change
    anything must do the same everywhere; what they are told of a batch is the mean over the replicas, what they are
    told of an epoch is exact. The model's loss must be a mean over rows, which is what Keras takes by default.
    """
    # Where all parts come in step nobody has to be asked, before each, whether there is one.
    extended: Any = model.distribute_strategy.extended
    extended.experimental_enable_get_next_as_optional = False
    with _spread(model, data.element_spec):
        return model.fit(data, **arguments)


@contextmanager
def _spread(model: Any, spec: Any) -> Iterator[None]:
    """Let a model be one whose steps are made for all replicas together, while the block runs."""
    kind: Any = type(model)
    optimizer: Any = model.optimizer
    applying: Any = getattr(optimizer, "inner_optimizer", optimizer)  # behind the one that scales a loss of float16
    share = threading.local()  # replicas of one process are traced by a thread each
    scale: Any = optimizer.scale_loss
    apply: Any = optimizer.apply

    class Spread(kind):
        def train_step(self, data: Any) -> Any:
            share.part = _part_of(data)
            return _averaged(super().train_step(data))

        def test_step(self, data: Any) -> Any:
            return _averaged(super().test_step(data))

        def make_train_function(self, force: bool = False) -> Any:
            self.train_function = _steps(self, self.train_step)
            return self.train_function

        def make_test_function(self, force: bool = False) -> Any:
            self.test_function = _steps(self, self.test_step)
            return self.test_function

        def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
            with self.distribute_strategy.scope():
                self._symbolic_build(data_batch=_of_one_replica(spec))

    def scale_loss(loss: Any) -> Any:
        """Count a replica's loss by its share of the rows; the loss is divided by the replicas already."""
        import tensorflow as tf

        return scale(loss * tf.cast(share.part, loss.dtype))

    model.__class__ = Spread
    optimizer.scale_loss = scale_loss
    optimizer.apply = lambda grads, trainable_variables=None: apply(_summed(grads), trainable_variables)
    applying._all_reduce_sum_gradients = list
    try:
        yield
    finally:
        del optimizer.scale_loss, optimizer.apply, applying._all_reduce_sum_gradients
        model.__class__ = kind
        model.train_function = model.test_function = None


def _part_of(data: Any) -> Any:
    """Return how many times its equal share of the batch's rows this replica has: 1 where all have as many."""
    import tensorflow as tf

    context: Any = tf.distribute.get_replica_context()
    rows = tf.cast(tf.shape(tf.nest.flatten(data)[0])[0], tf.float64)
    return rows * context.num_replicas_in_sync / context.all_reduce(tf.distribute.ReduceOp.SUM, rows)


def _summed(gradients: Any) -> list[Any]:
    """Return gradients added up over the replicas, in one message; None for a weight that has none stays."""
    import tensorflow as tf

    context: Any = tf.distribute.get_replica_context()
    there = [gradient for gradient in gradients if gradient is not None]
    sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, there))
    return [None if gradient is None else next(sums) for gradient in gradients]


def _averaged(logs: dict[str, Any]) -> dict[str, Any]:
    """Return what a step says as the mean over the replicas, in one message for all of it."""
    import tensorflow as tf

    context: Any = tf.distribute.get_replica_context()
    values = tf.stack([tf.cast(tf.reduce_mean(value), tf.float32) for value in logs.values()])
    means = tf.unstack(context.all_reduce(tf.distribute.ReduceOp.MEAN, values), num=len(logs))
    return dict(zip(logs, means, strict=True))


def _steps(model: Any, step: Any) -> Any:
    """Return what Keras calls to make the next steps on all replicas, as many as the model makes in one go."""
    import tensorflow as tf

    strategy: Any = model.distribute_strategy

    def on_replicas(batches: Any) -> Any:
        said = strategy.run(step, args=(batches.get_next(),))
        return {name: strategy.experimental_local_results(value)[0] for name, value in said.items()}

    one: Any = on_replicas if model.run_eagerly else tf.function(on_replicas, reduce_retracing=True)

    def several(batches: Any) -> Any:
        said: Any = None
        for _ in range(model.steps_per_execution):
            try:
                said = one(batches)
            except tf.errors.OutOfRangeError:
                if said is None:
                    raise
                break
        return said

    return several


def _of_one_replica(spec: Any) -> Any:
    """Return the shapes and dtypes of one replica's part of a batch."""
    import keras

    def first(part: Any) -> Any:
        return getattr(part, "_value_specs", (part,))[0]

    return keras.tree.map_structure(first, spec)
