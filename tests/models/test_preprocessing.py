"""Preprocessing layers get their state from statistics, and know what to do with what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from levada.artifacts import ColumnStatistics
from levada.errors import ModelError
from levada.models.preprocessing import Indices, bucketized, crossed, linear, looked_up, normalized

keras: Any = pytest.importorskip("keras")


def numbers(values: list[float], missing: int = 0) -> ColumnStatistics:
    array = np.array(values)
    return ColumnStatistics(
        "n",
        "double",
        "numeric",
        rows=len(values) + missing,
        missing=missing,
        values=len(values),
        moments=(float(array.mean()), float(array.var())),
        quantiles=tuple(np.quantile(array, np.linspace(0, 1, 201)).tolist()),
    )


def words(*counts: tuple[str, int]) -> ColumnStatistics:
    total = sum(count for _, count in counts)
    return ColumnStatistics(
        "w", "string", "string", total, 0, total, top=counts, distinct=len(counts), has_vocabulary=True
    )


def answers(layer: Any, values: Any, dtype: str = "float32") -> Any:
    """Return what a function of a scalar input gives for some values."""
    given = keras.Input((), dtype=dtype)
    made = layer(given)
    model = keras.Model(given, made.tensor if isinstance(made, Indices) else made)
    import tensorflow as tf

    return model(tf.constant(values, dtype)).numpy()


def test_numbers_get_mean_zero_and_variance_one_and_a_missing_one_the_mean() -> None:
    column = numbers([1.0, 2.0, 3.0, 6.0])
    given = np.array([1.0, 2.0, 3.0, 6.0, np.nan])
    expected = (given - given[:4].mean()) / given[:4].std()
    expected[4] = 0.0
    np.testing.assert_allclose(answers(lambda x: normalized(x, column), given), expected, rtol=1e-6)


def test_a_column_that_never_changes_is_refused() -> None:
    with pytest.raises(ModelError, match="variance 0"):
        answers(lambda x: normalized(x, numbers([2.0, 2.0])), [2.0])
    with pytest.raises(ModelError, match="nearly all of its values are the same"):
        answers(lambda x: bucketized(x, numbers([0.0] * 99 + [1.0]), bins=4), [2.0])


def test_buckets_are_about_equally_full_and_zero_means_missing() -> None:
    values = np.random.default_rng(0).exponential(size=1000)
    column = numbers(values.tolist())
    buckets = answers(lambda x: bucketized(x, column, bins=4), [*values, np.nan])
    assert buckets[-1] == 0
    counts = np.bincount(buckets[:-1])
    assert counts[0] == 0 and counts[1:].tolist() == pytest.approx([250] * 4, abs=3)
    given = keras.Input(())
    assert bucketized(given, column, bins=4).size == 5


def test_a_value_beyond_what_was_seen_falls_into_the_outermost_buckets() -> None:
    column = numbers([float(value) for value in range(100)])
    assert answers(lambda x: bucketized(x, column, bins=4), [-1e9, 1e9]).tolist() == [1, 4]


def test_words_get_the_place_of_their_frequency_after_missing_and_unknown() -> None:
    column = words(("UA", 50), ("AA", 20), ("HA", 1))
    assert answers(lambda x: looked_up(x, column), ["", "??", "UA", "AA", "HA"], "string").tolist() == [0, 1, 2, 3, 4]
    assert answers(lambda x: looked_up(x, column, top=1), ["UA", "AA"], "string").tolist() == [2, 1]
    with pytest.raises(ModelError, match="no words"):
        answers(lambda x: looked_up(x, words(("", 3))), ["a"], "string")


def test_an_empty_word_in_the_data_is_a_missing_one() -> None:
    column = words(("", 50), ("AA", 20))
    assert answers(lambda x: looked_up(x, column), ["", "AA"], "string").tolist() == [0, 2]


def test_every_pair_of_two_columns_has_its_own_index() -> None:
    column = words(("a", 2), ("b", 1))
    given = keras.Input((), dtype="string")
    one = looked_up(given, column)
    pair = crossed(one, Indices(one.tensor * 0 + 2, 3))
    assert pair.size == one.size * 3
    assert answers(
        lambda x: crossed(looked_up(x, column), Indices(looked_up(x, column).tensor * 0 + 2, 3)),
        ["", "a", "b"],
        "string",
    ).tolist() == [2, 8, 11]


def test_the_linear_part_has_one_weight_for_each_value_of_each_column() -> None:
    import tensorflow as tf

    given = keras.Input((), dtype="string")
    first, second = looked_up(given, words(("a", 1))), looked_up(given, words(("b", 2), ("a", 1)))
    model = keras.Model(given, linear([first, second]))
    (weights,) = model.weights
    assert weights.shape == (first.size + second.size, 1)
    weights.assign(np.arange(7.0).reshape(7, 1))
    # a: 2 in the first column, 3 in the second, whose weights begin at 3. Missing: 0 and 3 + 0.
    assert model(tf.constant(["a", ""])).numpy().tolist() == [[2 + 3 + 3], [0 + 3]]
