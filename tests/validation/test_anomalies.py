"""Every type of anomaly that TensorFlow Data Validation has: what brings it about, or why nothing does."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from levada.artifacts import Anomalies, Examples, Statistics
from levada.component import component
from levada.components import check_data, profile, rule
from levada.context import Context

GUIDE = Path(__file__).parents[2] / "docs/guides/validation.md"
TYPES: dict[str, int] = dict(anomalies_pb2.AnomalyInfo.Type.items())
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@component
def made(ctx: Context, *, name: str) -> Examples:
    examples = ctx.output(Examples)
    for split, table in TABLES[name].items():
        examples.write(split, table)
    return examples


TABLES: dict[str, dict[str, pa.Table]] = {}


class Written:
    """A schema whose message is at hand: what `check_data` asks of one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def proto(self) -> Any:
        return text_format.Parse(self._text, schema_pb2.Schema())


@dataclass(frozen=True)
class Case:
    """Data, a schema, and what is said of it; `told` is the description."""

    columns: dict[str, Any]
    schema: str
    told: str
    severity: str = "error"
    before: dict[str, Any] | None = None
    serving: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    rows: int | None = None
    """How many rows are shown as examples; None where there is nothing to show."""


def feature(rest: str, name: str = "a") -> str:
    return f'feature {{ name: "{name}" {rest} }}'


CASES: dict[str, Case] = {
    "BOOL_TYPE_BIG_INT": Case(
        {"a": [0, 1, 2]}, feature("type: INT bool_domain {}"), "a: the greatest truth value is 2", rows=1
    ),
    "BOOL_TYPE_SMALL_INT": Case(
        {"a": [0, 1, -1]}, feature("type: INT bool_domain {}"), "a: the least truth value is -1", rows=1
    ),
    "BOOL_TYPE_UNEXPECTED_STRING": Case(
        {"a": ["yes", "no", "maybe"]},
        feature('type: BYTES bool_domain { true_value: "yes" false_value: "no" }'),
        "a: 1 value beside 'yes' or 'no': 'maybe'",
        rows=1,
    ),
    "BOOL_TYPE_UNEXPECTED_FLOAT": Case(
        {"a": [0.0, 1.0, 0.5]},
        feature("type: FLOAT bool_domain {}"),
        "a: truth values that are neither 0 nor 1: 0.0 to 1.0",
        rows=1,
    ),
    "ENUM_TYPE_INVALID_UTF8": Case(
        {"a": [b"x", b"\xff"]},
        feature('type: BYTES string_domain { value: "x" } distribution_constraints { min_domain_mass: 0.5 }'),
        "a: 1 row with bytes that are no text",
        rows=1,
    ),
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": Case(
        {"a": ["x", "y", "y"]},
        feature('type: BYTES string_domain { value: "x" }'),
        "a: 1 value outside the domain: 'y' (67 % of rows)",
        rows=2,
    ),
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": Case(
        {"a": [[1, 2, 3], [1]]},
        feature("type: INT value_count { min: 1 max: 2 }"),
        "a: 1 to 3 values a row, the schema says 1 to 2",
        rows=1,
    ),
    "FEATURE_TYPE_LOW_NUMBER_VALUES": Case(
        {"a": [[1, 2, 3], []]},
        feature("type: INT value_count { min: 1 }"),
        "a: 0 to 3 values a row, the schema says 1 or more",
        rows=1,
    ),
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": Case(
        {"a": [1, None, None, 2]},
        feature("type: INT presence { min_fraction: 0.75 }"),
        "a: 50 % missing, the schema allows 25 %",
        rows=2,
    ),
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": Case(
        {"a": [1, 2]},
        feature("type: INT presence { min_count: 3 }"),
        "a: values in 2 rows, the schema wants at least 3",
    ),
    "FEATURE_TYPE_NOT_PRESENT": Case(
        {"a": pa.nulls(2, pa.int64())},
        feature("type: INT presence { min_count: 1 }"),
        "a: missing in all rows",
        rows=2,
    ),
    "FEATURE_TYPE_HIGH_UNIQUE": Case(
        {"a": ["x", "y", "z"]},
        feature("type: BYTES unique_constraints { min: 1 max: 2 }"),
        "a: 3 distinct values, the schema allows 2 and less",
    ),
    "FEATURE_TYPE_LOW_UNIQUE": Case(
        {"a": ["x", "x"]},
        feature("type: BYTES unique_constraints { min: 2 max: 3 }"),
        "a: 1 distinct value, the schema allows 2 and more",
    ),
    "FEATURE_TYPE_NO_UNIQUE": Case(
        {"a": [{"b": 1}]},
        feature("type: STRUCT unique_constraints { min: 1 max: 2 }"),
        "a: the schema asks for 1 to 2 distinct values, and struct<b: int64> has no count",
    ),
    "FLOAT_TYPE_BIG_FLOAT": Case(
        {"a": [0.1, 0.5]},
        feature("type: FLOAT float_domain { min: 0.1 max: 0.4 }"),
        "a: the greatest value is 0.5, the schema allows 0.4 and less",
        rows=1,
    ),
    "FLOAT_TYPE_SMALL_FLOAT": Case(
        {"a": [0.1, 0.5]},
        feature("type: FLOAT float_domain { min: 0.2 max: 0.5 }"),
        "a: the least value is 0.1, the schema allows 0.2 and more",
        rows=1,
    ),
    "FLOAT_TYPE_STRING_NOT_FLOAT": Case(
        {"a": ["1e3", "-.5", "inf", "x"]},
        feature("type: BYTES float_domain {}"),
        "a: 1 value that is no number: 'x'",
        rows=1,
    ),
    "FLOAT_TYPE_HAS_NAN": Case(
        {"a": [1.0, float("nan"), None]},
        feature("type: FLOAT presence { min_fraction: 0.1 } float_domain { disallow_nan: true }"),
        "a: NaN in 1 row",
        rows=1,
    ),
    "FLOAT_TYPE_HAS_INF": Case(
        {"a": [1.0, float("inf"), float("-inf")]},
        feature("type: FLOAT float_domain { disallow_inf: true }"),
        "a: 2 infinite values",
        rows=2,
    ),
    "INT_TYPE_BIG_INT": Case(
        {"a": pa.array([1, 2**64 - 1], pa.uint64())},
        feature("type: INT int_domain { max: 10 }"),
        "a: the greatest value is 18446744073709551615, the schema allows 10 and less",
        rows=1,
    ),
    "INT_TYPE_NOT_INT_STRING": Case(
        {"a": ["1", "-2", "3.5", "four"]},
        feature("type: BYTES int_domain {}"),
        "a: 2 values that are no whole numbers: '3.5', 'four'",
        rows=2,
    ),
    "INT_TYPE_SMALL_INT": Case(
        {"a": ["1", "-2"]},
        feature("type: BYTES int_domain { min: 0 }"),
        "a: the least value is -2, the schema allows 0 and more",
    ),
    "LOW_SUPPORTED_IMAGE_FRACTION": Case(
        {"a": [PNG, b"text", b"more"]},
        feature("type: BYTES image_domain { minimum_supported_image_fraction: 0.9 }"),
        "a: 33 % are images that TensorFlow decodes, the schema wants 90 %",
        rows=2,
    ),
    "MAX_IMAGE_BYTE_SIZE_EXCEEDED": Case(
        {"a": [PNG, PNG + bytes(1000)]},
        feature("type: BYTES image_domain { max_image_byte_size: 100 }"),
        "a: the largest image has 1,016 bytes, the schema allows 100",
        rows=1,
    ),
    "SCHEMA_MISSING_COLUMN": Case(
        {"b": [1]},
        feature("type: INT presence { min_count: 1 }") + feature("type: INT", "b"),
        "a: not in the data",
    ),
    "SCHEMA_NEW_COLUMN": Case(
        {"a": [1], "b": [1]},
        feature("type: INT"),
        "b: a new column (int64), not in the schema",
        severity="warning",
    ),
    "COMPARATOR_CONTROL_DATA_MISSING": Case(
        {"a": ["x"]},
        feature("type: BYTES drift_comparator { infinity_norm { threshold: 0.1 } }"),
        "a: the span before has no values to compare with",
        before={"b": [1]},
    ),
    "COMPARATOR_L_INFTY_HIGH": Case(
        {"a": ["x", "y", "y", "y"]},
        feature("type: BYTES drift_comparator { infinity_norm { threshold: 0.1 } }"),
        "a: the greatest difference of a value's share from the span before is 0.250 ('y'), the schema allows 0.1",
        before={"a": ["x", "x", "y", "y"]},
    ),
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH": Case(
        {"a": [0.0, 1.0, 2.0, 3.0]},
        feature("type: FLOAT skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }"),
        "a: Jensen-Shannon divergence from what is served is 1.000, the schema allows 0.1",
        serving={"a": [10.0, 11.0, 12.0, 13.0]},
    ),
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH": Case(
        {"a": ["x", "y", "y", "y"]},
        feature("type: BYTES drift_comparator { normalized_abs_difference { threshold: 0.1 } }"),
        "a: the normalized difference from the span before is 0.500, the schema allows 0.1",
        before={"a": ["x", "x", "y", "y"]},
    ),
    "NO_DATA_IN_SPAN": Case({"a": pa.array([], pa.int64())}, feature("type: INT"), "split train has no rows"),
    "SPARSE_FEATURE_MISSING_VALUE": Case(
        {"i": [1, 2, None], "v": [1.5, None, None]},
        'sparse_feature { name: "s" index_feature { name: "i" } value_feature { name: "v" } }'
        + feature("type: INT presence { min_fraction: 0 }", "i")
        + feature("type: FLOAT presence { min_fraction: 0 }", "v"),
        "s: 1 row with i and without v",
        rows=1,
    ),
    "SPARSE_FEATURE_MISSING_INDEX": Case(
        {"i": [1, None, None], "v": [1.5, 2.5, None]},
        'sparse_feature { name: "s" index_feature { name: "i" } value_feature { name: "v" } }'
        + feature("type: INT presence { min_fraction: 0 }", "i")
        + feature("type: FLOAT presence { min_fraction: 0 }", "v"),
        "s: 1 row with v and without i",
        rows=1,
    ),
    "SPARSE_FEATURE_LENGTH_MISMATCH": Case(
        {"i": [[1], [1, 2]], "v": [[1.5], [2.5]]},
        'sparse_feature { name: "s" index_feature { name: "i" } value_feature { name: "v" } }'
        + feature("type: INT", "i")
        + feature("type: FLOAT", "v"),
        "s: 1 row where i and v are of different lengths",
        rows=1,
    ),
    "SPARSE_FEATURE_NAME_COLLISION": Case(
        {"a": [1]},
        'sparse_feature { name: "a" index_feature { name: "a" } value_feature { name: "a" } }' + feature("type: INT"),
        "a: a feature and a sparse feature of the schema",
    ),
    "COMPARATOR_LOW_NUM_EXAMPLES": Case(
        {"a": [1]},
        feature("type: INT")
        + "dataset_constraints { num_examples_drift_comparator { min_fraction_threshold: 0.5 } }",
        "1 row, 0.25 times as many as the 4 before; the schema wants at least 0.5",
        before={"a": [1, 2, 3, 4]},
    ),
    "COMPARATOR_HIGH_NUM_EXAMPLES": Case(
        {"a": [1, 2, 3]},
        feature("type: INT")
        + "dataset_constraints { num_examples_version_comparator { max_fraction_threshold: 2 } }",
        "3 rows, 3.00 times as many as the 1 before; the schema allows at most 2",
        before={"a": [1]},
    ),
    "DATASET_LOW_NUM_EXAMPLES": Case(
        {"a": [1]},
        feature("type: INT") + "dataset_constraints { min_examples_count: 2 }",
        "1 row, the schema wants at least 2",
    ),
    "DATASET_HIGH_NUM_EXAMPLES": Case(
        {"a": [1, 2, 3]},
        feature("type: INT") + "dataset_constraints { max_examples_count: 2 }",
        "3 rows, the schema allows at most 2",
    ),
    "WEIGHTED_FEATURE_NAME_COLLISION": Case(
        {"a": [1]},
        feature("type: INT")
        + 'weighted_feature { name: "a" feature { step: "a" } weight_feature { step: "a" } }',
        "a: a weighted feature of the schema and another",
    ),
    "WEIGHTED_FEATURE_MISSING_VALUE": Case(
        {"w": [1.0, 2.0], "v": [None, 2]},
        'weighted_feature { name: "x" feature { step: "v" } weight_feature { step: "w" } }'
        + feature("type: FLOAT", "w")
        + feature("type: INT presence { min_fraction: 0 }", "v"),
        "x: 1 row with w and without v",
        rows=1,
    ),
    "WEIGHTED_FEATURE_MISSING_WEIGHT": Case(
        {"v": [1, 2]},
        'weighted_feature { name: "x" feature { step: "v" } weight_feature { step: "w" } }' + feature("type: INT", "v"),
        "x: 2 rows with v and without w, which is not in the data",
    ),
    "WEIGHTED_FEATURE_LENGTH_MISMATCH": Case(
        {"w": [[1.0]], "v": [[1, 2]]},
        'weighted_feature { name: "x" feature { step: "v" } weight_feature { step: "w" } }'
        + feature("type: FLOAT", "w")
        + feature("type: INT", "v"),
        "x: 1 row where w and v are of different lengths",
        rows=1,
    ),
    "VALUE_NESTEDNESS_MISMATCH": Case(
        {"a": [[[1]]]},
        feature("type: INT value_count { min: 1 }"),
        "a: lists nested 2 levels deep, the schema says 1 level",
    ),
    "DOMAIN_INVALID_FOR_TYPE": Case(
        {"a": [1.0]},
        feature("type: FLOAT int_domain { min: 0 }"),
        "a: int_domain for the type FLOAT, in the schema",
    ),
    "FEATURE_MISSING_NAME": Case(
        {"a": [1]}, feature("type: INT") + "feature { type: INT }", "a feature of the schema has no name"
    ),
    "FEATURE_MISSING_TYPE": Case(
        {"a": [1]}, feature(""), "a: the schema says no type; the data has whole numbers (int64)", severity="warning"
    ),
    "INVALID_SCHEMA_SPECIFICATION": Case(
        {"a": [1]},
        feature("type: INT presence { min_fraction: -0.5 }"),
        "a: presence.min_fraction is -0.5: wanted 0 to 1, in the schema",
    ),
    "INVALID_DOMAIN_SPECIFICATION": Case(
        {"a": ["x"]},
        feature('type: BYTES domain: "nowhere"'),
        "a: domain 'nowhere' is not defined, in the schema",
    ),
    "UNEXPECTED_DATA_TYPE": Case({"a": ["x"]}, feature("type: INT"), "a: text (string), the schema says INT"),
    "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES": Case(
        {"a": [["x", "x"], ["x"], ["y"]]},
        feature('type: BYTES natural_language_domain { token_constraints { string_value: "x" min_per_sequence: 2 } }'),
        "a: 'x' comes, but less than 2 times, in 1 row",
        rows=1,
    ),
    "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES": Case(
        {"a": ["x x x", "x y", None]},
        feature(
            "type: BYTES presence { min_fraction: 0 } "
            'natural_language_domain { token_constraints { string_value: "x" max_per_sequence: 2 } }'
        ),
        "a: 'x' comes more than 2 times in 1 row",
        rows=1,
    ),
    "SEQUENCE_VALUE_TOO_SMALL_FRACTION": Case(
        {"a": [[1], [2], [2]]},
        feature(
            "type: INT natural_language_domain { token_constraints { int_value: 1 min_fraction_of_sequences: 0.5 } }"
        ),
        "a: '1' is in 33 % of rows, the schema wants 50 %",
        rows=2,
    ),
    "SEQUENCE_VALUE_TOO_LARGE_FRACTION": Case(
        {"a": [[1], [2], [2]]},
        feature(
            "type: INT natural_language_domain { token_constraints { int_value: 2 max_fraction_of_sequences: 0.5 } }"
        ),
        "a: '2' is in 67 % of rows, the schema allows 50 %",
        rows=2,
    ),
    "FEATURE_COVERAGE_TOO_LOW": Case(
        {"a": ["one two", "three four", "one"]},
        feature('type: BYTES natural_language_domain { vocabulary: "words" coverage { min_coverage: 0.9 } }')
        + 'string_domain { name: "words" value: "one" value: "two" value: "three" }',
        "a: 80 % of tokens are in the vocabulary, the schema wants 90 %",
        rows=1,
    ),
    "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH": Case(
        {"a": ["a bb", "ccc"]},
        feature("type: BYTES natural_language_domain { coverage { min_avg_token_length: 3 } }"),
        "a: tokens have 2.0 characters on average, the schema wants 3",
    ),
    "EMBEDDING_SHAPE_INVALID": Case(
        {"a": [[1.0, 2.0], [1.0]]},
        feature("type: FLOAT float_domain { is_embedding: true embedding_dim: 2 }"),
        "a: embeddings of length 1 to 2, the schema says 2",
        rows=1,
    ),
    "INVALID_FEATURE_SHAPE": Case(
        {"a": [[1, 2], [1]]},
        feature("type: INT shape { dim { size: 2 } }"),
        "a: 1 to 2 values a row, the schema says 2",
        rows=1,
    ),
    "STATS_NOT_AVAILABLE": Case(
        {"a": ["x"]},
        feature('type: BYTES natural_language_domain { vocabulary: "words" coverage { min_coverage: 0.9 } }'),
        "a: the vocabulary 'words' is no string_domain of the schema: coverage is not checked",
        severity="warning",
    ),
    "DERIVED_FEATURE_BAD_LIFECYCLE": Case(
        {"a": [1]},
        feature("type: INT")
        + 'feature { name: "d" type: INT validation_derived_source { source_path { step: "a" } } }',
        "d: lifecycle_stage VALIDATION_DERIVED and validation_derived_source belong together, in the schema",
    ),
    "DERIVED_FEATURE_INVALID_SOURCE": Case(
        {"a": [1]},
        feature("type: INT")
        + 'feature { name: "d" type: INT lifecycle_stage: VALIDATION_DERIVED '
        'validation_derived_source { source_path { step: "gone" } } }',
        "d: is derived from gone, which the schema does not have",
    ),
    "CUSTOM_VALIDATION": Case(
        {"a": [1, 2], "b": [2, 1]},
        feature("type: INT") + feature("type: INT", "b"),
        "`a < b`: does not hold in 1 row (50 %)",
        options={"rules": [rule("a < b")]},
        rows=1,
    ),
}  # fmt: skip

NEVER = {
    "UNKNOWN_TYPE": "no anomaly",
    "MULTIPLE_REASONS": "each reason is an anomaly",
    "BOOL_TYPE_BYTES_NOT_INT": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_BYTES_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_FLOAT_NOT_INT": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_FLOAT_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_INT_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_STRING_NOT_INT": "UNEXPECTED_DATA_TYPE",
    "BOOL_TYPE_INVALID_CONFIG": "INVALID_DOMAIN_SPECIFICATION",
    "ENUM_TYPE_BYTES_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "ENUM_TYPE_FLOAT_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "ENUM_TYPE_INT_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "FEATURE_TYPE_NO_VALUES": "FEATURE_TYPE_LOW_NUMBER_VALUES",
    "FEATURE_TYPE_UNEXPECTED_REPEATED": "FEATURE_TYPE_HIGH_NUMBER_VALUES",
    "FLOAT_TYPE_NOT_FLOAT": "UNEXPECTED_DATA_TYPE",
    "FLOAT_TYPE_NON_STRING": "UNEXPECTED_DATA_TYPE",
    "FLOAT_TYPE_UNKNOWN_TYPE_NUMBER": "Arrow",
    "INT_TYPE_INT_EXPECTED": "UNEXPECTED_DATA_TYPE",
    "INT_TYPE_NOT_STRING": "UNEXPECTED_DATA_TYPE",
    "INT_TYPE_STRING_EXPECTED": "UNEXPECTED_DATA_TYPE",
    "INT_TYPE_UNKNOWN_TYPE_NUMBER": "Arrow",
    "SCHEMA_TRAINING_SERVING_SKEW": "skew_comparator",
    "STRING_TYPE_NOW_FLOAT": "UNEXPECTED_DATA_TYPE",
    "STRING_TYPE_NOW_INT": "UNEXPECTED_DATA_TYPE",
    "COMPARATOR_TREATMENT_DATA_MISSING": "SCHEMA_MISSING_COLUMN",
    "SEMANTIC_DOMAIN_UPDATE": "does not guess",
    "NLP_WRONG_LOCATION": "no field",
}
"""Types that nothing brings about, and the word by which the guide says why. TFDV itself reports none of them but
SEMANTIC_DOMAIN_UPDATE."""


def checked(call: Any, name: str, case: Case, *, rows: bool = True) -> Anomalies:
    """Check a case's data, by its rows too."""
    TABLES[name] = {"train": pa.table(case.columns)}
    examples: Examples = call(made, name=name)
    others: dict[str, Statistics] = {}
    for which, columns in (("previous", case.before), ("serving", case.serving)):
        if columns is not None:
            TABLES[which] = {"train": pa.table(columns)}
            others[which] = call(profile, call(made, name=which))
    schema: Any = Written(case.schema)
    given = {"examples": examples} if rows else {}
    return call(check_data, call(profile, examples), schema, **given, **others, **case.options)


@pytest.mark.parametrize("type_", CASES)
def test_this_brings_it_about(type_: str, call: Any) -> None:
    """And nothing else: with its words, its severity, the rows it is about, and in TFX's form."""
    case = CASES[type_]
    found = checked(call, type_, case)
    assert [(item.type, item.severity, item.description) for item in found.all()] == [(type_, case.severity, case.told)]
    (anomaly,) = found.all()
    assert len(anomaly.rows) == (case.rows or 0)
    assert anomaly.count is None or case.rows is None or anomaly.count == case.rows
    message = found.proto()
    info = message.anomaly_info[anomaly.column] if anomaly.column else message.dataset_anomaly_info
    assert [reason.type for reason in info.reason] == [TYPES[type_]]
    assert info.severity == {"error": info.ERROR, "warning": info.WARNING}[case.severity]


@pytest.mark.parametrize("type_", CASES)
def test_the_guide_says_so(type_: str) -> None:
    """Each type has its line."""
    assert f"`{type_}`" in GUIDE.read_text()


@pytest.mark.parametrize("type_", NEVER)
def test_the_guide_says_why_nothing_does(type_: str) -> None:
    """With what says it instead."""
    (line,) = [line for line in GUIDE.read_text().splitlines() if f"`{type_}`" in line and line.startswith("|")]
    assert NEVER[type_] in line


def test_no_type_is_forgotten() -> None:
    """Of those that the installed tensorflow-metadata knows."""
    assert set(CASES) | set(NEVER) == set(TYPES)
    assert set(CASES) & set(NEVER) == set()


def test_without_rows_what_only_they_can_tell_is_not_checked(call: Any) -> None:
    """And says so, as a warning, rather than passing for checked."""
    needing = {
        name: case for name, case in CASES.items() if name.startswith(("SPARSE_FEATURE_M", "SEQUENCE", "ENUM_TYPE_INV"))
    }
    for name, case in needing.items():
        found = checked(call, name, case, rows=False)
        assert found.errors == []
        assert {item.type for item in found.warnings} == {"STATS_NOT_AVAILABLE"}
        assert all(item.description.endswith(": only the rows can tell, pass examples=") for item in found.warnings)


SENSITIVE = 'annotation { tag: "sensitive" }'


def test_values_of_a_sensitive_column_are_shown_nowhere(call: Any) -> None:
    """Whatever is wrong with it: neither in words, nor in rows, nor in the verdict, the summary or TFX's form."""
    secrets = {"Mallory", "987654", "0.6543", "31415", "s3cr3t"}
    columns = {
        "name": ["Ann", "Mallory"],
        "salary": [1, 987654],
        "rate": [0.1, 0.6543],
        "pin": ["1", "s3cr3t"],
        "flag": ["true", "s3cr3t"],
        "level": [0, 31415],
        "note": [["s3cr3t"], ["x"]],
        "day": pa.array([0, 31415], pa.date32()),
    }
    schema = "".join(
        feature(f"{rest} {SENSITIVE}", name)
        for name, rest in {
            "name": 'type: BYTES string_domain { value: "Ann" }',
            "salary": "type: INT int_domain { max: 10 }",
            "rate": "type: FLOAT float_domain { max: 0.5 }",
            "pin": "type: BYTES int_domain {}",
            "flag": "type: BYTES bool_domain {}",
            "level": "type: INT bool_domain {}",
            "note": (
                'type: BYTES natural_language_domain { token_constraints { string_value: "s3cr3t" '
                "max_fraction_of_sequences: 0.1 } }"
            ),
            "day": "type: INT time_domain {}",
        }.items()
    )
    rules = [rule("salary < 5"), rule("name == 'Ann'"), rule("level < 2 and rate < 0.2")]
    case = Case(columns, schema, "", before={"name": ["Zoe", "Mallory"]}, options={"rules": rules})
    found = checked(call, "sensitive", case)
    assert len(found.errors) >= 9
    said = (found.path / "anomalies.json").read_text() + str(found.properties) + call.line + str(found.proto())
    assert [secret for secret in secrets if secret in said] == []
    assert "•••" in said
    assert re.search(r"name: 1 value outside the domain \(50 % of rows\)", said)


def test_the_message_holds_the_baseline_and_joins_reasons(call: Any) -> None:
    """As TFDV writes it: one entry a column, a reason each."""
    schema = text_format.Parse(feature("type: INT int_domain { min: 1 max: 2 }"), schema_pb2.Schema())
    TABLES["joined"] = {"train": pa.table({"a": [0, 3]})}
    examples = call(made, name="joined")
    wanted: Any = Written(feature("type: INT int_domain { min: 1 max: 2 }"))
    message = call(check_data, call(profile, examples), wanted).proto(schema)
    assert message.baseline == schema
    assert message.anomaly_info["a"].short_description == "Multiple errors"
    assert [reason.type for reason in message.anomaly_info["a"].reason] == [
        TYPES["INT_TYPE_SMALL_INT"],
        TYPES["INT_TYPE_BIG_INT"],
    ]
    assert list(message.anomaly_info["a"].path.step) == ["a"]
