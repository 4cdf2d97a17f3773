"""Parquet files as a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada.components import parquet
from levada.errors import DataError


def read(pattern: str, root: Path, **options: Any) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(parquet(pattern, **options).batches(root))).to_pylist()


def fault(pattern: str, root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(pattern, root, **options)
    return str(caught.value)


def test_files_are_read_in_order_with_columns_in_the_order_of_the_first(tmp_path: Path) -> None:
    pq.write_table(pa.table({"b": ["y"], "a": [2]}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "1.parquet")
    assert read("*.parquet", tmp_path) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_some_columns_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"], "c": [2]}), tmp_path / "1.parquet")
    assert read("1.parquet", tmp_path, columns=["c", "a"]) == [{"c": 2, "a": 1}]
    assert fault("1.parquet", tmp_path, columns=["d"]) == "1.parquet has no column 'd'.\nIt has a, b, c."


def test_files_that_differ_are_told_apart(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": [1]}), tmp_path / "2.parquet")
    assert fault("*.parquet", tmp_path).startswith("2.parquet lacks a and has also b, unlike 1.parquet.\n")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    assert fault("*.parquet", tmp_path).startswith("2.parquet: column 'a' is string, and int64 in 1.parquet.\n")


def test_a_file_that_is_not_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_text("a,b\n1,2\n" * 10)
    assert fault("1.parquet", tmp_path).startswith("1.parquet is not a Parquet file: ")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": range(10_000)}), tmp_path / "1.parquet", compression="zstd")
    content = bytearray((tmp_path / "1.parquet").read_bytes())
    content[4:200] = b"\xff" * 196
    (tmp_path / "1.parquet").write_bytes(content)
    assert fault("1.parquet", tmp_path).startswith("1.parquet is damaged: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert fault("1.parquet", tmp_path).startswith(f"parquet('1.parquet'): there is no such file in {tmp_path}.\n")
