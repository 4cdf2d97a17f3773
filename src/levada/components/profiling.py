"""Profile: look once at all the data, so that schema, checks and preprocessing need not look again."""

from __future__ import annotations

from levada.artifacts.examples import Examples
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ParameterError
from levada.profiling.pieces import SplitPlan, plan_split, profile_here

BEAM_FROM_ROWS = 1_000_000


@component
def profile(
    ctx: Context,
    examples: Examples,
    *,
    splits: list[str] | None = None,
    top: int = 20,
    vocabulary: int = 100_000,
    beam_from_rows: int = BEAM_FROM_ROWS,
) -> Statistics:
    """Count and summarise every column of every split (or of `splits`).

    `top` is how many of the most frequent values are kept; a column of text or whole numbers with at most `vocabulary`
    distinct values (and 4 MB of text) keeps them all. Examples of `beam_from_rows` rows or more are read by a Beam
    job, a row group an element; the statistics are the same to the last bit. Raises DataError for an unknown split.
    """
    if top < 1 or vocabulary < 1:
        raise ParameterError(f"profile(top={top}, vocabulary={vocabulary}): both are whole numbers from 1 on.")
    chosen = examples.splits if splits is None else splits
    if not chosen:
        raise DataError("there is no split to profile.")
    plans = [plan_split(examples, split, vocabulary) for split in chosen]
    statistics = ctx.output(Statistics)
    rows = sum(examples.rows(split) for split in chosen)
    if rows >= beam_from_rows and any(len(plan.pieces) > 1 for plan in plans):
        found = _by_beam(ctx, examples, plans, top)
    else:
        found = _here(ctx, examples, plans, top)
    statistics.write(found)
    ctx.summary(f"{len(examples.columns)} columns")
    return statistics


def _here(
    ctx: Context, examples: Examples, plans: list[SplitPlan], top: int
) -> dict[str, tuple[int, list[ColumnStatistics]]]:
    found: dict[str, tuple[int, list[ColumnStatistics]]] = {}
    for done, plan in enumerate(plans):
        ctx.progress(done, len(plans), plan.split)
        split = profile_here(examples, plan)
        found[plan.split] = split.rows, split.finish(top)
    return found


def _by_beam(
    ctx: Context, examples: Examples, plans: list[SplitPlan], top: int
) -> dict[str, tuple[int, list[ColumnStatistics]]]:
    from levada.profiling.on_beam import Place, profile_on_beam, take_results

    options = tuple(ctx.store.options.items())
    place = Place(examples.uri, ctx.store.uri, options, f"scratch/{ctx.attempt}/{ctx.node_id}")
    with ctx.beam() as pipeline:
        profile_on_beam(pipeline, place, plans, top)
    return {plan.split: take_results(ctx.store, place, plan.split) for plan in plans}
