"""Rows that break rules are put aside, with every reason; what is kept and what is not are all the rows there were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.artifacts import Examples
from levada.component import component
from levada.components import check, fresh, not_null, quarantine, row_count, rule, unique
from levada.context import Context
from levada.errors import DataError, ParameterError

LINES = pa.table(
    {
        "invoice": ["1", "C2", "3", "3", "4", "5", None],
        "price": [2.5, -1.0, 3.0, 3.0, float("nan"), 0.0, 1.0],
        "customer": pa.array([7, 7, None, None, 8, 9, None], pa.int32()),
    }
)


@component
def made(ctx: Context, *, parts: int = 1) -> Examples:
    examples = ctx.output(Examples)
    examples.write("train", LINES.slice(0, 4))
    examples.write("eval", LINES.slice(4))
    return examples


def expensive(batch: pa.RecordBatch) -> Any:
    return np.asarray(batch.column("price").fill_null(0)) <= 2.7


def test_each_row_is_kept_or_rejected_with_all_its_reasons(call: Any) -> None:
    examples = call(made)
    sorted_ = call(
        quarantine,
        examples,
        rules=[
            not_null("customer"),
            rule("price > 0"),
            rule("not startswith(invoice, 'C')", name="cancelled"),
            unique(),
        ],
    )
    assert sorted_.kept.table("train")["invoice"].to_pylist() == ["1"]
    assert sorted_.kept.table("eval")["invoice"].to_pylist() == ["4"]
    rejected = pa.concat_tables([sorted_.rejected.table(split) for split in ("train", "eval")])
    assert rejected["invoice"].to_pylist() == ["C2", "3", "3", "5", None]
    assert rejected["reason"].to_pylist() == [
        "not price > 0; cancelled",
        "customer is missing",
        "customer is missing; the same as an earlier row",
        "not price > 0",
        "customer is missing",
    ]
    assert call.contexts[-1].metrics["quarantined"] == 5
    assert "2 of 7 rows kept · 3 customer is missing" in call.line


def test_the_first_of_equal_keys_stays_over_all_splits(call: Any) -> None:
    """Rows without a key are no duplicates of each other."""
    kept = call(quarantine, call(made), rules=[unique("customer")]).kept
    assert [kept.table(split)["customer"].to_pylist() for split in kept.splits] == [[7, None, None], [8, 9, None]]


def test_a_function_of_the_projects_decides_too(call: Any) -> None:
    kept = call(quarantine, call(made), rules=[check(expensive, columns=["price"])]).kept
    assert kept.rows() == 4


def test_more_than_the_limit_is_an_error_that_counts(call: Any) -> None:
    with pytest.raises(DataError, match=r"3 of 7 rows break the rules, and at most 2 may: 3 customer is missing"):
        call(quarantine, call(made), rules=[not_null("customer")], limit=2)


def test_a_split_that_keeps_nothing_is_an_error(call: Any) -> None:
    with pytest.raises(DataError, match="no row of split 'train' keeps the rules"):
        call(quarantine, call(made), rules=[rule("price > 100")])


@pytest.mark.parametrize("wrong", [fresh("price", within="1d"), row_count(at_least=1)])
def test_a_rule_about_all_the_data_is_refused(call: Any, wrong: Any) -> None:
    with pytest.raises(ParameterError, match="is a rule about all the data"):
        call(quarantine, call(made), rules=[wrong])


def test_a_column_that_is_not_there_is_named(call: Any) -> None:
    with pytest.raises(DataError, match=r"rule\('prise > 0'\) is about column 'prise', which the data does not have"):
        call(quarantine, call(made), rules=[rule("prise > 0")])


VALUES = st.one_of(st.none(), st.integers(0, 3), st.just(float("nan")), st.floats(0, 2, width=16))


@given(st.lists(st.tuples(VALUES, st.one_of(st.none(), st.sampled_from("ab"))), min_size=1, max_size=30))
def test_equal_rows_are_found_as_a_loop_finds_them(rows: list[tuple[Any, Any]]) -> None:
    """NaN and null are the same, 1 and 1.0 too."""
    from levada.validation.row_rules import row_rules

    table = pa.table(
        {"x": pa.array([x for x, _ in rows], pa.float64()), "y": pa.array([y for _, y in rows], pa.string())}
    )
    (question,) = row_rules([unique()], _Held(table), ["all"])  # type: ignore[arg-type]
    marks = [bool(mark) for batch in table.to_batches(max_chunksize=7) for mark in question.test.bad(batch)]
    seen: set[Any] = set()
    wanted: list[bool] = []
    for x, y in rows:
        key = (None if x is None or x != x else float(x), y)
        wanted.append(key in seen)
        seen.add(key)
    assert marks == wanted


class _Held:
    """Examples of one split, held in memory."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.columns = table.column_names

    def batches(self, split: str, columns: Any) -> Any:
        return self._table.select(list(columns)).to_batches(max_chunksize=7)

    def check_columns(self, columns: Any) -> None:
        assert set(columns) <= set(self.columns)
