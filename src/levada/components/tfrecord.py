"""Export: examples as TFX reads them."""

from __future__ import annotations

from levada.artifacts.examples import Examples
from levada.artifacts.tf_records import TfRecords
from levada.component import component
from levada.context import Context
from levada.sources.tfrecord import write_tfrecord


@component
def export_tfrecord(ctx: Context, examples: Examples) -> TfRecords:
    """Write examples as gzipped TFRecord files of tf.Example, in the folders that TFX's `ImportExampleGen` reads.

    Whole numbers and booleans become int64 lists, other numbers float lists (float32), text and bytes bytes lists,
    dates and times ISO 8601 text; what is missing is no feature.

    Raises DataError for a column of another type.
    """
    import pyarrow.parquet as pq

    records = ctx.output(TfRecords)
    rows: dict[str, int] = {}
    for split in examples.splits:
        folder = records.path / f"Split-{split}"
        folder.mkdir()
        parts = examples.files(split)
        rows[split] = 0
        for number, part in enumerate(parts):
            target = folder / f"data_tfrecord-{number:05d}-of-{len(parts):05d}.gz"
            with pq.ParquetFile(part, pre_buffer=False) as parquet:
                rows[split] += write_tfrecord(target, parquet.iter_batches(), compression="gzip")
            ctx.progress(sum(rows.values()), examples.rows(), f"{sum(rows.values()):,} rows")
    records.properties["splits"] = {**rows}
    ctx.summary(f"{sum(rows.values()):,} rows")
    return records
