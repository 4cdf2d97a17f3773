"""Stratified splits, and splits that a column names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.errors import DataError, ParameterError
from levada.splits.by_column import by_column
from levada.splits.rule import NOWHERE, Rule
from levada.splits.stratified import stratified
from levada.values import decode, encode

WEIGHTS = {"train": 8, "eval": 1, "test": 1}
classes = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=60)


def batch_of(labels: list[Any], first: int = 0) -> pa.RecordBatch:
    return pa.record_batch({"label": pa.array(labels, pa.string()), "id": np.arange(first, first + len(labels))})


def settled(*batches: pa.RecordBatch, weights: dict[str, int] = WEIGHTS, salt: str = "") -> Rule:
    rule = stratified("label", weights).with_salt(salt)
    return rule.settled([rule.survey(batch) for batch in batches])


@given(classes, st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9), min_size=2))
def test_every_class_is_divided_by_the_weights_to_the_row(labels: list[Any], weights: dict[str, int]) -> None:
    """Disjoint and complete, and no split is further than one row from its share of a class."""
    places = settled(batch_of(labels), weights=weights).assign(batch_of(labels))
    assert set(places.tolist()) <= set(range(len(weights)))
    total = sum(weights.values())
    for label in set(labels):
        mine = [place for place, other in zip(places.tolist(), labels, strict=True) if other == label]
        for index, weight in enumerate(weights.values()):
            assert abs(mine.count(index) - len(mine) * weight / total) <= 1


@given(classes, st.randoms(use_true_random=False), st.integers(0, 60))
def test_order_and_division_do_not_matter(labels: list[Any], random: Any, cut: int) -> None:
    batch = batch_of(labels)
    order = list(range(len(labels)))
    random.shuffle(order)
    mixed = batch.take(order)
    parts = [part for part in (mixed.slice(0, cut), mixed.slice(cut)) if part.num_rows]
    before, after = settled(batch).assign(batch), settled(*parts).assign(mixed)
    assert after.tolist() == before[order].tolist()


def test_few_rows_move_when_rows_are_added() -> None:
    """1,000 rows more for 10,000: a cut moves by a few rows, as the ranks of a random sample do."""
    old, new = batch_of(["a", "b"] * 5000), batch_of(["a", "b"] * 500, first=10_000)
    before, after = settled(old).assign(old), settled(old, new).assign(old)
    assert 0 < (before != after).sum() < 200


def test_equal_rows_share_a_split() -> None:
    batch = pa.record_batch({"label": ["a"] * 90 + ["b"] * 10})
    places = settled(batch).assign(batch)
    assert len(set(places[:90].tolist())) == len(set(places[90:].tolist())) == 1


def test_a_salt_gives_another_division() -> None:
    batch = batch_of(["a"] * 1000)
    one, other = (settled(batch, weights={"x": 1, "y": 1}, salt=salt).assign(batch) for salt in ("", "1"))
    assert 400 < (one == other).sum() < 600


def test_a_column_with_too_many_values_is_told() -> None:
    batch = pa.record_batch({"label": [str(number) for number in range(10_001)]})
    with pytest.raises(DataError, match="the column has 10,001 values, at most 10,000 can be classes"):
        settled(batch)


def test_a_column_names_the_split() -> None:
    batch = batch_of(["train", "eval", "train", None, "other"])
    rule = by_column("label", ["train", "eval"])
    assert rule.assign(batch).tolist() == [0, 1, 0, NOWHERE, NOWHERE]
    assert decode(encode(rule)) == rule


@given(st.lists(st.integers(0, 6), min_size=1))
def test_values_of_a_column_stand_for_splits(folds: list[int]) -> None:
    rule = by_column("fold", {"train": [0, 1, 2, 3], "eval": 4, "test": [5.0]})
    places = rule.assign(pa.record_batch({"fold": folds})).tolist()
    assert places == [[0, 0, 0, 0, 1, 2, NOWHERE][fold] for fold in folds]


def test_wrong_rules_are_told_at_once() -> None:
    with pytest.raises(ParameterError, match="4 stands for train and for eval"):
        by_column("fold", {"train": [3, 4], "eval": 4})
    with pytest.raises(ParameterError, match="wanted at least one split"):
        by_column("fold", [])
    with pytest.raises(ParameterError, match="splits as fold says hash nothing"):
        by_column("fold", ["a"]).with_salt("x")
    with pytest.raises(ParameterError, match="a weight is a whole number"):
        stratified("a", {"x": 0})
