"""Rules: what breaks them is told, counted and shown, and each is a value that a plan can hold."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from levada.artifacts import Anomalies, Examples
from levada.component import component
from levada.components import (
    Rule,
    check,
    check_data,
    csv,
    fresh,
    ingest,
    not_null,
    profile,
    row_count,
    rule,
    schema_file,
    unique,
)
from levada.context import Context
from levada.errors import ComponentError, DataError, ParameterError
from levada.store import Store
from levada.validation.second_pass import find_duplicates
from levada.values import decode, digested_values, encode
from tests.inline import plan_of, run_plan
from tests.validation import checks

TABLES: dict[str, pa.Table] = {}


@component
def split_rows(ctx: Context, *, splits: list[str]) -> Examples:
    examples = ctx.output(Examples)
    for split in splits:
        examples.write(split, TABLES[split])
    return examples


class Written:
    """A schema that lets every column through."""

    def __init__(self, columns: list[str], rest: str = "") -> None:
        features = "".join(f'feature {{ name: "{name}" presence {{ min_fraction: 0 }} }}' for name in columns)
        self._text = rest or features

    def proto(self) -> Any:
        return text_format.Parse(self._text, schema_pb2.Schema())


def checked(call: Any, rules: list[Rule], *, rows: bool = True, schema: str = "", **splits: pa.Table) -> Anomalies:
    """Hold splits against rules alone."""
    TABLES.update(splits)
    examples: Examples = call(split_rows, splits=list(splits))
    given = {"examples": examples} if rows else {}
    wanted: Any = Written(examples.columns, schema)
    return call(check_data, call(profile, examples), wanted, rules=rules, **given)


def told(found: Anomalies) -> list[tuple[str, str]]:
    """What rules say; a schema without types has nothing to do with them."""
    return [(item.kind, item.description) for item in found.all() if item.type != "FEATURE_MISSING_TYPE"]


def test_columns_must_not_be_null(call: Any) -> None:
    """NaN is as missing as null; a share may be allowed."""
    rows = pa.table({"a": [1.0, None, float("nan"), 4.0], "b": [1, None, 3, 4]})
    found = checked(call, [not_null("a"), not_null("b", allow=0.25, severity="warn"), not_null("b")], train=rows)
    assert told(found) == [
        ("missing values", "a: 2 rows without a value (50 %)"),
        ("missing values", "b: 1 row without a value (25 %)"),
    ]
    assert [row["a"] for row in found.errors[0].rows] == [None, "nan"]
    assert found.errors[0].count == 2


def test_keys_are_unique_over_all_splits(call: Any) -> None:
    """A value in two splits is there twice; missing ones do not count; several columns are one key."""
    train = pa.table({"id": ["a", "b", None], "n": [1, 1, 1]})
    other = pa.table({"id": ["b", None, "c"], "n": [1, 2, 1]})
    found = checked(call, [unique("id"), unique("id", "n", severity="warn")], train=train, eval=other)
    assert told(found) == [
        ("duplicates", "id: 1 row with a value that was there before, of 1 key that is not unique"),
        ("duplicates", "id, n: 1 row with a value that was there before, of 1 key that is not unique"),
    ]
    assert found.errors[0].rows == ({"id": "b", "n": 1}, {"id": "b", "n": 1})
    assert told(checked(call, [unique("id"), unique("id", "n")], train=train, eval=other.slice(1))) == []


def test_statistics_tell_a_key_of_one_split_without_rows(call: Any) -> None:
    """If they counted each value; more columns or splits need the rows."""
    rows = pa.table({"id": [1, 1, 1, 2, None], "n": [1, 2, 3, 4, 5]})
    found = checked(call, [unique("id"), unique("n")], rows=False, train=rows)
    assert told(found) == [("duplicates", "id: 2 rows with a value that was there before")]
    with pytest.raises(DataError, match=r"the rule unique\('id', 'n'\) needs the rows"):
        checked(call, [unique("id", "n")], rows=False, train=rows)
    with pytest.raises(DataError, match="needs the rows"):
        checked(call, [unique("id")], rows=False, train=rows, eval=rows)


@pytest.mark.parametrize(
    "keys",
    [
        pa.array([[1, 2], [1, 2], [1], None]),
        pa.array([{"x": 1}, {"x": 1}, {"x": 2}, None]),
        pa.array([0.0, -0.0, 1.5, float("nan")]),
        pa.array([b"a", b"a", b"b", None]),
        pa.array([3, 3, 4, None], pa.timestamp("us", "UTC")),
    ],
    ids=["lists", "structures", "floats", "bytes", "times"],
)
def test_keys_may_be_of_any_type(keys: pa.Array, call: Any) -> None:
    TABLES["train"] = pa.table({"id": keys})
    found = find_duplicates(call(split_rows, splits=["train"]), ["train"], ["id"])
    assert (found.rows, found.keys, found.places) == (1, 1, {"train": [0, 1]})


def test_many_duplicates_are_counted_and_ten_shown(call: Any) -> None:
    rows = pa.table({"id": [n % 500 for n in range(1500)]})
    found = checked(call, [unique("id")], train=rows)
    (anomaly,) = [item for item in found.all() if item.kind == "duplicates"]
    assert (anomaly.count, len(anomaly.rows)) == (1000, 10)
    assert "1,000 rows with a value that was there before, of 500 keys that are not unique" in anomaly.description


NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "within", "words"),
    [
        (pa.array([datetime(2024, 3, 9)]), "2d", ""),  # noqa: DTZ001
        (pa.array([datetime(2024, 3, 7)]), "2d", "the newest row is 3 days old (2024-03-07 00:00:00+00:00)"),  # noqa: DTZ001
        (pa.array([datetime(2024, 3, 10, 7)], pa.timestamp("ms", "Europe/Lisbon")), "6h", ""),  # noqa: DTZ001
        (pa.array([datetime(2024, 3, 9).date(), None]), "12h", ""),  # noqa: DTZ001
        (pa.array([datetime(2024, 3, 8).date()]), "12h", "the newest row is 36 hours old"),  # noqa: DTZ001
        (pa.array([1710072000 - 7200]), "1h", "the newest row is 2 hours old"),
        (pa.nulls(1, pa.timestamp("us")), "1h", "no time at all: it cannot be fresh"),
    ],
)
def test_the_newest_row_must_be_fresh(values: pa.Array, within: str, words: str, call: Any) -> None:
    """By times with and without a zone, by dates, which count as their end, and by Unix times."""
    schema = (
        'feature { name: "at" presence { min_fraction: 0 } type: INT time_domain { integer_format: UNIX_SECONDS } }'
    )
    found = checked(
        call, [fresh("at", within=within, at=NOW)], rows=False, schema=schema, train=pa.table({"at": values})
    )
    said = [item.description for item in found.all() if item.kind == "freshness"]
    assert (len(said) == 1 and said[0].startswith(f"at: {words}")) if words else said == []


def test_freshness_is_asked_again_in_every_run() -> None:
    """Unless the moment is said."""
    first, second = (list(digested_values([fresh("at", within="1d", at=at)])) for at in (None, NOW))
    assert first[0].digest() > "2020" and second[0].digest() == ""
    assert list(digested_values([unique("a"), rule("a > 1")])) == []


def test_rows_are_counted_and_compared_with_the_span_before(call: Any) -> None:
    TABLES["train"], TABLES["before"] = pa.table({"a": [1] * 10}), pa.table({"a": [1] * 100})
    now, before = (call(profile, call(split_rows, splits=[split])) for split in ("train", "before"))
    schema: Any = Written([], 'feature { name: "a" type: INT }')
    rules = [
        row_count(at_least=20),
        row_count(at_most=5, severity="warn"),
        row_count(change=0.5),
        row_count(change=0.9),
    ]
    found = call(check_data, now, schema, previous=before, rules=rules)
    assert [(item.severity, item.type, item.description) for item in found.all()] == [
        ("error", "DATASET_LOW_NUM_EXAMPLES", "10 rows, wanted at least 20"),
        (
            "error",
            "COMPARATOR_LOW_NUM_EXAMPLES",
            "10 rows, 90 % fewer than the 100 before; the rule allows 50 %",
        ),
        ("warning", "DATASET_HIGH_NUM_EXAMPLES", "10 rows, wanted at most 5"),
    ]
    with pytest.raises(DataError, match=r"row_count\(change=0.5\) compares with earlier statistics"):
        call(check_data, now, schema, rules=[row_count(change=0.5)])


def test_an_expression_is_held_against_every_row(call: Any) -> None:
    """What a missing value leaves open keeps the rule; a share may break it; ten rows are shown."""
    rows = pa.table({"a": [*range(40), None], "b": [20] * 41, "who": ["me"] * 41})
    schema = 'feature { name: "a" type: INT presence { min_fraction: 0 } } feature { name: "b" type: INT } '
    schema += 'feature { name: "who" type: BYTES annotation { tag: "sensitive" } }'
    rules = [rule("a < b", name="a comes first"), rule("a < b", allow=0.5), rule("a < b + 30", severity="warn")]
    found = checked(call, rules, schema=schema, train=rows, eval=rows.slice(0, 5))
    assert told(found) == [("rule", "a comes first in train: does not hold in 20 rows (49 %)")]
    (anomaly,) = found.all()
    assert anomaly.count == 20
    assert anomaly.rows == tuple({"a": place, "b": 20, "who": "•••"} for place in range(20, 30))
    assert found.properties["table"] == {
        "title": "a comes first in train: does not hold in 20 rows (49 %) · 10 of 20 rows",
        "columns": ["a", "b", "who"],
        "data": [[str(place), "20", "•••"] for place in range(20, 30)],
    }
    assert found.properties["verdict"]["open"] is False  # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue, reportOptionalSubscript]


def test_example_rows_come_from_the_row_groups_that_hold_them(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from levada.artifacts import examples

    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 7)
    found = checked(call, [rule("n != 3 and n != 48")], train=pa.table({"n": range(50)}))
    assert [row["n"] for row in found.errors[0].rows] == [3, 48]


def test_a_check_of_ones_own_looks_at_rows_or_statistics(call: Any) -> None:
    rows = pa.table({"n": [1, 2, 3, 4, None]})
    rules = [
        check(checks.even, columns=["n"]),
        check(checks.small, allow=0.9),
        check(checks.narrow, on="statistics", severity="warn"),
    ]
    found = checked(call, rules, train=rows)
    assert told(found) == [("rule", "even: is false in 2 rows (40 %)"), ("rule", "narrow: n reaches 4")]
    assert [row["n"] for row in found.errors[0].rows] == [1, 3]
    with pytest.raises(ComponentError, match="wrong_length returned list of length 1 for 5 rows"):
        checked(call, [check(checks.wrong_length)], train=rows)
    with pytest.raises(ComponentError, match="chatty returned str"):
        checked(call, [check(checks.chatty, on="statistics")], train=rows)


def test_a_rule_about_an_unknown_column_says_what_there_is(call: Any) -> None:
    for asked, name in (
        (not_null("fere"), "not_null('fere')"),
        (unique("fere"), "unique('fere')"),
        (fresh("fere", within="1d"), "fresh('fere')"),
        (rule("fere > 1"), "rule('fere > 1')"),
        (rule("`fere` > 1"), "rule('`fere` > 1')"),
        (check(checks.small, columns=["fere"]), "check(small)"),
    ):
        with pytest.raises(DataError) as caught:
            checked(call, [not_null("fare"), asked], train=pa.table({"fare": [1]}))
        said = f"{name} is about column 'fere', which the data does not have.\nDid you mean fare?"
        assert str(caught.value) == said


def test_examples_of_other_data_are_refused(call: Any) -> None:
    TABLES["train"], TABLES["other"] = pa.table({"a": [1]}), pa.table({"a": [1, 2]})
    statistics = call(profile, call(split_rows, splits=["train"]))
    TABLES["train"] = pa.table({"a": [1, 2]})
    schema: Any = Written(["a"])
    with pytest.raises(DataError, match="split train has 2 rows, its statistics are of 1"):
        call(check_data, statistics, schema, examples=call(split_rows, splits=["train"]))


RULES = [
    not_null("a", "b", allow=0.5),
    unique("a", "b"),
    fresh("at", within="90m"),
    fresh("at", within=timedelta(days=2), at=NOW),
    row_count(at_least=1, at_most=2, change=0.5),
    rule("a > b", allow=0.1, name="more", severity="warn"),
    check(checks.even, columns=["n"], severity="warn"),
    check(checks.narrow, on="statistics"),
]


@pytest.mark.parametrize("one", RULES, ids=lambda one: type(one).__name__)
def test_a_rule_goes_through_a_plan(one: Rule) -> None:
    assert decode(encode(one)) == one


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (not_null, "not_null.. wants names of columns, got none"),
        (lambda: not_null("a", allow=1), "wanted a share from 0 to below 1"),
        (lambda: fresh("at", within="2 fortnights"), "within='2 fortnights' is no duration"),
        (lambda: fresh("at", within="1d", at=datetime(2024, 1, 1)), "has no time zone"),  # noqa: DTZ001
        (row_count, "asks nothing"),
        (lambda: row_count(change=0), "wanted a share above 0"),
        (lambda: row_count(at_least=2, at_most=1), "leaves no number"),
        (lambda: rule("a > b", severity="error"), "severity='error': wanted 'fail' or 'warn'"),  # pyright: ignore[reportArgumentType]
        (lambda: check("even"), "check.. wants a function, got str"),  # pyright: ignore[reportArgumentType]
        (lambda: encode(check(lambda batch: batch)), "a lambda cannot be a parameter"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_where_it_is_written(make: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        make()


def graph() -> None:
    data = ingest(csv("data/*.csv"))
    check_data(profile(data), schema_file("a.pbtxt"), examples=data, rules=[check(checks.even), rule("n < 5")])


def test_rules_run_in_a_pipeline_and_close_its_gate(tmp_path: Path) -> None:
    """Cached like anything else."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/1.csv").write_text("n\n2\n4\n6\n")
    (tmp_path / "a.pbtxt").write_text('feature { name: "n" type: INT presence { min_fraction: 1 } }')
    store = Store(tmp_path / "store")
    outcome = run_plan(plan_of(graph), store, root=tmp_path)
    assert outcome.results["check_data"].summary == "1 error: `n < 5`: does not hold in 1 row (33 %)"
    assert run_plan(plan_of(graph), store, root=tmp_path).results["check_data"].status == "cached"
