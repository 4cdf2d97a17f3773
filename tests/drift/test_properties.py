"""What holds of any two columns: no crash, finite distances, zero for equal ones, more for larger shifts."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from levada.artifacts.statistics import ColumnStatistics, column_from_json, column_to_json
from levada.drift.comparison import compare
from levada.drift.distribution import of_rows, of_statistics
from levada.drift.judgement import Rules, judge
from levada.drift.limits import Limits
from levada.profiling.column import ColumnProfile
from levada.profiling.finishing import finish

SYMMETRIC = ("kolmogorov_smirnov", "l_infinity", "missing", "infinite")
RULES = Rules(Limits(), {}, 0.05, min_rows=1)

wild = st.floats(allow_nan=True, allow_infinity=True)
KINDS: list[st.SearchStrategy[pa.Array]] = [
    st.lists(st.none() | wild, max_size=60).map(lambda values: pa.array(values, pa.float64())),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=60).map(
        lambda values: pa.array(values, pa.int64())
    ),
    st.lists(st.none() | st.sampled_from([0.0, -0.0, 1.0, math.inf]), max_size=60).map(
        lambda values: pa.array(values, pa.float32())
    ),
    st.lists(st.none() | st.text(max_size=3), max_size=60).map(lambda values: pa.array(values, pa.string())),
    st.lists(st.none() | st.booleans(), max_size=60).map(lambda values: pa.array(values, pa.bool_())),
    st.lists(st.none() | st.datetimes(), max_size=20).map(lambda values: pa.array(values, pa.timestamp("us"))),
    st.lists(st.none() | st.dates(), max_size=20).map(lambda values: pa.array(values, pa.date32())),
    st.lists(st.none() | st.lists(st.none() | wild, max_size=3), max_size=20).map(
        lambda values: pa.array(values, pa.list_(pa.float64()))
    ),
    st.lists(st.none() | st.lists(st.text(max_size=2), max_size=3), max_size=20).map(
        lambda values: pa.array(values, pa.list_(pa.string()))
    ),
    st.lists(st.none() | st.binary(max_size=3), max_size=20).map(lambda values: pa.array(values, pa.binary())),
    st.integers(0, 20).map(pa.nulls),
    st.integers(1, 200).map(lambda rows: pa.array([7.5] * rows)),
]
columns = st.one_of(KINDS)
alike = st.one_of([st.tuples(kind, kind) for kind in KINDS])


def statistics(values: pa.Array) -> ColumnStatistics:
    column = pa.chunked_array([values])
    profile = ColumnProfile(column.type, len(column), 100_000)
    profile.add(0, column)
    return finish(profile, "x", 20)


def stored(values: pa.Array) -> Any:
    """The distribution of statistics that were written and read again."""
    form = json.loads(json.dumps(column_to_json(statistics(values), whole=True)))
    return of_statistics(column_from_json(form))


@given(columns, columns)
def test_any_two_columns_get_a_verdict_that_json_can_hold(before: pa.Array, now: pa.Array) -> None:
    for read in (stored, lambda values: of_rows("x", pa.chunked_array([values]))):
        (found,) = judge({("", "x"): (read(before), read(now))}, RULES)
        json.dumps(vars(found), allow_nan=False)
        assert all(distance >= 0 for distance in found.distances.values())
        probabilities = (found.p_value, found.q_value, found.missing_p_value, found.missing_q_value)
        assert all(0 <= value <= 1 for value in probabilities if value is not None)
        assert found.sentence.startswith("x: ")


@given(columns)
def test_equal_columns_are_at_distance_zero_and_never_alarm(values: pa.Array) -> None:
    for read in (stored, lambda values: of_rows("x", pa.chunked_array([values]))):
        found = compare(read(values), read(values))
        assert all(distance == 0 for distance in found.distances.values()), found.distances
        assert found.shape_p in (None, 1.0)
        assert found.missing_p == 1.0
        assert judge({("", "x"): (read(values), read(values))}, RULES)[0].verdict == "none"


@given(alike)
def test_distances_that_are_symmetric_are(pair: tuple[pa.Array, pa.Array]) -> None:
    before, now = pair
    there, back = compare(stored(before), stored(now)), compare(stored(now), stored(before))
    assert set(there.distances) == set(back.distances)
    for name in SYMMETRIC:
        assert math.isclose(there.distances.get(name, 0), back.distances.get(name, 0), abs_tol=1e-9)
    if pa.types.is_string(before.type) or pa.types.is_boolean(before.type):
        for name in ("psi", "jensen_shannon"):
            assert math.isclose(there.distances.get(name, 0), back.distances.get(name, 0), abs_tol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from(["normal", "lognormal", "integers"]))
def test_a_growing_shift_is_a_growing_distance(seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    values = {
        "normal": lambda: random.normal(size=2_000),
        "lognormal": lambda: random.lognormal(size=2_000),
        "integers": lambda: random.integers(0, 300, 2_000).astype(np.float64),
    }[kind]()
    before = stored(pa.array(values))
    deviation = values.std()
    found = [compare(before, stored(pa.array(values + shift * deviation))) for shift in (0, 0.1, 0.3, 1, 3, 10)]
    for name in ("kolmogorov_smirnov", "wasserstein"):
        distances = [comparison.distances[name] for comparison in found]
        assert distances == sorted(distances) and distances[0] == 0
    for name in (
        "psi",
        "jensen_shannon",
    ):  # whose cells are coarse: once all values have left a cell, it has no more to say
        distances = [comparison.distances[name] for comparison in found]
        assert distances[:4] == sorted(distances[:4])
        assert min(distances[4:]) >= distances[3] * 0.99
    p_values = [comparison.shape_p or 0.0 for comparison in found]
    assert p_values == sorted(p_values, reverse=True)


@given(st.lists(st.integers(0, 400), min_size=2, max_size=30))
def test_moving_rows_between_categories_moves_them_apart(counts: list[int]) -> None:
    """The more rows go from the first category to a new one, the larger are all distances."""
    first = max(counts[0], 10)
    words = [f"c{number}" for number, count in enumerate(counts[1:]) for _ in range(count)]
    found = []
    for moved in (0, first // 5, first // 2, first):
        now = ["a"] * (first - moved) + ["new"] * moved + words
        found.append(compare(stored(pa.array(["a"] * first + words)), stored(pa.array(now))).distances)
    for name in ("psi", "jensen_shannon", "l_infinity"):
        distances = [distance[name] for distance in found]
        assert distances[0] == 0
        assert all(later >= sooner - 1e-9 for sooner, later in pairwise(distances))
