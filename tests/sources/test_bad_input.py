"""What data is like: every format reads it, or says what is wrong with it."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import arrow_files, infer_schema, ingest, parquet, profile, tfrecord, write_tfrecord
from levada.errors import DataError


def to_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


def to_arrow(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


FORMATS: dict[str, tuple[Callable[[Path, pa.Table], Any], Callable[..., Any]]] = {
    "parquet": (to_parquet, parquet),
    "arrow": (to_arrow, arrow_files),
    "tfrecord": (write_tfrecord, tfrecord),
}
COLUMNAR = ["parquet", "arrow"]


@pytest.fixture(params=list(FORMATS))
def format_(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def back(root: Path, format_: str, table: pa.Table) -> pa.Table:
    """Write a table and read it again."""
    write, source = FORMATS[format_]
    write(root / f"x.{format_}", table)
    return pa.Table.from_batches(list(source(f"x.{format_}").batches(root)))


def fault(root: Path, format_: str, *tables: pa.Table) -> str:
    write, source = FORMATS[format_]
    for number, table in enumerate(tables):
        write(root / f"{number}.{format_}", table)
    with pytest.raises(DataError) as caught:
        list(source(f"*.{format_}").batches(root))
    return str(caught.value)


def test_numbers_that_are_none_stay_what_they_are(tmp_path: Path, format_: str) -> None:
    values = [math.nan, math.inf, -math.inf, -0.0, 0.5]
    found = back(tmp_path, format_, pa.table({"a": pa.array(values, pa.float32())}))["a"].to_pylist()
    assert repr(found) == repr(values)


def test_huge_whole_numbers_are_exact(tmp_path: Path, format_: str) -> None:
    values = [-(2**63), 2**63 - 1, 2**53 + 1, 0]
    assert back(tmp_path, format_, pa.table({"a": values}))["a"].to_pylist() == values


def test_a_cell_of_ten_megabytes_is_read(tmp_path: Path, format_: str) -> None:
    assert back(tmp_path, format_, pa.table({"a": ["x" * (10 << 20), "y"]}))["a"].to_pylist()[0] == "x" * (10 << 20)


@pytest.mark.slow
@pytest.mark.parametrize(("format_", "count"), [("parquet", 40_000), ("arrow", 40_000), ("tfrecord", 4_000)])
def test_very_many_columns_are_read(tmp_path: Path, format_: str, count: int) -> None:
    names = [f"c{number:06d}" for number in range(count)]
    found = back(tmp_path, format_, pa.table([pa.array([1])] * len(names), names))
    assert found.column_names == names and found.num_rows == 1


def test_one_row_is_read(tmp_path: Path, format_: str) -> None:
    assert back(tmp_path, format_, pa.table({"a": ["x"]})).to_pylist() == [{"a": "x"}]


@pytest.mark.parametrize("format_", COLUMNAR)
def test_columns_without_any_value_are_read(tmp_path: Path, format_: str) -> None:
    table = pa.table({"a": pa.nulls(3), "b": pa.array([None] * 3, pa.string()), "c": [1, 2, 3]})
    assert back(tmp_path, format_, table).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("format_", COLUMNAR)
def test_times_keep_their_zone_or_have_none(tmp_path: Path, format_: str) -> None:
    bare, zoned = datetime(2013, 1, 31, 23), datetime(2013, 1, 31, 23, tzinfo=timezone(timedelta(hours=-5)))  # noqa: DTZ001
    found = back(
        tmp_path,
        format_,
        pa.table({"bare": [bare], "zoned": pa.array([zoned], pa.timestamp("us", "America/New_York"))}),
    )
    assert str(found.schema.field("zoned").type) == "timestamp[us, tz=America/New_York]"
    assert found.to_pylist() == [{"bare": bare, "zoned": zoned}]


@pytest.mark.parametrize("format_", COLUMNAR)
def test_nested_columns_are_read_and_go_through(tmp_path: Path, format_: str, call: Any) -> None:
    table = pa.table({"s": [{"x": 1, "y": ["a"]}, None], "m": [[[1], []], None]})
    assert back(tmp_path, format_, table).to_pylist() == table.to_pylist()
    call(infer_schema, call(profile, call(ingest, FORMATS[format_][1](f"x.{format_}"))))


def test_a_type_that_changes_in_the_third_file_is_told(tmp_path: Path, format_: str) -> None:
    said = fault(tmp_path, format_, pa.table({"a": [1]}), pa.table({"a": [2]}), pa.table({"a": ["x"]}))
    assert said.startswith(f"2.{format_}: ") and "'a'" in said and f"0.{format_}" in said


@pytest.mark.parametrize("format_", COLUMNAR)
def test_columns_that_differ_between_files_are_told(tmp_path: Path, format_: str) -> None:
    said = fault(tmp_path, format_, pa.table({"a": [1], "b": [1]}), pa.table({"a": [2], "c": [1]}))
    assert said.startswith(f"1.{format_} lacks b and has also c, unlike 0.{format_}.")


@pytest.mark.parametrize("format_", COLUMNAR)
def test_a_column_twice_is_told(tmp_path: Path, format_: str) -> None:
    assert "two columns named 'a'" in fault(tmp_path, format_, pa.table([[1], [2]], ["a", "a"]))


@pytest.mark.parametrize("format_", COLUMNAR)
def test_an_empty_file_is_told(tmp_path: Path, format_: str) -> None:
    (tmp_path / f"x.{format_}").write_bytes(b"")
    with pytest.raises(DataError, match=f"x.{format_} is not a"):
        list(FORMATS[format_][1](f"x.{format_}").batches(tmp_path))


def test_nothing_but_empty_files_has_no_rows(tmp_path: Path, format_: str, call: Any) -> None:
    FORMATS[format_][0](tmp_path / f"x.{format_}", pa.table({"a": pa.array([], pa.int64())}))
    with pytest.raises(DataError, match="has no rows"):
        call(ingest, FORMATS[format_][1](f"x.{format_}"))


def test_a_file_that_goes_between_two_is_told(tmp_path: Path, format_: str) -> None:
    write, source = FORMATS[format_]
    for number in range(3):
        write(tmp_path / f"{number}.{format_}", pa.table({"a": range(1000)}))
    batches = source(f"*.{format_}").batches(tmp_path)
    if format_ == "tfrecord":  # it settles the types of all before it gives out rows
        (tmp_path / f"2.{format_}").unlink()
        assert sum(batch.num_rows for batch in batches) == 2000
        return
    next(batches)
    (tmp_path / f"2.{format_}").unlink()
    with pytest.raises(DataError, match=f"2.{format_} cannot be read: No such file or directory"):
        list(batches)


SINK = io.BytesIO()
pq.write_table(pa.table({"a": range(20), "b": [f"t{n % 3}" for n in range(20)], "c": [[0.5]] * 20}), SINK)


@given(place=st.integers(0, 3000), byte=st.integers(0, 255), cut=st.sampled_from([0, 0, 1, 8, 100]))
def test_a_damaged_parquet_file_is_rows_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: int
) -> None:
    content = bytearray(SINK.getvalue())
    content[place % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(bytes(content[: len(content) - cut]))
    with contextlib.suppress(DataError):
        list(parquet(path.name).batches(path.parent))
