"""A table of 18 columns, of the kinds that business data has: numbers, codes, words, times, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

BATCH = 131_072


def batch(number: int, rows: int) -> pa.RecordBatch:
    """Return a batch of rows; the same number gives the same rows."""
    random = np.random.default_rng(number)
    integers = random.integers

    def holes(values: Any, share: float) -> pa.Array:
        return pa.array(values, mask=random.random(rows) < share)

    def words(names: list[str]) -> pa.Array:
        chances = 1 / np.arange(1, len(names) + 1)
        return pa.array(names).take(pa.array(random.choice(len(names), rows, p=chances / chances.sum())))

    columns = {
        "id": pa.array(np.arange(rows, dtype=np.int64) + number * BATCH),
        "distance": pa.array(random.lognormal(6, 1, rows)),
        "fare": holes(np.round(random.gamma(2.0, 8.0, rows), 2), 0.03),
        "tip": pa.array(np.round(np.maximum(random.normal(0, 3, rows), 0), 2)),
        "latitude": holes(random.normal(41.9, 0.1, rows), 0.01),
        "longitude": holes(random.normal(-87.6, 0.1, rows), 0.01),
        "temperature": pa.array(random.normal(12, 9, rows).astype(np.float32)),
        "pressure": pa.array(random.normal(1013, 8, rows)),
        "passengers": pa.array(integers(1, 7, rows)),
        "area": holes(integers(1, 78, rows), 0.1),
        "seconds": pa.array(integers(0, 7200, rows)),
        "hour": pa.array(integers(0, 24, rows)),
        "carrier": words([f"{letter}{digit}" for letter in "ABDEFHMUVW" for digit in "AX9"]),
        "payment": words(["Card", "Cash", "Prcard", "Unknown", "Dispute", "No Charge"]),
        "company": words([f"Company {number}" for number in range(2000)]),
        "tail": pa.array([f"N{tail:05}" for tail in integers(0, 60_000, rows).tolist()]),
        "when": pa.array(integers(1_357_000_000, 1_388_000_000, rows) * 1_000_000, pa.timestamp("us")),
        "late": pa.array(random.random(rows) < 0.2),
    }
    return pa.RecordBatch.from_pydict(columns)


def batches(rows: int) -> Any:
    """Yield a table of so many rows in batches."""
    for number, first in enumerate(range(0, rows, BATCH)):
        yield batch(number, min(BATCH, rows - first))


def write_parquet(path: Path, rows: int) -> None:
    """Write the table as zstd Parquet, a batch a row group."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, batch(0, 1).schema, compression="zstd") as writer:
        for each in batches(rows):
            writer.write_batch(each, row_group_size=BATCH)
