"""A Keras network cut in two: the layers that no small runtime can carry, as data, and a network of what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from levada.artifacts.model import Tensor
from levada.errors import ModelError
from levada.models.keras_export import caller
from levada.models.lookups import Lookups

_TEXT_LAYERS = (
    "Words, Hashed, Time and Image of levada.features, and Keras's StringLookup and Hashing, are done before the graph"
)


@dataclass(frozen=True)
class Split:
    """`lookups` make from a model's inputs those of the graph, `inputs`; `call` is the graph, on tensors by name."""

    lookups: Lookups | None
    inputs: tuple[Tensor, ...]
    call: Callable[[dict[str, Any]], Any]


def split(network: Any, inputs: tuple[Tensor, ...], title: str) -> Split:
    """Cut a network where `title` (a runtime, for people) cannot follow it.

    Raises ModelError, with the layer and the alternatives, for one that computes with texts and cannot be cut off: its
    input is made by other layers, or nothing is known that does the same.
    """
    model = getattr(network, "_functional", None) or network
    nodes = _nodes(model)
    if nodes is None:
        texts = [tensor.name for tensor in inputs if tensor.dtype == "string"]
        if texts:
            raise ModelError(
                f"the input '{texts[0]}' is text, which {title} cannot carry, and {type(network).__name__} is no "
                "functional network, which could be cut.",
                hint='Build it from keras.Input on; or serve it as it is: format="saved_model".',
            )
        return Split(None, inputs, caller(network, inputs))
    steps, cut = _steps(model, nodes, title, {tensor.name: tensor.graph_name for tensor in inputs})
    if not steps:
        return Split(None, inputs, caller(network, inputs))
    return _cut(model, nodes, inputs, steps, cut)


def _nodes(model: Any) -> list[Any] | None:
    """Return the calls of layers that a functional network is made of, those of its inputs not; None for another."""
    by_depth = getattr(model, "_nodes_by_depth", None)
    if not by_depth:
        return None
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def _steps(
    model: Any, nodes: list[Any], title: str, inside: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[int, Any]]:
    """Return the steps, and the tensor that each gives, by its id; `inside` is what a graph calls the inputs."""
    names = {id(tensor): tensor.name for tensor in model.inputs}
    steps: list[dict[str, Any]] = []
    cut: dict[int, Any] = {}
    taken = {*names.values(), *inside.values()}
    for node in nodes:
        step = _before_graph(node.operation, title)
        if step is None:
            if any(tensor.dtype == "string" for tensor in node.input_tensors):
                raise _text(node, title, "computes with texts")
            continue
        given, made = node.input_tensors[0], node.output_tensors[0]
        if id(given) not in names:
            raise _text(node, title, "takes what another layer makes")
        takes = names[id(given)]
        gives = f"{inside.get(takes, takes)}_{step['kind']}"  # not the layer's name, which Keras may have numbered
        while gives in taken:
            gives += "_"
        taken.add(gives)
        steps.append({**step, "takes": takes, "gives": gives})
        cut[id(made)] = made
    return steps, cut


def _text(node: Any, title: str, why: str) -> ModelError:
    layer = node.operation
    return ModelError(
        f"layer '{layer.name}' ({type(layer).__name__}) {why}, which {title} cannot carry.",
        hint=f'{_TEXT_LAYERS}, on columns as they come. Use these, or serve the model as it is: format="saved_model".',
    )


def _cut(
    model: Any, nodes: list[Any], inputs: tuple[Tensor, ...], steps: list[dict[str, Any]], cut: dict[int, Any]
) -> Split:
    import keras

    rest = [node for node in nodes if not any(id(made) in cut for made in node.output_tensors)]
    used = {id(tensor) for node in rest for tensor in node.input_tensors}
    passed = [tensor for tensor in model.inputs if id(tensor) in used]
    given = [*passed, *cut.values()]
    network: Any = keras.Model(given, model._outputs_struct)
    declared = {tensor.name: tensor for tensor in inputs}
    tensors = tuple(declared[tensor.name] for tensor in passed) + tuple(
        Tensor(step["gives"], _DTYPES[made.dtype], (-1, *made.shape[1:]))
        for step, made in zip(steps, cut.values(), strict=True)
    )
    symbolic = {tensor.name: wanted for tensor, wanted in zip(tensors, given, strict=True)}
    return Split(Lookups(steps, [tensor.name for tensor in passed]), tensors, _call(network, symbolic))


_DTYPES = {"int32": "int64", "int64": "int64", "float32": "float32"}


def _call(network: Any, symbolic: Mapping[str, Any]) -> Callable[[dict[str, Any]], Any]:
    import tensorflow as tf

    def call(features: dict[str, Any]) -> Any:
        given = [
            tf.reshape(tf.cast(features[name], wanted.dtype), (-1, *wanted.shape[1:]))
            for name, wanted in symbolic.items()
        ]
        return network(given, training=False)

    return call


# -- Keras's own layers -----------------------------------------------------------------------------------


def _before_graph(layer: Any, title: str) -> dict[str, Any] | None:
    """Return the step that does the same as a layer, without its ends; None for one that a graph can carry."""
    import keras

    if hasattr(layer, "before_graph"):
        return layer.before_graph()
    if isinstance(layer, keras.layers.StringLookup):
        return _string_lookup(layer, title)
    if isinstance(layer, keras.layers.Hashing):
        return _hashing(layer, title)
    return None


def _string_lookup(layer: Any, title: str) -> dict[str, Any]:
    settings = layer.get_config()
    if settings["output_mode"] != "int" or settings["invert"]:
        raise ModelError(
            f"layer '{layer.name}' (StringLookup) gives {'words' if settings['invert'] else settings['output_mode']}, "
            f"which {title} cannot carry.",
            hint='Let it give places (output_mode="int"), and CategoryEncoding after it what is made of them.',
        )
    unknown, masked = settings["num_oov_indices"], settings["mask_token"] is not None
    begin = 1 if masked else 0
    words = [str(word) for word in layer.get_vocabulary(include_special_tokens=False)]
    if masked and settings["mask_token"] != "":
        raise ModelError(
            f"layer '{layer.name}' (StringLookup) masks {settings['mask_token']!r}, which {title} cannot carry.",
            hint='A missing text is "": mask_token="".',
        )
    return {
        "kind": "places",
        "words": words,
        "first": begin + unknown,
        "missing": 0 if masked else None,
        "unknown": [begin, unknown],
        "items": 0,
    }


def _hashing(layer: Any, title: str) -> dict[str, Any]:
    settings = layer.get_config()
    if settings.get("salt") is not None or settings["output_mode"] != "int":
        raise ModelError(
            f"layer '{layer.name}' (Hashing) has a salt, or gives {settings['output_mode']}, which {title} cannot "
            "carry.",
            hint='Leave the salt out, and let it give places (output_mode="int").',
        )
    if settings["mask_value"] not in (None, ""):
        raise ModelError(
            f"layer '{layer.name}' (Hashing) masks {settings['mask_value']!r}, which {title} cannot carry.",
            hint='A missing text is "": mask_value="".',
        )
    masked = settings["mask_value"] is not None
    return {
        "kind": "places",
        "words": [],
        "first": 0,
        "missing": 0 if masked else None,
        "unknown": [1, settings["num_bins"] - 1] if masked else [0, settings["num_bins"]],
        "items": 0,
    }
