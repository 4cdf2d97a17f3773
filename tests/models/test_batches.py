"""A split becomes batches: every row once, in an order that the seed decides, with missing values as everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, examples
from levada.errors import DataError
from levada.models import Tensor, batches
from tests.models.workshop import Workshop

tf: Any = pytest.importorskip("tensorflow")

ROWS = 1000
TENSORS = (
    Tensor("n", "float32"),
    Tensor("word", "string"),
    Tensor("pair", "float32", (-1, 2)),
    Tensor("tags", "string", (-1, 2), padded=True),
    Tensor("matrix", "float32", (-1, 2), columns=("n", "y")),
)


@pytest.fixture
def rows(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Examples:
    """Examples of ten row groups."""
    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 100)
    table = pa.table(
        {
            "n": pa.array([float(at) if at % 10 else None for at in range(ROWS)]),
            "word": [["a", "ü", None][at % 3] for at in range(ROWS)],
            "pair": pa.array([[float(at), 1.0] for at in range(ROWS)], pa.list_(pa.float32(), 2)),
            "tags": [["x", "y", "z"][: at % 4] for at in range(ROWS)],
            "y": np.arange(ROWS),
            "image": [bytes([at % 256, 0xFF]) for at in range(ROWS)],
        }
    )
    return workshop.examples(table, "train")


def labels(data: Any) -> list[int]:
    return [int(label) for _, batch in data for label in batch.numpy()]


def test_rows_come_in_order_without_a_seed(rows: Examples) -> None:
    data = batches(rows, "train", TENSORS, label="y", size=64)
    assert labels(data) == list(range(ROWS))
    assert len(data) == 16 and [len(batch) for _, batch in data][-1] == ROWS - 15 * 64


def test_features_stay_with_their_label_however_rows_are_mixed(rows: Examples) -> None:
    for given, label in batches(rows, "train", TENSORS, label="y", size=64, seed=1, window=250):
        y = label.numpy()
        np.testing.assert_array_equal(given["n"].numpy(), np.where(y % 10 == 0, np.nan, y))
        np.testing.assert_array_equal(given["pair"].numpy()[:, 0], y)
        np.testing.assert_array_equal(given["matrix"].numpy()[:, 1], y)
        words = [["a", "ü", ""][int(at) % 3].encode() for at in y]
        assert given["word"].numpy().tolist() == words
        tags = [[*[b"x", b"y"][: int(at) % 4], b"", b""][:2] for at in y]
        assert given["tags"].numpy().tolist() == tags


def test_every_row_is_seen_once_an_epoch_and_the_seed_decides_the_order(rows: Examples) -> None:
    data = batches(rows, "train", TENSORS, label="y", seed=1, window=250)
    first, second = labels(data), labels(data)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second and first != list(range(ROWS))
    again = batches(rows, "train", TENSORS, label="y", seed=1, window=250)
    assert (labels(again), labels(again)) == (first, second)
    assert labels(batches(rows, "train", TENSORS, label="y", seed=2, window=250)) != first
    # Rows of a window are from row groups anywhere in the split.
    assert len({row // 100 for row in first[:250]}) >= 2 and np.ptp(first[:250]) > 250


def test_bytes_stay_bytes_and_a_label_may_be_of_another_type(rows: Examples) -> None:
    data = batches(rows, "train", [Tensor("image", "string")], label=Tensor("y", "int64"), size=10)
    given, label = next(iter(data))
    assert given["image"].numpy()[3] == b"\x03\xff" and label.dtype == tf.int64
    (alone, *_) = batches(rows, "train", [Tensor("image", "string")], size=10)
    assert list(alone) == ["image"]


def test_what_cannot_be_read_is_refused_at_once(rows: Examples) -> None:
    with pytest.raises(DataError, match="no split 'eval'"):
        batches(rows, "eval", TENSORS)
    with pytest.raises(DataError, match="column 'm' is not in the examples"):
        batches(rows, "train", [Tensor("m", "float32")])
