"""Statistics by TFDV, for `profile.py`: run with the interpreter of an environment that has it.

PYTHON tfdv_profile.py profile FILE      rows and CPU seconds of generating statistics from Parquet, without imports
PYTHON tfdv_profile.py read STATS EVAL   TFDV's own readers on what `Statistics.write_proto` wrote
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

sys.path.pop(0)  # `profile.py` beside this file has the name of a module of Python's


def cpu() -> float:
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def record_batches(path: str) -> list[object]:
    """Return the batches as TFDV wants them: a list of values in each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches = []
    for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):  # TFDV's own batches are smaller
        columns = []
        for column in batch.columns:
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.int64())
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.int64())
            offsets = pa.array(range(len(column) + 1), pa.int32())
            lists = pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), column)
            lists = pa.compute.if_else(column.is_valid(), lists, pa.scalar(None, lists.type))
            columns.append(lists)
        batches.append(pa.RecordBatch.from_arrays(columns, batch.schema.names))
    return batches


def profile(path: str) -> None:
    import apache_beam as beam
    import pyarrow.compute  # noqa: F401
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import statistics_pb2

    batches = record_batches(path)
    rows = sum(batch.num_rows for batch in batches)
    target = str(Path(path).with_suffix(".tfdv"))
    before = cpu()
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create(batches, reshuffle=False)
            | tfdv.GenerateStatistics()
            | tfdv.WriteStatisticsToBinaryFile(target)
        )
    took = cpu() - before
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(Path(target).read_bytes())
    print(json.dumps({"rows": rows, "columns": len(found.datasets[0].features), "cpu": took, "import": before}))


def read(train: str, evaluation: str) -> None:
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.utils import display_util

    statistics = tfdv.load_statistics(train)
    if not train.endswith(".pbtxt"):
        statistics = tfdv.load_stats_binary(train)
    schema = tfdv.infer_schema(statistics)
    print(f"infer_schema: {len(schema.feature)} columns")
    for name, path in (("itself", train), ("eval", evaluation)):
        anomalies = tfdv.validate_statistics(tfdv.load_statistics(path), schema)
        print(f"validate_statistics of {name}: {len(anomalies.anomaly_info)} anomalies")
    other = tfdv.load_statistics(evaluation)
    for feature in schema.feature[:1]:
        tfdv.get_feature(schema, feature.name)
    print(f"facets: {len(display_util.get_statistics_html(statistics, other)):,} characters")


if __name__ == "__main__":
    {"profile": profile, "read": read}[sys.argv[1]](*sys.argv[2:])
