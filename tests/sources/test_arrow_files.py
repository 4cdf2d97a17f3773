"""Arrow IPC files, streams and Feather as a source."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import arrow_files
from levada.errors import DataError
from levada.sources import arrow_files as module


def written(table: pa.Table, *, stream: bool = False, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read(root: Path, pattern: str = "*", **options: Any) -> pa.Table:
    return pa.Table.from_batches(list(arrow_files(pattern, **options).batches(root)))


def fault(root: Path, pattern: str = "*", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(root, pattern, **options)
    return str(caught.value)


TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [[1.5], [], None]})


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("stream", [False, True])
def test_files_and_streams_are_told_apart_by_their_bytes(tmp_path: Path, stream: bool, compression: str | None) -> None:
    (tmp_path / "x").write_bytes(written(TABLE, stream=stream, compression=compression))
    assert read(tmp_path) == TABLE
    assert read(tmp_path, columns=["c", "a"]) == TABLE.select(["c", "a"])


def test_feather_is_read_and_its_first_version_is_told(tmp_path: Path) -> None:
    feather.write_feather(TABLE, str(tmp_path / "x.feather"))
    assert read(tmp_path) == TABLE
    (tmp_path / "x.feather").write_bytes(b"FEA1" + b"\0" * 50)
    assert fault(tmp_path).startswith("x.feather is Feather version 1, which is not read.\n")


def test_files_are_read_in_order_under_plain_types(tmp_path: Path) -> None:
    (tmp_path / "2").write_bytes(written(pa.table({"b": ["y"], "a": [2]})))
    (tmp_path / "1").write_bytes(
        written(pa.table({"a": [1], "b": pa.array(["x"], pa.dictionary(pa.int8(), pa.string()))}))
    )
    assert read(tmp_path).to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_large_batch_is_given_out_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(written(TABLE))
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    assert [batch.num_rows for batch in arrow_files("x").batches(tmp_path)] == [2, 1]


def test_files_that_differ_are_told_apart(tmp_path: Path) -> None:
    for number, values in enumerate(([1], [2], ["x"])):
        (tmp_path / f"{number}.arrow").write_bytes(written(pa.table({"a": values})))
    assert fault(tmp_path).startswith("2.arrow: column 'a' is string, and int64 in 0.arrow.\n")
    (tmp_path / "1.arrow").write_bytes(written(pa.table({"b": [1]})))
    assert fault(tmp_path).startswith("1.arrow lacks a and has also b, unlike 0.arrow.\n")
    assert fault(tmp_path, columns=["c"]) == "0.arrow has no column 'c'.\nIt has a."


def test_what_is_no_arrow_file_is_told(tmp_path: Path) -> None:
    for content in (b"", b"a,b\n1,2\n" * 20, written(TABLE)[:-9], b"ARROW1"):
        (tmp_path / "x").write_bytes(content)
        assert fault(tmp_path).startswith("x is not an Arrow file: ")
    (tmp_path / "x").write_bytes(written(TABLE, stream=True)[:-60])
    assert fault(tmp_path).startswith("x is damaged: ")


def test_offsets_that_lead_astray_are_told(tmp_path: Path) -> None:
    good = written(pa.table({"a": ["ab", "cd"]}))
    offsets, astray = (b"".join(place.to_bytes(4, "little") for place in (0, 2, end)) for end in (4, 2**30))
    assert good.count(offsets) == 1
    (tmp_path / "x").write_bytes(good.replace(offsets, astray))
    assert fault(tmp_path).startswith("x is damaged: ")


@given(place=st.integers(0, 2000), byte=st.integers(0, 255), stream=st.booleans(), cut=st.integers(0, 50))
def test_any_damage_is_rows_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, stream: bool, cut: int
) -> None:
    content = bytearray(written(TABLE, stream=stream))
    content[place % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.arrow"
    path.write_bytes(bytes(content[: len(content) - cut]))
    with contextlib.suppress(DataError):
        list(arrow_files(path.name).batches(path.parent))
