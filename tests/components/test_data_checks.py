"""Check data: what departs from the schema is told in sentences, and closes the gate."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from levada.artifacts import Anomalies, Examples, Statistics
from levada.component import component
from levada.components import check_data, profile
from levada.context import Context
from levada.errors import DataError
from levada.validation.finding import percent
from levada.validation.schema_checks import find_anomalies

ROWS = 1000


@component
def flights(ctx: Context, *, columns: dict[str, Any], rows_of_eval: int = -1) -> Examples:
    made = ctx.output(Examples)
    table = pa.table(columns)
    made.write("train", table)
    if rows_of_eval >= 0:
        made.write("eval", table.slice(0, rows_of_eval))
    return made


def anomalies(call: Any, columns: dict[str, Any], schema: str, **options: Any) -> list[tuple[str, str, str]]:
    statistics: Statistics = call(profile, call(flights, columns=columns))
    wanted = text_format.Parse(schema, schema_pb2.Schema())
    return [(found.severity, found.kind, found.description) for found in find_anomalies(statistics, wanted, **options)]


CARRIERS = ["UA"] * (ROWS - 3) + ["ZZ", "ZZ", "YY"]

CASES: dict[str, tuple[dict[str, Any], str, list[tuple[str, str, str]]]] = {
    "what fits": ({"a": [1, 2]}, 'feature { name: "a" type: INT presence { min_fraction: 1 min_count: 1 } }', []),
    "a column that is not there": (
        {"dep_delay": [1]},
        'feature { name: "dep_dealy" type: INT presence { min_count: 1 } } feature { name: "gone" type: INT }',
        [
            ("error", "missing column", "dep_dealy: not in the data (did you mean dep_delay?)"),
            ("warning", "missing column", "gone: not in the data"),
            ("warning", "new column", "dep_delay: a new column (int64), not in the schema"),
        ],
    ),
    "another type": (
        {"a": ["x"], "b": [1.5], "c": [1], "d": pa.nulls(1)},
        (
            'feature { name: "a" type: FLOAT } feature { name: "b" type: INT } feature { name: "c" type: FLOAT } '
            'feature { name: "d" type: INT presence { min_fraction: 0 } }'
        ),
        [
            ("error", "type", "a: text (string), the schema says FLOAT"),
            ("error", "type", "b: numbers (double), the schema says INT"),
            ("warning", "type", "c: whole numbers (int64), the schema says FLOAT"),
        ],
    ),
    "values outside a domain": (
        {"carrier": CARRIERS},
        'feature { name: "carrier" type: BYTES string_domain { value: "UA" } }',
        [("error", "domain", "carrier: 2 values outside the domain: 'ZZ', 'YY' (0.3 % of rows)")],
    ),
    "one value outside a shared domain": (
        {"carrier": ["UA", "ZZ"]},
        'string_domain { name: "carriers" value: "UA" } feature { name: "carrier" type: BYTES domain: "carriers" }',
        [("error", "domain", "carrier: 1 value outside the domain: 'ZZ' (50 % of rows)")],
    ),
    "few enough values outside a domain": (
        {"carrier": CARRIERS},
        (
            'feature { name: "carrier" type: BYTES string_domain { value: "UA" } '
            "distribution_constraints { min_domain_mass: 0.99 } }"
        ),
        [],
    ),
    "values out of range": (
        {"a": [-1, 500], "b": [0.5, float("inf")]},
        (
            'feature { name: "a" type: INT int_domain { min: 0 max: 100 } } '
            'feature { name: "b" type: FLOAT float_domain { max: 0.25 disallow_inf: true } }'
        ),
        [
            ("error", "range", "a: the least value is -1, the schema allows 0 and more"),
            ("error", "range", "a: the greatest value is 500, the schema allows 100 and less"),
            ("error", "range", "b: the greatest value is 0.5, the schema allows 0.25 and less"),
            ("error", "range", "b: 1 infinite value"),
        ],
    ),
    "too many missing": (
        {
            "a": [None] * 5 + [1] * 995,
            "b": [None] * 780 + ["x"] * 220,
            "c": pa.nulls(1000, pa.int64()),
            "d": [1] * 1000,
        },
        (
            'feature { name: "a" type: INT presence { min_fraction: 1 } } feature { name: "b" type: BYTES } '
            'feature { name: "c" type: INT presence { min_count: 1 } } '
            'feature { name: "d" type: INT presence { min_count: 5000 } }'
        ),
        [
            ("error", "missing values", "a: 0.5 % missing, the schema allows none"),
            ("error", "missing values", "c: missing in all rows"),
            ("error", "missing values", "d: values in 1,000 rows, the schema wants at least 5,000"),
            ("warning", "missing values", "b: 78 % missing"),
        ],
    ),
    "missing as allowed": (
        {"a": [None, 1, 2, 3]},
        'feature { name: "a" type: INT presence { min_fraction: 0.7 } }',
        [],
    ),
    "lists of the wrong length": (
        {"a": [[1, 2], [3]], "b": [[1.0], [2.0]], "c": [1, 2]},
        (
            'feature { name: "a" type: INT shape { dim { size: 2 } } } '
            'feature { name: "b" type: FLOAT value_count { min: 2 } } '
            'feature { name: "c" type: INT shape { dim { size: 1 } } }'
        ),
        [
            ("error", "length", "a: 1 to 2 values a row, the schema says 2"),
            ("error", "length", "b: 1 values a row, the schema says 2 or more"),
        ],
    ),
    "a column out of use": ({"a": [1]}, 'feature { name: "a" type: BYTES lifecycle_stage: DEPRECATED }', []),
    "true and false": (
        {"a": [True, False]},
        'feature { name: "a" type: BYTES bool_domain { } }',
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_departures_from_the_schema_are_told(case: str, call: Any) -> None:
    columns, schema, told = CASES[case]
    assert anomalies(call, columns, schema) == told


def test_a_vocabulary_too_large_to_keep_is_outside_a_small_domain(call: Any) -> None:
    statistics = call(
        profile, call(flights, columns={"a": ["x"] * 500 + [f"v{i}" for i in range(500)]}), vocabulary=100
    )
    schema = text_format.Parse('feature { name: "a" type: BYTES string_domain { value: "x" } }', schema_pb2.Schema())
    assert [found.description for found in find_anomalies(statistics, schema)] == [
        "a: about 501 distinct values, the domain has 1"
    ]


def test_an_environment_leaves_out_its_columns(call: Any) -> None:
    schema = (
        'default_environment: "TRAINING" default_environment: "SERVING" '
        'feature { name: "late" type: INT presence { min_count: 1 } not_in_environment: "SERVING" }'
    )
    told = ("error", "missing column", "late: not in the data")
    new = ("warning", "new column", "a: a new column (int64), not in the schema")
    assert anomalies(call, {"a": [1]}, schema) == [told, new]
    assert anomalies(call, {"a": [1]}, schema, environment="SERVING") == [new]
    assert anomalies(call, {"a": [1]}, schema, environment="TRAINING") == [told, new]


class Written:
    """A schema whose message is at hand: what `check_data` asks of one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def proto(self) -> Any:
        return text_format.Parse(self._text, schema_pb2.Schema())


SCHEMA = Written('feature { name: "a" type: INT int_domain { max: 9 } } feature { name: "b" type: INT }')


def test_an_error_closes_the_gate_with_its_reason(call: Any) -> None:
    rows = call(flights, columns={"a": [1, 10], "b": [1, None]}, rows_of_eval=1)
    found: Anomalies = call(check_data, call(profile, rows), SCHEMA)
    assert found.properties == {
        "errors": 1,
        "warnings": 1,
        "verdict": {"open": False, "reasons": ["a in train: the greatest value is 10, the schema allows 9 and less"]},
    }
    assert call.line == (
        "1 error, 1 warning: a in train: the greatest value is 10, the schema allows 9 and less · "
        "b in train: 50 % missing"
    )
    assert [(item.column, item.split) for item in found.errors] == [("a", "train")]
    assert [item.kind for item in found.warnings] == ["missing values"]


def test_warnings_leave_the_gate_open(call: Any) -> None:
    found: Anomalies = call(check_data, call(profile, call(flights, columns={"a": [1], "c": [1]})), SCHEMA)
    assert found.properties["verdict"] == {
        "open": True,
        "reasons": ["b: not in the data", "c: a new column (int64), not in the schema"],
    }
    assert call.line == "2 warnings: b: not in the data · c: a new column (int64), not in the schema"


def test_data_that_fits_says_so(call: Any) -> None:
    found: Anomalies = call(check_data, call(profile, call(flights, columns={"a": [1], "b": [1]})), SCHEMA)
    assert (call.line, found.all(), found.properties["verdict"]) == ("no anomalies", [], {"open": True, "reasons": []})


def test_a_split_without_rows_closes_the_gate(call: Any) -> None:
    rows = call(flights, columns={"a": [1], "b": [1]}, rows_of_eval=0)
    found: Anomalies = call(check_data, call(profile, rows), SCHEMA)
    assert [item.description for item in found.errors] == ["split eval has no rows"]
    assert call(check_data, call(profile, rows), SCHEMA, splits=["train"]).errors == []


def test_an_unknown_split_is_told(call: Any) -> None:
    with pytest.raises(DataError, match="no split 'evil'"):
        call(check_data, call(profile, call(flights, columns={"a": [1]})), SCHEMA, splits=["evil"])


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.78, "78 %"), (0.005, "0.5 %"), (0.0001, "less than 0.1 %"), (0.05, "5 %"), (1.0, "100 %"), (0.0999, "10 %")],
)
def test_shares_are_told_for_people(share: float, told: str) -> None:
    assert percent(share) == told
