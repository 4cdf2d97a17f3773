"""Ingest: bring rows from a source into the store, in splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from levada.artifacts.examples import Examples
from levada.component import component
from levada.context import Context
from levada.errors import DataError
from levada.sources.source import Source
from levada.sources.spans import in_words
from levada.splits.by_hash import Splits, make_splits

if TYPE_CHECKING:
    import pyarrow as pa

    from levada.artifacts.examples import ExamplesWriter


@component
def ingest(
    ctx: Context,
    source: Source,
    *,
    splits: dict[str, int] | None = None,
    split_by: list[str] | str | None = None,
    salt: str = "",
) -> Examples:
    """Read a source and divide its rows into splits.

    `splits` gives each split a weight: `{"train": 8, "eval": 1, "test": 1}`; without it all rows are in one split,
    `all`. A row's place follows from a hash of its content, or of the columns `split_by`, whose equal values then
    always share a split (all purchases of a customer, say); it stays when rows are added or reordered. `salt` gives
    another division. A row group of each split is in memory at a time.

    Raises DataError if the source has no rows, a split gets none, or the source's own checks fail; ParameterError
    for a weight below 1.
    """
    plan = make_splits(splits, split_by, salt)
    examples = ctx.output(Examples)
    examples.properties["source"] = str(source)
    examples.properties.update(facts := source.facts(Path(ctx.root)))
    done = 0
    with examples.writer() as writer:
        for batch in source.batches(Path(ctx.root)):
            _place(writer, plan, batch)
            done += batch.num_rows
            ctx.progress(done, message=f"{done:,} rows")
    if not done:
        raise DataError(f"{source} has no rows.")
    _check_filled(examples, plan)
    count = len(examples.splits)
    spans = in_words(facts.get("spans", []))
    ctx.summary(" · ".join([f"{done:,} rows", *[spans] * bool(spans), *[f"{count} splits"] * (count > 1)]))
    for split in plan.names:
        ctx.metric(f"rows_{split}", examples.rows(split))
    return examples


def _place(writer: ExamplesWriter, plan: Splits, batch: pa.RecordBatch) -> None:
    """Write each row of a batch into its split; every split is begun, in the order asked for."""
    import numpy as np

    if len(plan.names) == 1:
        writer.write(plan.names[0], batch)
        return
    places = plan.assign(batch)
    for index, name in enumerate(plan.names):
        writer.write(name, batch.take(np.flatnonzero(places == index)))


def _check_filled(examples: Examples, plan: Splits) -> None:
    empty = [name for name in plan.names if not examples.rows(name)]
    if not empty:
        return
    rows = examples.rows()
    why = f"equal values of {', '.join(plan.keys)} share a split" if plan.keys else "equal rows share a split"
    shares = ", ".join(f"{name}: {examples.rows(name):,}" for name in plan.names)
    raise DataError(
        f"split '{empty[0]}' got none of the {rows:,} rows ({shares}); {why}.",
        hint="Give it a larger weight, "
        + ("split by columns with more values, " if plan.keys else "")
        + "or bring more rows.",
    )
