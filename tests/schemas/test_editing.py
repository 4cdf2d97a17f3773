"""Editing a schema's file: it becomes the wanted schema, and what people wrote around it stays."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from levada.artifacts.schema import parse_schema, schema_text
from levada.errors import DataError
from levada.schemas.editing import edit

ROOT = Path(__file__).parents[2]
FLIGHTS = (ROOT / "schemas/flights.pbtxt").read_text()


def changed(text: str, change: Any) -> Any:
    schema = parse_schema(text, "x")
    change(schema)
    return schema


def named(schema: Any, name: str) -> Any:
    return next(feature for feature in schema.feature if feature.name == name)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_what_is_equal_is_not_touched() -> None:
    assert edit(FLIGHTS, parse_schema(FLIGHTS, "x")) == FLIGHTS


def test_only_the_fields_that_differ_are_written() -> None:
    """One value more, a bound, a note: three places of the file."""

    def change(schema: Any) -> None:
        named(schema, "carrier").string_domain.value.append("Z")
        named(schema, "distance").int_domain.max = 7000
        named(schema, "wind_gust").presence.ClearField("min_count")

    edited = edit(FLIGHTS, changed(FLIGHTS, change))
    old, new = FLIGHTS.splitlines(), edited.splitlines()
    assert [(a.strip(), b.strip()) for a, b in zip(old, new, strict=True) if a != b] == [
        (
            'value: "HA" value: "MQ" value: "OO" value: "UA" value: "US" value: "VX" value: "WN" value: "YV"',
            'value: "HA" value: "MQ" value: "OO" value: "UA" value: "US" value: "VX" value: "WN" value: "YV" value: "Z"',  # noqa: E501
        ),
        ("int_domain { min: 1 max: 6000 }", "int_domain { min: 1 max: 7000 }"),
        ("presence { min_fraction: 0.05 min_count: 1 }", "presence { min_fraction: 0.05 }"),
    ]


def test_a_column_that_goes_takes_the_comment_above_it_along() -> None:
    start, end = '# The file.\n\n# One.\nfeature { name: "a" }\n\n', '# Three.\nfeature { name: "c" }\n'
    text = start + '# Two,\n# at length.\nfeature {\n  name: "b"\n}\n' + end
    edited = edit(text, changed(text, lambda schema: schema.feature.pop(1)))
    assert edited == start + end


def test_the_files_own_way_of_writing_is_followed() -> None:
    """On one line what was on one line, indented what was indented, comments behind values where they are."""
    text = """\
feature { name: "a" type: INT presence { min_count: 1 } }  # short
feature {
    name: "b"  # four spaces
    string_domain {
        value: "x"
        value: "y"  # the last
    }
}
"""

    def change(schema: Any) -> None:
        schema.feature[0].presence.min_fraction = 0.5
        schema.feature[1].string_domain.value.append("z")
        schema.feature[1].type = schema_pb2.BYTES

    assert (
        edit(text, changed(text, change))
        == """\
feature { name: "a" type: INT presence { min_count: 1 min_fraction: 0.5 } }  # short
feature {
    name: "b"  # four spaces
    string_domain {
        value: "x"
        value: "y"  # the last
        value: "z"
    }
    type: BYTES
}
"""
    )


@pytest.mark.parametrize(
    "text",
    [
        'feature { name: "a" string_domain { value: ["x", "y"] } }\n# kept\nfeature { name: "b" type: INT }\n',
        "feature < name: 'a' string_domain < value: 'x' value: 'y' > >\n# kept\nfeature { name: \"b\" type: INT }\n",
        'feature: { name: "a"; string_domain: { value: "x", value: "y" } }\n# kept\nfeature { name: "b" type: INT }\n',
        'feature { name: "a" string_domain { value: "x" value: "y" } } # kept\nfeature { name: "b" type: INT }',
        'feature { name: "a" "" string_domain { value: "x" value: "y" } }\n# kept\nfeature { name: \'b\' type: 2 }',
    ],
)
def test_other_ways_to_write_a_schema_are_understood(text: str) -> None:
    """Brackets, angle brackets, commas, text in pieces: what cannot be edited in place is written anew."""

    def change(schema: Any) -> None:
        schema.feature[0].string_domain.value.append("#z} \"'")
        schema.feature.add(name="c")

    wanted = changed(text, change)
    edited = edit(text, wanted)
    assert parse_schema(edited, "x") == wanted
    assert "# kept" in edited
    (rest,) = re.findall(r"(feature \{ name: ['\"]b['\"] type: \w+ \})", edited)
    assert rest in text


def test_a_text_that_is_no_schema_is_not_edited() -> None:
    with pytest.raises(DataError, match="this is not a schema"):
        edit("feature {", schema_pb2.Schema(), "x.pbtxt")


NAMES = st.sampled_from(["a", "b", "c d", "é", '"', "#", "}"])
VALUES = st.lists(st.text(max_size=4), max_size=3)


@st.composite
def schemas(draw: st.DrawFn) -> Any:
    """Schemas with a little of everything."""
    schema = schema_pb2.Schema()
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        feature = schema.feature.add(name=name)
        if draw(st.booleans()):
            feature.type = draw(st.integers(0, 4))
        if draw(st.booleans()):
            feature.presence.min_fraction = draw(st.floats(0, 1))
        if draw(st.booleans()):
            feature.presence.min_count = draw(st.integers(0, 9))
        match draw(st.integers(0, 3)):
            case 0:
                feature.string_domain.value.extend(draw(VALUES))
            case 1:
                feature.int_domain.min = draw(st.integers(-9, 9))
            case 2:
                feature.bool_domain.SetInParent()
            case _:
                pass
        for size in draw(st.lists(st.integers(0, 4), max_size=3)):
            feature.shape.dim.add(size=size)
        feature.not_in_environment.extend(draw(VALUES))
        feature.annotation.tag.extend(draw(VALUES))
    schema.default_environment.extend(draw(VALUES))
    for name in draw(st.lists(NAMES, max_size=2, unique=True)):
        schema.string_domain.add(name=name).value.extend(draw(VALUES))
    return schema


@given(before=schemas(), after=schemas(), compact=st.booleans())
def test_any_schema_becomes_any_other(before: Any, after: Any, compact: bool) -> None:
    """And back; comments at the head stay."""
    text = text_format.MessageToString(before, as_one_line=True) if compact else schema_text(before)
    text = f"# Ours.\n\n{text}\n"
    edited = edit(text, after)
    assert parse_schema(edited, "x") == after
    assert edited.startswith("# Ours.\n")
    assert parse_schema(edit(edited, before), "x") == before
