"""Ingest: rows from a source into splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from levada.artifacts import Examples
from levada.components import Source, ingest
from levada.errors import ComponentError, DataError
from levada.signature import check_type
from levada.values import Digested, decode, encode
from tests.inline import plan_of


@dataclass(frozen=True)
class Numbers(Source):
    """The numbers below `count`, in batches of `size`."""

    count: int
    size: int = 100

    def digest(self) -> str:
        return "1"

    def batches(self, root: Path) -> Iterator[pa.RecordBatch]:
        for start in range(0, self.count, self.size):
            stop = min(start + self.size, self.count)
            yield pa.record_batch({"n": range(start, stop), "decade": [n // 10 for n in range(start, stop)]})


@dataclass(frozen=True)
class OneTable(Source):
    """A source with a table is complete."""

    def digest(self) -> str:
        return "1"

    def table(self, root: Path) -> pa.Table:
        return pa.table({"a": [1, 2], "root": [root.name] * 2})


@dataclass(frozen=True)
class Neither(Source):
    def digest(self) -> str:
        return "1"


def values(examples: Examples, name: str = "n") -> dict[str, list[Any]]:
    return {split: examples.table(split)[name].to_pylist() for split in examples.splits}


def test_without_splits_all_rows_are_in_one_in_order(call: Any) -> None:
    examples = call(ingest, Numbers(250))
    assert values(examples) == {"all": list(range(250))}
    assert call.line == "250 rows"


def test_splits_are_disjoint_and_complete(call: Any) -> None:
    examples = call(ingest, Numbers(2000), splits={"train": 8, "eval": 1, "test": 1})
    assert list(examples.splits) == ["train", "eval", "test"]
    found = values(examples)
    assert sorted(number for numbers in found.values() for number in numbers) == list(range(2000))
    assert call.line == "2,000 rows · 3 splits by a hash of rows"
    assert call.contexts[-1].metrics["rows_train"] == examples.rows("train") == len(found["train"])


def test_keys_keep_entities_together(call: Any) -> None:
    found = values(call(ingest, Numbers(2000), splits={"train": 1, "eval": 1}, split_by="decade"), "decade")
    assert not set(found["train"]) & set(found["eval"])


def test_the_files_do_not_depend_on_how_the_source_cuts_its_batches(call: Any) -> None:
    one, other = (call(ingest, Numbers(2000, size), splits={"train": 1, "eval": 1}) for size in (7, 2000))
    for split in one.splits:
        assert [file.read_bytes() for file in one.files(split)] == [file.read_bytes() for file in other.files(split)]


def test_properties_say_what_is_there(call: Any) -> None:
    assert call(ingest, Numbers(10)).properties == {
        "source": "Numbers(count=10, size=100)",
        "splits": {"all": 10},
        "columns": [["n", "int64"], ["decade", "int64"]],
    }


def test_a_split_that_gets_no_rows_is_told(call: Any) -> None:
    with pytest.raises(DataError) as caught:
        call(ingest, Numbers(10), splits={"train": 1, "eval": 1}, split_by="decade")
    told = str(caught.value)
    assert "got none of the 10 rows (train: " in told
    assert "equal values of decade share a split" in told
    assert "split by columns with more values" in told


def test_a_source_without_rows_is_told(call: Any) -> None:
    with pytest.raises(DataError, match=r"Numbers\(count=0, size=100\) has no rows\."):
        call(ingest, Numbers(0))


def test_a_source_is_a_digest_and_a_table(call: Any, tmp_path: Path) -> None:
    examples = call(ingest, OneTable())
    assert examples.table("all").to_pylist() == [{"a": 1, "root": tmp_path.name}, {"a": 2, "root": tmp_path.name}]


def test_a_source_with_neither_table_nor_batches_is_told(call: Any) -> None:
    with pytest.raises(ComponentError, match="the source Neither has neither"):
        call(ingest, Neither())


def test_a_source_fits_the_annotation_and_a_path_does_not() -> None:
    check_type("ingest(source=...)", Source, Numbers(1), None)
    with pytest.raises(Exception, match=r"wants Source, got str 'x\.csv'"):
        check_type("ingest(source=...)", Source, "x.csv", None)


def test_a_source_is_a_parameter_of_the_plan() -> None:
    def graph() -> None:
        ingest(Numbers(5), splits={"train": 8, "eval": 2})

    node = plan_of(graph).node("ingest")
    assert decode(node.parameters["source"]) == Numbers(5)
    assert isinstance(decode(encode(Numbers(5))), Digested)
    assert node.parameters["splits"] == {"train": 8, "eval": 2}


def test_dictionaries_are_written_as_their_values(call: Any, tmp_path: Path) -> None:
    from levada.components import parquet

    pq.write_table(pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()}), tmp_path / "x.parquet")
    examples = call(ingest, parquet("x.parquet"))
    assert examples.properties["columns"] == [["a", "string"]]
