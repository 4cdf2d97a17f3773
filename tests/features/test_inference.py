"""Defaults suit a column as its statistics describe it, and say why another is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Schema
from levada.components import profile
from levada.errors import DataError
from levada.features import Features, Hashed, Number, Text, Time, Words
from tests.models.workshop import Workshop

RANDOM = np.random.default_rng(3)
ROWS = 2000
START = datetime(2013, 1, 1, tzinfo=UTC)
COLUMNS: dict[str, Any] = {
    "fare": RANDOM.normal(10, 3, ROWS),
    "income": RANDOM.lognormal(8, 2, ROWS),
    "gappy": pa.array(RANDOM.normal(size=ROWS), mask=RANDOM.random(ROWS) < 0.2),
    "grade": RANDOM.integers(1, 6, ROWS),
    "minutes": RANDOM.integers(0, 1440, ROWS),
    "member": RANDOM.random(ROWS) < 0.5,
    "city": RANDOM.choice(["Lisbon", "Funchal", "Porto"], ROWS),
    "street": [f"street {number}" for number in RANDOM.integers(0, 300, ROWS)],
    "trip_id": [f"t{number}" for number in range(ROWS)],
    "row_number": np.arange(ROWS),
    "review": [f"a long text of several words, the {number}th of its kind" for number in range(ROWS)],
    "currency": ["EUR"] * ROWS,
    "nothing": pa.nulls(ROWS, pa.float64()),
    "tags": [["a", "b"][: number % 3] for number in range(ROWS)],
    "at": [START + timedelta(hours=5 * number) for number in range(ROWS)],
    "day": [date(2013, 1, 1) + timedelta(days=number % 20) for number in range(ROWS)],
    "late": RANDOM.integers(0, 2, ROWS),
}


def inferred(workshop: Workshop, schema: str = "", **options: Any) -> Features:
    found = workshop.call(profile, workshop.examples(pa.table(COLUMNS), "train"), node=f"n{len(workshop.said)}")
    kept = workshop.make(Schema, lambda made: (made.path / "schema.pbtxt").write_text(schema)) if schema else None
    return Features.infer(found, kept, **options)


def test_each_column_gets_what_suits_it(workshop: Workshop) -> None:
    features = inferred(workshop, label="late")
    assert dict(features.kinds) == {
        "fare": Number(),
        "income": Number(log=True),
        "gappy": Number(indicator=True),
        "grade": Words(),
        "minutes": Number(),
        "member": Number(scale="none"),
        "city": Words(),
        "street": Words(encode="embedding"),
        "review": Text(),
        "tags": Words(),
        "at": Time(("hour", "weekday", "month")),
        "day": Time(("weekday",)),
    }
    assert features.left_out == {
        "trip_id": "2,000 distinct values in 2,000 rows: an identifier",
        "row_number": "2,000 distinct values in 2,000 rows: an identifier",
        "currency": "never changes",
        "nothing": "has no values",
        "late": "the label",
    }


def test_what_is_proposed_can_be_fitted(workshop: Workshop) -> None:
    features = inferred(workshop, label="late")
    plain = Features({name: kind for name, kind in features.kinds.items() if name not in features.counted})
    found = workshop.call(profile, workshop.examples(pa.table(COLUMNS), "train"), node="again")
    assert len(plain.fitted(found).tensors) == len(plain.columns) == 11


def test_words_too_many_for_a_vocabulary_are_hashed(workshop: Workshop) -> None:
    table = pa.table({"w": [f"w{number % 1500}" for number in range(ROWS)]})
    found = workshop.call(profile, workshop.examples(table, "train"), vocabulary=100)
    (kind,) = Features.infer(found).kinds.values()
    assert isinstance(kind, Hashed) and 64 <= kind.bins <= 1024


def test_what_people_said_in_the_schema_counts(workshop: Workshop) -> None:
    schema = (
        'feature { name: "fare" type: FLOAT not_in_environment: "SERVING" }'
        'feature { name: "street" type: BYTES annotation { tag: "sensitive" } }'
    )
    features = inferred(workshop, schema, label="late", leave_out=["city"])
    assert "fare" not in features.kinds and "city" not in features.kinds
    assert (features.left_out or {})["fare"] == "the schema says it is not there when serving"
    assert (features.left_out or {})["street"] == "the schema says it is sensitive"


def test_a_label_that_is_not_there_is_refused(workshop: Workshop) -> None:
    with pytest.raises(DataError, match=r"no column 'latte' to leave out\.\nDid you mean late"):
        inferred(workshop, label="latte")
