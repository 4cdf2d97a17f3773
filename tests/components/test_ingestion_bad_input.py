"""Bad input of every kind: rows, or an error that says where; never anything else."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import csv, ingest, json_lines
from levada.errors import DataError
from levada.sources.csv_files import CsvSource
from levada.tables.reading import Reading, Rejects, read_part


def table_of(call: Any, root: Path, content: str, name: str = "x.csv", **options: Any) -> pa.Table:
    (root / name).write_text(content)
    source = csv(name, **options) if name.endswith("csv") else json_lines(name)
    return call(ingest, source).table("all")


def test_a_cell_of_10_megabytes_is_read(call: Any, tmp_path: Path) -> None:
    table = table_of(call, tmp_path, f"a,b\n1,{'x' * 10_000_000}\n2,y\n")
    assert [len(text) for text in table["b"].to_pylist()] == [10_000_000, 1]
    table = table_of(call, tmp_path, f'{{"a": "{"x" * 10_000_000}"}}\n{{"a": "y"}}\n', "x.jsonl")
    assert [len(text) for text in table["a"].to_pylist()] == [10_000_000, 1]


def test_very_many_columns_are_read(call: Any, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5000)]
    rows = [[str(number % 7 + row) for number in range(5000)] for row in range(3)]
    table = table_of(call, tmp_path, "\n".join(",".join(row) for row in [names, *rows]))
    assert table.shape == (3, 5000) and table["c8"].to_pylist() == [1, 2, 3]


def test_one_row_and_columns_without_any_value_are_read(call: Any, tmp_path: Path) -> None:
    assert table_of(call, tmp_path, "a,b,c\n1,,x\n").to_pylist() == [{"a": 1, "b": None, "c": "x"}]
    assert table_of(call, tmp_path, '{"a": null}\n', "x.jsonl").to_pylist() == [{"a": None}]


def test_numbers_that_are_none_or_too_large_are_numbers(call: Any, tmp_path: Path) -> None:
    found = table_of(call, tmp_path, "a,b\n1.5,1\n-0.0,2\ninf,1e20\n-inf,3\nnan,4\n")
    values = found["a"].to_pylist()
    assert values[:1] == [1.5] and math.copysign(1, values[1]) == -1 and values[2:4] == [math.inf, -math.inf]
    assert values[4] is None and found["b"].to_pylist() == [1.0, 2.0, 1e20, 3.0, 4.0]


def test_moments_with_and_without_zones_do_not_mix(call: Any, tmp_path: Path) -> None:
    table = table_of(call, tmp_path, "a,b\n2013-01-01T10:00:00Z,2013-01-01T10:00:00\n")
    assert [str(type_) for type_ in table.schema.types] == ["timestamp[ms, tz=UTC]", "timestamp[ms]"]
    late = "2013-01-01T10:00:00\n" * 250_000
    with pytest.raises(DataError, match=r"holds dates \(timestamp\[s\]\), and this line has '2013-01-01T10:00:00Z'"):
        table_of(call, tmp_path, f"a\n{late}2013-01-01T10:00:00Z\n")


def test_nulls_in_key_columns_are_no_entity(call: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user,n\n" + "".join(f"{number % 50 or ''},{number}\n" for number in range(5000)))
    examples = call(ingest, csv("x.csv"), splits={"train": 1, "eval": 1}, split_by="user")
    users = {split: set(examples.table(split)["user"].to_pylist()) for split in examples.splits}
    assert users["train"] & users["eval"] == {None}


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_file_that_disappears_while_it_is_read_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"a": 1}\n' if name == "x.jsonl" else "a\n1\n")
    source: Any = json_lines(name) if name == "x.jsonl" else csv(name)
    [part] = source.parts(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=rf"{name} cannot be read: .*No such file"):
        list(part.read(tmp_path, Reading()))


pieces = st.lists(
    st.sampled_from(
        [b"1", b",", b'"', b"\n", b"\r", b"x", b"\xff", b"\x00", b"2.5", b" ", b"2013-01-01", b"\xef\xbb\xbf", b"NA"]
    ),
    max_size=40,
)


class Nowhere:
    """Takes rows and forgets them."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        batch.validate(full=True)
        self.batches.append(batch)

    def discard(self) -> None:
        self.batches.clear()


@given(pieces, st.booleans(), st.sampled_from([b"a,b\n", b"", b"a\n"]))
def test_whatever_the_bytes_there_are_rows_or_an_error(
    tmp_path_factory: Any, content: list[bytes], tolerant: bool, header: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzz.csv").write_bytes(header + b"".join(content))
    source: CsvSource = csv("fuzz.csv")
    with contextlib.suppress(DataError):
        if not tolerant:
            for batch in source.batches(folder):
                batch.validate(full=True)
            return
        for part in source.parts(folder):
            read_part(part, folder, Reading(None, Rejects()), Nowhere())
