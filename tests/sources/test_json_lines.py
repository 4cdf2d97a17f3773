"""JSON lines: what is read, how types are settled over all files, and how what cannot be read is told or put aside."""

from __future__ import annotations

import contextlib
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import ingest, json_lines
from levada.errors import DataError, ParameterError
from levada.sources import json_blocks, stretches
from levada.values import decode, encode


def read(root: Path, path: str = "x.jsonl", **options: Any) -> pa.Table:
    return pa.Table.from_batches(list(json_lines(path, **options).batches(root)))


def read_text(text: str | bytes, root: Path, **options: Any) -> pa.Table:
    (root / "x.jsonl").write_bytes(text.encode() if isinstance(text, str) else text)
    return read(root, **options)


def test_keys_are_columns_and_values_keep_their_types(tmp_path: Path) -> None:
    rows = [
        {"n": 1, "x": 1.5, "yes": True, "word": "é", "list": [1, 2], "deep": {"a": [{"b": None}], "c": "x"}},
        {"n": None, "x": -0.0, "yes": False, "word": "", "list": [], "deep": None, "late": 7},
    ]
    table = read_text("\n".join(map(json.dumps, rows)), tmp_path)
    assert table.schema.names == ["n", "x", "yes", "word", "list", "deep", "late"]
    assert [str(type_) for type_ in table.schema.types[:5]] == [
        "int64",
        "double",
        "bool",
        "string",
        "list<item: int64>",
    ]
    found = table.to_pylist()
    assert found[0] == {**rows[0], "late": None}
    assert found[1] == rows[1]


def test_a_type_is_widened_by_what_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers to numbers, also within lists and objects; keys that are late are missing before."""
    monkeypatch.setattr(json_blocks, "BLOCK_BYTES", 300)
    early = '{"n": 1, "list": [1], "deep": {"a": 1}, "none": null}\n' * 100
    late = '{"n": 2.5, "list": [0.5], "deep": {"a": 1, "b": [true]}, "none": "x", "late": 1}\n'
    table = read_text(early + late + early, tmp_path)
    assert str(table.schema.field("n").type) == "double"
    assert table.num_rows == 201
    assert table.slice(100, 1).to_pylist() == [json.loads(late)]
    assert table.slice(200).to_pylist() == [
        {"n": 1.0, "list": [1.0], "deep": {"a": 1, "b": None}, "none": None, "late": None}
    ]


def test_files_need_not_have_the_same_keys(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "2.jsonl").write_text('{"b": "x", "a": 0.5}\n{}\n')
    assert read(tmp_path, "*.jsonl").to_pylist() == [
        {"a": 1.0, "b": None},
        {"a": 0.5, "b": "x"},
        {"a": None, "b": None},
    ]


def test_text_is_text_unless_it_is_declared_a_time(tmp_path: Path) -> None:
    text = '{"t": "2013-01-01T10:00:00", "list": ["2013-01-01"]}\n'
    table = read_text(text, tmp_path)
    assert [str(type_) for type_ in table.schema.types] == ["string", "list<item: string>"]
    assert str(read_text(text, tmp_path, columns={"t": "timestamp[s]"}).schema.field("t").type) == "timestamp[s]"
    with pytest.raises(DataError) as caught:
        read_text(text + '{"t": "soon"}\n', tmp_path, columns={"t": "timestamp[s]"})
    assert str(caught.value).startswith("column 't' is declared timestamp[s], and this line has \"soon\".\n  x.jsonl:2")


MALFORMED = {
    "no JSON": (b'{"a": 1,}', "this line is not JSON.", "not JSON"),
    "a list": (b'[{"a": 1}]', "this line is not a JSON object.", "not a JSON object"),
    "text among numbers": (
        b'{"a": "x"}',
        "column 'a' holds int64, and this line has \"x\".",
        "column 'a' is not int64",
    ),
    "bytes that are not UTF-8": (b'{"b": "\xff"}', "byte 0xff of this line is not UTF-8.", "not UTF-8"),
    "a key twice": (b'{"a": 1, "a": 2}', "was specified twice", "Column(/a) was specified twice"),
    "half a surrogate pair": (b'{"b": "\\ud800"}', "surrogate", "The surrogate pair in string is invalid."),
    "lists in lists in lists": (b'{"c": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deep", "nested too deep"),
    "objects in objects": (b'{"c":' * 50_000 + b"1" + b"}" * 50_000, "nested too deep", "nested too deep"),
    "cut off": (b'{"a": 1, "b": "x', "this line is not JSON.", "not JSON"),
}


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("place", [1, 700, 1000])
def test_a_malformed_line_is_told_or_put_aside(
    case: str, place: int, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_blocks, "BLOCK_BYTES", 2000)
    row, told, reason = MALFORMED[case]
    lines = [b'{"a": %d, "b": "]} [{"}' % number for number in range(1000)]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([*lines[:place], row, *lines[place:]]))
    with pytest.raises(DataError, match=rf"x\.jsonl:{place + 1}   ") as caught:
        call(ingest, json_lines("x.jsonl"))
    assert told in str(caught.value)
    examples = call(ingest, json_lines("x.jsonl"), quarantine=1)
    [aside] = examples.quarantined().to_pylist()
    assert (aside["file"], aside["line"]) == ("x.jsonl", place + 1)
    assert aside["reason"].rstrip(".") == reason.rstrip(".")
    assert examples.table("all").column("a").to_pylist() == list(range(1000))


def test_a_column_that_changes_in_the_third_file_is_told(tmp_path: Path) -> None:
    for number, value in enumerate([1, 2, "x", 4]):
        (tmp_path / f"{number}.jsonl").write_text(json.dumps({"a": value}))
    with pytest.raises(DataError, match=r"column 'a' holds int64, and this line has \"x\"\.\n  2\.jsonl:1"):
        read(tmp_path, "*.jsonl")


def test_what_is_no_lines_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.jsonl has no rows"):
        read_text("\n\n", tmp_path)
    with pytest.raises(DataError, match=r"this line is not JSON\.\n  x\.jsonl:1   \[\nWrite one object a line"):
        read_text('[\n{"a": 1},\n{"a": 2}\n]\n', tmp_path)
    with pytest.raises(ParameterError, match="unknown type 'float'"):
        json_lines("x.jsonl", columns={"a": "float"})
    source = json_lines("x.jsonl", columns={"a": "float64"})
    assert decode(encode(source)) == source


def test_compressed_files_are_read_and_truncated_ones_told(tmp_path: Path) -> None:
    data = gzip.compress(b'{"a": 1}\n' * 10_000)
    (tmp_path / "x.jsonl.gz").write_bytes(data)
    assert read(tmp_path, "x.jsonl.gz").num_rows == 10_000
    (tmp_path / "x.jsonl.gz").write_bytes(data[:-10])
    with pytest.raises(DataError, match=r"x\.jsonl\.gz is damaged"):
        read(tmp_path, "x.jsonl.gz")


def test_numbers_are_kept_as_far_as_a_float_does(tmp_path: Path) -> None:
    table = read_text('{"a": 9007199254740993}\n{"a": 1.2345678901234568e23}\n{"a": NaN}\n', tmp_path)
    assert table["a"].to_pylist()[:2] == [9007199254740992.0, 1.2345678901234568e23]
    assert read_text('{"a": 9223372036854775807}', tmp_path)["a"].to_pylist() == [2**63 - 1]


@pytest.mark.parametrize("beam_from_parts", [2, 1000])
def test_in_parts_the_rows_are_the_same(
    beam_from_parts: int, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"a": number, f"k{number // 250}": [number]} for number in range(1000)] + [{"a": 0.5}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    whole = call(ingest, json_lines("x.jsonl")).table("all")
    monkeypatch.setattr(stretches, "PART_BYTES", 3000)
    assert len(json_lines("x.jsonl").parts(tmp_path)) > 5
    assert call(ingest, json_lines("x.jsonl"), beam_from_parts=beam_from_parts).table("all").equals(whole)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "c", ""]), values, max_size=4).map(json.dumps)


@given(st.lists(objects | st.text(max_size=8) | st.sampled_from(["{", "}", "[", '"', "\r", "\x00"]), max_size=8))
def test_whatever_the_lines_there_are_rows_or_an_error(tmp_path_factory: Any, lines: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp()
    with contextlib.suppress(DataError):
        read_text("\n".join(lines).encode("utf-8", "surrogatepass"), folder).validate(full=True)


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional={"n": st.integers(-(2**63), 2**63 - 1), "s": st.text(), "l": st.lists(st.booleans())}
        ),
        min_size=1,
    )
)
def test_what_was_written_is_read(tmp_path_factory: Any, rows: list[dict[str, Any]]) -> None:
    rows = [*rows, {"n": 0, "s": "x", "l": [True]}]
    table = read_text("\n".join(map(json.dumps, rows)), tmp_path_factory.getbasetemp())
    assert table.select(["n", "s", "l"]).to_pylist() == [{key: row.get(key) for key in ("n", "s", "l")} for row in rows]


def test_lists_of_nothing_but_nulls_are_lists_of_text(tmp_path: Path) -> None:
    """Arrow would cut them into invalid lists; beside values they are of the values' type."""
    (tmp_path / "x.jsonl").write_text('{"b": {}, "a": [null, null, null], "c": false}\n{}\n')
    table = pa.Table.from_batches(list(json_lines("x.jsonl").batches(tmp_path)))
    assert table["a"].to_pylist() == [[None, None, None], None]
    assert table.schema.field("a").type == pa.list_(pa.string())
    (tmp_path / "x.jsonl").write_text('{"a": [null]}\n{"a": [1, null]}\n')
    table = pa.Table.from_batches(list(json_lines("x.jsonl").batches(tmp_path)))
    assert table["a"].to_pylist() == [[None], [1, None]]


def test_a_time_keeps_its_offset_from_utc_where_that_is_declared_and_is_refused_where_it_is_not(
    tmp_path: Path,
) -> None:
    """Two clocks in one column would be a wrong result without a word."""
    zoned, bare = '{"t": "2024-01-01T00:00:00+02:00"}\n', '{"t": "2024-01-01T00:00:00"}\n'
    (tmp_path / "x.jsonl").write_text(zoned)
    source = json_lines("x.jsonl", columns={"t": "timestamp[ms, tz=UTC]"})
    (row,) = pa.Table.from_batches(list(source.batches(tmp_path))).to_pylist()
    assert row["t"] == datetime(2023, 12, 31, 22, tzinfo=UTC)
    (tmp_path / "x.jsonl").write_text(bare + zoned)
    with pytest.raises(DataError) as caught:
        list(json_lines("x.jsonl", columns={"t": "timestamp[ms]"}).batches(tmp_path))
    assert "column 't' is declared timestamp[ms], and this line has \"2024-01-01T00:00:00+02:00\"" in str(caught.value)
    assert "declare columns={'t': 'timestamp[ms, tz=UTC]'}" in str(caught.value)
    (tmp_path / "x.jsonl").write_text(zoned + bare)
    with pytest.raises(DataError, match="It has no offset from UTC"):
        list(json_lines("x.jsonl", columns={"t": "timestamp[ms, tz=UTC]"}).batches(tmp_path))
    with pytest.raises(ParameterError, match=r"Times with an offset from UTC are timestamp\[ms, tz=UTC\]"):
        json_lines("x.jsonl", columns={"t": "timestamp[ms, Europe/Lisbon]"})


def test_a_whole_number_beyond_int64_is_told_and_not_rounded(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 9223372036854775808}\n')
    with pytest.raises(DataError, match="which is beyond int64") as caught:
        read(tmp_path)
    assert "x.jsonl:2" in str(caught.value)
    assert read(tmp_path, columns={"a": "uint64"})["a"].to_pylist() == [1, 2**63]
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 1e300}\n')
    assert read(tmp_path)["a"].to_pylist() == [1, 1e300]
