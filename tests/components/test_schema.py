"""Schema: a proposal that the data itself fits, in a text that TFX reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from levada.artifact import ArtifactRecord, made
from levada.artifacts import Examples, Schema, Statistics
from levada.artifacts.schema import schema_text
from levada.component import component
from levada.components import infer_schema, profile, schema_file
from levada.context import Context
from levada.errors import DataError
from levada.externals import resolve
from levada.schemas.inference import infer
from levada.store import Store, artifact_digest, entries_of
from levada.validation.schema_checks import find_anomalies


@component
def trips(ctx: Context) -> Examples:
    made = ctx.output(Examples)
    rows = {
        "distance": [1.5, 2.5, None, 4.0],
        "seats": [4, 4, 2, 4],
        "payment": ["Cash", "Card", "Cash", "Card"],
        "company": ["A", "B", "C", None],
        "shared": [True, False, True, False],
        "start": pa.array(range(4), pa.timestamp("us")),
        "pixels": [[0.5, 1.0]] * 4,
        "tags": [["x"], ["x", "y"], ["z"], ["x"]],
        "nothing": pa.nulls(4),
    }
    made.write("train", pa.table(rows))
    others = {"payment": ["Cash", "Coin", "Cash", "Coin"], "seats": [1, 2, 3, 9], "company": ["D", "E", "F", None]}
    made.write("eval", pa.table({**rows, **others}))
    return made


PROPOSAL = """\
feature {
  name: "distance"
  value_count {
    min: 1
    max: 1
  }
  type: FLOAT
  float_domain {
    min: 1.5
    max: 4.0
  }
  presence {
    min_fraction: 0.67
    min_count: 1
  }
}
feature {
  name: "seats"
  type: INT
  int_domain {
    min: 1
    max: 9
  }
  presence {
    min_fraction: 1.0
    min_count: 1
  }
  shape {
    dim {
      size: 1
    }
  }
}
feature {
  name: "payment"
  type: BYTES
  string_domain {
    name: "payment"
    value: "Card"
    value: "Cash"
    value: "Coin"
  }
  presence {
    min_fraction: 1.0
    min_count: 1
  }
  shape {
    dim {
      size: 1
    }
  }
}
"""


@pytest.fixture
def statistics(call: Any) -> Statistics:
    return call(profile, call(trips))


def test_the_proposal_is_this_text(statistics: Statistics) -> None:
    """Over all splits: `Coin` and 9 seats are in eval only."""
    text = schema_text(infer(statistics, ranges=True))
    assert text[: len(PROPOSAL)] == PROPOSAL


def test_ranges_are_proposed_only_if_asked(statistics: Statistics) -> None:
    proposal = infer(statistics)
    assert not any(feature.HasField("int_domain") or feature.HasField("float_domain") for feature in proposal.feature)


def test_each_kind_of_column_has_its_type_and_shape(statistics: Statistics) -> None:
    features = {feature.name: feature for feature in infer(statistics).feature}
    types = {name: schema_pb2.FeatureType.Name(feature.type) for name, feature in features.items()}
    assert types == {
        "distance": "FLOAT",
        "seats": "INT",
        "payment": "BYTES",
        "company": "BYTES",
        "shared": "INT",
        "start": "INT",
        "pixels": "FLOAT",
        "tags": "BYTES",
        "nothing": "TYPE_UNKNOWN",
    }
    assert features["shared"].HasField("bool_domain")
    assert features["start"].time_domain.integer_format == schema_pb2.TimeDomain.UNIX_MICROSECONDS
    assert features["pixels"].shape.dim[0].size == 2
    assert (features["tags"].value_count.min, features["tags"].HasField("shape")) == (1, False)
    assert (features["nothing"].presence.min_fraction, features["nothing"].presence.min_count) == (0, 0)
    assert not features["company"].HasField("string_domain"), "each value once is no domain"


def test_the_data_fits_the_schema_that_it_proposed(statistics: Statistics) -> None:
    assert find_anomalies(statistics, infer(statistics, ranges=True)) == []


def test_the_component_writes_the_text_form(call: Any, statistics: Statistics) -> None:
    schema: Schema = call(infer_schema, statistics)
    assert call.line == "9 columns"
    assert schema.file.name == "schema.pbtxt"
    assert text_format.Parse(schema.file.read_text(), schema_pb2.Schema()) == infer(statistics) == schema.proto()


def test_a_schema_of_the_project_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/trips.pbtxt").write_text('feature { name: "distance" type: FLOAT }')
    drawn = schema_file("schemas/trips.pbtxt").drawn
    assert drawn is not None
    store = Store(tmp_path / "store")
    record = resolve(drawn.binding, store, tmp_path).record
    assert record is not None
    schema = made(record, store)
    assert isinstance(schema, Schema)
    assert schema.file.name == "trips.pbtxt"
    assert schema.proto().feature[0].name == "distance"


def schema_of(folder: Path) -> Schema:
    files = tuple(entries_of(folder))
    record = ArtifactRecord(Schema.type_reference(), str(folder), artifact_digest(files, {}), {}, files)
    artifact = made(record, Store(folder.parent))
    assert isinstance(artifact, Schema)
    return artifact


def test_a_text_that_is_no_schema_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.pbtxt").write_text('feature {\n  name: "a"\n  typ: FLOAT\n}\n')
    with pytest.raises(DataError) as caught:
        schema_of(tmp_path).proto()
    told = str(caught.value)
    assert told.startswith("this is not a schema: ")
    assert '"typ"' in told
    assert "\n  x.pbtxt:3   typ: FLOAT\n" in told


def test_a_folder_without_a_single_schema_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a single \*\.pbtxt file, and .* has nothing"):
        schema_of(tmp_path).proto()
