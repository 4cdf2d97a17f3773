"""Fitted features as a scikit-learn `ColumnTransformer`, with the same state and the same numbers as the layers.

Nothing is fitted on rows of data: each transformer is given its state, most of them by the numbers that imply it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from levada.errors import DataError
from levada.features.fitted import Fitted, State, size_of
from levada.features.kinds import AsIs, Buckets, Cross, Hashed, Kind, Number, Text, Time, Words

FAR = 3.3e38
"""Farther down than any bucket begins: where a missing number is put, so that it has a bucket of its own."""
LOWEST = -3.0e38


def transformer_of(fitted: Fitted) -> Any:
    """Return a fitted ColumnTransformer over a DataFrame of the raw columns; see `Fitted.transformer`.

    It gives the numbers of `layers.matrix()`, an embedding as hot places. An index is no number: it has a place only as
    part of a cross.
    """
    import pandas as pd
    from sklearn.frozen import FrozenEstimator

    from levada.features.sklearn_transformers import FittedColumns, register_converters

    _check_indices(fitted)
    register_converters()
    parts: list[tuple[str, Any, Any]] = []
    for name, kind in fitted.features.kinds.items():
        if kind.encoding != "index":
            parts += _parts(name, kind, fitted)
    frozen = [(name, FrozenEstimator(made), columns) for name, made, columns in parts]
    transformer: Any = FittedColumns(frozen, sparse_threshold=0)
    rows = pd.DataFrame({name: pd.Series(_samples(tensor.dtype)) for name, tensor in fitted.inputs.items()})
    transformer.learn_columns(rows)
    return transformer


def _check_indices(fitted: Fitted) -> None:
    """Raise DataError for an index that would have no effect; in Keras, `linear` and own layers take it."""
    kinds = fitted.features.kinds
    crosses = [kind for kind in kinds.values() if isinstance(kind, Cross) and kind.encoding != "index"]
    used = {part for cross in crosses for part in cross.of}
    for name, kind in kinds.items():
        if kind.encoding == "index" and name not in used:
            default = ", as a Cross is by itself" if isinstance(kind, Cross) else ""
            raise DataError(
                f"feature '{name}' is an index{default}, and goes into no matrix of scikit-learn: it would do nothing.",
                hint=f"Write {type(kind).__name__}(..., encode='one_hot'), or leave it out.",
            )


def _samples(dtype: str) -> list[Any]:
    return ["", ""] if dtype == "string" else [0.0, 0.0]


def _parts(name: str, kind: Kind, fitted: Fitted) -> list[tuple[str, Any, Any]]:
    """Return a feature's transformers with their columns."""
    from sklearn.pipeline import make_pipeline

    state, column = fitted.states[name], fitted.features.column(name)
    if state.get("length"):
        raise _no_equal(name, "a list", "Take its items apart when the data is ingested.")
    match kind:
        case Number():
            scaled = (name, _named(_number(kind, state), column), [column])
            missing = (f"{name}_missing", _named(_indicator(), column), [column])
            return [scaled, missing] if kind.indicator else [scaled]
        case Buckets() | Words() | Hashed():
            index = _named(_index(name, kind, state), column)
            return [(name, make_pipeline(index, _hot(size_of(kind, state))), [column])]
        case Cross():
            columns = [fitted.features.column(part) for part in kind.of]
            return [(name, make_pipeline(_cross(name, kind, fitted), _hot(size_of(kind, state))), columns)]
        case Text():
            return [(name, _text(name, kind, state), column)]  # a text transformer takes a column, not a matrix
        case Time():
            from levada.features.sklearn_transformers import Clock

            return [(name, Clock(kind, state), [column])]
        case AsIs():
            return [(name, _named(_clip(None, None), column), [column])]
        case _:
            raise _no_equal(name, type(kind).__name__, "Its layers are for Keras.")


def _named(made: Any, column: str) -> Any:
    """Tell the transformer that is given the column its name, as if it had been fitted on it."""
    from sklearn.pipeline import Pipeline

    first = made
    while isinstance(first, Pipeline):
        first = first.steps[0][1]
    first.feature_names_in_ = np.array([column], dtype=object)
    return made


def _no_equal(name: str, what: str, hint: str) -> DataError:
    return DataError(f"feature '{name}' is {what}, and scikit-learn has nothing equal.", hint=hint)


def _number(kind: Number, state: State) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from levada.features.sklearn_transformers import Logarithm

    steps: list[Any] = []
    low = max(state["low"] or 0.0, 0.0) if kind.log else state["low"]
    if low is not None or state["high"] is not None:
        steps.append(_clip(low, state["high"]))
    if kind.log:
        steps.append(Logarithm())
    scaler: Any = StandardScaler().fit([[0.0], [1.0]])
    scaler.mean_, scaler.scale_ = np.array([state["offset"]]), np.array([state["divisor"]])
    scaler.var_ = scaler.scale_**2
    filler: Any = SimpleImputer(strategy="constant", fill_value=float(state["filled"])).fit([[0.0]])
    return make_pipeline(*steps, scaler, filler)


def _clip(low: float | None, high: float | None) -> Any:
    """Return a transformer that clips numbers and leaves missing ones."""
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

    if low is None and high is None:
        return FunctionTransformer(feature_names_out="one-to-one").fit([[0.0]])
    ends = (-FAR if low is None else low, FAR if high is None else high)
    scaler: Any = MinMaxScaler(feature_range=(0.0, 1.0), clip=True).fit([[0.0], [1.0]])
    scaler.feature_range = ends  # its scale stays 1: all that it does is to clip
    return scaler


def _indicator() -> Any:
    from sklearn.impute import MissingIndicator

    return MissingIndicator(features="all").fit([[0.0]])


def _hot(size: int) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    options: Any = {"categories": [np.arange(size)], "dtype": np.float32}
    return OneHotEncoder(sparse_output=False, **options).fit(np.arange(size)[:, None])


def _index(name: str, kind: Kind, state: State) -> Any:
    """Return a transformer that gives a place, (rows, 1)."""
    from levada.features.sklearn_transformers import Vocabulary

    match kind:
        case Buckets():
            return _buckets(state)
        case Words() if kind.oov == 1:
            return Vocabulary(tuple(state["words"]))
        case Words():
            raise _no_equal(name, "words with several places for unknown ones", "Leave oov=1.")
        case _:
            raise _no_equal(name, "hashed by TensorFlow", "Take Words(), which has a vocabulary.")


def _buckets(state: State) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    filler: Any = SimpleImputer(strategy="constant", fill_value=-FAR).fit([[0.0]])
    edges = np.array([-FAR, LOWEST, *state["cuts"], FAR])
    bins: Any = KBinsDiscretizer(2, encode="ordinal", strategy="uniform").fit([[0.0], [1.0]])
    bins.n_bins_ = np.array([len(edges) - 1])
    bins.bin_edges_ = np.array([edges, None], dtype=object)[:1]
    return make_pipeline(filler, bins)


def _cross(name: str, kind: Cross, fitted: Fitted) -> Any:
    from levada.features.sklearn_transformers import Combination

    if kind.bins:
        raise _no_equal(name, "hashed by TensorFlow", "Leave bins out, or keep the most frequent with top=.")
    parts = [
        _named(_index(part, fitted.features[part], fitted.states[part]), fitted.features.column(part))
        for part in kind.of
    ]
    state = fitted.states[name]
    return Combination(parts, state["sizes"], state.get("kept"))


def _text(name: str, kind: Text, state: State) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from levada.features.sklearn_transformers import plain_text, present_texts

    if kind.bins or kind.weight == "sequence" or kind.split == "characters":
        what = "hashed" if kind.bins else "a sequence" if kind.weight == "sequence" else "characters"
        raise _no_equal(name, f"text as {what}", "Words weighted by tfidf, count or binary have one.")
    options: dict[str, Any] = {"token_pattern": r"\S+", "dtype": np.float32}
    counter: Any = CountVectorizer(
        vocabulary={word: place for place, word in enumerate(state["words"])},
        ngram_range=(1, kind.ngrams),
        preprocessor=plain_text if kind.standardize else None,
        lowercase=False,
        binary=kind.weight == "binary",
        **options,
    )
    counter.fit([""])  # nothing is learnt: the vocabulary is given
    filler: Any = FunctionTransformer(present_texts)
    if kind.weight != "tfidf":
        return make_pipeline(filler, counter)
    norm: Any = "l2" if kind.normalize else None
    weights: Any = TfidfTransformer(norm=norm)
    weights.idf_ = np.array(state["idf"])
    return make_pipeline(filler, counter, weights)
