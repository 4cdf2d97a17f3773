"""Text files: a row a file, or a row a line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from levada.components import ingest, text_files
from levada.errors import DataError, ParameterError
from levada.sources import text_files as module
from levada.values import decode, encode


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("drei\n\nfünf".encode()))


def test_a_file_is_a_row(call: Any) -> None:
    assert call(ingest, text_files("*.txt*")).table("all").to_pylist() == [
        {"file": "a.txt", "text": "one\r\ntwo\n"},
        {"file": "b.txt.gz", "text": "drei\n\nfünf"},
    ]


def test_a_line_is_a_row(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 5)
    rows = call(ingest, text_files("*.txt*", rows="line")).table("all").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("a.txt", 1, "one"), ("a.txt", 2, "two"), ("b.txt.gz", 1, "drei"), ("b.txt.gz", 2, ""), ("b.txt.gz", 3, "fünf")
    ]  # fmt: skip


@pytest.mark.parametrize("rows", ["file", "line"])
def test_bytes_that_are_not_text_are_told_or_put_aside(rows: Any, call: Any, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"x\ncaf\xe9\nz")
    with pytest.raises(DataError, match=r"byte 0xe9 of this line is not UTF-8\.\n  c\.txt:2   caf\ufffd\n"):
        call(ingest, text_files("c.txt", rows=rows))
    aside = call(ingest, text_files("?.txt", rows=rows), quarantine=1).quarantined().to_pylist()
    assert aside == [{"file": "c.txt", "line": 2, "reason": "not UTF-8", "row": "caf\ufffd"}]
    assert call(ingest, text_files("c.txt", rows=rows, encoding="cp1252")).rows() == (1 if rows == "file" else 3)


def test_damage_and_wrong_options_are_told(call: Any, tmp_path: Path) -> None:
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"x" * 100_000)[:-10])
    with pytest.raises(DataError, match=r"c\.txt\.gz is damaged"):
        call(ingest, text_files("c.txt.gz"))
    with pytest.raises(ParameterError, match="unknown encoding"):
        text_files("x.txt", encoding="utf-9")
    assert decode(encode(text_files("x.txt"))) == text_files("x.txt")
