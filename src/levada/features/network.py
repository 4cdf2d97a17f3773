"""Fitted features as the first part of a Keras network: raw columns in, tensors by feature out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Tensor
from levada.errors import ModelError, did_you_mean
from levada.features.fitted import embedding_dim, has_index, size_of, width_of
from levada.features.kinds import Cross, Image, Text

if TYPE_CHECKING:
    from levada.features.fitted import Fitted


@dataclass(frozen=True)
class Indices:
    """A feature as whole numbers: an int32 tensor of shape (rows,) or (rows, n), with values below `size`."""

    tensor: Any
    size: int


class Layers:
    """The features of a network, made by `Fitted.layers()`.

        layers = FEATURES.fitted(statistics).layers()
        hidden = keras.layers.Dense(32, activation="relu")(layers.matrix())
        network = keras.Model(layers.inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))

    `inputs` are `keras.Input`s of the raw columns by name, `indices` the features that are places among many.
    `layers["x"]` is what its layer gives: float32 (rows, width), an int32 index (rows,) or (rows, n), or pixels (rows,
    height, width, channels).
    """

    def __init__(self, fitted: Fitted, *, stored: bool = False) -> None:
        self.fitted = fitted
        self.tensors: tuple[Tensor, ...] = stored_tensors(fitted) if stored else fitted.tensors
        """The inputs as a model's: what `batches` feeds."""
        self.inputs: dict[str, Any] = _inputs(self.tensors, fitted, stored)
        self._tensors: dict[str, Any] = dict(self.inputs) if stored else _made(fitted, self.inputs)
        self.indices: dict[str, Indices] = {
            name: Indices(self._tensors[name], size_of(kind, fitted.states[name]))
            for name, kind in fitted.features.kinds.items()
            if has_index(kind)
        }

    @property
    def outputs(self) -> dict[str, Any]:
        """What each feature's layer gives, by name, in the order of the description."""
        return {name: self._tensors[name] for name in self.fitted.features}

    def __getitem__(self, name: str) -> Any:
        if name not in self._tensors:
            raise ModelError(f"there is no feature '{name}'.", hint=did_you_mean(name, list(self._tensors)))
        return self._tensors[name]

    def matrix(self, names: Iterable[str] | None = None) -> Any:
        """Return features side by side: float32 (rows, their widths together); without `names`, all but images.

        An index is hot places or a trainable embedding, as its kind says. Features with `encode="index"` are left out,
        unless named: they are for `linear` and for layers of your own. Raises ModelError for one that is no matrix.
        """
        import keras

        kinds = self.fitted.features.kinds
        if names is None:
            chosen = [n for n, kind in kinds.items() if kind.encoding != "index" and not isinstance(kind, Image)]
        else:
            chosen = list(names)
        parts = [self._flat(name) for name in chosen]
        if not parts:
            raise ModelError("no feature of this description goes into a matrix.", hint="Number() gives numbers.")
        return parts[0] if len(parts) == 1 else keras.ops.concatenate(parts, axis=1)

    def _flat(self, name: str) -> Any:
        import keras

        tensor, kind = self[name], self.fitted.features[name]
        if isinstance(kind, Image) or kind.encoding == "index":
            raise ModelError(
                f"feature '{name}' is {'an image' if isinstance(kind, Image) else 'an index'}, which is no matrix.",
                hint=f"Take layers['{name}'] itself; or encode='one_hot' or 'embedding' in the description.",
            )
        if name not in self.indices:
            return tensor
        size, many = self.indices[name].size, len(tensor.shape) == 2
        if kind.encoding == "one_hot":
            hot = keras.ops.one_hot(tensor, size, dtype="float32")
            return keras.ops.max(hot, axis=1) if many else hot
        dim = embedding_dim(kind, self.fitted.states[name])
        embedding: Any = keras.layers.Embedding(size, dim, name=f"{name}_embedding".replace("/", "_"))
        if not many:
            return embedding(tensor)
        present = keras.ops.cast(keras.ops.expand_dims(tensor > 0, -1), "float32")
        total: Any = keras.ops.sum(embedding(tensor) * present, axis=1)
        return total / keras.ops.maximum(keras.ops.sum(present, axis=1), 1.0)

    def before(self, network: Any) -> Any:
        """Return a Keras model from raw columns to what `network` answers, which takes features by name.

        For a network that was trained on features that `transform` stored: what is served begins with raw columns
        again.
        """
        import keras

        wanted = [item.name for item in network.inputs]
        unknown = [name for name in wanted if name not in self._tensors]
        if unknown:
            raise ModelError(
                f"the network takes '{unknown[0]}', and there is no feature of that name.",
                hint=did_you_mean(unknown[0], list(self._tensors)),
            )
        given: dict[str, Any] = {}
        for item in network.inputs:
            tensor = self._tensors[item.name]
            shape = [-1 if size is None else size for size in item.shape]
            given[item.name] = keras.ops.reshape(tensor, shape) if len(tensor.shape) != len(item.shape) else tensor
        used = self._columns_of(wanted)
        return keras.Model({name: self.inputs[name] for name in used}, network(given))

    def _columns_of(self, names: Iterable[str]) -> list[str]:
        features = self.fitted.features
        found: dict[str, None] = {}
        for name in names:
            kind = features[name]
            for part in kind.of if isinstance(kind, Cross) else (name,):
                found[features.column(part)] = None
        return list(found)


def _inputs(tensors: tuple[Tensor, ...], fitted: Fitted, stored: bool) -> dict[str, Any]:
    import keras

    found: dict[str, Any] = {}
    for tensor in tensors:
        shape, dtype = tensor.shape[1:], tensor.dtype
        if stored:
            is_index = has_index(fitted.features[tensor.name])
            shape, dtype = (shape or (() if is_index else (1,))), ("int32" if is_index else dtype)
        found[tensor.name] = keras.Input(shape, name=tensor.name, dtype=dtype)
    return found


def _made(fitted: Fitted, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each feature's layer gives."""
    from levada.features.layers import LAYERS

    made: dict[str, Any] = {}
    kinds = fitted.features.kinds
    # Crosses last: they take other features' indices.
    for name in sorted(kinds, key=lambda name: isinstance(kinds[name], Cross)):
        kind, column = kinds[name], fitted.features.column(name)
        layer: Any = LAYERS[type(kind)](column, kind, fitted.states[name], name=name)
        made[name] = layer([made[part] for part in kind.of] if isinstance(kind, Cross) else inputs[column])
    return made


def stored_tensors(fitted: Fitted) -> tuple[Tensor, ...]:
    """Return the features as inputs of a model, in the form that `transform` stores them in."""
    found: list[Tensor] = []
    for name, kind in fitted.features.kinds.items():
        state = fitted.states[name]
        if has_index(kind):
            length = kind.length if isinstance(kind, Text) else state.get("length", 0)
            found.append(Tensor(name, "int64", (-1, length) if length else (-1,)))
        elif isinstance(kind, Image):
            found.append(Tensor(name, "float32", (-1, *kind.size, kind.channels)))
        else:
            width = width_of(kind, state)
            found.append(Tensor(name, "float32", (-1, width) if width > 1 else (-1,)))
    return tuple(found)


def linear(indices: Iterable[Indices] | Mapping[str, Indices]) -> Any:
    """Return a linear model of indices, of shape (rows, 1): one weight for every value of every feature.

    One embedding holds all weights, each feature at its own offset: fewer variables, which is what the first training
    step costs. Of a feature with several places, all count.
    """
    import keras

    placed: list[Any] = []
    size = 0
    for one in indices.values() if isinstance(indices, Mapping) else indices:
        tensor = one.tensor + size
        placed.append(tensor if len(tensor.shape) == 2 else keras.ops.expand_dims(tensor, 1))
        size += one.size
    embedding: Any = keras.layers.Embedding(size, 1, embeddings_initializer="zeros")
    return keras.ops.sum(embedding(keras.ops.concatenate(placed, axis=1)), axis=1)
