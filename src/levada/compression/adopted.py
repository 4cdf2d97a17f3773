"""A model of which only what it computes is known, as a Keras network: it can be exported, and not be trained.

Imports Keras: import it where a network is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from levada.artifacts.model import Model


class Computed(keras.layers.Layer):
    """A SavedModel's `serving_default`: named tensors in, named tensors out. Its weights are constants here.

    `inputs` are their names, by what the graph calls them.
    """

    def __init__(self, path: str, inputs: Mapping[str, str]) -> None:
        super().__init__()
        loaded: Any = tf.saved_model.load(path)  # its signature holds the variables only weakly
        signature: Any = loaded.signatures["serving_default"]
        frozen: Any = convert_to_constants.convert_variables_to_constants_v2(signature)
        names = sorted(signature.structured_outputs)  # the order in which TensorFlow lays out a dict
        order = [inputs[tensor.name.partition(":")[0]] for tensor in frozen.inputs]

        def compute(given: dict[str, Any]) -> dict[str, Any]:
            return dict(zip(names, frozen(*(given[name] for name in order)), strict=True))

        self.__dict__["_compute"] = compute  # no attribute that Keras would follow

    def call(self, given: Any) -> Any:
        return self.__dict__["_compute"](given)


def adopted(model: Model) -> Any:
    """Return a network that computes what a SavedModel does, with its inputs by name."""
    document = model.document
    inputs = {each.name: keras.Input(each.shape[1:], name=each.name, dtype=each.dtype) for each in document.inputs}
    names = {each.graph_name: each.name for each in document.inputs}
    return keras.Model(inputs, Computed(str(model.path / document.entry), names)(inputs))
