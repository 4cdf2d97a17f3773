"""Transformers that scikit-learn does not have: vocabularies with unknown words, logarithms, times, crosses.

Importing this loads scikit-learn. They have their state from the start: `fit` does nothing.
"""

# pyright: reportUntypedBaseClass=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer

from levada.artifacts.model import Tensor
from levada.errors import DataError
from levada.features.fitted import State
from levada.features.kinds import PERIODS, Time
from levada.models.calendar import parts_of
from levada.models.feed import arrays_of

PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")


class FittedColumns(ColumnTransformer):
    """A ColumnTransformer that has its state: a pipeline that is fitted, or cloned, leaves it as it is."""

    def learn_columns(self, rows: Any) -> None:
        """Take in the names of a DataFrame's columns; the transformers are frozen, and thawed behind it."""
        super().fit(rows)
        thawed = [(name, getattr(made, "estimator", made), columns) for name, made, columns in self.transformers_]
        self.transformers_ = thawed

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:  # noqa: N803  scikit-learn's names
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:  # noqa: N803
        if not hasattr(self, "transformers_"):
            return super().fit_transform(X, y, **params)  # asked by learn_columns
        return self.transform(X)

    def transform(self, X: Any, **params: Any) -> Any:  # noqa: N803
        _check_finite(X, getattr(self, "feature_names_in_", ()))
        return super().transform(X, **params)

    def __sklearn_clone__(self) -> Any:
        return self


def _check_finite(rows: Any, names: Any) -> None:
    """Raise DataError for an infinite number, which scikit-learn's own transformers refuse without a name."""
    for name in names:
        values = np.asarray(rows[name]) if name in getattr(rows, "columns", ()) else None
        if values is not None and values.dtype.kind == "f" and np.isinf(values).any():
            count = int(np.isinf(values).sum())
            raise DataError(
                f"column '{name}' has {count:,} infinite value{'s' * (count != 1)}, and scikit-learn takes none.",
                hint=f"Clip them before, or put such rows aside: quarantine(..., rules=[rule('abs({name}) < 1e300')]). "
                "Keras layers take the extreme that was seen.",
            )


class _Stateful(TransformerMixin, BaseEstimator):
    """One column in, (rows, width) out."""

    def fit(self, rows: Any, target: Any = None) -> Any:
        self.n_features_in_ = 1
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


class Vocabulary(_Stateful):
    """Gives the place of each word, int64 (rows, 1): 0 missing, 1 unknown, then the words in order."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def transform(self, rows: Any) -> Any:
        import pandas as pd

        values = np.asarray(rows).reshape(-1)
        absent = pd.isna(values)
        if values.dtype.kind in "fiub":
            whole = [
                str(int(value)) if value == value and float(value).is_integer() else "" for value in self._few(values)
            ]
            texts = np.array(whole, dtype=object)[self._places]
        else:
            texts = values.astype(object)
        found = pd.Index(list(self.words)).get_indexer(texts)
        places = np.where(absent | (texts == ""), 0, np.where(found < 0, 1, found + 2))
        if values.dtype.kind in "fiub":
            places = np.where(~absent & (texts == ""), 1, places)
        return places.astype(np.int64)[:, None]

    def _few(self, values: Any) -> Any:
        few, self._places = np.unique(values, return_inverse=True)
        return few


class Logarithm(_Stateful):
    """Gives log(1 + x) of numbers from 0 on; missing ones stay missing."""

    def transform(self, rows: Any) -> Any:
        return np.log1p(np.asarray(rows, dtype=float))


class Clock(_Stateful):
    """Gives the parts of times, float32 (rows, width), as the layer of `Time` does."""

    def __init__(self, kind: Time, state: State) -> None:
        self.kind = kind
        self.state = state

    def transform(self, rows: Any) -> Any:
        values = rows.iloc[:, 0] if hasattr(rows, "iloc") else np.asarray(rows)[:, 0]
        table = pa.table({"time": pa.Array.from_pandas(values)})
        seconds = arrays_of((Tensor("time", "float64"),), table)["time"]
        absent = ~np.isfinite(seconds)
        seconds = np.where(absent, self.state["start"], seconds)
        whole = np.floor(seconds).astype(np.int64)
        offsets = np.array(self.state["offsets"], np.int64)
        places = np.searchsorted(np.array(self.state["moments"], np.int64), whole, side="right")
        parts = parts_of(whole + offsets[places])
        columns: list[Any] = []
        for part in self.kind.parts:
            if part == "age":
                columns.append((seconds - self.state["start"]) / self.state["span"])
            elif self.kind.cyclic:
                turn = parts[part] * (2 * np.pi / PERIODS[part])
                columns += [np.sin(turn), np.cos(turn)]
            else:
                columns += list(np.eye(PERIODS[part])[parts[part]].T)
        return np.where(absent[:, None], 0.0, np.stack(columns, axis=1)).astype(np.float32)


class Combination(_Stateful):
    """Gives an index for each combination of columns' indices, int64 (rows, 1), as the layer of `Cross` does."""

    def __init__(self, parts: Sequence[Any], sizes: Sequence[int], kept: Sequence[int] | None) -> None:
        self.parts = parts
        self.sizes = sizes
        self.kept = kept

    def transform(self, rows: Any) -> Any:
        total: Any = 0
        for place, (part, size) in enumerate(zip(self.parts, self.sizes, strict=True)):
            total = total * size + part.transform(rows.iloc[:, [place]]).astype(np.int64)
        if self.kept is None:
            return total
        kept = np.array(self.kept, np.int64)
        place = np.minimum(np.searchsorted(kept, total), len(kept) - 1)
        return np.where(kept[place] == total, place + 1, 0)


def present_texts(texts: Any) -> list[str]:
    """Return a column's texts, an empty one for what is missing."""
    return [text if isinstance(text, str) else "" for text in texts]


def plain_text(text: str) -> str:
    """Return a text lowered and without punctuation."""
    return text.lower().translate(PUNCTUATION)


# -- to ONNX --------------------------------------------------------------------------------------------


def register_converters() -> None:
    """Let skl2onnx convert `Vocabulary`, `Logarithm` and `FittedColumns`; nothing happens where it is not installed."""
    try:
        from skl2onnx import update_registered_converter, update_registered_parser
        from skl2onnx._parse import (  # it has no public name, and looks parsers up by the exact class
            _parse_sklearn_column_transformer,  # pyright: ignore[reportPrivateUsage]
        )
    except ImportError:
        return
    update_registered_parser(FittedColumns, _parse_sklearn_column_transformer)
    update_registered_converter(Vocabulary, "LevadaVocabulary", _vocabulary_shape, _convert_vocabulary, overwrite=True)

    update_registered_converter(Logarithm, "LevadaLogarithm", _same_shape, _convert_logarithm, overwrite=True)


def _same_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([None, 1])


def _convert_logarithm(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto

    names = [scope.get_unique_variable_name(part) for part in ("number", "one", "more")]
    given, made = operator.inputs[0].full_name, operator.outputs[0].full_name
    container.add_initializer(names[1], TensorProto.FLOAT, [1], [1.0])
    for kind, inputs, output, options in (
        ("Cast", [given], names[0], {"to": TensorProto.FLOAT}),
        ("Add", names[:2], names[2], {}),
        ("Log", [names[2]], made, {}),
    ):
        name = scope.get_unique_operator_name(kind)
        container.add_node(kind, inputs, output, op_version=14 if kind == "Add" else 13, name=name, **options)


def _vocabulary_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import Int64TensorType

    operator.outputs[0].type = Int64TensorType([None, 1])


def _convert_vocabulary(scope: Any, operator: Any, container: Any) -> None:
    """A LabelEncoder: text by text, numbers by number; what it does not know is place 1."""
    from skl2onnx.common.data_types import BooleanTensorType, StringTensorType

    words = list(operator.raw_operator.words)
    name = operator.inputs[0].full_name
    places = list(range(2, len(words) + 2))
    if isinstance(operator.inputs[0].type, StringTensorType):
        keys: dict[str, Any] = {"keys_strings": [*words, ""]}
        places.append(0)
    else:
        if isinstance(operator.inputs[0].type, BooleanTensorType):
            raise NotImplementedError("truth values have no words in ONNX: take Number() for them")
        from onnx import TensorProto

        wide = scope.get_unique_variable_name("whole")
        container.add_node(
            "Cast", name, wide, to=TensorProto.FLOAT, op_version=13, name=scope.get_unique_operator_name("Cast")
        )
        name = wide
        keys = {"keys_floats": [*(float(word) for word in words), float("nan")]}
        places.append(0)
    container.add_node(
        "LabelEncoder",
        name,
        operator.outputs[0].full_name,
        op_domain="ai.onnx.ml",
        op_version=2,
        name=scope.get_unique_operator_name("LabelEncoder"),
        values_int64s=places,
        default_int64=1,
        **keys,
    )
