"""Reading formats beside plain pyarrow and tf.data: `.venv/bin/python benchmarks/data/formats.py [--rows 200000]`

Rows a CPU-second, all threads and children of a reading counted, each in a process of its own after a first reading
that imports what it needs. 18 columns: six of int64, six of float32, six of text.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

COLUMNS = 6


def make(folder: Path, rows: int) -> None:
    """Write the same rows as Parquet, Arrow and TFRecord."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from levada.components import write_tfrecord

    random = np.random.default_rng(0)
    columns: dict[str, Any] = {}
    for number in range(COLUMNS):
        columns[f"int_{number}"] = pa.array(random.integers(-5, 10 ** (number + 1), rows))
        columns[f"float_{number}"] = pa.array(random.normal(size=rows).astype("f4"))
        words = pa.array([f"word {n}" for n in range(10 ** min(number + 1, 4))])
        columns[f"text_{number}"] = words.take(pa.array(random.integers(0, len(words), rows)))
    table = pa.table(columns)
    pq.write_table(table, folder / "x.parquet", compression="zstd")
    with pa.ipc.new_file(str(folder / "x.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
    write_tfrecord(folder / "x.tfrecord", table)


def by_source(name: str, source: str, **options: Any) -> Callable[[Path], int]:
    def read(folder: Path) -> int:
        import levada.components

        made = getattr(levada.components, source)(name, **options)
        return sum(batch.num_rows for batch in made.batches(folder))

    return read


def plain_parquet(folder: Path) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / "x.parquet", pre_buffer=False) as file:
        return sum(batch.num_rows for batch in file.iter_batches())


def plain_arrow(folder: Path) -> int:
    import pyarrow as pa

    with pa.OSFile(str(folder / "x.arrow")) as file:
        opened = pa.ipc.open_file(file)
        return sum(opened.get_batch(number).num_rows for number in range(opened.num_record_batches))


def tf_data(folder: Path) -> int:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    types = {"int": tf.int64, "float": tf.float32, "text": tf.string}
    wanted = {f"{kind}_{n}": tf.io.FixedLenFeature([], types[kind]) for kind in types for n in range(COLUMNS)}
    records = tf.data.TFRecordDataset(str(folder / "x.tfrecord")).batch(4096)
    return sum(int(batch["int_0"].shape[0]) for batch in records.map(lambda some: tf.io.parse_example(some, wanted)))


def write(folder: Path) -> int:
    import pyarrow as pa

    from levada.components import write_tfrecord

    with pa.OSFile(str(folder / "x.arrow")) as file:
        return write_tfrecord(folder / "y.tfrecord", pa.ipc.open_file(file).read_all())


DECLARED = {f"{kind}_{n}": type_ for kind, type_ in (("int", "int64"), ("float", "float32"), ("text", "string")) for n in range(COLUMNS)}  # fmt: skip # noqa: E501
READINGS: dict[str, Callable[[Path], int]] = {
    "Parquet, plain pyarrow": plain_parquet,
    "Parquet, parquet()": by_source("x.parquet", "parquet"),
    "Arrow, plain pyarrow": plain_arrow,
    "Arrow, arrow_files()": by_source("x.arrow", "arrow_files"),
    "TFRecord, tf.data and parse_example": tf_data,
    "TFRecord, tfrecord(columns=...)": by_source("x.tfrecord", "tfrecord", columns=DECLARED),
    "TFRecord, tfrecord()": by_source("x.tfrecord", "tfrecord"),
    "TFRecord written, write_tfrecord()": write,
}


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure each reading in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--reading", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.reading:
        read = READINGS[asked.reading]
        read(asked.folder)
        times: list[float] = []
        for _ in range(3):
            before = used()
            rows = read(asked.folder)
            times.append(used() - before)
        print(json.dumps({"rows": rows, "seconds": min(times)}))
        return
    with tempfile.TemporaryDirectory(prefix="levada-formats-") as name:
        make(Path(name), asked.rows)
        print(f"{asked.rows:,} rows x {3 * COLUMNS}; the best of three")
        print("| reading | CPU s | rows / CPU-s |\n|---|---|---|")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        for reading in READINGS:
            words = [sys.executable, __file__, "--reading", reading, "--folder", name]
            done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"| {reading} | {found['seconds']:.2f} | {found['rows'] / found['seconds']:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
