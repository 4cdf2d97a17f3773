"""What differs between two schemas, in words; what a schema says for people; what of it is shown."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from typing import Any

import pytest

from levada.artifacts import Schema
from levada.artifacts.schema import parse_schema
from levada.artifacts.statistics import ColumnStatistics, Lengths
from levada.schemas.difference import counted, difference
from levada.schemas.masking import MASK, mask_column, mask_columns, mask_row, mask_slice
from levada.schemas.wording import worded


def feature(rest: str) -> str:
    return f'feature {{ name: "a" {rest} }}'


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ("type: INT", "type: FLOAT", ["type: whole numbers -> numbers"]),
        ("type: INT", "type: INT bool_domain {}", ["type: whole numbers -> true or false"]),
        (
            "presence { min_fraction: 1 }",
            "presence { min_fraction: 0.955 }",
            ["presence: always there -> there in at least 95.5 % of rows"],
        ),
        ("presence { min_fraction: 1 }", "", ["presence: always there -> may be missing"]),
        ("shape { dim { size: 2 } }", "value_count { min: 1 }", ["shape: 2 values a row -> 1 or more values a row"]),
        ("int_domain { min: 0 max: 9 }", "int_domain { min: 0 }", ["range: 0 to 9 -> 0 and more"]),
        ("float_domain { max: 0.1 }", "", ["range: 0.1 and less -> any"]),
        ("float_domain {}", "float_domain { disallow_nan: true }", ["range: any number -> no NaN"]),
        ('string_domain { value: "x" }', 'string_domain { value: "y" }', ["domain: + 'y', - 'x'"]),
        ('string_domain { value: "x" }', "", ["values: 'x' -> any"]),
        ("", 'string_domain { value: "x" }', ["values: any -> 'x'"]),
        ('annotation { tag: "unit: km" }', 'annotation { tag: "unit: mi" }', ["unit: km -> mi"]),
        ("", 'annotation { tag: "sensitive" comment: "Who" }', ["description: none -> Who", "sensitive: none -> yes"]),
        ('annotation { tag: "mine" }', "", ["tags: mine -> none"]),
        ('not_in_environment: "SERVE"', 'in_environment: "TRAIN"', ["environments: not in SERVE -> in TRAIN"]),
        ("lifecycle_stage: DEPRECATED", "", ["stage: deprecated -> none"]),
        ("unique_constraints { min: 1 max: 3 }", "", ["distinct: 1 to 3 distinct values -> any"]),
        (
            "drift_comparator { infinity_norm { threshold: 0.5 } }",
            "",
            ["other: drift_comparator { infinity_norm { threshold: 0.5 } } -> any"],
        ),
        (
            'string_domain { value: "x" } annotation { tag: "sensitive" }',
            'string_domain { value: "y" value: "z" } annotation { tag: "sensitive" }',
            ["domain: + 2 values, - 1 value"],
        ),
        ('string_domain { value: "x" value: "y" }', 'string_domain { value: "y" value: "x" }', []),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(left: str, right: str, words: list[str]) -> None:
    found = difference(parse_schema(feature(left), ""), parse_schema(feature(right), ""))
    assert [change.words for change in found] == words


def test_what_is_asked_of_the_whole_is_compared_too() -> None:
    left = parse_schema('default_environment: "A" dataset_constraints { min_examples_count: 1 }', "")
    right = parse_schema('default_environment: "B"', "")
    assert [(change.kind, change.words) for change in difference(left, right)] == [
        ("changed", 'default_environment: default_environment: "A" -> default_environment: "B"'),
        ("removed", "dataset_constraints: dataset_constraints { min_examples_count: 1 } -> any"),
    ]


def test_a_shared_domain_is_compared_by_its_values() -> None:
    shared = 'string_domain { name: "d" value: "x" } feature { name: "a" domain: "d" }'
    own = 'feature { name: "a" string_domain { value: "x" value: "y" } }'
    assert [change.words for change in difference(parse_schema(shared, ""), parse_schema(own, ""))] == ["domain: + 'y'"]


def test_many_values_are_cut_and_changes_counted() -> None:
    values = " ".join(f'value: "{number}"' for number in range(12))
    left = parse_schema(feature(""), "")
    right = parse_schema(feature(f"string_domain {{ {values} }}") + 'feature { name: "b" }', "")
    found = difference(left, right)
    assert found[0].after.endswith("'7', 4 more")
    assert counted(found) == "1 column more, 1 column changed"
    assert counted([]) == ""


class At(Schema):
    """A schema whose text is at hand."""

    def __init__(self, text: str) -> None:
        self._text = text

    def proto(self) -> Any:
        return parse_schema(self._text, "at hand")


NOTED = At("""
feature {
  name: "salary"
  annotation { tag: "sensitive" tag: "unit: EUR" comment: "Of last year," comment: "before\\n  taxes." }
}
feature { name: "age" }
""")


def test_a_schema_says_units_descriptions_and_what_is_sensitive() -> None:
    assert NOTED.sensitive == {"salary"}
    assert (NOTED.unit("salary"), NOTED.unit("age"), NOTED.unit("gone")) == ("EUR", "", "")
    assert NOTED.description("salary") == "Of last year, before taxes."
    assert NOTED.description("age") == ""
    assert worded(NOTED.proto().feature[0], NOTED.proto()).line == "may be missing, sensitive"


COLUMN = ColumnStatistics(
    "salary",
    "int64",
    "numeric",
    9,
    1,
    8,
    2,
    0,
    3,
    True,
    5,
    7,
    (6.0, 1.0),
    (5, 6, 7),
    ((5, 3),),
    Lengths(1, 2, 1.5),
    True,
)


def test_of_a_sensitive_column_only_counts_are_shown() -> None:
    masked = mask_column(COLUMN)
    kept = {"name": "salary", "type": "int64", "kind": "numeric", "rows": 9, "missing": 1, "values": 8, "distinct": 3}
    blank = ColumnStatistics(**kept, exact=True)  # pyright: ignore[reportArgumentType]
    assert masked == blank
    columns = {"salary": COLUMN, "other": COLUMN}
    assert mask_columns(columns, NOTED.sensitive) == {"salary": blank, "other": COLUMN}


def test_rows_and_slices_are_masked() -> None:
    assert mask_row({"salary": 5, "age": 5}, NOTED.sensitive) == {"salary": MASK, "age": 5}
    assert mask_row({"salary": None}, NOTED.sensitive) == {"salary": None}
    assert mask_slice("salary=5", NOTED.sensitive) == f"salary={MASK}"
    assert mask_slice("age=5", NOTED.sensitive) == "age=5"
    assert mask_slice("all", {"all"}) == "all"


TFX = """
feature {
  name: "payment_type"
  type: BYTES
  domain: "payment_type"
  presence { min_fraction: 1.0 min_count: 1 }
  shape { dim { size: 1 } }
  drift_comparator { infinity_norm { threshold: 0.01 } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.01 } }
}
feature {
  name: "trip_miles"
  value_count { min: 1 max: 1 }
  type: FLOAT
  presence { min_count: 1 }
  float_domain { min: 0.0 name: "miles" disallow_nan: true }
  unique_constraints { min: 1 max: 100 }
}
feature {
  name: "tokens"
  value_counts { value_count { min: 1 } value_count { min: 1 max: 5 } }
  type: BYTES
  natural_language_domain { vocabulary: "words" coverage { min_coverage: 0.5 } }
  validation_derived_source { deriver_name: "x" }
  lifecycle_stage: VALIDATION_DERIVED
}
feature { name: "where" type: STRUCT struct_domain { feature { name: "lat" type: FLOAT } } in_environment: "SERVING" }
sparse_feature { name: "s" index_feature { name: "i" } value_feature { name: "v" } }
weighted_feature { name: "w" feature { step: "i" } weight_feature { step: "v" } }
string_domain { name: "payment_type" value: "Cash" value: "Credit Card" }
default_environment: "TRAINING"
represent_variable_length_as_ragged: true
tensor_representation_group {
  key: ""
  value { tensor_representation { key: "trip_miles" value { dense_tensor { column_name: "trip_miles" shape { } } } } }
}
dataset_constraints { min_examples_count: 10 num_examples_drift_comparator { min_fraction_threshold: 0.5 } }
annotation { comment: "Trips." }
"""


def test_a_schema_of_tfx_loads_and_is_kept_as_it_is() -> None:
    """With all that TFX's own tools write: shared domains, comparators, tensors, structures."""
    schema = parse_schema(TFX, "schema.pbtxt")
    assert [change.words for change in difference(schema, schema)] == []
    said = worded(schema.feature[0], schema)
    assert said.values == ("Cash", "Credit Card")
    assert "drift_comparator { infinity_norm { threshold: 0.01 } }" in said.facets["other"]
