"""Structured pruning: channels of convolutions and units of dense layers are taken out, and what reads them shrinks.

What is left is a smaller dense network, so it is faster wherever it runs. Those with the smallest kernels go (H. Li and
others, Pruning Filters for Efficient ConvNets, 2017), as batch normalization scales them. A layer is left whole where
something reads its channels in a way that is not known here: an addition, a concatenation, a layer of one's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.compression import recipe
from levada.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

    from levada.compression.bench import Bench, Live

    Array = np.ndarray[Any, Any]

_ALIKE = re.compile(
    r"Activation|BatchNormalization|Identity|(Alpha|Gaussian)?Dropout|GaussianNoise|SpatialDropout[123]D"
    r"|(Global)?(Average|Max)Pooling[123]D|(UpSampling|ZeroPadding)[123]D"
    r"|ELU|Elu|GELU|Gelu|HardSigmoid|HardSilu|LeakyReLU|LeakyRelu|ReLU|Relu6?|Selu|Sigmoid|Silu|Softplus|Softsign|Tanh"
)
"""Layers and operations that treat each channel by itself, so that one may go."""

_ACROSS = ("softmax", "log_softmax", "glu", "sparsemax", "squareplus")
"""Activations that hold channels against each other."""


@dataclass(frozen=True)
class PruneChannels(recipe.NetworkStep):
    """Channels and units that are taken out; made by `prune_channels`."""

    share: float
    epochs: int = 10
    rate: float | None = None

    def apply(self, live: Live, bench: Bench) -> Live:
        from levada.compression.bench import Live

        before = live.network()
        bench.kernels(before, self)
        strongest = [_strongest(group, self.share) for group in groups_of(before).values()]
        kept = {number: places for number, places in enumerate(strongest) if places is not None}
        if not kept:
            raise ModelError(
                f"{self} does not apply to this model: no layer has channels that nothing but dense, convolution and "
                "elementwise layers read.",
                hint="prune(...) sets weights to zero wherever they are; distill(...) trains a smaller network.",
            )

        def build() -> Any:
            return narrowed(live.build(), kept)

        network = narrowed(before, kept)
        bench.train(network, self.epochs, self.rate, title=str(self))
        bench.notes.append(f"{self}: {len(kept)} of {len(strongest)} dense and convolution layers lost channels")
        return Live.of(network, build)

    def __str__(self) -> str:
        return f"prune channels {100 * self.share:.4g} %"


def prune_channels(share: float, *, epochs: int = 10, rate: float | None = None) -> PruneChannels:
    """Take out `share` of the channels (units) of each convolution (dense layer), and train the rest `epochs` more.

    The first and last sizes of the network stay. `rate` as for `prune`. Raises ParameterError for a share that is not
    between 0 and 1.
    """
    call = f"prune_channels({share!r})"
    return PruneChannels(recipe.share(call, share), recipe.epochs(call, epochs), recipe.rate(call, rate))


@dataclass
class Group:
    """The channels of one layer, and the layers that read them, each with how many numbers a channel has there."""

    layer: Any
    norms: list[Any] = field(default_factory=list[Any])
    readers: list[tuple[Any, int]] = field(default_factory=list[tuple[Any, int]])
    is_fixed: bool = False

    @property
    def strength(self) -> Array:
        """How much each channel counts: the mean magnitude of its kernel, as a batch normalization behind scales it."""
        import numpy as np

        kernel = np.abs(self.layer.kernel.numpy())
        strength = kernel.reshape(-1, kernel.shape[-1]).mean(axis=0)
        for norm in self.norms:
            scale = np.abs(norm.gamma.numpy()) if norm.scale else 1.0
            strength = strength * scale / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
        return strength


def _strongest(group: Group, share: float) -> Array | None:
    """Return which channels stay, in their order; None if all do."""
    import numpy as np

    strength = group.strength
    count = max(math.ceil(len(strength) * (1 - share) - 1e-9), 1)
    if group.is_fixed or not group.readers or count >= len(strength):
        return None
    return np.sort(np.argsort(-strength, kind="stable")[:count])


def groups_of(network: Any) -> dict[str, Group]:
    """Return the channels that could be taken out of a network, by the name of the layer that makes them."""
    groups: dict[str, Group] = {}
    carried: dict[int, tuple[Group, int]] = {}  # by tensor: whose channels it has, and how many numbers each has
    seen: set[int] = set()
    for operation, given, made in _calls(network):
        sources = [carried[id(tensor)] for tensor in given if id(tensor) in carried]
        alone = len(given) == 1 and id(operation) not in seen
        seen.add(id(operation))
        if alone and _has_channels(operation):
            if sources:
                group, times = sources[0]
                group.readers.append((operation, times))
            own = groups[operation.name] = Group(operation, is_fixed=_activation(operation) in _ACROSS)
            carried[id(made[0])] = (own, 1)
        elif alone and sources and (times := _passed(operation, given[0])):
            group, before = sources[0]
            if type(operation).__name__ == "BatchNormalization":
                group.norms.append(operation) if before == 1 else _fix(sources)
            carried[id(made[0])] = (group, before * times)
        else:
            _fix(sources)
            if operation.name in groups:  # a layer that is called more than once
                groups[operation.name].is_fixed = True
    for tensor in network.outputs:
        if id(tensor) in carried:
            carried[id(tensor)][0].is_fixed = True
    return groups


def _fix(sources: list[tuple[Group, int]]) -> None:
    for group, _ in sources:
        group.is_fixed = True


def _calls(network: Any) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """Yield the calls of a functional network in order: the layer or operation, tensors in, tensors out."""
    graph = _functional(network)
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            yield node.operation, list(node.arguments.keras_tensors), list(node.outputs)


def _functional(network: Any) -> Any:
    """Return the graph of a network. Raises ModelError for one that has none."""
    import keras

    if isinstance(network, keras.Sequential) and network.built:
        return keras.Model(network.inputs[0], network.outputs[0])
    if getattr(network, "_inputs_struct", None) is None:
        raise ModelError(
            f"channels can be taken out of a network whose graph is known, and {type(network).__name__} is called.",
            hint="Build it as keras.Model(inputs, outputs); or distill(...) into a smaller one.",
        )
    return network


def _has_channels(operation: Any) -> bool:
    import keras

    kinds = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
    if type(operation) not in kinds:
        return False
    return isinstance(operation, keras.layers.Dense) or (
        operation.groups == 1 and operation.data_format == "channels_last"
    )


def _activation(operation: Any) -> str:
    return str(getattr(getattr(operation, "activation", None), "__name__", ""))


def _passed(operation: Any, tensor: Any) -> int:
    """Return how many numbers a channel has behind an operation for each that it had before; 0 if they are mixed."""
    kind = type(operation).__name__
    if kind == "Flatten":
        return math.prod(tensor.shape[1:-1]) if None not in tensor.shape[1:-1] else 0
    if not _ALIKE.fullmatch(kind) or _activation(operation) in _ACROSS:
        return 0
    if kind == "BatchNormalization":
        return int(operation.axis in (-1, len(tensor.shape) - 1))
    return int(getattr(operation, "data_format", "channels_last") == "channels_last")


def narrowed(network: Any, strongest: Mapping[int, Array]) -> Any:
    """Return a network with only some channels of some layers, compiled as it was.

    `strongest` has the channels that stay, by the number of the layer among those of `groups_of`: names are given anew
    each time a network is built. Layers that lose nothing are those of `network`, which is given up for it.
    """
    import keras

    from levada.compression.bench import compile_like

    groups = groups_of(network)
    kept = {name: strongest[number] for number, name in enumerate(groups) if number in strongest}
    inputs = {reader.name: (name, times) for name in groups for reader, times in groups[name].readers}
    norms = {norm.name: name for name, group in groups.items() for norm in group.norms}

    def smaller(layer: Any) -> Any:
        concerned = {layer.name, norms.get(layer.name), inputs.get(layer.name, ("", 1))[0]}
        if not concerned & kept.keys():
            return layer
        config = layer.get_config()
        if layer.name in kept:
            config["units" if "units" in config else "filters"] = len(kept[layer.name])
        return type(layer).from_config(config)

    graph = _functional(network)
    bare = keras.Model(graph._inputs_struct, graph._outputs_struct)  # not compiled, so that only its graph is cloned
    small: Any = keras.models.clone_model(bare, clone_function=smaller)
    old = {layer.name: layer for layer in network.layers}
    for layer in small.layers:
        before = old.get(layer.name)
        if before is None or before is layer or not layer.weights:
            continue
        if layer.name in groups:
            source, times = inputs.get(layer.name, ("", 1))
            layer.set_weights(_cut(before, kept.get(source), times, kept.get(layer.name)))
        else:
            layer.set_weights([array[kept[norms[layer.name]]] for array in before.get_weights()])
    compile_like(small, network)
    return small


def _cut(layer: Any, read: Array | None, times: int, kept: Array | None) -> list[Array]:
    """Return the weights of a dense or convolution layer for some of its inputs and some of its outputs."""
    import numpy as np

    kernel, *bias = layer.get_weights()
    if read is not None:
        channels = kernel.shape[-2] // times
        # Flattened positions come one after another, each with all its channels.
        places = (np.arange(times)[:, None] * channels + read[None, :]).ravel()
        kernel = np.take(kernel, places, axis=-2)
    return [kernel, *bias] if kept is None else [kernel[..., kept], *(array[kept] for array in bias)]
