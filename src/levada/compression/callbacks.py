"""What keeps weights as a recipe wants them while a network is trained: after every step of the optimizer.

Imports Keras: import it where a training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from levada.compression.clustering import centres_of

UPDATES = 40
"""How often, at most, it is looked which weights are the smallest."""


class ZeroKeeper(keras.callbacks.Callback):
    """Keeps what is exactly zero in some kernels at zero: what an earlier recipe took away does not come back."""

    def __init__(self, kernels: Sequence[Any]) -> None:
        super().__init__()
        masks = [(kernel, kernel.numpy() != 0) for kernel in kernels]
        self._masks = [(kernel, tf.constant(mask, kernel.dtype)) for kernel, mask in masks if not mask.all()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for kernel, mask in self._masks:
            kernel.assign(kernel.value * mask)


class Pruner(keras.callbacks.Callback):
    """Sets a growing share of some kernels' weights to zero, the smallest first; from then on they stay there."""

    def __init__(self, kernels: Sequence[Any], share: float, ramp: float) -> None:
        super().__init__()
        self._kernels, self._share, self._ramp = kernels, share, ramp
        self._masks: list[Any] = []
        self._step, self._steps, self._every = 0, 1, 1

    def on_train_begin(self, logs: Any = None) -> None:
        steps: Any = self.params
        self._steps = max(int(steps["steps"] * steps["epochs"] * self._ramp), 1)
        self._every = max(self._steps // UPDATES, 1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step += 1
        if self._step <= self._steps and (self._step % self._every == 0 or self._step == self._steps):
            self._choose(self._share * (1 - (1 - self._step / self._steps) ** 3))
        for kernel, mask in zip(self._kernels, self._masks, strict=False):
            kernel.assign(kernel.value * mask)

    def on_train_end(self, logs: Any = None) -> None:
        self._choose(self._share)
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.assign(kernel.value * mask)

    def _choose(self, share: float) -> None:
        """Say anew which weights are zero: those that are stay so, as they are the smallest."""
        self._masks = [tf.constant(_largest(kernel.numpy(), 1 - share), kernel.dtype) for kernel in self._kernels]


def _largest(values: Any, share: float) -> Any:
    """Return which of some numbers are the largest in magnitude, as many as a share says, and at least one."""
    kept = max(round(values.size * share), 1)
    order = np.argpartition(-np.abs(values.ravel()), kept - 1)[:kept]
    mask = np.zeros(values.size, bool)
    mask[order] = True
    return mask.reshape(values.shape)


class Clusterer(keras.callbacks.Callback):
    """Lets the weights of some kernels share values: after each step those of a cluster become their mean."""

    def __init__(self, kernels: Sequence[Any], clusters: int) -> None:
        super().__init__()
        self._shared: list[tuple[Any, Any, Any, int]] = []
        for kernel in kernels:
            values = kernel.numpy()
            there = values != 0
            centres = centres_of(values[there], clusters - (not there.all()))
            nearest = np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
            # A cluster of their own for the zeros, behind the others: it is multiplied with zero.
            places = tf.constant(np.where(there, nearest, len(centres)).ravel(), tf.int32)
            factors = tf.constant(np.append(np.ones(len(centres)), 0.0), kernel.dtype)
            self._shared.append((kernel, places, factors, len(centres) + 1))

    def on_train_begin(self, logs: Any = None) -> None:
        self._share()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._share()

    def _share(self) -> None:
        for kernel, places, factors, count in self._shared:
            means: Any = tf.math.unsorted_segment_mean(tf.reshape(kernel.value, [-1]), places, count) * factors
            kernel.assign(tf.reshape(tf.gather(means, places), kernel.shape))
