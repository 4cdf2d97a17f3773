"""Malformed rows: an error, or put aside with file, line and reason, up to a limit; the others are read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import by_column, by_time, csv, ingest
from levada.errors import DataError, ParameterError
from levada.sources import csv_faults, csv_reading, csv_sieve
from levada.sources.csv_faults import CsvFile
from levada.sources.csv_sieve import sieve
from levada.sources.files import File
from levada.tables.reading import Rejects

MALFORMED = {
    "too few fields": (b"7\n", "1 field instead of 3"),
    "too many fields": (b"7,8,x,9\n", "4 fields instead of 3"),
    "text among whole numbers": (b"seven,2.5,x\n", "column 'a' is not int64"),
    "text among numbers": (b"7,much,x\n", "column 'b' is not double"),
    "bytes that are not UTF-8": (b"7,2.5,caf\xe9\n", "not UTF-8"),
    "a quote that is never closed": (b'7,2.5,"x\n', "a quote is opened and never closed"),
}
GOOD = b"".join(b"%d,%d.5,word %d\n" % (number, number, number) for number in range(200))


def write(root: Path, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("place", [0, 57, 200])
def test_a_malformed_row_is_put_aside_with_file_line_and_reason(
    case: str, place: int, call: Any, tmp_path: Path
) -> None:
    row, reason = MALFORMED[case]
    lines = GOOD.splitlines(keepends=True)
    write(tmp_path, "x.csv", b"a,b,c\n" + b"".join([*lines[:place], row, *lines[place:]]))
    with pytest.raises(DataError, match=r"x\.csv:"):
        call(ingest, csv("x.csv"))
    examples = call(ingest, csv("x.csv"), quarantine=1)
    shown = row.decode("utf-8", "replace").rstrip("\n")
    assert examples.quarantined().to_pylist() == [{"file": "x.csv", "line": place + 2, "reason": reason, "row": shown}]
    assert call.line == "200 rows · 1 quarantined"
    assert call.contexts[-1].metrics["rows_quarantined"] == 1
    assert examples.properties["quarantined"] == {reason: 1}
    write(tmp_path, "good.csv", b"a,b,c\n" + GOOD)
    assert examples.table("all").equals(call(ingest, csv("good.csv")).table("all"))


def test_when_all_is_well_nothing_is_put_aside(call: Any, tmp_path: Path) -> None:
    write(tmp_path, "x.csv", b"a,b,c\n" + GOOD)
    examples = call(ingest, csv("x.csv"), quarantine=0.1)
    assert examples.quarantined().num_rows == 0 and not (examples.path / "quarantine.parquet").exists()
    assert call.contexts[-1].metrics["rows_quarantined"] == 0
    assert call.line == "200 rows"


@pytest.mark.parametrize("limit", [3, 0.01])
def test_beyond_the_limit_counts_by_reason_and_the_first_rows_are_told(limit: float, call: Any, tmp_path: Path) -> None:
    write(tmp_path, "x.csv", b"a,b,c\n" + GOOD + b"1,2\n1,2\n1,2.5,\xff\nx,1.5,y\nz,1.5,y\n")
    with pytest.raises(DataError) as caught:
        call(ingest, csv("x.csv"), quarantine=limit)
    told = str(caught.value)
    assert "allow more: ingest(..., quarantine=N)" in told
    if limit == 0.01:
        assert told.startswith("5 of 205 rows are malformed, and at most 0.01 of all may be:\n")
        assert "2 x column 'a' is not int64" in told
        assert "2 x 2 fields instead of 3" in told
        assert "x.csv:202   1,2\n" in told
    else:
        assert told.startswith("more than 3 rows are malformed. Of those seen:\n")


def test_a_column_of_numbers_that_begins_with_text_is_one_of_numbers(call: Any, tmp_path: Path) -> None:
    """What the type is follows from all values: most are numbers, so the first, which is not, is malformed."""
    write(tmp_path, "x.csv", b"a\n" + b"none\n" + b"".join(b"%d\n" % number for number in range(50)) + b"0.5\n")
    examples = call(ingest, csv("x.csv"), quarantine=1)
    assert examples.properties["columns"] == [["a", "double"]]
    assert examples.quarantined().to_pylist() == [
        {"file": "x.csv", "line": 2, "reason": "column 'a' is not double", "row": "none"}
    ]


def test_a_column_that_changes_in_the_third_file_is_put_aside_there(call: Any, tmp_path: Path) -> None:
    for number, value in enumerate([b"1", b"2", b"soon", b"4"]):
        write(tmp_path, f"{number}.csv", b"a,b\n" + value + b",x\n")
    with pytest.raises(DataError, match=r"'a' holds whole numbers \(int64\) in 0\.csv, and this line has 'soon'"):
        call(ingest, csv("*.csv"))
    examples = call(ingest, csv("*.csv"), quarantine=1)
    assert examples.table("all")["a"].to_pylist() == [1, 2, 4]
    assert examples.quarantined()["file"].to_pylist() == ["2.csv"]


def test_declared_types_decide_what_is_malformed(call: Any, tmp_path: Path) -> None:
    write(tmp_path, "x.csv", b"a,b\n300,x\n7,y\n")
    examples = call(ingest, csv("x.csv", columns={"a": "int8"}), quarantine=1)
    assert examples.table("all").to_pylist() == [{"a": 7, "b": "y"}]
    assert examples.quarantined()["reason"].to_pylist() == ["column 'a' is not int8"]


def test_a_quote_that_is_not_closed_takes_one_line_with_it(call: Any, tmp_path: Path) -> None:
    """Not all the lines up to the next quote, nor those that it would make of the rest."""
    text = 'a,b\n1,x\n2,"y\n3,z\n4,"u\nv"\n5,"w"\n6,"t\n7,s\n'
    write(tmp_path, "x.csv", text.encode())
    examples = call(ingest, csv("x.csv"), quarantine=2)
    assert examples.table("all").to_pylist() == [
        {"a": 1, "b": "x"}, {"a": 3, "b": "z"}, {"a": 4, "b": "u\nv"}, {"a": 5, "b": "w"}, {"a": 7, "b": "s"}
    ]  # fmt: skip
    assert examples.quarantined()["line"].to_pylist() == [3, 8]


def test_lines_are_counted_through_quotes_blank_lines_and_all_line_ends(call: Any, tmp_path: Path) -> None:
    write(tmp_path, "x.csv", b'\xef\xbb\xbf\na,b\r\n\r\n1,"x\r\ny"\r\n2\r\n3,z')
    assert call(ingest, csv("x.csv"), quarantine=1).quarantined()["line"].to_pylist() == [6]
    write(tmp_path, "x.csv", b"a,b\r1,x\r2\r3,z\r")
    assert call(ingest, csv("x.csv"), quarantine=1).quarantined()["line"].to_pylist() == [3]


def test_a_row_without_a_split_is_malformed(call: Any, tmp_path: Path) -> None:
    write(tmp_path, "x.csv", b"t,fold\n2013-01-01,0\n2013-02-01,1\n,2\n")
    by_month = by_time("t", until={"train": "2013-02-01"}, then="eval")
    with pytest.raises(DataError, match="1 rows belong to no split: column 't' is missing"):
        call(ingest, csv("x.csv"), splits=by_month)
    examples = call(ingest, csv("x.csv"), splits=by_month, quarantine=1)
    assert examples.properties["splits"] == {"train": 1, "eval": 1}
    [aside] = examples.quarantined().to_pylist()
    assert json.loads(aside["row"])["fold"] == 2 and aside["file"] == "csv('x.csv')"
    with pytest.raises(DataError, match="names none of the splits train, eval"):
        call(ingest, csv("x.csv"), splits=by_column("fold", {"train": 0, "eval": 1}))


def test_what_cannot_be_read_at_all_is_never_quarantined(call: Any, tmp_path: Path) -> None:
    import gzip

    write(tmp_path, "x.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 100_000 + b"1\n")[:-30])
    with pytest.raises(DataError, match=r"x\.csv\.gz is damaged"):
        call(ingest, csv("x.csv.gz"), quarantine=0.5)


def test_one_bad_row_in_a_hundred_is_found_in_many_blocks(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_reading, "BLOCK_BYTES", 5000)
    monkeypatch.setattr(csv_sieve, "BLOCK_BYTES", 5000)
    monkeypatch.setattr(csv_faults, "READ_BYTES", 1000)
    rows = [f"{number},{number / 2},word {number}" for number in range(10_000)]
    bad = {number: random.Random(number).choice(["1", "x,1,y", "1,y,z", "1,2,3,4"]) for number in range(0, 10_000, 100)}
    write(tmp_path, "x.csv", "\n".join(["a,b,c", *(bad.get(number, row) for number, row in enumerate(rows))]).encode())
    examples = call(ingest, csv("x.csv"), quarantine=0.01)
    assert examples.rows() == 9900
    assert sorted(examples.quarantined()["line"].to_pylist()) == [number + 2 for number in bad]


@pytest.mark.parametrize("limit", [-1, float("nan"), 1.5, True])
def test_a_limit_is_a_number_of_rows_or_a_share(limit: Any, call: Any) -> None:
    with pytest.raises(ParameterError, match="wanted a number of rows, or a share"):
        call(ingest, csv("x.csv"), quarantine=limit)


pieces = st.lists(st.sampled_from([b"1", b",", b'"', b"\n", b"\r", b"x", b"\xff", b"\x00", b"2.5", b" "]), max_size=40)


@given(pieces)
def test_the_sieve_lets_through_what_has_the_right_form_only(tmp_path_factory: Any, content: list[bytes]) -> None:
    """Whatever the bytes: each line is let through or put aside, and what is let through the fast reader takes."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    file = tmp_path_factory.getbasetemp() / "sieve.csv"
    file.write_bytes(b"a,b\n" + b"".join(content))
    rejects = Rejects()
    blocks = list(sieve(CsvFile(File(str(file), "sieve.csv"), "sieve.csv", ",", "utf-8", True), 2, rejects))
    for block in blocks:
        table = pacsv.read_csv(
            pa.BufferReader(block.data()),
            read_options=pacsv.ReadOptions(column_names=["a", "b"]),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(column_types={"a": pa.string(), "b": pa.string()}),
        )
        assert table.num_rows == len(block.lines)
    told = [line for block in blocks for line in block.lines] + [line for _, line, _, _ in rejects.rows]
    assert len(told) == len(set(told))
