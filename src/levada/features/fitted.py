"""Fitted features: a description with its state, from which layers and transformers are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.model import Tensor
from levada.features.description import Features
from levada.features.kinds import PERIODS, AsIs, Buckets, Cross, Hashed, Image, Kind, Number, Text, Time, Words
from levada.values import decode, encode

if TYPE_CHECKING:
    from levada.features.network import Layers

State = dict[str, Any]
FORMAT = 1


@dataclass(frozen=True)
class Fitted:
    """A description, the state of each feature, and the inputs (raw columns) that a model takes."""

    features: Features
    states: Mapping[str, State]
    inputs: Mapping[str, Tensor]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The raw columns as inputs of a model, for `save_keras(..., inputs=)` and `batches`."""
        return tuple(self.inputs.values())

    def size(self, name: str) -> int | None:
        """How many values the index of a feature can have; None for a feature that has no index."""
        return size_of(self.features[name], self.states[name]) if has_index(self.features[name]) else None

    def width(self, name: str) -> int:
        """How many numbers a row of a feature has in a matrix: its places, the dim of an embedding."""
        return width_of(self.features[name], self.states[name])

    def layers(self, *, stored: bool = False) -> Layers:
        """Return the features as Keras layers behind `keras.Input`s of the raw columns; needs TensorFlow.

        With `stored` the inputs are features that `transform` has stored, and there is nothing left to do but to put
        them side by side.
        """
        from levada.features.network import Layers

        return Layers(self, stored=stored)

    def transformer(self) -> Any:
        """Return the features as a fitted scikit-learn `ColumnTransformer` over a DataFrame of the raw columns.

        An embedding is hot places there. Raises DataError for hashes and images, which scikit-learn has nothing equal
        for, and for an index that no cross uses: it would have no effect.
        """
        from levada.features.sklearn_columns import transformer_of

        return transformer_of(self)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": FORMAT,
            "features": encode(self.features),
            "states": dict(self.states),
            "inputs": [tensor.to_json() for tensor in self.inputs.values()],
        }

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Fitted:
        """Return what `to_json` gave the form of."""
        tensors = [Tensor.from_json(tensor) for tensor in form["inputs"]]
        return Fitted(decode(form["features"]), form["states"], {tensor.name: tensor for tensor in tensors})


def has_index(kind: Kind) -> bool:
    """Whether a feature of this kind is a place among `size` many (or several of them, for lists and sequences)."""
    return isinstance(kind, Buckets | Words | Hashed | Cross) or (isinstance(kind, Text) and kind.weight == "sequence")


def size_of(kind: Kind, state: State) -> int:
    """Return how many values the index of a feature can have."""
    match kind:
        case Buckets():
            return len(state["cuts"]) + 2
        case Words():
            return 1 + kind.oov + len(state["words"])
        case Hashed():
            return 1 + kind.bins
        case Cross():
            if kind.top:
                return 1 + len(state["kept"])
            size = 1
            for each in state["sizes"]:
                size *= each
            return kind.bins or size
        case Text():
            return 2 + (kind.bins or len(state["words"]))
        case _:
            raise TypeError(f"{type(kind).__name__} has no index")


def embedding_dim(kind: Kind, state: State) -> int:
    """Return the dimension of a feature's embedding: the one it asks for, or the fourth root of its size, 2 to 64.

    The rule is of Google, "Introducing TensorFlow Feature Columns", 2017.
    """
    return getattr(kind, "dim", 0) or max(2, min(64, round(size_of(kind, state) ** 0.25)))


def width_of(kind: Kind, state: State) -> int:
    """Return how many numbers a row of a feature has in a matrix."""
    match kind:
        case Number():
            return (state["length"] or 1) * (2 if kind.indicator else 1)
        case AsIs():
            return state["length"] or 1
        case Image():
            return kind.size[0] * kind.size[1] * kind.channels
        case Time():
            return sum(1 if part == "age" else 2 if kind.cyclic else PERIODS[part] for part in kind.parts)
        case Text() if kind.weight != "sequence":
            return kind.bins or len(state["words"])
        case _:
            if kind.encoding == "embedding":
                return embedding_dim(kind, state)
            return size_of(kind, state) if kind.encoding == "one_hot" else 1
