"""Training input, side by side: `.venv/bin/python benchmarks/data/input.py [ROWS]`

The same 18 columns (12 numbers, 6 texts; a twentieth missing) as zstd Parquet read by `levada.models.batches` into
batches of 1024, shuffled and in order, and as TFRecord.gz of tf.Example, parsed by `tf.io.parse_example` in batches,
as TFX's trainers do. Each is read in a process of its own; the least CPU seconds of four times, all threads, without
imports. A line each: what; rows; CPU seconds; rows a CPU second; ratio to TFRecord.gz.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.measure import once
from levada.models import Tensor, batches
from tests.models.workshop import Workshop

ROWS = 250_000
TIMES = 4
NUMBERS = [f"n{number}" for number in range(12)]
TEXTS = [f"t{number}" for number in range(6)]
WORDS = (2, 7, 16, 100, 1000, 20_000)
TENSORS = (*(Tensor(name, "float32") for name in NUMBERS), *(Tensor(name, "string") for name in TEXTS))
WAYS = ("shuffled", "in order", "TFRecord.gz")


def made(rows: int) -> pa.Table:
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {}
    for name in NUMBERS:
        columns[name] = pa.array(random.normal(size=rows), mask=random.random(rows) < 0.05)
    for name, many in zip(TEXTS, WORDS, strict=True):
        words = np.array([f"{name}-{number}" for number in range(many)], dtype=object)
        columns[name] = pa.array(words[random.integers(0, many, rows)], mask=random.random(rows) < 0.05)
    return pa.table(columns)


def write_records(table: pa.Table, file: Path) -> None:
    import tensorflow as tf

    def feature(value: Any) -> Any:
        if isinstance(value, str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=[] if value is None else [value]))

    with tf.io.TFRecordWriter(str(file), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for batch in table.to_batches(10_000):
            for row in batch.to_pylist():
                features = {name: feature(value) for name, value in row.items() if value is not None}
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())


def records(file: Path) -> Any:
    import tensorflow as tf

    spec: dict[str, Any] = {name: tf.io.FixedLenFeature((), tf.float32, float("nan")) for name in NUMBERS}
    spec |= {name: tf.io.FixedLenFeature((), tf.string, "") for name in TEXTS}
    data = tf.data.TFRecordDataset(str(file), compression_type="GZIP").batch(1024)
    return data.map(lambda rows: tf.io.parse_example(rows, spec)).prefetch(4)


def read(way: str, folder: Path, rows: int) -> None:
    """Read all rows several times, as a trainer does, inside TensorFlow; print the least CPU seconds."""
    import tensorflow as tf

    if way == "TFRecord.gz":
        data = records(folder / "rows.tfrecord.gz")
    else:
        workshop = Workshop(folder, name=way)
        examples = workshop.examples(pq.read_table(folder / "rows.parquet"), "train")
        data = batches(examples, "train", TENSORS, seed=1 if way == "shuffled" else None)
    seconds: list[float] = []
    for _ in range(TIMES):
        before = time.process_time()
        seen = int(data.reduce(np.int64(0), lambda count, batch: count + tf.size(batch["n0"], tf.int64)))
        seconds.append(time.process_time() - before)
        assert seen == rows, seen
    print(min(seconds), flush=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="input-of-levada-") as name:
        folder = Path(name)
        table = made(rows)
        pq.write_table(table, folder / "rows.parquet")
        write_records(table, folder / "rows.tfrecord.gz")
        seconds = {
            way: float(once([sys.executable, __file__, "--read", way, folder, str(rows)]).output.split()[-1])
            for way in WAYS
        }
    for way in WAYS:
        rate = rows / seconds[way]
        ratio = seconds["TFRecord.gz"] / seconds[way]
        print(f"{way};{rows};{seconds[way]:.2f};{rate:,.0f};{ratio:.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
