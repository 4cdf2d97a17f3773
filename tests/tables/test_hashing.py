"""Hashes of values and rows: pinned for ever, the same for what is equal for a person, different otherwise."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.tables.hashing import hash_rows, hash_values

# Splits depend on these numbers: a change here moves rows of every data set from train to test.
HASHES = [
    "07edeb3a87bd03bd",
    "f6a5ec31d04d0d36",
    "910a2dec89025cc1",
    "ab7d777b36dd945a",
    "8ffd170747072b1a",
    "89ff4e2aaed2ec02",
    "220d129fda31d7a4",
    "5584df63d6f9b6c3",
    "6a09e667f3bcc908",
]
ROW = "acf8f01db41f588f"


def test_splitmix64_gives_its_published_values() -> None:
    """The first outputs of the generator seeded with 0 and 1: `mix(seed + golden)`."""
    assert [hex(value) for value in hash_values(pa.array([0, 1]))] == ["0xe220a8397b1dcdaf", "0x910a2dec89025cc1"]


def test_hashes_never_change() -> None:
    values: list[Any] = [
        pa.array([1.5]),
        pa.array(["Zürich, Wiedikon"]),
        pa.array([True]),
        pa.array([datetime.date(2013, 1, 31)]),
        pa.array([b"\x00\x01"]),
        pa.array([[1, 2, None]]),
        pa.array([{"a": 1, "b": "x"}]),
        pa.array([decimal.Decimal("1.50")]),
        pa.array([None], pa.string()),
    ]
    assert [f"{int(hash_values(value)[0]):016x}" for value in values] == HASHES
    row = pa.record_batch({"carrier": ["UA"], "flight": [1545], "delay": [2.5]})
    assert f"{int(hash_rows(row, row.schema.names)[0]):016x}" == ROW


@pytest.mark.parametrize(
    "equal",
    [
        [pa.array([7], pa.int8()), pa.array([7], pa.uint64()), pa.array([7.0]), pa.array([7.0], pa.float32())],
        [pa.array([0.0]), pa.array([-0.0]), pa.array([0])],
        [pa.array([float("nan")]), pa.array([None], pa.float64()), pa.array([None], pa.string()), pa.nulls(1)],
        [pa.array(["x"]), pa.array(["x"], pa.large_string()), pa.array(["x"]).dictionary_encode(), pa.array([b"x"])],
        [
            pa.array([1_356_998_400], pa.timestamp("s")),
            pa.array([1_356_998_400_000], pa.timestamp("ms")),
            pa.array([datetime.date(2013, 1, 1)], pa.date32()),
        ],
        [
            pa.array([[1, 2]]),
            pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)),
            pa.array([[1, 2]], pa.large_list(pa.int8())),
        ],
    ],
)
def test_equal_values_of_different_types_hash_equal(equal: list[Any]) -> None:
    assert len({int(hash_values(values)[0]) for values in equal}) == 1


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=40, unique=True))
def test_different_texts_hash_differently(texts: list[str | None]) -> None:
    assert len(np.unique(hash_values(pa.array(texts, pa.string())))) == len(texts)


@given(st.lists(st.lists(st.integers(-3, 3), max_size=4), max_size=40, unique_by=tuple))
def test_different_lists_hash_differently(lists: list[list[int]]) -> None:
    assert len(np.unique(hash_values(pa.array(lists, pa.list_(pa.int64()))))) == len(lists)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=20)), min_size=1, max_size=20), st.data())
def test_a_value_hashes_the_same_wherever_it_stands(values: list[bytes | None], data: Any) -> None:
    """Slices, chunks, neighbours: nothing of a value's surroundings gets into its hash."""
    array = pa.array(values, pa.binary())
    cut = data.draw(st.integers(0, len(values)))
    whole = hash_values(array)
    parts = [hash_values(array.slice(0, cut)), hash_values(array.slice(cut))]
    assert (np.concatenate(parts) == whole).all()
    assert (hash_values(pa.chunked_array([array.slice(0, cut), array.slice(cut)])) == whole).all()


def test_the_order_of_columns_does_not_count_but_their_names_do() -> None:
    batch = pa.record_batch({"a": [1, 2], "b": [2, 1]})
    assert (hash_rows(batch, ["a", "b"]) == hash_rows(batch.select(["b", "a"]), ["b", "a"])).all()
    assert hash_rows(batch, ["a", "b"])[0] != hash_rows(batch, ["a", "b"])[1]


def test_bits_of_hashes_are_even() -> None:
    """Each bit is set in half of the hashes of neighbouring integers, within five standard deviations."""
    hashes = hash_rows(pa.record_batch({"id": np.arange(100_000)}), ["id"])
    shares = [np.count_nonzero(hashes >> np.uint64(bit) & np.uint64(1)) / 100_000 for bit in range(64)]
    assert max(abs(share - 0.5) for share in shares) < 5 * 0.5 / 100_000**0.5
