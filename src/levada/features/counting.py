"""Counting: what statistics do not tell, because it depends on the description: n-grams and combinations.

The layers themselves split texts and combine indices, so what is counted is what they will look for. Counts are
exact, and merge in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.errors import DataError
from levada.features.description import Features
from levada.features.fitted import Fitted
from levada.features.fitting import Counted
from levada.features.kinds import Cross, Text
from levada.models.feed import arrays_of
from levada.profiling.distinct import Distinct, rank

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 5_000_000
MOST_BYTES = 256 << 20
ROWS = 8192
"""Rows that are split and combined at a time."""


def uncounted(features: Features) -> Features:
    """Return the features whose state statistics do tell; the others' crosses are among what is left."""
    return Features({name: kind for name, kind in features.kinds.items() if name not in features.counted})


def counted_columns(features: Features) -> list[str]:
    """Return the columns that must be read to count."""
    found: dict[str, None] = {}
    for name in features.counted:
        kind = features[name]
        for part in kind.of if isinstance(kind, Cross) else (name,):
            found[features.column(part)] = None
    return list(found)


@dataclass
class Counts:
    """What has been seen of each feature; counts of the same features merge in any order."""

    rows: int = 0
    found: dict[str, Distinct] = field(default_factory=dict[str, Distinct])

    def add(self, name: str, values: pa.Array) -> None:
        """Take in values of a feature, each as often as it counts."""
        self.found.setdefault(name, Distinct(MOST, MOST_BYTES)).add(values)

    def merge(self, other: Counts) -> None:
        self.rows += other.rows
        for name, distinct in other.found.items():
            if name in self.found:
                self.found[name].merge(distinct)
            else:
                self.found[name] = distinct

    def finish(self, features: Features) -> dict[str, Counted]:
        """Return the values of each feature by falling count; as many as it may keep.

        Raises DataError for a feature with more different values than are kept count of.
        """
        found: dict[str, Counted] = {}
        for name in features.counted:
            distinct = self.found.get(name)
            if distinct is None or distinct.values is None:
                if distinct is not None and not distinct.is_exact:
                    raise DataError(
                        f"feature '{name}' has about {distinct.number():,} different "
                        f"{'n-grams' if isinstance(features[name], Text) else 'combinations'}: too many to count each.",
                        hint="Hash them (bins=100_000, which needs no counts), or take fewer n-grams.",
                    )
                found[name] = Counted(self.rows, [])
            else:
                top: int = getattr(features[name], "top", 0)
                found[name] = Counted(self.rows, rank(distinct.values, distinct.counts)[:top])
        return found


class Counter:
    """Counts batches of raw rows; made once, used for many batches. Needs TensorFlow.

    `fitted` are the features that need no counting (`uncounted`), `features` all of them.
    """

    def __init__(self, features: Features, fitted: Fitted | None, seen: dict[str, Any]) -> None:
        self._features = features
        self._tensors = {name: tensor for name, tensor in seen.items() if name in counted_columns(features)}
        self._fitted = fitted
        self._functions = {name: self._function(name) for name in features.counted}

    def count(self, batch: pa.RecordBatch, counts: Counts) -> None:
        """Take in a batch of any size."""
        import tensorflow as tf

        for start in range(0, batch.num_rows, ROWS):
            part = batch.slice(start, ROWS)
            arrays = arrays_of(tuple(self._tensors.values()), part)
            given = {name: tf.constant(array, self._tensors[name].dtype) for name, array in arrays.items()}
            for name, function in self._functions.items():
                counts.add(name, function(given))
        counts.rows += batch.num_rows

    def _function(self, name: str) -> Any:
        kind = self._features[name]
        return self._grams(name, kind) if isinstance(kind, Text) else self._combinations(name)

    def _grams(self, name: str, kind: Text) -> Any:
        """Return a function that gives each n-gram of each text once."""
        import pyarrow as pa
        import tensorflow as tf

        from levada.features.layers import grams

        column = self._features.column(name)
        split: Any = tf.function(lambda texts: grams(texts, kind), autograph=False, reduce_retracing=True)

        def function(given: dict[str, Any]) -> pa.Array:
            found = split(given[column])
            words = pa.array(found.flat_values.numpy(), pa.binary())
            rows = pa.array(found.value_rowids().numpy())
            # Texts count, not words: a word counts once for each text that has it.
            once = pa.table({"row": rows, "word": words}).group_by(["row", "word"]).aggregate([])
            return once["word"].combine_chunks().cast(pa.string())

        return function

    def _combinations(self, name: str) -> Any:
        """Return a function that gives each row's combination of indices."""
        import keras
        import pyarrow as pa
        import tensorflow as tf

        from levada.features.fitted import size_of
        from levada.features.layers import combined
        from levada.features.network import Layers

        kind = self._features[name]
        assert isinstance(kind, Cross) and self._fitted is not None
        parts = Features({part: self._features[part] for part in kind.of})
        states = {part: self._fitted.states[part] for part in kind.of}
        layers = Layers(Fitted(parts, states, {column: self._fitted.inputs[column] for column in parts.columns}))
        model = keras.Model(layers.inputs, [layers[part] for part in kind.of])
        sizes = [size_of(parts[part], states[part]) for part in kind.of]
        asked: Any = tf.function(lambda given: combined(model(given), sizes), autograph=False, reduce_retracing=True)
        return lambda given: pa.array(asked({column: given[column] for column in parts.columns}).numpy())
