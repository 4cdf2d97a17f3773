"""Profile: look once at all the data, so that schema, checks and preprocessing need not look again."""

from __future__ import annotations

from pathlib import Path

from levada.artifacts.examples import Examples
from levada.artifacts.statistics import ColumnStatistics, Statistics
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ParameterError, did_you_mean
from levada.externals import file_artifact
from levada.profiling.pieces import SplitPlan, plan_split, profile_here
from levada.profiling.slices import slicings_of
from levada.tables.types import kind_of

BEAM_FROM_ROWS = 1_000_000

Found = tuple[int, list[ColumnStatistics]]


def statistics_file(path: str | Path) -> Statistics:
    """Return statistics that TFX, TFDV or `Statistics.write_proto` wrote, by the file's path from the project's root.

    The file is a `DatasetFeatureStatisticsList`: binary (`*.pb`), or in text form (`*.pbtxt`). It is read when a run
    starts; what depends on it runs again when its content changes.
    """
    return file_artifact(Statistics, path)


@component
def profile(
    ctx: Context,
    examples: Examples,
    *,
    splits: list[str] | None = None,
    slices: list[str | list[str]] | None = None,
    max_slices: int = 20,
    label: str | None = None,
    top: int = 20,
    vocabulary: int = 100_000,
    beam_from_rows: int = BEAM_FROM_ROWS,
) -> Statistics:
    """Count and summarise every column of every split (or of `splits`).

    `slices` names columns, or lists of columns, whose different values are slices with statistics of their own; of
    each entry the `max_slices` largest. `label` is a column that the others are correlated with: numbers, truth values
    or text. `top` is how many of the most frequent values are kept; a column of text or whole numbers with at most
    `vocabulary` distinct values (and 4 MB of text) keeps them all. Examples of `beam_from_rows` rows or more are read
    by a Beam job, a row group an element; the statistics are the same to the last bit.

    Raises DataError for an unknown split or column, ParameterError for a column that makes no slices or no label.
    """
    if top < 1 or vocabulary < 1 or max_slices < 1:
        raise ParameterError(
            f"profile(top={top}, vocabulary={vocabulary}, max_slices={max_slices}): all are whole numbers from 1 on."
        )
    chosen = examples.splits if splits is None else splits
    if not chosen:
        raise DataError("there is no split to profile.")
    _check_label(examples, label)
    slicings = slicings_of(slices, examples.schema()) if slices else []
    plans = [
        plan_split(examples, split, vocabulary, slicings=slicings, max_slices=max_slices, label=label)
        for split in chosen
    ]
    statistics = ctx.output(Statistics)
    rows = sum(examples.rows(split) for split in chosen)
    if rows >= beam_from_rows and any(len(plan.pieces) > 1 for plan in plans):
        found = _by_beam(ctx, examples, plans, top)
    else:
        found = _here(ctx, examples, plans, top)
    statistics.write(
        {split: whole for split, (whole, _) in found.items()},
        slices={split: its_slices for split, (_, its_slices) in found.items()},
        label=label,
    )
    ctx.summary(f"{len(examples.columns)} columns")
    return statistics


def _check_label(examples: Examples, label: str | None) -> None:
    if label is None:
        return
    if label not in examples.columns:
        raise DataError(f"label='{label}': there is no such column.", hint=did_you_mean(label, examples.columns))
    type_ = examples.schema().field(label).type
    if kind_of(type_) not in ("numeric", "boolean", "string"):
        raise ParameterError(f"label='{label}': wanted numbers, truth values or text, and the column is {type_}.")


def _here(
    ctx: Context, examples: Examples, plans: list[SplitPlan], top: int
) -> dict[str, tuple[Found, dict[str, Found]]]:
    found: dict[str, tuple[Found, dict[str, Found]]] = {}
    for done, plan in enumerate(plans):
        ctx.progress(done, len(plans), plan.split)
        split = profile_here(examples, plan)
        found[plan.split] = split.finish(top), split.finish_slices(plan, top)
    return found


def _by_beam(
    ctx: Context, examples: Examples, plans: list[SplitPlan], top: int
) -> dict[str, tuple[Found, dict[str, Found]]]:
    from levada.profiling.on_beam import profile_on_beam, read_results

    with ctx.scratch() as scratch:
        with ctx.beam() as pipeline:
            profile_on_beam(pipeline, examples.uri, scratch, plans, top)
        return {plan.split: read_results(scratch, plan.split) for plan in plans}
