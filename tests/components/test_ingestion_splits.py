"""Ingest with rules that divide, sources that are divided already, and in parts: here or by a Beam job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada.artifacts import Examples
from levada.components import Source, arrow_files, by_column, by_time, csv, ingest, parquet, stratified
from levada.errors import DataError, ParameterError
from levada.sources import csv_reading, stretches, typed_files
from tests.components.test_ingestion import Numbers


def digests(examples: Examples) -> dict[str, list[bytes]]:
    return {split: [file.read_bytes() for file in examples.files(split)] for split in examples.splits}


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    """Write three files of trips: 3,000 rows, one in ten late, oldest first."""
    for month in range(3):
        rows = [f"2013-0{month + 1}-{1 + row // 40:02d},{row % 10 == 0},{month * 1000 + row}" for row in range(1000)]
        (tmp_path / f"{month}.csv").write_text("\n".join(["day,late,id", *rows]) + "\n")
    return tmp_path


@pytest.mark.usefixtures("trips")
def test_the_past_trains_and_the_future_evaluates(call: Any) -> None:
    examples = call(ingest, csv("*.csv"), splits=by_time("day", until={"train": "2013-03-01"}, then="eval"))
    assert examples.properties["splits"] == {"train": 2000, "eval": 1000}
    assert max(examples.table("train")["id"].to_pylist()) < min(examples.table("eval")["id"].to_pylist())
    assert call.line == "3,000 rows · 2 splits by day: train until 2013-03-01"
    assert examples.properties["division"] == {
        "rule": "time", "column": "day", "until": {"train": "2013-03-01"}, "then": "eval"
    }  # fmt: skip


@pytest.mark.usefixtures("trips")
def test_shares_of_the_time_are_found_and_recorded(call: Any) -> None:
    examples = call(ingest, csv("*.csv"), splits=by_time("day", shares={"train": 2, "eval": 1}))
    assert examples.properties["splits"] == {"train": 2000, "eval": 1000}
    assert examples.properties["division"]["until"] == {"train": "2013-03-01"}


@pytest.mark.usefixtures("trips")
def test_stratified_splits_have_the_same_share_of_each_class(call: Any) -> None:
    examples = call(ingest, csv("*.csv"), splits=stratified("late", {"train": 8, "eval": 2}), salt="1")
    assert examples.properties["splits"] == {"train": 2400, "eval": 600}
    late = {split: sum(examples.table(split)["late"].to_pylist()) for split in examples.splits}
    assert late == {"train": 240, "eval": 60}
    assert call.line == "3,000 rows · 2 splits stratified by late, salt '1'"
    assert examples.properties["division"]["salt"] == "1"
    ids = [set(examples.table(split)["id"].to_pylist()) for split in examples.splits]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 3000


@pytest.mark.usefixtures("trips")
def test_sources_that_are_splits_are_read_under_one_schema(call: Any, tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text("day,late,id\n2013-05-01T10:00,,0.5\n")
    examples = call(ingest, {"train": csv("0.csv"), "eval": csv("later.csv")})
    assert examples.properties["splits"] == {"train": 1000, "eval": 1}
    assert examples.properties["columns"] == [["day", "timestamp[ms]"], ["late", "bool"], ["id", "double"]]
    assert str(examples.table("train").schema) == str(examples.table("eval").schema)
    assert examples.source == "train: csv('0.csv'), eval: csv('later.csv')"
    assert call.line == "1,001 rows · 2 splits as given"
    assert examples.properties["division"] == {"rule": "sources"}


def test_sources_with_other_columns_are_told_apart(call: Any, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DataError, match="lack b and have also c, unlike the rows before"):
        call(ingest, {"train": csv("1.csv"), "eval": csv("2.csv")})
    (tmp_path / "2.csv").write_text("a,b\n1,x\n")
    with pytest.raises(DataError, match=r"column 'b' holds whole numbers \(int64\), and this line has 'x'"):
        call(ingest, {"train": csv("1.csv"), "eval": csv("2.csv")})
    with pytest.raises(ParameterError, match="each source is a split already"):
        call(ingest, {"train": csv("1.csv")}, salt="x")
    with pytest.raises(ParameterError, match="'a/b' cannot name a split"):
        call(ingest, {"a/b": csv("1.csv")})


@pytest.mark.usefixtures("trips")
def test_an_empty_split_is_told_whatever_the_rule(call: Any) -> None:
    with pytest.raises(DataError, match=r"split 'eval' got none of the 3,000 rows \(train: 3,000, eval: 0\)"):
        call(ingest, csv("*.csv"), splits=by_time("day", until={"train": "2014-01-01"}, then="eval"))
    with pytest.raises(DataError, match=r"split 'test' got none of the 3,000 rows.*column 'late' names the split"):
        call(ingest, csv("*.csv"), splits=by_column("late", {"train": False, "eval": True, "test": "x"}))
    with pytest.raises(DataError, match="stratified: 'lat' is not a column"):
        call(ingest, csv("*.csv"), splits=stratified("lat", {"train": 8, "eval": 2}))
    with pytest.raises(ParameterError, match="are not divided by a hash of keys"):
        call(ingest, csv("*.csv"), splits=stratified("late", {"train": 8, "eval": 2}), split_by="id")


RULES: dict[str, Any] = {
    "hash": {"splits": {"train": 8, "eval": 2}},
    "keys": {"splits": {"train": 8, "eval": 2}, "split_by": "day"},
    "time": {"splits": by_time("day", shares={"train": 8, "eval": 2})},
    "stratified": {"splits": stratified("late", {"train": 8, "eval": 2})},
}


@pytest.mark.parametrize("rule", RULES)
def test_a_beam_job_makes_the_same_bytes_as_this_process(
    rule: str, call: Any, trips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a dozen parts, one file divided, types that widen late, and a malformed row in the middle."""
    monkeypatch.setattr(stretches, "PART_BYTES", 5000)
    monkeypatch.setattr(stretches, "READ_BYTES", 700)
    text = (trips / "1.csv").read_text().splitlines()
    (trips / "1.csv").write_text("\n".join([*text[:500], "2013-02-03", *text[500:-1], "2013-02-04,False,1999.5"]))
    options = {**RULES[rule], "quarantine": 3}
    here = call(ingest, csv("*.csv"), **options, beam_from_parts=1000)
    there = call(ingest, csv("*.csv"), **options, beam_from_parts=2)
    assert len(csv("*.csv").parts(trips)) > 8
    assert digests(here) == digests(there)
    assert here.properties == there.properties
    assert here.quarantined().to_pylist() == there.quarantined().to_pylist()
    assert here.quarantined()["line"].to_pylist() == [501]
    assert dict(here.properties["columns"])["id"] == "double"
    assert here.rows() == 3000
    assert not (here.path / ".parts").exists()


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize("beam_from_parts", [2, 1000])
def test_parts_do_not_change_what_is_in_a_split(
    beam_from_parts: int, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = call(ingest, csv("*.csv"), splits={"train": 8, "eval": 2})
    monkeypatch.setattr(stretches, "PART_BYTES", 3000)
    parts = call(ingest, csv("*.csv"), splits={"train": 8, "eval": 2}, beam_from_parts=beam_from_parts)
    for split in whole.splits:
        assert parts.table(split).equals(whole.table(split))


@pytest.mark.parametrize("source", [parquet("*.parquet"), arrow_files("*.arrow", columns=["id", "late"])])
def test_files_with_types_are_divided_by_row_groups_and_record_batches(
    source: Source, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One large file in five pieces and a small one in one; here and by a Beam job they give what the whole gives."""
    for name, rows in (("1", 5000), ("2", 300)):
        table = pa.table({"id": np.arange(rows), "late": np.arange(rows) % 10 == 0})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=1000, compression="none")
        with pa.ipc.new_file(tmp_path / f"{name}.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
    whole = call(ingest, source, splits={"train": 8, "eval": 2})
    assert len(source.parts(tmp_path)) == 1
    monkeypatch.setattr(typed_files, "PART_BYTES", 18_000)
    assert len(source.parts(tmp_path)) in (3, 5)  # Parquet has dictionaries too
    here = call(ingest, source, splits={"train": 8, "eval": 2}, beam_from_parts=1000)
    there = call(ingest, source, splits={"train": 8, "eval": 2}, beam_from_parts=2)
    assert digests(here) == digests(there)
    for split in whole.splits:
        assert here.table(split).equals(whole.table(split))


def test_a_file_that_has_fewer_row_groups_than_a_moment_ago_is_told(tmp_path: Path) -> None:
    table = pa.table({"id": np.arange(3000)})
    pq.write_table(table, tmp_path / "1.parquet", row_group_size=1000)
    (part,) = parquet("1.parquet").parts(tmp_path)
    pq.write_table(table[:10], tmp_path / "1.parquet")
    with pytest.raises(DataError, match=r"1\.parquet changed while it was read"):
        list(part.batches(tmp_path))


@pytest.mark.parametrize("beam_from_parts", [2, 1000])
def test_the_first_fault_in_the_order_of_files_is_told(beam_from_parts: int, call: Any, tmp_path: Path) -> None:
    """Also where a later part finds its own first."""
    for number, value in enumerate(["1", "2", "x", "4", "y"]):
        (tmp_path / f"{number}.csv").write_text(f"a,b\n{value},1\n")
    import levada.sources.stretches as module

    before = module.PART_BYTES
    module.PART_BYTES = 4
    try:
        with pytest.raises(DataError) as caught:
            call(ingest, csv("*.csv"), beam_from_parts=beam_from_parts)
    finally:
        module.PART_BYTES = before
    assert "and this line has 'x'.\n  2.csv:2   x,1" in str(caught.value)


def test_text_in_an_early_part_makes_later_numbers_text(call: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(stretches, "PART_BYTES", 4)
    for number, value in enumerate(["A1", "7", "B2", "C3"]):
        (tmp_path / f"{number}.csv").write_text(f"code,x\n{value},1\n{value}x,2\n" if number != 1 else "code,x\n7,1\n")
    for beam_from_parts in (2, 1000):
        table = call(ingest, csv("*.csv"), beam_from_parts=beam_from_parts).table("all")
        assert table["code"].to_pylist() == ["A1", "A1x", "7", "B2", "B2x", "C3", "C3x"]


def test_a_cell_longer_than_a_block_is_read(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reading, "BLOCK_BYTES", 1000)
    (tmp_path / "x.csv").write_text("a,b\n1,x\n" * 1 + "2," + "y" * 100_000 + "\n3,z\n")
    assert [len(text) for text in call(ingest, csv("x.csv")).table("all")["b"].to_pylist()] == [1, 100_000, 1]


def test_a_source_in_memory_is_divided_as_any_other(call: Any) -> None:
    examples = call(ingest, Numbers(1000, 77), splits=stratified("decade", {"train": 8, "eval": 2}))
    counts = np.bincount(examples.table("train")["decade"].to_numpy(), minlength=100)
    assert (counts == 8).all()
