"""Real data, where LEVADA_DATA names its folder: read whole, and profiled as pandas sees it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Statistics
from levada.components import csv, infer_schema, ingest, parquet, profile
from levada.validation.schema_checks import find_anomalies

FOLDER = os.environ.get("LEVADA_DATA", "")
DATA = Path(FOLDER)

pytestmark = pytest.mark.skipif(not FOLDER, reason="LEVADA_DATA does not name a folder with real data")


def test_the_taxi_trips_are_what_pandas_reads(call: Any) -> None:
    examples: Examples = call(ingest, csv(DATA / "chicago_taxi/data.csv"))
    statistics: Statistics = call(profile, examples)
    frame = pd.read_csv(DATA / "chicago_taxi/data.csv")
    assert statistics.rows() == len(frame) == 15_002
    for name, column in statistics.columns().items():
        values = frame[name]
        assert column.missing == values.isna().sum()
        assert column.distinct == values.nunique()
        if column.kind == "numeric":
            assert (column.mean, column.std) == pytest.approx((values.mean(), values.std(ddof=0)))
            assert (column.min, column.max) == (values.min(), values.max())
        else:
            assert dict(column.counts()) == values.value_counts().to_dict()


def test_purchases_of_a_customer_share_a_split(call: Any) -> None:
    """Half a million rows; those without a customer are spread."""
    source = parquet(DATA / "online_retail/online_retail.parquet")
    examples: Examples = call(ingest, source, splits={"train": 8, "eval": 2}, split_by="CustomerID")
    frames = {split: examples.to_pandas(split, ["CustomerID"])["CustomerID"] for split in examples.splits}
    customers = {split: set(ids.dropna()) for split, ids in frames.items()}
    assert not customers["train"] & customers["eval"]
    assert examples.rows() == 541_909
    assert len(customers["eval"]) / sum(map(len, customers.values())) == pytest.approx(0.2, abs=0.03)
    unknown = {split: int(ids.isna().sum()) for split, ids in frames.items()}
    assert unknown["eval"] / sum(unknown.values()) == pytest.approx(0.2, abs=0.01)


def test_beam_sees_the_same_purchases(call: Any) -> None:
    examples: Examples = call(ingest, parquet(DATA / "online_retail/online_retail.parquet"))
    here, by_beam = call(profile, examples), call(profile, examples, beam_from_rows=1)
    assert (here.path / "statistics.json").read_bytes() == (by_beam.path / "statistics.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("customer_service/multidogo_turns.csv.gz", 116_597),  # line breaks within quotes
        ("customer_service/banking77.csv.gz", 13_083),
        ("amazon/grocery_interactions.csv.gz", 121_892),
        ("bike_sharing/bike_hour.csv.gz", 17_379),
    ],
)
def test_data_fits_the_schema_it_proposes(call: Any, name: str, rows: int) -> None:
    examples: Examples = call(ingest, csv(DATA / name), splits={"train": 8, "eval": 2})
    assert examples.rows() == rows
    statistics = call(profile, examples)
    assert find_anomalies(statistics, call(infer_schema, statistics, ranges=True).proto()) == []


def test_images_are_profiled_without_being_kept(call: Any) -> None:
    statistics: Statistics = call(profile, call(ingest, parquet(DATA / "cifar10/cifar10_lossless.parquet")))
    image = statistics.column("image")
    assert (image.kind, image.count, image.top, image.type) == ("bytes", 6102, (), str(pa.binary()))
    assert image.distinct == pytest.approx(6102, rel=0.05)
