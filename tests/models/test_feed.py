"""Tables become the arrays that a model takes; what cannot is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.errors import ModelError
from levada.models import Tensor
from levada.models.feed import arrays_of, count_rows


def fed(tensor: Tensor, rows: Any) -> Any:
    return arrays_of((tensor,), rows)[tensor.name]


def test_a_missing_number_is_nan_and_a_missing_word_is_empty() -> None:
    table = pa.table({"distance": pa.array([733, None]), "carrier": ["AA", None]})
    arrays = arrays_of((Tensor("distance", "float32"), Tensor("carrier", "string")), table)
    assert arrays["distance"].dtype == np.float32
    assert arrays["distance"][0] == 733 and np.isnan(arrays["distance"][1])
    assert arrays["carrier"].tolist() == ["AA", ""]


def test_numpy_rows_are_fed_as_arrow_rows_are() -> None:
    table = pa.table(
        {"distance": pa.array([733.5, None]), "carrier": ["AA", None], "count": [1, 2], "ok": [True, False]}
    )
    rows = {
        "distance": np.array([733.5, np.nan]),
        "carrier": np.array(["AA", None], dtype=object),
        "count": np.array([1.0, 2.0]),
        "ok": np.array([1, 0]),
    }
    tensors = (
        Tensor("distance", "float64"),
        Tensor("carrier", "string"),
        Tensor("count", "int64"),
        Tensor("ok", "bool"),
    )
    for name, array in arrays_of(tensors, table).items():
        other = arrays_of(tensors, rows)[name]
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other)


def test_columns_are_stacked_in_the_order_of_the_input() -> None:
    table = pa.table({"b": [3.0, 4.0], "a": [1.0, 2.0]})
    tensor = Tensor("features", "float32", (-1, 2), columns=("a", "b"))
    assert fed(tensor, table).tolist() == [[1, 3], [2, 4]]
    assert fed(tensor, {"features": np.array([[1, 3], [2, 4]])}).tolist() == [[1, 3], [2, 4]]


def test_a_column_of_lists_becomes_an_array_a_row() -> None:
    tensor = Tensor("image", "float32", (-1, 2, 2))
    rows = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
    for kind in (pa.list_(pa.float64()), pa.list_(pa.float32(), 4)):
        assert fed(tensor, pa.table({"image": pa.array(rows, kind)})).tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


def test_dictionary_encoded_and_sliced_columns_are_read_as_what_they_hold() -> None:
    words = pa.chunked_array([pa.array(["x", "AA", "UA"]).dictionary_encode().slice(1)])
    assert fed(Tensor("carrier", "string"), pa.table({"carrier": words})).tolist() == ["AA", "UA"]
    numbers = pa.array([9, 1, None], pa.int64()).slice(1)
    np.testing.assert_array_equal(fed(Tensor("n", "float32"), pa.table({"n": numbers})), [1, np.nan])


@pytest.mark.parametrize(
    ("tensor", "rows", "said"),
    [
        (Tensor("distance", "float32"), {"dist": np.zeros(1)}, "takes a column 'distance', and the rows have none"),
        (Tensor("n", "int64"), pa.table({"n": pa.array([1, None])}), "column 'n' misses 1 values"),
        (Tensor("n", "int64"), {"n": np.array([1.0, np.nan])}, "column 'n' misses 1 values"),
        (Tensor("n", "int64"), {"n": np.array([1.5])}, "'n' has fractions"),
        (Tensor("n", "int64"), pa.table({"n": [1.5]}), "cannot be the int64"),
        (Tensor("n", "float32"), pa.table({"n": ["a"]}), "is float32, and column 'n' has string"),
        (Tensor("n", "float32"), {"n": np.array(["a"])}, "is float32, and 'n' has other values"),
        (Tensor("n", "string"), pa.table({"n": [1]}), "is string, and column 'n' has int64"),
        (Tensor("n", "string"), {"n": np.array([1])}, "is string, and 'n' has int64"),
        (Tensor("n", "float32", (-1, 3)), pa.table({"n": [[1.0, 2.0]]}), r"wants \[3\] a row, got an array \[2\]"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tensor: Tensor, rows: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        arrays_of((tensor,), rows)


def test_a_misspelt_column_is_suggested() -> None:
    with pytest.raises(ModelError, match="Did you mean distnace"):
        arrays_of((Tensor("distance", "float32"),), pa.table({"distnace": [1.0], "x": [1]}))


def test_rows_are_counted_in_every_form() -> None:
    table = pa.table({"a": [1, 2, 3]})
    assert count_rows(table) == count_rows(table.to_batches()[0]) == count_rows({"a": np.zeros(3)}) == 3
    assert count_rows({}) == 0


def test_lists_of_any_length_are_filled_up_or_cut_where_the_input_says_so() -> None:
    words = Tensor("tags", "string", (-1, 2), padded=True)
    lists = pa.chunked_array([pa.array([["x"], ["gone"]]), pa.array([["a"], [], None, ["a", None, "c"]])])
    assert fed(words, pa.table({"tags": lists})).tolist() == [
        ["x", ""],
        ["gone", ""],
        ["a", ""],
        ["", ""],
        ["", ""],
        ["a", ""],
    ]
    numbers = fed(Tensor("v", "float32", (-1, 2), padded=True), pa.table({"v": [[1.0, 2.0, 3.0], [4.0]]}))
    np.testing.assert_array_equal(numbers, [[1, 2], [4, np.nan]])
    fixed = pa.array([[1.0, 2.0, 3.0], None], pa.list_(pa.float32(), 3))
    np.testing.assert_array_equal(
        fed(Tensor("v", "float32", (-1, 2), padded=True), pa.table({"v": fixed})), [[1, 2], [np.nan, np.nan]]
    )
    with pytest.raises(ModelError, match="cannot be padded"):
        Tensor("v", "int64", (-1, 2), padded=True)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (pa.array([1500, None], pa.timestamp("ms", "America/New_York")), [1.5, np.nan]),
        (pa.array([2, -1], pa.date32()), [2 * 86_400, -86_400]),
        (pa.array([86_400_000], pa.date64()), [86_400]),
        (pa.array([61], pa.time32("s")), [61]),
    ],
)
def test_a_time_is_seconds_since_1970(values: Any, seconds: list[float]) -> None:
    np.testing.assert_array_equal(fed(Tensor("t", "float64"), pa.table({"t": values})), seconds)
    with pytest.raises(ModelError, match="declare the input as float64"):
        fed(Tensor("t", "float32"), pa.table({"t": values}))


def test_bytes_are_given_as_they_are() -> None:
    image = b"\xff\xd8\x00"
    assert fed(Tensor("i", "string"), pa.table({"i": pa.array([image, None])})).tolist() == [image, b""]
    assert fed(Tensor("i", "string"), {"i": np.array([image, None, b"text"], dtype=object)}).tolist() == [
        image,
        "",
        "text",
    ]
