"""Statistics as messages that TFX reads and writes: what goes out comes back."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from levada.artifact import Making
from levada.artifacts import ColumnStatistics, Statistics
from levada.artifacts.exchange import from_proto, read_proto, ticks_of, to_proto, write_proto
from levada.artifacts.statistics import RowStatistics
from levada.errors import DataError
from levada.profiling.column import ColumnProfile
from levada.profiling.finishing import finish

RANDOM = np.random.default_rng(3)
ROWS = 2000
COLUMNS: dict[str, pa.Array] = {
    "fare": pa.array(np.where(RANDOM.random(ROWS) < 0.1, np.nan, RANDOM.normal(10, 3, ROWS))),
    "seats": pa.array(RANDOM.integers(0, 5, ROWS), mask=RANDOM.random(ROWS) < 0.2),
    "carrier": pa.array(["UA", "AA", None, "EV", ""] * 400),
    "tail": pa.array([f"N{number}" for number in range(ROWS)]),
    "late": pa.array([True, False] * 1000),
    "when": pa.array(RANDOM.integers(0, 10**9, ROWS), pa.timestamp("s", "UTC")),
    "day": pa.array(RANDOM.integers(0, 10**4, ROWS).astype(np.int32), pa.date32()),
    "at": pa.array(RANDOM.integers(0, 86_400, ROWS) * 1_000_000, pa.time64("us")),
    "pixels": pa.array([[1.0, 2.0], [3.0], [], None] * 500, pa.list_(pa.float64())),
    "photo": pa.array([b"a", b"bc"] * 1000),
    "gone": pa.nulls(ROWS, pa.float64()),
    "nothing": pa.nulls(ROWS),
    "place": pa.array([{"x": 1}] * ROWS),
}


def found(columns: dict[str, pa.Array]) -> RowStatistics:
    statistics: dict[str, ColumnStatistics] = {}
    for name, values in columns.items():
        profile = ColumnProfile(values.type, len(values), 1000)
        profile.add(0, pa.chunked_array([values]))
        statistics[name] = finish(profile, name, 20)
    return RowStatistics(ROWS, statistics)


@pytest.fixture(scope="module")
def there() -> RowStatistics:
    whole = found(COLUMNS)
    return RowStatistics(whole.rows, whole.columns, {"carrier=UA": found({"carrier": COLUMNS["carrier"]})})


def test_what_goes_out_comes_back(there: RowStatistics) -> None:
    back = from_proto(to_proto(there))
    assert back.rows == ROWS
    assert list(back.columns) == list(there.columns)
    assert back.slices["carrier=UA"].columns["carrier"].counts() == there.columns["carrier"].counts()
    kept = ("name", "type", "kind", "rows", "missing", "values", "zeros", "infinite", "distinct", "exact")
    for name, column in there.columns.items():
        again = back.columns[name]
        assert {field: getattr(again, field) for field in kept if field != "zeros" or column.kind != "bytes"} == {
            field: getattr(column, field) for field in kept if field != "zeros" or column.kind != "bytes"
        }, name
        assert again.is_integer == column.is_integer
        if column.kind in ("numeric", "list") and column.moments:
            assert (again.min, again.max, again.mean) == (column.min, column.max, column.mean)
            assert again.std == pytest.approx(column.std)
            assert again.quantiles == column.quantiles[:: max((len(column.quantiles) - 1) // 100, 1)]
            assert again.histogram == column.histogram
        if column.kind == "string":
            assert again.top == column.top
            assert again.has_vocabulary == (column.has_vocabulary and column.distinct <= 1000)
    assert back.columns["pixels"].lengths == pytest.approx(there.columns["pixels"].lengths)
    assert back.columns["carrier"].vocabulary() == there.columns["carrier"].vocabulary()


def test_the_message_says_what_tfx_wants_to_know(there: RowStatistics) -> None:
    dataset = to_proto(there).datasets[0]
    by_name = {feature.path.step[0]: feature for feature in dataset.features}
    types = {name: statistics_pb2.FeatureNameStatistics.Type.Name(feature.type) for name, feature in by_name.items()}
    assert types == {
        "fare": "FLOAT",
        "seats": "INT",
        "carrier": "STRING",
        "tail": "STRING",
        "late": "INT",
        "when": "INT",
        "day": "INT",
        "at": "INT",
        "pixels": "FLOAT",
        "photo": "BYTES",
        "gone": "FLOAT",
        "nothing": "STRING",
        "place": "STRUCT",
    }
    fare = by_name["fare"].num_stats
    numbers = COLUMNS["fare"].to_numpy()
    numbers = numbers[~np.isnan(numbers)]
    assert (fare.common_stats.num_non_missing, fare.common_stats.num_missing) == (len(numbers), ROWS - len(numbers))
    assert fare.median == np.quantile(numbers, 0.5, method="inverted_cdf")
    for histogram in fare.histograms:
        assert sum(bucket.sample_count for bucket in histogram.buckets) == pytest.approx(len(numbers))
        assert (histogram.buckets[0].low_value, histogram.buckets[-1].high_value) == (numbers.min(), numbers.max())
    carrier = by_name["carrier"].string_stats
    assert (carrier.unique, carrier.top_values[0].value, carrier.top_values[0].frequency) == (4, "", 400)
    assert [bucket.label for bucket in carrier.rank_histogram.buckets] == ["", "AA", "EV", "UA"]
    assert by_name["when"].num_stats.max == COLUMNS["when"].cast(pa.int64()).to_numpy().max()
    assert by_name["day"].num_stats.max == COLUMNS["day"].cast(pa.int32()).to_numpy().max()
    assert by_name["at"].num_stats.min == COLUMNS["at"].cast(pa.int64()).to_numpy().min()
    assert (by_name["late"].num_stats.min, by_name["late"].num_stats.max, by_name["late"].num_stats.mean) == (0, 1, 0.5)


@pytest.mark.parametrize("name", ["stats.pb", "below/stats.pbtxt"])
def test_files_are_read_as_they_were_written(there: RowStatistics, tmp_path: Path, name: str) -> None:
    message = to_proto(there)
    write_proto(message, tmp_path / name)
    assert read_proto(tmp_path / name) == message


def test_an_artifact_writes_a_file_that_an_artifact_reads(making: Any, tmp_path: Path, there: RowStatistics) -> None:
    statistics: Statistics = making(Statistics)
    statistics.write({"train": (ROWS, list(there.columns.values()))})
    statistics.write_proto(tmp_path / "there/stats.pb")
    other = Statistics(Making(tmp_path / "there", "there", "output"))
    assert (other.splits, other.rows(), other.label) == (["all"], ROWS, None)
    assert other.column("fare").mean == statistics.column("fare").mean


@pytest.mark.parametrize("name", ["stats.pb", "stats.pbtxt"])
def test_what_is_no_statistics_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe no statistics")
    with pytest.raises(DataError, match=rf"{name} holds no statistics"):
        read_proto(tmp_path / name)
    two = statistics_pb2.DatasetFeatureStatisticsList()
    two.datasets.add(name="a")
    two.datasets.add(name="b")
    with pytest.raises(DataError, match="2 datasets, and none is called 'All Examples'"):
        from_proto(two)


def test_dates_of_milliseconds_are_ticks() -> None:
    day = datetime.date(2013, 1, 1)
    assert ticks_of(["2013-01-01"], "date64[ms]") == [pa.scalar(day, pa.date64()).value]
