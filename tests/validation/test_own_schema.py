"""Whatever the data: it is ingested, profiled, and fits the schema that was inferred from it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings

from levada.artifacts import Examples, Schema, Statistics
from levada.artifacts.schema import parse_schema, schema_text
from levada.components import Source, check_data, infer_schema, ingest, profile
from levada.errors import DataError
from levada.schemas.inference import infer
from levada.schemas.widening import widen
from levada.validation.checking import check
from tests.conftest import Caller
from tests.validation.tables import tables

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@dataclass(frozen=True)
class Given(Source):
    """A table that the test has at hand."""

    name: str
    rows: ClassVar[dict[str, pa.Table]] = {}

    def digest(self) -> str:
        return self.name

    def table(self, root: Path) -> pa.Table:
        return self.rows[self.name]


def looked_at(call: Caller, table: pa.Table) -> tuple[Examples, Statistics]:
    """Ingest a table and profile it."""
    Given.rows["table"] = table
    examples: Examples = call(ingest, Given("table"))
    return examples, call(profile, examples)


@settings(max_examples=30, suppress_health_check=SLOW)
@example(table=pa.table({"a": pa.array([2**64 - 1, 0], pa.uint64())}))
@example(table=pa.table({"a": [[[1.0], None], None, [[]]]}))
@example(table=pa.table({"a": [0.1, float("inf"), float("nan"), None, 1e300]}))
@example(table=pa.table({"a": pa.array([None], pa.list_(pa.string()))}))
@given(table=tables())
def test_a_table_fits_its_own_schema(table: pa.Table) -> None:
    """Without one error or warning, by statistics and by rows, with ranges and without, read back from its text."""
    with tempfile.TemporaryDirectory() as folder:
        call = Caller(Path(folder))
        examples, statistics = looked_at(call, table)
        for ranges in (False, True):
            schema: Schema = call(infer_schema, statistics, ranges=ranges)
            assert call(check_data, statistics, schema, examples=examples).all() == []
            proposal = schema.proto()
            assert proposal == infer(statistics, ranges=ranges) == parse_schema(schema_text(proposal), "")
            assert widen(proposal, statistics, ranges=ranges) == proposal, "what fits is left as it is"


@settings(max_examples=15, suppress_health_check=SLOW)
@given(first=tables(), second=tables())
def test_a_widened_schema_lets_the_data_through(first: pa.Table, second: pa.Table) -> None:
    """It was inferred from another table; what fits already is left as it is."""
    names = list(dict.fromkeys([*first.column_names, *second.column_names]))
    renamed = second.rename_columns(names[: second.num_columns])
    with tempfile.TemporaryDirectory() as folder:
        call = Caller(Path(folder))
        kept = infer(looked_at(call, first)[1], ranges=True)
        _, statistics = looked_at(call, renamed)
        wider = widen(kept, statistics, ranges=True)
        left = check(statistics, wider)
        assert [found for found in left if found.severity == "error"] == []
        assert {found.kind for found in left} <= {"missing column", "type"}, "what may be missing, INT for FLOAT"
        assert widen(wider, statistics, ranges=True) == wider


@settings(max_examples=15, suppress_health_check=SLOW)
@given(first=tables(), second=tables())
def test_checking_any_table_against_any_schema_never_crashes(first: pa.Table, second: pa.Table) -> None:
    """And what is said of it goes to TFX's form and back."""
    names = [*first.column_names, *[f"x{place}" for place in range(second.num_columns)]][: second.num_columns]
    with tempfile.TemporaryDirectory() as folder:
        call = Caller(Path(folder))
        schema: Any = call(infer_schema, looked_at(call, first)[1], ranges=True)
        examples, statistics = looked_at(call, second.rename_columns(names))
        found = call(check_data, statistics, schema, examples=examples)
        reasons = [reason for info in found.proto().anomaly_info.values() for reason in info.reason]
        assert len(reasons) == len([anomaly for anomaly in found.all() if anomaly.column])


def test_hashable_types_are_what_sources_give() -> None:
    """A type that cannot be split by its content is refused with words, not a crash."""
    import pytest

    with tempfile.TemporaryDirectory() as folder:
        Given.rows["table"] = pa.table({"a": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))})
        with pytest.raises(DataError, match="cannot be hashed"):
            Caller(Path(folder))(ingest, Given("table"), splits={"a": 1, "b": 1})
