"""Quantization after training: weights, and activations too, as numbers of fewer bits.

    float16   weights as half floats: half the size, computed as floats
    dynamic   weights as int8, with a scale a channel; activations are quantized as they come
    int8      weights and activations as int8, by ranges that a representative set of rows shows

It happens when the network is exported, so it needs no network that can be trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from levada.compression.recipe import Recipe
from levada.errors import ParameterError, did_you_mean

Kind = Literal["float16", "dynamic", "int8"]
KINDS = ("float16", "dynamic", "int8")
NAMES = {"float16": "float16", "dynamic": "dynamic int8", "int8": "full int8"}


@dataclass(frozen=True)
class Quantize(Recipe):
    """Numbers of fewer bits; made by `quantize`."""

    kind: Kind
    rows: int = 300

    @property
    def is_export(self) -> bool:
        return True

    def __str__(self) -> str:
        return NAMES[self.kind]


def quantize(kind: Kind, *, rows: int = 300) -> Quantize:
    """Export the network with numbers of fewer bits: `float16`, `dynamic` (int8 weights), `int8` (all of it).

    `int8` finds the range of every activation on `rows` rows of the training split, drawn by the node's seed, or on the
    `representative` examples that `compress` is given. Raises ParameterError for another kind.
    """
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS) or f"Wanted {', '.join(map(repr, KINDS))}."
        raise ParameterError(f"quantize({kind!r}): there is no such quantization.", hint=hint)
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(f"quantize('{kind}', rows={rows!r}): wanted a whole number from 1 on.")
    return Quantize(kind, rows)
