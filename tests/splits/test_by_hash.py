"""Splits: disjoint, complete, stable; an entity never straddles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.errors import DataError, ParameterError
from levada.splits.by_hash import ByHash, by_hash

weights = st.dictionaries(st.sampled_from(["train", "eval", "test", "calibration"]), st.integers(1, 9), min_size=1)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "user": st.one_of(st.none(), st.integers(0, 9)),
            "item": st.one_of(st.none(), st.text(max_size=3)),
            "price": st.one_of(st.none(), st.floats(allow_nan=False)),
        }
    ),
    min_size=1,
    max_size=50,
)
SCHEMA = pa.schema([("user", pa.int64()), ("item", pa.string()), ("price", pa.float64())])


def batch_of(items: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(items, SCHEMA)


@given(rows, weights)
def test_every_row_is_in_exactly_one_split(items: list[dict[str, Any]], weights: dict[str, int]) -> None:
    places = by_hash(weights, None, "").assign(batch_of(items))
    assert len(places) == len(items)
    assert set(places.tolist()) <= set(range(len(weights)))


@given(rows, rows, weights, st.randoms(use_true_random=False))
def test_a_row_stays_when_rows_are_added_or_reordered(
    items: list[dict[str, Any]], more: list[dict[str, Any]], weights: dict[str, int], random: Any
) -> None:
    rule = by_hash(weights, None, "")
    order = list(range(len(items) + len(more)))
    random.shuffle(order)
    mixed = [(items + more)[place] for place in order]
    before, after = rule.assign(batch_of(items)), rule.assign(batch_of(mixed))
    for place, original in enumerate(order):
        if original < len(items):
            assert after[place] == before[original]


@given(rows, weights, st.sampled_from([["user"], ["item"], ["user", "item"]]))
def test_an_entity_never_straddles(items: list[dict[str, Any]], weights: dict[str, int], keys: list[str]) -> None:
    """Rows with equal keys are together; rows without any key are no entity and go by their content."""
    places = by_hash(weights, keys, "").assign(batch_of(items))
    homes: dict[tuple[Any, ...], int] = {}
    for item, place in zip(items, places.tolist(), strict=True):
        key = tuple(item[name] for name in keys)
        if any(value is not None for value in key):
            assert homes.setdefault(key, place) == place


def test_rows_without_a_key_are_spread() -> None:
    batch = pa.record_batch({"user": pa.nulls(1000, pa.int64()), "price": np.arange(1000)})
    assert len(set(by_hash({"train": 1, "eval": 1}, "user", "").assign(batch).tolist())) == 2


@given(rows, weights, st.integers(2, 5))
def test_only_the_proportions_of_weights_count(
    items: list[dict[str, Any]], weights: dict[str, int], factor: int
) -> None:
    larger = {name: weight * factor for name, weight in weights.items()}
    batch = batch_of(items)
    assert (by_hash(weights, None, "").assign(batch) == by_hash(larger, None, "").assign(batch)).all()


def test_shares_are_the_weights() -> None:
    """Within five standard deviations, for rows that differ in one column only."""
    batch = pa.record_batch({"id": np.arange(200_000), "constant": np.zeros(200_000)})
    counts = np.bincount(by_hash({"train": 8, "eval": 1, "test": 1}, None, "").assign(batch)) / 200_000
    assert np.allclose(counts, [0.8, 0.1, 0.1], atol=5 * (0.8 * 0.2 / 200_000) ** 0.5)


def test_a_salt_gives_another_division() -> None:
    batch = pa.record_batch({"id": np.arange(1000)})
    one, other = (by_hash({"a": 1, "b": 1}, None, salt).assign(batch) for salt in ("", "x"))
    assert 400 < (one == other).sum() < 600


def test_a_key_that_is_no_column_is_told() -> None:
    with pytest.raises(DataError) as caught:
        ByHash((("a", 1), ("b", 1)), ("usr",)).assign(batch_of([{"user": 1}]))
    assert str(caught.value) == ("split_by: 'usr' is not a column.\nThe columns: user, item, price. Did you mean user?")


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({}, "wanted at least one split"),
        ({"train": 0}, "a weight is a whole number from 1 on"),
        ({"../train": 1}, "'../train' cannot name a split"),
    ],
)
def test_wrong_weights_are_told(weights: dict[str, int], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        by_hash(weights, None, "")
