"""Keras layers, one for each kind of feature; their state is set when they are made, so nothing is adapted.

Importing this loads TensorFlow. A layer takes a raw column: `(rows,)`, or `(rows, n)` for lists filled up with missing
values. It gives float32 `(rows, width)`, or int32 indices `(rows,)` or `(rows, n)`, or pixels.
"""

# pyright: reportUntypedBaseClass=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from levada.features.fitted import State, size_of, width_of
from levada.features.kinds import PERIODS, AsIs, Buckets, Cross, Hashed, Image, Kind, Number, Text, Time, Words
from levada.models.calendar import parts_of
from levada.models.pictures import GREY

PUNCTUATION = r"""[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"""
"""What is removed of a text, the characters that Keras' TextVectorization removes."""
UNKNOWN = "\x00"
"""What stands for an unknown word inside a table: a text that no vocabulary has."""


class FeatureLayer(keras.layers.Layer):
    """What all have: the column they read, and no cast of what they are given."""

    def __init__(self, column: str, kind: Kind, state: State, *, name: str) -> None:
        super().__init__(name=f"{name}_feature".replace("/", "_"), autocast=False, trainable=False)
        self.column = column
        self.kind: Any = kind
        self.state = dict(state)
        self.length = int(state.get("length", 0))
        self.is_padded = bool(self.length)

    def compute_output_spec(self, values: Any, training: bool = False) -> Any:
        return keras.KerasTensor((None, width_of(self.kind, self.state)), "float32")

    def before_graph(self) -> dict[str, Any] | None:
        """Return what does the same before a graph that has no such operations (`levada.models.lookups`), if needed."""
        return None

    def _cut(self, values: Any) -> Any:
        """Return the items that this feature uses; another one of the column may use more."""
        return values[:, : self.length] if self.length else values


class NumberLayer(FeatureLayer):
    """Clips, logs, scales; see `Number`."""

    def call(self, values: Any, training: bool = False) -> Any:
        values = self._cut(values)
        state, dtype = self.state, values.dtype
        absent = tf.math.is_nan(values)
        # Not is_inf, which LiteRT takes for a difference from infinity: that is NaN there, and never small.
        infinite = tf.abs(values) > _scalar(dtype.max, dtype)
        ends = tf.where(values > 0, _scalar(state["greatest"], dtype), _scalar(state["least"], dtype))
        values = tf.where(infinite, ends, values)
        if state["low"] is not None:
            values = tf.maximum(values, _scalar(state["low"], dtype))
        if state["high"] is not None:
            values = tf.minimum(values, _scalar(state["high"], dtype))
        if self.kind.log:
            values = tf.math.log1p(tf.maximum(values, _scalar(0, dtype)))
        # Times the reciprocal, since that is what a graph makes of a division: so both give the same last bit.
        scaled = (values - _scalar(state["offset"], dtype)) * _scalar(1.0 / state["divisor"], dtype)
        result = tf.cast(tf.where(absent, _scalar(state["filled"], dtype), scaled), "float32")
        if not self.length:
            result, absent = result[:, None], absent[:, None]
        return tf.concat([result, tf.cast(absent, "float32")], 1) if self.kind.indicator else result


class AsIsLayer(FeatureLayer):
    """Gives numbers as they are."""

    def call(self, values: Any, training: bool = False) -> Any:
        values = tf.cast(self._cut(values), "float32")
        return values if self.length else values[:, None]


class TimeLayer(FeatureLayer):
    """Gives parts of times, by the clock of a zone."""

    def before_graph(self) -> dict[str, Any] | None:
        state = {name: self.state[name] for name in ("moments", "offsets", "start", "span")}
        parts = [[part, PERIODS.get(part, 0)] for part in self.kind.parts]
        return {"kind": "clock", "parts": parts, "cyclic": self.kind.cyclic, **state}

    def call(self, values: Any, training: bool = False) -> Any:
        absent = tf.math.logical_not(tf.math.is_finite(values))
        seconds = tf.where(absent, _scalar(self.state["start"], values.dtype), values)
        whole = tf.cast(tf.floor(seconds), "int64")
        moments = tf.constant(self.state["moments"], "int64")
        offsets = tf.constant(self.state["offsets"], "int64")
        parts = parts_of(whole + tf.gather(offsets, tf.searchsorted(moments, whole, side="right")))
        columns: list[Any] = []
        for part in self.kind.parts:
            if part == "age":
                age = (seconds - self.state["start"]) * (1.0 / self.state["span"])
                columns.append(tf.cast(age, "float32")[:, None])
            elif self.kind.cyclic:
                turn = tf.cast(parts[part], "float32") * (2 * math.pi / PERIODS[part])
                columns += [tf.sin(turn)[:, None], tf.cos(turn)[:, None]]
            else:
                columns.append(tf.one_hot(parts[part], PERIODS[part]))
        return tf.where(absent[:, None], _scalar(0, "float32"), tf.concat(columns, 1))


class ImageLayer(FeatureLayer):
    """Decodes, resizes, rescales; in training it augments, too."""

    def __init__(self, column: str, kind: Image, state: State, *, name: str, seed: int = 0) -> None:
        super().__init__(column, kind, state, name=name)
        self.augmenting: list[Any] = []
        if kind.flip:
            self.augmenting.append(keras.layers.RandomFlip("horizontal", seed=seed))
        if kind.shift:
            self.augmenting.append(keras.layers.RandomTranslation(kind.shift, kind.shift, seed=seed + 1))
        if kind.rotate:
            self.augmenting.append(keras.layers.RandomRotation(kind.rotate, seed=seed + 2))

    def build(self, shape: Any) -> None:
        for layer in self.augmenting:
            layer.build((None, *self.kind.size, self.kind.channels))

    def compute_output_spec(self, values: Any, training: bool = False) -> Any:
        return keras.KerasTensor((None, *self.kind.size, self.kind.channels), "float32")

    def before_graph(self) -> dict[str, Any] | None:
        factor, offset = self._scaling
        form = {"size": list(self.kind.size), "channels": self.kind.channels}
        return {"kind": "pixels", **form, "factor": factor, "offset": offset}

    def call(self, values: Any, training: bool = False) -> Any:
        shape = (*self.kind.size, self.kind.channels)
        pixels = tf.map_fn(self._pixels, values, fn_output_signature=tf.TensorSpec(shape, tf.float32))
        if training:
            for layer in self.augmenting:
                pixels = layer(pixels, training=True)
        factor, offset = self._scaling
        return pixels * factor + offset

    @property
    def _scaling(self) -> tuple[float, float]:
        """What a pixel of 0 to 255 is multiplied by, and what is added."""
        return {"none": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0)}[self.kind.rescale]

    def _pixels(self, encoded: Any) -> Any:
        shape = (*self.kind.size, self.kind.channels)

        # As levada.models.pictures decodes, to the last digit: JPEG is exact here only if asked, and GIF never grey.
        def jpeg() -> Any:
            return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")

        def other() -> Any:
            return tf.io.decode_image(encoded, channels=3, expand_animations=False)

        def decoded() -> Any:
            image = tf.cond(tf.io.is_jpeg(encoded), jpeg, other)
            if self.kind.channels == 1:
                parts = tf.tensordot(tf.cast(image, "int32"), tf.constant(GREY), 1)[..., None]
                image = tf.bitwise.right_shift(parts + (1 << 15), tf.constant(16))
            return tf.ensure_shape(tf.image.resize(image, self.kind.size, antialias=True), shape)

        return tf.cond(tf.equal(encoded, ""), lambda: tf.zeros(shape), decoded)


# -- indices --------------------------------------------------------------------------------------------


class IndexLayer(FeatureLayer):
    """A feature that is a place among `size`: int32."""

    def compute_output_spec(self, values: Any, training: bool = False) -> Any:
        return keras.KerasTensor((None, self.length) if self.length else (None,), "int32")


class BucketsLayer(IndexLayer):
    """Finds a number's interval: how many boundaries are not above it, which every runtime can count."""

    def call(self, values: Any, training: bool = False) -> Any:
        cuts = tf.constant(self.state["cuts"], values.dtype)
        found = tf.reduce_sum(tf.cast(values[:, None] >= cuts, "int32"), 1)
        return tf.where(tf.math.is_nan(values), 0, found + 1)


class WordsLayer(IndexLayer):
    """Looks words up in a vocabulary."""

    def __init__(self, column: str, kind: Words, state: State, *, name: str) -> None:
        super().__init__(column, kind, state, name=name)
        self.lookup = _table(state["words"], kind.oov)

    def before_graph(self) -> dict[str, Any] | None:
        return _places(self.state["words"], self.kind.oov, self.length)

    def call(self, values: Any, training: bool = False) -> Any:
        return tf.cast(self.lookup(_as_words(self._cut(values))), "int32")


class HashedLayer(IndexLayer):
    """Hashes words."""

    def before_graph(self) -> dict[str, Any] | None:
        return _places((), self.kind.bins, self.length)

    def call(self, values: Any, training: bool = False) -> Any:
        words = _as_words(self._cut(values))
        hashed = tf.strings.to_hash_bucket_fast(words, self.kind.bins) + 1
        return tf.cast(tf.where(tf.equal(words, ""), tf.constant(0, "int64"), hashed), "int32")


class CrossLayer(IndexLayer):
    """Takes the indices of other features, and not a column."""

    def call(self, values: Sequence[Any], training: bool = False) -> Any:
        index = combined(values, self.state["sizes"])
        if self.kind.bins:
            return tf.cast(tf.strings.to_hash_bucket_fast(tf.strings.as_string(index), self.kind.bins), "int32")
        if self.kind.top:
            kept = tf.constant(self.state["kept"], "int64")
            place = tf.minimum(tf.searchsorted(kept, index), len(self.state["kept"]) - 1)
            return tf.where(tf.equal(tf.gather(kept, place), index), place + 1, 0)
        return tf.cast(index, "int32")


def combined(indices: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return an int64 for each combination of several indices."""
    total: Any = tf.cast(indices[0], "int64")
    for index, size in zip(indices[1:], sizes[1:], strict=True):
        total = total * size + tf.cast(index, "int64")
    return total


# -- text -----------------------------------------------------------------------------------------------


def grams(texts: Any, kind: Text) -> Any:
    """Return the n-grams of each text `(rows,)`, in order, as a ragged string tensor."""
    if kind.standardize:
        texts = tf.strings.regex_replace(tf.strings.lower(texts, "utf-8"), PUNCTUATION, "")
    tokens: Any = tf.strings.split(texts) if kind.split == "words" else tf.strings.unicode_split(texts, "UTF-8")
    if kind.ngrams == 1:
        return tokens
    separator = " " if kind.split == "words" else ""
    return tf.strings.ngrams(tokens, list(range(1, kind.ngrams + 1)), separator=separator)


class TextLayer(FeatureLayer):
    """Gives a number for each word of the vocabulary, or indices in order."""

    def __init__(self, column: str, kind: Text, state: State, *, name: str) -> None:
        super().__init__(column, kind, state, name=name)
        self.lookup = None if kind.bins else _table(state["words"], 1)
        self.size = size_of(kind, state)

    def compute_output_spec(self, values: Any, training: bool = False) -> Any:
        if self.kind.weight == "sequence":
            return keras.KerasTensor((None, self.kind.length), "int32")
        return super().compute_output_spec(values)

    def call(self, values: Any, training: bool = False) -> Any:
        found = grams(values, self.kind)
        # 0 is nothing, 1 unknown, words from 2 on.
        if self.lookup is None:
            places = tf.strings.to_hash_bucket_fast(found, self.kind.bins) + 2
        else:
            places = tf.ragged.map_flat_values(self.lookup, found)
        if self.kind.weight == "sequence":
            shape = (None, self.kind.length)
            return tf.ensure_shape(tf.cast(places.to_tensor(0, shape=shape), "int32"), shape)
        binary = self.kind.weight == "binary"
        counts = tf.math.bincount(
            tf.cast(places, "int32"), minlength=self.size, maxlength=self.size, axis=-1, binary_output=binary
        )
        counts = tf.cast(counts, "float32")[:, 2:]
        if self.kind.weight == "tfidf":
            counts = counts * tf.constant(self.state["idf"], "float32")
            if self.kind.normalize:
                length = tf.sqrt(tf.reduce_sum(tf.square(counts), 1, keepdims=True))
                counts = tf.math.divide_no_nan(counts, length)
        return tf.ensure_shape(counts, (None, self.size - 2))


# -- parts ----------------------------------------------------------------------------------------------


def _scalar(value: float, dtype: Any) -> Any:
    return tf.constant(value, dtype)


def _table(words: Sequence[str], unknown: int) -> Any:
    return keras.layers.StringLookup(vocabulary=list(words), num_oov_indices=unknown, mask_token="", oov_token=UNKNOWN)


def _places(words: Sequence[str], unknown: int, items: int) -> dict[str, Any]:
    """Return places as `_table` has them, as data: 0 is missing, then what is unknown, then the words."""
    first = 1 + unknown
    return {
        "kind": "places",
        "words": list(words),
        "first": first,
        "missing": 0,
        "unknown": [1, unknown],
        "items": items,
    }


def _as_words(values: Any) -> Any:
    """Return whole numbers as words, "" for NaN; what is not whole is no word of any vocabulary."""
    if values.dtype == tf.string:
        return values
    absent = tf.math.is_nan(values)
    whole = tf.equal(tf.floor(values), values) & tf.math.is_finite(values)
    text = tf.strings.as_string(tf.cast(tf.where(whole, values, tf.zeros_like(values)), "int64"))
    return tf.where(absent, "", tf.where(whole, text, tf.strings.as_string(tf.cast(values, "float64"))))


LAYERS: dict[type, type[FeatureLayer]] = {
    Number: NumberLayer,
    AsIs: AsIsLayer,
    Time: TimeLayer,
    Image: ImageLayer,
    Buckets: BucketsLayer,
    Words: WordsLayer,
    Hashed: HashedLayer,
    Cross: CrossLayer,
    Text: TextLayer,
}
