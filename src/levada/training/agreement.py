"""Whether all workers hold the same model: compared before the first step, and when the last is done.

Workers that begin at different weights, or at different epochs, train on without a word, and what comes of it is
nobody's model.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from levada.errors import ModelError

if TYPE_CHECKING:
    import keras


def state_of(model: keras.Model) -> str:
    """Return a checksum of all that goes on changing: weights, states of random numbers, the optimizer's."""
    return _checksum([*model.variables, *_of_optimizer(model)])


def learnt_by(model: keras.Model) -> str:
    """Return a checksum of what gradients change: the same in all workers, whatever else a layer counts."""
    return _checksum([*model.trainable_variables, *_of_optimizer(model)])


def _of_optimizer(model: Any) -> list[Any]:
    return list(model.optimizer.variables)


def _checksum(variables: list[Any]) -> str:
    """Return a sha256 (hex) over variables in their order."""
    digest = hashlib.sha256()
    for variable in variables:
        value = variable.numpy()
        digest.update(f"{value.dtype.name}{list(value.shape)}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def agree(strategy: Any, epoch: int, checksum: str = "", hint: str = "") -> None:
    """Raise ModelError, in every worker, if not all of them are at this epoch with this checksum (hex).

    It is called by every worker, and returns when all have called it.
    """
    import tensorflow as tf

    # An int64 goes through a collective; a text does not.
    words = [int(checksum[at : at + 14] or "0", 16) for at in (0, 14)]
    mine = tf.constant([[epoch, *words]], tf.int64)

    def gathered() -> Any:
        return tf.distribute.get_replica_context().all_gather(mine, axis=0)

    everywhere = tf.function(lambda: strategy.run(gathered))
    local: Any = strategy.experimental_local_results(everywhere())
    states = [tuple(int(number) for number in row) for row in local[0].numpy()][:: len(local)]
    check(states, hint)


def check(states: list[tuple[int, ...]], hint: str = "") -> None:
    """Raise ModelError unless all workers are in one state: the epoch, and the first numbers of a checksum."""
    if len(set(states)) > 1:
        said = " · ".join(f"worker {place}: epoch {at}, {one:014x}" for place, (at, one, *_) in enumerate(states))
        raise ModelError(f"the workers do not hold the same model ({said}).", hint=hint)
