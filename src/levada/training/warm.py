"""A warm start: a network takes over the weights of a model that was saved before, where they fit."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import TRAINING, ModelDocument
from levada.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

_NUMBER = re.compile(r"_\d+(?=/|$)")
_FORGOTTEN = ("seed_generator_state",)
"""State that is no weight: where random numbers were. A training has its own seed."""


def start_from(folder: Path, model: Any) -> list[str]:
    """Give a network the weights of a saved model; return what somebody should know of it.

    Weights are told apart by their path in the network (`dense/kernel`), without the numbers that Keras gives, and by
    their order; one is taken where the shapes agree. Embeddings are left out where a vocabulary is another now: their
    rows would belong to other words. Raises ModelError for a model that is no Keras model, or of which nothing fits.
    """
    document = ModelDocument.read(folder)
    if document.format != "saved_model":
        raise ModelError(
            f"a training cannot start from this model, which is {document.format} ({document.framework}).",
            hint="start= takes a model that fit_keras or save_keras wrote.",
        )
    saved = weights_in(folder / document.entry)
    words = vocabularies(model)
    renamed = words != _vocabularies_in(folder)
    embeddings = _embeddings(model) if renamed else set[int]()
    taken, fresh = 0, list[str]()
    for name, variable in keyed((variable.path, variable) for variable in model.variables):
        if name[0].endswith(_FORGOTTEN):
            continue
        array = saved.get(name)
        if array is None or array.shape != tuple(variable.shape) or id(variable) in embeddings:
            fresh.append(variable.path)
        else:
            variable.assign(array)
            taken += 1
    if not taken:
        raise ModelError(
            "nothing of the model that training starts from fits this network.",
            hint="Its layers have other names or shapes: leave out start=, or keep the network as it was.",
        )
    notes = [f"began with {taken} weights of an earlier model"]
    if fresh:
        why = " (a vocabulary is another)" if embeddings else ""
        notes.append(f"{len(fresh)} began anew{why}: {', '.join(fresh[:4])}{', ...' if len(fresh) > 4 else ''}")
    return notes


def vocabularies(model: Any) -> list[str]:
    """Return a digest of each vocabulary in a network, in order."""
    return [
        hashlib.sha256(json.dumps([str(word) for word in layer.get_vocabulary()]).encode()).hexdigest()[:16]
        for layer in model._flatten_layers(include_self=False, recursive=True)
        if hasattr(layer, "get_vocabulary")
    ]


def _vocabularies_in(folder: Path) -> list[str] | None:
    try:
        return json.loads((folder / TRAINING).read_text())["vocabularies"]
    except (OSError, ValueError, KeyError):
        return None


def _embeddings(model: Any) -> set[int]:
    import keras

    layers = model._flatten_layers(include_self=False, recursive=True)
    return {id(each) for layer in layers if isinstance(layer, keras.layers.Embedding) for each in layer.variables}


def weights_in(entry: Path) -> dict[tuple[str, int], np.ndarray[Any, Any]]:
    """Return the weights in a SavedModel that `ExportArchive` wrote, read without running anything of it."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2  # pyright: ignore[reportMissingImports]

    try:
        form = saved_model_pb2.SavedModel.FromString((entry / "saved_model.pb").read_bytes())
        nodes = form.meta_graphs[0].object_graph_def.nodes
        root = {child.local_name: child.node_id for child in nodes[0].children}
        places = {child.local_name: child.node_id for child in nodes[root["variables"]].children}
        reader: Any = tf.train.load_checkpoint(str(entry / "variables" / "variables"))
        listed = [
            (nodes[node].variable.name, reader.get_tensor(f"variables/{place}/.ATTRIBUTES/VARIABLE_VALUE"))
            for place, node in sorted(places.items(), key=lambda item: int(item[0]))
        ]
    except (OSError, KeyError, IndexError, ValueError, tf.errors.OpError) as error:
        raise ModelError(f"the weights in {entry} cannot be read: {type(error).__name__}: {error}") from None
    return dict(keyed(listed))


def keyed(named: Any) -> list[tuple[tuple[str, int], Any]]:
    """Return things by path and, where several have one without Keras's numbers, by their order among them."""
    seen: Counter[str] = Counter()
    keyed: list[tuple[tuple[str, int], Any]] = []
    for path, thing in named:
        plain = _NUMBER.sub("", path)
        keyed.append(((plain, seen[plain]), thing))
        seen[plain] += 1
    return keyed
