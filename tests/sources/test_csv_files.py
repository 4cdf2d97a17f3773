"""CSV files: what is read, and how what cannot be read is told: with file, line, and what to do."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from levada.components import csv
from levada.errors import DataError, ParameterError
from levada.sources import csv_faults, csv_files, csv_reading
from levada.sources.csv_files import CsvSource
from levada.values import decode, encode


def read(source: CsvSource, root: Path) -> pa.Table:
    return pa.Table.from_batches(list(source.batches(root)))


def read_text(text: str | bytes, root: Path, name: str = "x.csv", **options: Any) -> pa.Table:
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read(csv(name, **options), root)


def fault(text: str | bytes, root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_text(text, root, **options)
    return str(caught.value)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few thousand rows many blocks."""
    monkeypatch.setattr(csv_reading, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(csv_faults, "LARGE_BYTES", 2000)


MALFORMED = {
    "an empty file": (b"", "x.csv is empty: wanted a header and rows."),
    "blank lines only": (b"\n\n", "x.csv is empty: wanted a header and rows."),
    "a header without rows": (
        b"a,b\n",
        "x.csv has a header and no rows.\nLeave the file out, or fetch it again.",
    ),
    "a name twice": (
        b"a,b,a\n1,2,3\n",
        "columns 1 and 3 are both named 'a'.\n  x.csv:1   a,b,a\nRename one of them.",
    ),
    "a column without a name": (
        b",a\n0,1\n",
        "column 1 has no name.\n  x.csv:1   ,a\nName it. (pandas writes its index so: use to_csv(..., index=False).)",
    ),
    "another delimiter": (
        b"a;b\n1;2\n",
        "there is one column, 'a;b'.\n  x.csv:1   a;b\nIs ';' the delimiter? Then: csv(..., delimiter=';').",
    ),
    "too few fields": (
        b"a,b\n1,2\n3\n4,5\n",
        (
            "this line has 1 field, the header has 2 fields.\n  x.csv:3   3\n"
            "Fix the line: a value that holds the delimiter or a line break needs quotes around it."
        ),
    ),
    "too many fields": (
        b'a,b\n1,"x\ny"\n3,4,5\n',
        (
            "this line has 3 fields, the header has 2 fields.\n  x.csv:4   3,4,5\n"
            "Fix the line: a value that holds the delimiter or a line break needs quotes around it."
        ),
    ),
    "text among numbers": (
        b"a,b\n1,2\n2,abc\n3,4\n",
        (
            "column 'b' holds numbers (2 of 3 values), and this line has 'abc'.\n  x.csv:3   2,abc\n"
            "Fix the line; or say that 'abc' means missing: csv(..., null_values=['abc']), "
            "or call the column text: columns={'b': 'string'}."
        ),
    ),
    "text among dates": (
        b"a,b\n1,2013-01-31\n2,2013-02-01\n3,soon\n",
        (
            "column 'b' holds dates (2 of 3 values), and this line has 'soon'.\n  x.csv:4   3,soon\n"
            "Fix the line; or say that 'soon' means missing: csv(..., null_values=['soon']), "
            "or call the column text: columns={'b': 'string'}."
        ),
    ),
    "bytes that are not UTF-8": (
        b"a,b\n1,x\n2,caf\xe9\n",
        (
            "byte 0xe9 in column 6 of this line is not UTF-8.\n  x.csv:3   2,caf\ufffd\n"
            "Say what the text is, for example csv(..., encoding='cp1252'), or save the file as UTF-8."
        ),
    ),
    "UTF-16": (
        "a,b\n1,2\n".encode("utf-16"),
        (
            "byte 0xff in column 1 of this line is not UTF-8.\n  x.csv:1   \ufffd\ufffda\x00,\x00b\x00\n"
            "It is UTF-16, as some spreadsheets write it: save the file as UTF-8."
        ),
    ),
    "a quote that is never closed": (
        b'a,b\n1,x\n2,"y\n3,z\n',
        'a quote is opened here and never closed.\n  x.csv:3   2,"y\nWrite a quote within a quoted value as "".',
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_csv_is_told_with_file_and_line(case: str, tmp_path: Path) -> None:
    text, told = MALFORMED[case]
    assert fault(text, tmp_path) == told


def test_a_value_that_does_not_fit_is_found_far_behind_the_first_block(tmp_path: Path, small_blocks: None) -> None:
    """The type was settled by thousands of rows before; the line counts line breaks within quotes."""
    text = 'a,b\n1,"x\ny"\n' + "1,z\n" * 5000 + "abc,z\n" + "1,z\n" * 100
    assert fault(text, tmp_path).startswith(
        "column 'a' holds whole numbers (int64), and this line has 'abc'.\n  x.csv:5004   abc,z\n"
    )


def test_a_wrong_field_count_is_found_far_behind_the_first_block(tmp_path: Path, small_blocks: None) -> None:
    text = "a,b\n" + "1,z\n" * 5000 + "1,z,3\n"
    assert "this line has 3 fields, the header has 2 fields.\n  x.csv:5002   1,z,3\n" in fault(text, tmp_path)


def test_bytes_that_are_not_text_are_found_far_behind_the_first_block(tmp_path: Path, small_blocks: None) -> None:
    text = b"a,b\n" + b"1,z\n" * 5000 + b"1,\xff\n"
    assert "byte 0xff in column 3 of this line is not UTF-8.\n  x.csv:5002" in fault(text, tmp_path)


def test_a_type_is_widened_by_what_comes_later(tmp_path: Path, small_blocks: None) -> None:
    """Whole numbers to numbers, dates to moments, nothing to anything; earlier rows are the same numbers."""
    early = "1,2013-01-01,,\n" * 500
    late = "2.5,2013-01-01T10:00:00,x,7\n"
    table = read_text("number,date,word,rare\n" + early + late, tmp_path)
    assert [str(type_) for type_ in table.schema.types] == ["double", "timestamp[s]", "string", "int64"]
    rows = table.set_column(1, "date", table["date"].cast(pa.string())).to_pylist()
    assert rows[0] == {"number": 1.0, "date": "2013-01-01 00:00:00", "word": None, "rare": None}
    assert rows[-1] == {"number": 2.5, "date": "2013-01-01 10:00:00", "word": "x", "rare": 7}


def test_types_do_not_depend_on_how_much_is_kept_in_memory(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a,b\n" + "1,x\n" * 2000 + "1.5,y\n"
    kept = read_text(text, tmp_path)
    monkeypatch.setattr(csv_files, "KEPT_BYTES", 0)
    assert read_text(text, tmp_path).equals(kept)


def test_files_are_read_in_order_under_one_schema(tmp_path: Path) -> None:
    (tmp_path / "2.csv").write_text("b,a\nx,2.5\n")
    (tmp_path / "1.csv").write_text("a,b\n1,\n")
    table = read(csv("*.csv"), tmp_path)
    assert table.schema.names == ["a", "b"]
    assert table.to_pylist() == [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]


def test_files_that_differ_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DataError, match=r"2\.csv lacks b and has also c, unlike 1\.csv\."):
        read(csv("*.csv"), tmp_path)
    (tmp_path / "2.csv").write_text("a,b\n1,2\n2,no\n")
    with pytest.raises(DataError) as caught:
        read(csv("*.csv"), tmp_path)
    assert str(caught.value).startswith(
        "column 'b' holds whole numbers (int64) in 1.csv, and this line has 'no'.\n  2.csv:3   2,no\n"
    )


def test_declared_types_are_kept_and_held(tmp_path: Path) -> None:
    table = read_text("zip,fare\n01234,5\n", tmp_path, columns={"zip": "string", "fare": "float32"})
    assert table.to_pylist() == [{"zip": "01234", "fare": 5.0}]
    assert str(table.schema.field("fare").type) == "float"
    told = fault("zip,fare\n01234,free\n", tmp_path, columns={"fare": "float64"})
    assert told.startswith("column 'fare' is declared float64, and this line has 'free'.\n  x.csv:2   01234,free\n")


def test_a_declared_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = fault("zip,fare\n1,5\n", tmp_path, columns={"fair": "float64"})
    assert told == "csv(columns={'fair': ...}): x.csv has no column 'fair'.\nIt has zip, fare. Did you mean fare?"


def test_declaring_a_column_text_allows_the_mixture(tmp_path: Path) -> None:
    table = read_text("a,b\n1,2\n2,abc\n3,4\n", tmp_path, columns={"b": "string"})
    assert table["b"].to_pylist() == ["2", "abc", "4"]


def test_text_with_some_numbers_is_text(tmp_path: Path) -> None:
    table = read_text("code\nA1\nB2\n17\nC3\n", tmp_path)
    assert table["code"].to_pylist() == ["A1", "B2", "17", "C3"]


def test_empty_is_missing_and_so_is_what_null_values_say(tmp_path: Path) -> None:
    text = "number,word\n1,x\n,\nNA,NA\n?,?\n"
    table = read_text(text, tmp_path, null_values=["?"])
    assert table["number"].to_pylist() == [1, None, None, None]
    assert table["word"].to_pylist() == ["x", None, "NA", None]


def test_a_column_without_any_value_has_the_null_type(tmp_path: Path) -> None:
    assert str(read_text("a,b\n1,\n2,\n", tmp_path).schema.field("b").type) == "null"


def test_quotes_hold_delimiters_line_breaks_and_quotes(tmp_path: Path) -> None:
    table = read_text('a,b\n1,"x, y\nz ""w"""\n2,v\n', tmp_path)
    assert table["b"].to_pylist() == ['x, y\nz "w"', "v"]


@pytest.mark.parametrize("text", ["\ufeffa,b\n1,2\n", "a,b\r\n1,2\r\n", "\n\na,b\n\n1,2\n\n", "a,b\n1,2"])
def test_marks_line_ends_and_blank_lines_do_not_count(text: str, tmp_path: Path) -> None:
    assert read_text(text, tmp_path).to_pylist() == [{"a": 1, "b": 2}]


def test_a_file_without_a_header_takes_its_names_from_columns(tmp_path: Path) -> None:
    types = {"a": "int64", "b": "string"}
    assert read_text("1,x\n2,y\n", tmp_path, header=False, columns=types)["b"].to_pylist() == ["x", "y"]
    told = fault("1,x\n2\n", tmp_path, header=False, columns=types)
    assert "this line has 1 field, columns={...} has 2 fields.\n  x.csv:2   2\n" in told


def test_another_encoding_and_delimiter_are_read(tmp_path: Path) -> None:
    table = read_text("a;b\n1;café\n".encode("cp1252"), tmp_path, encoding="cp1252", delimiter=";")
    assert table["b"].to_pylist() == ["café"]


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_compressed_files_are_read_and_their_lines_counted(suffix: str, compress: Any, tmp_path: Path) -> None:
    name = f"x.csv.{suffix}"
    assert read_text(compress(b"a,b\n1,2\n"), tmp_path, name).num_rows == 1
    with pytest.raises(DataError, match=rf"{name}:3   3"):
        read_text(compress(b"a,b\n1,2\n3\n"), tmp_path, name)


def test_zstandard_is_read(tmp_path: Path) -> None:
    with pa.output_stream(str(tmp_path / "x.csv.zst"), compression="zstd") as stream:
        stream.write(b"a,b\n1,2\n")
    assert read(csv("x.csv.zst"), tmp_path).num_rows == 1


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.csv\.gz is damaged: "):
        read_text(gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], tmp_path, "x.csv.gz")


def test_a_missing_file_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/trips.csv").write_text("a\n1\n")
    with pytest.raises(DataError) as caught:
        read(csv("data/trip.csv"), tmp_path)
    assert str(caught.value) == f"csv('data/trip.csv'): there is no such file in {tmp_path}.\nDid you mean trips.csv?"
    with pytest.raises(DataError, match=r"this is a folder\.\nFor all its files write csv\('data/\*\.csv'\)\."):
        read(csv("data"), tmp_path)
    with pytest.raises(DataError, match=r"no file matches in .*\n(data has trips\.csv\.|Did you mean)"):
        read(csv("data/*.tsv"), tmp_path)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pa, "input_stream", refuse)
    with pytest.raises(DataError, match=r"x\.csv cannot be read: Permission denied\."):
        read(csv("x.csv"), tmp_path)


def test_the_digest_follows_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.csv").write_text("a\n1\n")
    before = csv("*.csv").digest()
    assert csv("*.csv").digest() == before
    (tmp_path / "2.csv").write_text("a\n1\n")
    after = csv("*.csv").digest()
    (tmp_path / "2.csv").write_text("a\n2\n")
    assert len({before, after, csv("*.csv").digest()}) == 3


def test_a_source_goes_through_json_and_back() -> None:
    source = csv(Path("data") / "x.csv", columns={"a": "int64"}, null_values=["?"], delimiter=";")
    assert decode(encode(source)) == source


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"columns": {"a": "float"}}, "unknown type 'float'"),
        ({"header": False}, "wants columns="),
        ({"delimiter": "::"}, "wanted a single character"),
        ({"encoding": "utf-9"}, "unknown encoding"),
        ({"encoding": "utf-16"}, "cannot be read"),
    ],
)
def test_wrong_options_are_told_at_once(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        csv("x.csv", **options)


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (
            "a\ntrue\n1\n",
            {},
            "holds numbers (1 of 2 values), and this line has 'true'.\n  x.csv:2   true\nIf 1 and 0 mean",
        ),
        (
            "a\ntrue\nfalse\n1\n",
            {},
            "holds true and false (2 of 3 values), and this line has '1'.\n  x.csv:4   1\nIf 1",
        ),
        (
            "a,b\ntrue,1\n0,0\n",
            {"columns": {"b": "bool"}},
            "holds true and false, and this line has '0'.\n  x.csv:3   0,0",
        ),
        (
            "a\n" + "true\n" * 2000 + "1\n",
            {},
            "holds true and false (bool), and this line has '1'.\n  x.csv:2002   1\nIf 1",
        ),
    ],
)
def test_a_one_among_true_and_false_is_told_unless_it_is_declared_to_be_one(
    text: str, options: dict[str, Any], told: str, tmp_path: Path, small_blocks: None
) -> None:
    """Undeclared, 1 and 0 are numbers; the reader can take them for all columns or for none."""
    said = fault(text, tmp_path, **options)
    assert told in said and "declare columns={'a': 'bool'}" in said
    declared = dict.fromkeys(text.partition("\n")[0].split(","), "bool")
    assert {str(type_) for type_ in read_text(text, tmp_path, columns=declared).schema.types} == {"bool"}


@pytest.mark.parametrize(
    ("values", "line", "said"),
    [
        (
            ["2024-01-01T00:00:00+02:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00"],
            4,
            "It has no offset from UTC, and others",
        ),
        (
            ["2024-01-01T00:00:00", "2024-01-01", "2024-01-01 00:00:00Z"],
            4,
            "It has an offset from UTC, and others have none",
        ),
        (
            ["2024-01-01T00:00:00Z"] * 500 + ["2024-01-01T00:00:00"],
            502,
            "It has no offset from UTC, and others have one",
        ),
        (["x", "2024-01-01T00:00:00Z", "2024-01-01"], 2, "Fix the line; or say that 'x' means missing"),
    ],
)
def test_times_with_an_offset_and_without_are_told_apart(
    values: list[str], line: int, said: str, tmp_path: Path, small_blocks: None
) -> None:
    """Two clocks in one column; text only where it is declared, or most of it is none."""
    text = "\n".join(["t", *values]) + "\n"
    told = fault(text, tmp_path)
    assert f"x.csv:{line}   " in told and said in told
    assert read_text(text, tmp_path, columns={"t": "string"})["t"].to_pylist() == values


@pytest.mark.parametrize("text", ["a\n9223372036854775808\n1\n", "a\n1\n1.5\n-9223372036854775809\n"])
def test_a_whole_number_beyond_int64_is_told_and_not_rounded(text: str, tmp_path: Path) -> None:
    """An identifier that became a float would be another one."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match="which is beyond int64") as caught:
        list(csv("x.csv").batches(tmp_path))
    assert "columns={'a': 'uint64'}" in str(caught.value)
    assert f"x.csv:{2 if '775808' in text else 4}" in str(caught.value)


def test_such_a_number_is_read_as_what_it_is_declared_and_large_fractions_are_fractions(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n18446744073709551615,1e300\n1,-2.5e19\n")
    (batch,) = csv("x.csv", columns={"a": "uint64"}).batches(tmp_path)
    assert batch.to_pydict() == {"a": [2**64 - 1, 1], "b": [1e300, -2.5e19]}
