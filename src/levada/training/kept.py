"""How a network was made and trained, kept with its model: so that it comes back, to be trained further.

What is kept is the author's function by name, what it was called with, and how it was fitted; the weights are those of
the SavedModel. A function is code, and what a file names is not run on the file's word: `network.json` counts only if
the artifact's record has its digest, which a training of this store wrote there. A model that was imported has none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from levada.artifacts.model import NETWORK, Model
from levada.errors import LevadaError, ModelError
from levada.models.fingerprint import of_keras
from levada.models.keras_export import caller, outputs_of, traced
from levada.models.signatures import with_graph_names
from levada.training import faults
from levada.training.description import Rows, Training
from levada.training.warm import keyed, weights_in
from levada.values import decode, encode, json_bytes

PROPERTY = "network"
"""The property of a model that has the sha256 of its `network.json`."""


def keep(out: Model, training: Training) -> None:
    """Write how a model was made beside it, unless its function is one that no other process can import."""
    bare = replace(training, rows=Rows(Path(), {}, ()), start=None, home=None, callbacks=None)
    try:
        content = json_bytes(encode(bare))
    except LevadaError:
        return
    (out.path / NETWORK).write_bytes(content)
    out.properties[PROPERTY] = hashlib.sha256(content).hexdigest()


def kept(model: Model) -> Training:
    """Return how a model was trained, without the rows. Raises ModelError where that cannot be known, or trusted."""
    wanted = model.properties.get(PROPERTY)
    path = model.path / NETWORK
    if not isinstance(wanted, str) or not path.is_file():
        raise ModelError(
            f"the network of this model is not known ({model.document.framework}): it has weights, and nothing says "
            "what could be trained further.",
            hint="fit_keras keeps it, for a network that is a function at the top level of a module.",
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ModelError(f"{path} is not what the training wrote: code that it names is not run.")
    try:
        training = decode(json.loads(content))
    except (LevadaError, ImportError, AttributeError, TypeError, KeyError) as error:
        raise ModelError(
            f"the network of this model cannot be made again: {getattr(error, 'message', error)}",
            hint="Train it anew with the code as it is now.",
        ) from None
    assert isinstance(training, Training)
    return training


def restored(model: Model, training: Training) -> Any:
    """Return the Keras network of a model, compiled, with its weights.

    It is the author's function called again, which may be another one by now: the network counts only if it has the
    fingerprint of the model. Raises ModelError if it has another.
    """
    from levada.training.fitting import precise

    saved = weights_in(model.path / model.document.entry)
    with precise(training.precision):
        network = faults.built(training)
    if not network.built:
        raise ModelError(
            f"{training.network.name}() makes a network without keras.Input, whose weights are there only once it has "
            "seen rows: it cannot be trained further.",
            where=faults.where_of(training),
            hint="Build it from keras.Input(...), as keras.Model(inputs, outputs).",
        )
    for name, variable in keyed((variable.path, variable) for variable in network.weights):
        array = saved.get(name)
        if array is None or array.shape != tuple(variable.shape):
            raise _another(training)
        variable.assign(array)
    if fingerprint_of(network, training) != model.fingerprint:
        raise _another(training)
    return network


def fingerprint_of(network: Any, training: Training) -> str:
    """Return the fingerprint that a network has as a model."""
    inputs = with_graph_names(training.inputs)
    _, concrete = traced(caller(network, inputs), inputs, training.output)
    return of_keras(network, concrete, inputs, outputs_of(concrete, training.classes))


def _another(training: Training) -> ModelError:
    return ModelError(
        f"{training.network.name}() makes another network by now than the one whose weights these are.",
        where=faults.where_of(training),
        hint="Train it anew with the code as it is now.",
    )
