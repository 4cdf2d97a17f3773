"""Examples: rows in splits, written once and read back as they were."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada.artifact import ArtifactRecord, made
from levada.artifacts import Examples, examples
from levada.errors import ComponentError, DataError

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})


def test_what_is_written_is_read(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    found.write("eval", TABLE.slice(0, 1))
    assert (found.splits, found.columns) == (["train", "eval"], ["a", "b"])
    assert (found.rows(), found.rows("eval")) == (4, 1)
    assert found.table("train").equals(TABLE)
    assert found.table("train", ["b"]).column_names == ["b"]
    assert found.to_pandas("eval").to_dict("records") == [{"a": 1, "b": "x"}]
    assert found.schema() == TABLE.schema
    assert [path.relative_to(found.path).as_posix() for path in found.files("train")] == ["train/part-00000.parquet"]
    assert found.properties == {
        "splits": {"train": 3, "eval": 1},
        "columns": [["a", "int64"], ["b", "string"]],
        "source": "",
    }


def test_columns_come_in_the_order_they_are_asked_for(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    assert found.table("train", ["b", "a"]).column_names == ["b", "a"]
    assert next(found.batches("train", ["b", "a"])).schema.names == ["b", "a"]


def test_batches_have_at_most_so_many_rows(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", pa.table({"a": range(250)}))
    batches = list(found.batches("train", rows=100))
    assert [batch.num_rows for batch in batches] == [100, 100, 50]
    assert pa.Table.from_batches(batches)["a"].to_pylist() == list(range(250))


def test_data_frames_and_batches_are_written_too(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("frame", pd.DataFrame({"a": [1], "b": ["x"]}, index=[7]))
    found.write("batch", pa.record_batch({"b": ["y"], "a": [2]}))
    found.write("batches", iter(TABLE.to_batches(max_chunksize=1)))
    assert found.columns == ["a", "b"]
    assert found.table("batch").to_pylist() == [{"a": 2, "b": "y"}]
    assert found.rows("batches") == 3


def test_a_second_write_goes_behind_the_first(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    found.write("train", TABLE.slice(0, 1))
    assert found.table("train")["a"].to_pylist() == [1, 2, 3, 1]
    assert (found.rows("train"), len(found.files("train"))) == (4, 2)


def test_a_writer_fills_several_splits_at_a_time(making: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In row groups of one size, and files of a bounded one."""
    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(examples, "PART_BYTES", 100)
    found: Examples = making(Examples)
    with found.writer() as writer:
        for number in range(30):
            writer.write(("even", "odd")[number % 2], pa.table({"a": [number, number]}))
    assert found.table("odd")["a"].to_pylist() == [number for number in range(1, 30, 2) for _ in range(2)]
    assert found.rows() == 60
    sizes = [pq.read_metadata(file).num_rows for file in found.files("odd")]
    assert sizes == [20, 10]


def test_types_are_what_parquet_keeps(making: Any) -> None:
    """A timestamp in whole seconds comes back in milliseconds; a second write may still have seconds."""
    rows = pa.table({"t": pa.array([1_356_998_400], pa.timestamp("s")), "l": [[1.5]]})
    found: Examples = making(Examples)
    found.write("train", rows)
    found.write("eval", rows)
    assert found.properties["columns"] == [["t", "timestamp[ms]"], ["l", "list<item: double>"]]
    assert found.schema() == found.table("eval").schema


def test_an_empty_split_has_its_columns(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE.schema.empty_table())
    assert found.table("train").equals(TABLE.schema.empty_table())


def test_splits_with_other_columns_are_refused(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    with pytest.raises(DataError, match="split 'eval': these rows lack b and have also c, unlike the rows before"):
        found.write("eval", pa.table({"a": [1], "c": [1]}))
    with pytest.raises(DataError, match="split 'eval': column 'a' is double here, and int64 in the rows before"):
        found.write("eval", pa.table({"a": [1.5], "b": ["x"]}))
    assert found.splits == ["train"]


def test_a_name_twice_is_refused(making: Any) -> None:
    found: Examples = making(Examples)
    with pytest.raises(DataError, match="split 'train': two columns are named 'a'"):
        found.write("train", pa.table([[1], [2]], names=["a", "a"]))


def test_an_unknown_split_or_column_is_told(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    for ask in (found.rows, found.files, found.table, lambda split: next(found.batches(split))):
        with pytest.raises(DataError, match=r"these examples have no split 'trian'\.\nDid you mean train\?"):
            ask("trian")
    with pytest.raises(DataError) as caught:
        found.table("train", ["bb"])
    assert str(caught.value) == "column 'bb' is not in the examples.\nThe examples have: a, b (2). Did you mean b?"
    with pytest.raises(DataError, match=r"Write columns=\['a'\]"):
        found.table("train", "a")


def test_what_is_no_rows_is_told(making: Any) -> None:
    found: Examples = making(Examples)
    with pytest.raises(DataError, match="got dict"):
        found.write("train", {"a": [1]})  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="cannot name a split"):
        found.write("a/b", TABLE)


def test_finished_examples_cannot_be_written(making: Any) -> None:
    found: Examples = making(Examples)
    found.write("train", TABLE)
    record = ArtifactRecord(Examples.type_reference(), str(found.path), "x", found.properties, ())
    finished = made(record, lambda record: found.path)
    assert isinstance(finished, Examples)
    with pytest.raises(ComponentError, match="these examples are finished"):
        finished.write("eval", TABLE)
    assert finished.rows("train") == 3


def test_a_write_that_fails_leaves_the_properties_alone(making: Any) -> None:
    found: Examples = making(Examples)

    def fail() -> None:
        with found.writer() as writer:
            writer.write("train", TABLE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert found.splits == []
