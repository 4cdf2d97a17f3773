"""A model of which only what it computes is known, as a Keras network: it can be exported, and not be trained.

Imports Keras: import it where a network is wanted.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from levada.artifacts.model import Model


class Computed(keras.layers.Layer):
    """A SavedModel's `serving_default`: named tensors in, named tensors out."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._loaded: Any = tf.saved_model.load(path)
        self._signature = self._loaded.signatures["serving_default"]

    def call(self, given: Any) -> Any:
        return self._signature(**given)


def adopted(model: Model) -> Any:
    """Return a network that computes what a SavedModel does, with its inputs by name."""
    document = model.document
    inputs = {each.name: keras.Input(each.shape[1:], name=each.name, dtype=each.dtype) for each in document.inputs}
    return keras.Model(inputs, Computed(str(model.path / document.entry))(inputs))
