"""Tables that are hard to profile: every Arrow type that Parquet keeps, extreme values, no rows, many columns."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levada.artifact import Making
from levada.artifacts import Examples, Statistics
from levada.artifacts.exchange import from_proto, to_proto
from levada.artifacts.statistics import column_from_json, column_to_json
from levada.profiling.pieces import plan_split, profile_here

SCALARS: dict[pa.DataType, Any] = {
    pa.null(): st.none(),
    pa.bool_(): st.booleans(),
    **{
        type_: st.integers(-(2 ** (type_.bit_width - 1)), 2 ** (type_.bit_width - 1) - 1)
        for type_ in (pa.int8(), pa.int16(), pa.int32(), pa.int64())
    },
    **{type_: st.integers(0, 2**type_.bit_width - 1) for type_ in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats() | st.sampled_from([0.0, -0.0, 1e308, -1e308]),
    pa.decimal128(38, 10): st.decimals(-(10**20), 10**20, places=5),
    pa.decimal256(50, 2): st.just(decimal.Decimal("12345678901234567890123456789.01")),
    pa.string(): st.text(max_size=5),
    pa.large_string(): st.text(max_size=5),
    pa.dictionary(pa.int32(), pa.string()): st.sampled_from(["a", "b"]),
    pa.binary(): st.binary(max_size=5),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.date32(): st.dates(),
    pa.time32("s"): st.times().map(lambda time: time.replace(microsecond=0)),
    pa.time64("us"): st.times(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("ms", "Europe/Lisbon"): st.datetimes(
        datetime.datetime(1900, 1, 1),  # noqa: DTZ001
        datetime.datetime(2100, 1, 1),  # noqa: DTZ001
    ).map(lambda moment: moment.replace(microsecond=0)),
    pa.timestamp("ns", "UTC"): st.integers(-(2**63), 2**63 - 1),
    pa.duration("ns"): st.integers(-(2**62), 2**62),
}


def nested(type_: pa.DataType, values: Any) -> st.SearchStrategy[tuple[pa.DataType, Any]]:
    rows = st.none() | values
    return st.sampled_from(
        [
            (type_, rows),
            (pa.list_(type_), st.none() | st.lists(rows, max_size=3)),
            (pa.list_(pa.list_(type_)), st.none() | st.lists(st.lists(rows, max_size=2), max_size=2)),
            (pa.struct([("x", type_)]), st.none() | st.fixed_dictionaries({"x": rows})),
            (pa.map_(pa.string(), type_), st.none() | st.lists(st.tuples(st.text(max_size=2), rows), max_size=2)),
        ]
    )


COLUMNS = st.sampled_from(list(SCALARS)).flatmap(lambda type_: nested(type_, SCALARS[type_]))


@st.composite
def tables(draw: Any) -> pa.Table:
    kinds = draw(st.lists(COLUMNS, min_size=1, max_size=3))
    rows = draw(st.integers(0, 6))
    columns: dict[str, pa.Array] = {}
    for number, (type_, values) in enumerate(kinds):
        if pa.types.is_null(type_):
            columns[str(number)] = pa.nulls(rows)
        else:
            columns[str(number)] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), type_)
    return pa.table(columns)


def profiled(folder: Path, table: pa.Table, **options: Any) -> Statistics:
    for name in ("examples", "statistics"):
        (folder / name).mkdir()
    examples = Examples(Making(folder / "examples", "examples", "output"))
    examples.write("train", table)
    statistics = Statistics(Making(folder / "statistics", "statistics", "output"))
    plan = plan_split(examples, "train", 1000, **options)
    statistics.write({"train": profile_here(examples, plan).finish(20)})
    return statistics


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(table=tables())
def test_any_table_has_a_profile(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> None:
    """It is the same after JSON, and goes out to TFX and back."""
    statistics = profiled(tmp_path_factory.mktemp("table"), table)
    assert statistics.rows() == table.num_rows
    for name, column in statistics.columns().items():
        assert column.rows == table.num_rows
        assert table.column(name).null_count <= column.missing <= column.rows
        assert column_from_json(json.loads(json.dumps(column_to_json(column, whole=True), allow_nan=False))) == column
        if column.histogram is not None:
            assert sum(column.histogram.counts) == column.values - column.infinite
    there = statistics._splits["train"]  # pyright: ignore[reportPrivateUsage]
    assert list(from_proto(to_proto(there)).columns) == list(there.columns)


def test_a_large_cell_is_one_value_among_others(tmp_path: Path) -> None:
    """Ten megabytes of text and of bytes: neither is kept whole, neither takes long."""
    large = "long " * 2_000_000
    statistics = profiled(tmp_path, pa.table({"text": ["a", large, "a"], "bytes": [b"a", large.encode(), b""]}))
    text = statistics.column("text")
    assert (text.exact, text.distinct, text.lengths.max) == (False, 2, len(large))
    assert text.top == (("a", 2),)
    assert statistics.column("bytes").distinct == 3
    assert (tmp_path / "statistics/statistics.json").stat().st_size < 10_000


def test_a_wide_table_stays_small(tmp_path: Path) -> None:
    """Three thousand columns of a thousand numbers: a few kilobytes a column."""
    import numpy as np

    random = np.random.default_rng(0)
    statistics = profiled(tmp_path, pa.table({f"c{number}": random.normal(size=1000) for number in range(3000)}))
    assert len(statistics.columns()) == 3000
    assert len(statistics.column("c17").quantiles) == 51
    assert (tmp_path / "statistics/statistics.json").stat().st_size < 3000 * 4096


def test_constant_and_missing_columns_and_single_rows(tmp_path: Path) -> None:
    table = pa.table({"same": [5.0, 5.0], "gone": pa.nulls(2, pa.int64()), "text": pa.nulls(2, pa.string())})
    statistics = profiled(tmp_path, table)
    same, gone, text = (statistics.column(name) for name in table.column_names)
    assert (same.variance, same.histogram.counts, set(same.quantiles)) == (0, (2,), {5.0})
    assert (gone.missing, gone.min, gone.histogram, gone.quantiles, gone.top) == (2, None, None, (), ())
    assert (text.missing, text.lengths, text.text.sampled) == (2, None, 0)
