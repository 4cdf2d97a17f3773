"""Ask a model about every row of some examples, and keep what it says."""

from __future__ import annotations

from levada.artifacts.examples import Examples
from levada.artifacts.model import Model
from levada.artifacts.predictions import Predictions
from levada.component import component
from levada.context import Context
from levada.evaluation.asking import check_takes
from levada.evaluation.predicting import Asker, check_kept

BEAM_FROM_ROWS = 1_000_000


@component
def predict(
    ctx: Context,
    model: Model,
    examples: Examples,
    *,
    splits: list[str] | None = None,
    keep: list[str] | None = None,
    beam_from_rows: int = BEAM_FROM_ROWS,
) -> Predictions:
    """Ask a model about every row of every split (or of `splits`), in large batches, and write what it says as Parquet.

    A row of the predictions is a row of the examples, in their order: a column for each output, and those of the
    examples that are in `keep` (a key, say). Of `beam_from_rows` rows or more, a Beam job asks, a row group an element.
    `evaluate` takes predictions and asks nothing again; `profile` takes them too. The metric `strange` counts rows
    whose answer is NaN or infinite.

    Raises ModelError for a model that cannot take the examples, DataError for an unknown split or column,
    ParameterError for a kept column that has the name of an output.
    """
    document, kept = model.document, keep or []
    check_takes(document, examples, "the model")
    check_kept(document, kept)
    examples.check_columns(kept)
    chosen = examples.splits if splits is None else splits
    total = sum(examples.rows(split) for split in chosen)
    predictions = ctx.output(Predictions)
    predictions.describe(model.fingerprint, examples.digest, document.outputs, f"{examples.source}, predicted")
    if total >= beam_from_rows:
        _by_beam(ctx, model, examples, predictions, chosen, kept)
        strange = 0
    else:
        strange = _here(ctx, Asker(model.load(), kept), examples, predictions, chosen)
    if strange:
        ctx.metric("strange", strange)
    names = ", ".join(tensor.name for tensor in document.outputs)
    ctx.summary(f"{total:,} rows · {names}" + (f" · {strange:,} NaN or infinite" if strange else ""))
    return predictions


def _here(ctx: Context, asker: Asker, examples: Examples, predictions: Predictions, splits: list[str]) -> int:
    total, done = sum(examples.rows(split) for split in splits), 0
    with predictions.writer() as writer:
        for split in splits:
            for batch in examples.batches(split, asker.columns):
                writer.write(split, asker.answer(batch))
                done += batch.num_rows
                ctx.progress(done, total, "rows")
    return asker.strange


def _by_beam(
    ctx: Context, model: Model, examples: Examples, predictions: Predictions, splits: list[str], keep: list[str]
) -> None:
    from levada.evaluation.on_beam import predict_on_beam
    from levada.features.on_beam import Where, groups_of, take_tables

    groups = [group for split in splits for group in groups_of(examples, split)]
    with ctx.scratch() as scratch:
        where = Where(examples.uri, scratch)
        with ctx.beam() as pipeline:
            predict_on_beam(pipeline, where, groups, model.record, keep)
        with predictions.writer() as writer:
            for split, table in take_tables(where, groups):
                writer.write(split, table)
