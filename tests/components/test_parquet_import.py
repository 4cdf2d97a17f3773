"""Import: Parquet files become examples as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada.components import import_data, last, parquet, profile
from levada.errors import DataError, ParameterError
from levada.store import Store
from tests.inline import plan_of, run_plan

ROWS = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"], "l": [[1], [], None]})


@pytest.fixture
def lay(tmp_path: Path) -> Any:
    def write(name: str, table: pa.Table = ROWS, **options: Any) -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, tmp_path / name, **options)
        return tmp_path / name

    return write


def test_files_are_taken_over_byte_for_byte(lay: Any, call: Any) -> None:
    first, second = lay("train/a.parquet", compression="gzip"), lay("train/b.parquet", row_group_size=1)
    lay("eval/a.parquet", ROWS.slice(0, 1))
    splits = {"train": parquet("train/*.parquet"), "eval": parquet("eval/*.parquet")}
    examples = call(import_data, splits=splits)
    assert call.line == "7 rows · 2 splits · 3 files as they are"
    assert [file.read_bytes() for file in examples.files("train")] == [first.read_bytes(), second.read_bytes()]
    assert examples.table("train") == pa.concat_tables([ROWS, ROWS])
    assert examples.properties == {
        "source": "train: parquet('train/*.parquet'), eval: parquet('eval/*.parquet')",
        "splits": {"train": 6, "eval": 1},
        "columns": [["a", "int64"], ["b", "string"], ["l", "list<item: int64>"]],
    }
    assert call.contexts[-1].metrics == {"rows_train": 6.0, "rows_eval": 1.0}


def test_the_order_of_columns_is_that_of_the_first_file(lay: Any, call: Any) -> None:
    lay("1.parquet")
    lay("2.parquet", ROWS.select(["l", "b", "a"]))
    examples = call(import_data, splits={"all": parquet("*.parquet")})
    assert examples.table("all") == pa.concat_tables([ROWS, ROWS])


def test_types_that_examples_do_not_have_are_written_anew(lay: Any, call: Any) -> None:
    codes = ROWS.set_column(1, "b", ROWS["b"].dictionary_encode())
    lay("1.parquet")
    lay("2.parquet", codes)
    lay("3.parquet", ROWS.set_column(1, "b", ROWS["b"].cast(pa.large_string())))
    lay("4.parquet", ROWS.cast(pa.schema([pa.field("a", pa.int64(), nullable=False), *list(ROWS.schema)[1:]])))
    examples = call(import_data, splits={"all": parquet("*.parquet")})
    assert call.line == "12 rows · 1 file as they are · 3 files written anew"
    assert examples.table("all") == pa.concat_tables([ROWS] * 4)
    assert len({str(batch.schema) for batch in examples.batches("all")}) == 1


def test_some_columns_are_taken(lay: Any, call: Any) -> None:
    lay("1.parquet")
    examples = call(import_data, splits={"all": parquet("1.parquet", columns=["b"])})
    assert examples.table("all") == ROWS.select(["b"])


def test_spans_are_recorded(lay: Any, call: Any) -> None:
    for span in (1, 2, 3):
        lay(f"{span}/x.parquet")
    examples = call(import_data, splits={"all": parquet("{SPAN}/*.parquet", spans=last(2))})
    assert examples.properties["spans"] == ["2", "3"]
    assert call.line == "6 rows · 2 spans 2..3 · 2 files as they are"


def test_what_does_not_go_together_is_told(lay: Any, call: Any, tmp_path: Path) -> None:
    lay("train/1.parquet")
    lay("eval/1.parquet", ROWS.set_column(0, "a", pa.array(["1", "2", "3"])))
    splits = {"train": parquet("train/*.parquet"), "eval": parquet("eval/*.parquet")}
    with pytest.raises(DataError, match=r"column 'a' is string, and int64 in train/1\.parquet"):
        call(import_data, splits=splits)
    lay("eval/1.parquet", ROWS.slice(0, 0))
    with pytest.raises(DataError, match=r"split 'eval': parquet.* has no rows"):
        call(import_data, splits=splits)
    (tmp_path / "eval/1.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"eval/1\.parquet is not a Parquet file: "):
        call(import_data, splits=splits)
    with pytest.raises(ParameterError, match="wanted a source for each split"):
        call(import_data, splits={})


def test_a_change_of_the_original_changes_nothing_that_was_imported(lay: Any, tmp_path: Path) -> None:
    path = lay("x.parquet")

    def graph() -> None:
        profile(import_data(splits={"all": parquet("x.parquet")}))

    def statuses() -> list[str]:
        outcome = run_plan(plan_of(graph), Store(tmp_path / "store"), root=tmp_path)
        assert {result.failure for result in outcome.results.values()} == {None}
        return [result.status for result in outcome.results.values()]

    assert statuses() == ["done", "done"]
    assert statuses() == ["cached", "cached"]
    before = path.read_bytes()
    lay("x.parquet", ROWS.slice(0, 2))
    assert statuses() == ["done", "done"]
    path.write_bytes(before)
    assert statuses() == ["cached", "cached"]  # the first import's own copy is still what it was
