"""Import: what already lies in Parquet becomes examples as it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ParameterError
from levada.sources.agreement import check_same
from levada.sources.files import File
from levada.sources.parquet_files import ParquetSource, opened, read
from levada.sources.spans import in_words

if TYPE_CHECKING:
    import pyarrow as pa


@component
def import_data(ctx: Context, *, splits: dict[str, ParquetSource]) -> Examples:
    """Take Parquet files over as examples, one source for each split.

        import_data(splits={"train": parquet("data/train/*.parquet"), "eval": parquet("data/eval/*.parquet")})

    Files are copied into the store byte for byte, not read and written again: row groups and compression stay as they
    are. Only a file with types that examples do not have (dictionaries, large strings), or of which some columns are
    taken, is written anew.

    Raises DataError if a split has no rows, or columns or types differ between files; ParameterError without splits.
    """
    if not splits:
        raise ParameterError("import_data(splits={}): wanted a source for each split.")
    examples = ctx.output(Examples)
    root = Path(ctx.root)
    examples.properties["source"] = ", ".join(f"{name}: {source}" for name, source in splits.items())
    facts: dict[str, Any] = next((fact for source in splits.values() if (fact := source.facts(root))), {})
    examples.properties.update(facts)
    rows: dict[str, int] = {}
    copied = written = 0
    wanted: pa.Schema | None = None
    first = ""
    for name, source in splits.items():
        folder = examples.path / name
        folder.mkdir()
        rows[name] = 0
        for number, file in enumerate(source.files(root)):
            target = folder / f"part-{number:05d}.parquet"
            schema, is_copy = _take(file, source, target)
            wanted, first = wanted or schema, first or file.shown
            check_same(wanted, schema, first, file.shown, "parquet")
            copied, written = copied + is_copy, written + (not is_copy)
            rows[name] += _rows(target)
            ctx.progress(sum(rows.values()), message=f"{sum(rows.values()):,} rows")
        if not rows[name]:
            raise DataError(f"split '{name}': {source} has no rows.")
        ctx.metric(f"rows_{name}", rows[name])
    assert wanted is not None
    examples.properties["splits"] = {**rows}
    examples.properties["columns"] = [[field.name, str(field.type)] for field in wanted]
    how = f"{copied:,} file{'s' * (copied != 1)} as they are" if copied else ""
    anew = f"{written:,} file{'s' * (written != 1)} written anew" if written else ""
    several = f"{len(splits)} splits" if len(splits) > 1 else ""
    words = [f"{sum(rows.values()):,} rows", in_words(facts.get("spans", [])), several, how, anew]
    ctx.summary(" · ".join(word for word in words if word))
    return examples


def _take(file: File, source: ParquetSource, target: Path) -> tuple[pa.Schema, bool]:
    """Bring a file to its place; return its columns as examples have them, and whether it is a copy."""
    import pyarrow.parquet as pq

    with file.open() as stream, target.open("wb") as copy:
        try:
            shutil.copyfileobj(stream, copy, 1 << 20)
        except OSError as error:
            raise DataError(f"{file.shown} cannot be read: {error.strerror or error}.") from None
    # Looked at as it lies here now: whatever becomes of the other one.
    with target.open("rb") as stream:
        parquet = opened(stream, File(str(target), file.shown))
        raw = parquet.schema_arrow
        schema = source.columns_of(raw, file.shown)
        if schema.names == raw.names and all(
            field.type == schema.field(field.name).type and field.nullable for field in raw
        ):
            return schema, True
        anew = target.with_suffix(".anew")
        with pq.ParquetWriter(anew, schema, compression="zstd") as writer:
            for batch in read(parquet, schema.names, file.shown):
                writer.write_batch(batch.select(schema.names).cast(schema))
    anew.replace(target)
    return schema, False


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows
