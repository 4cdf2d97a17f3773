"""Fit features, and store what they give: what statistics do not tell, and what is expensive to repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada.artifacts.examples import Examples
from levada.artifacts.statistics import Statistics
from levada.component import component
from levada.context import Context
from levada.errors import DataError, did_you_mean
from levada.features.columns import input_of
from levada.features.counting import Counter, Counts, counted_columns, uncounted
from levada.features.description import Features
from levada.features.fitting import Counted, fit
from levada.features.state import FeatureState

if TYPE_CHECKING:
    from levada.artifacts.model import Tensor
    from levada.features.fitted import Fitted

BEAM_FROM_ROWS = 1_000_000


@component(packages=("tensorflow", "keras"))
def fit_features(
    ctx: Context,
    examples: Examples,
    statistics: Statistics,
    *,
    features: Features,
    split: str = "train",
    beam_from_rows: int = BEAM_FROM_ROWS,
) -> FeatureState:
    """Find the state of every feature: from the statistics of `split`, and from its rows where those do not tell.

    Only the columns are read that n-grams (`Text`) and the most frequent combinations (`Cross(top=)`) are made of;
    without such features none is, and TensorFlow is not loaded. Of `beam_from_rows` rows or more, a Beam job counts.
    Raises DataError, with the column and what to do, for a feature that its column does not suit.
    """
    state = ctx.output(FeatureState)
    counts = _counts(ctx, examples, statistics, features, split, beam_from_rows) if features.counted else None
    state.write(fit(features, statistics, split=split, counts=counts))
    looked = f" · {len(features.counted)} counted in {examples.rows(split):,} rows" if counts is not None else ""
    ctx.summary(f"{len(features)} features of {len(features.columns)} columns{looked}")
    return state


def _counts(
    ctx: Context, examples: Examples, statistics: Statistics, features: Features, split: str, beam_from_rows: int
) -> dict[str, Counted]:
    plain = uncounted(features)
    fitted = fit(plain, statistics, split=split) if len(plain) else None
    columns = counted_columns(features)
    inputs = {name: input_of(statistics.column(name, split)) for name in columns}
    if examples.rows(split) >= beam_from_rows:
        return _counts_by_beam(ctx, examples, features, fitted, inputs, split)
    counter, counts = Counter(features, fitted, inputs), Counts()
    for batch in examples.batches(split, columns):
        counter.count(batch, counts)
        ctx.progress(counts.rows, examples.rows(split), f"{counts.rows:,} rows")
    return counts.finish(features)


def _counts_by_beam(
    ctx: Context,
    examples: Examples,
    features: Features,
    fitted: Fitted | None,
    inputs: dict[str, Tensor],
    split: str,
) -> dict[str, Counted]:
    from levada.features.on_beam import Where, count_on_beam, groups_of, read_counts

    with ctx.scratch() as scratch:
        where = Where(examples.uri, scratch)
        with ctx.beam() as pipeline:
            count_on_beam(pipeline, where, groups_of(examples, split), features, fitted, inputs)
        return read_counts(where)


@component(packages=("tensorflow", "keras"))
def transform(
    ctx: Context,
    examples: Examples,
    state: FeatureState,
    *,
    only: list[str] | None = None,
    keep: list[str] | None = None,
    splits: list[str] | None = None,
    beam_from_rows: int = BEAM_FROM_ROWS,
) -> Examples:
    """Store what the features' layers give for every row, so that an expensive step is done once and not every epoch.

    A column of the result is a feature, by its name (`only` chooses some): float32, or a list of float32 of one
    length; int32 for what is an index. Columns named in `keep` (the label, keys) are taken over as they are. Images
    are not augmented: that is for layers in training. A network learns from them with `fitted.layers(stored=True)`,
    and is served from raw columns with `fitted.layers().before(network)`. Of `beam_from_rows` rows or more, a Beam job
    does it, a row group an element.

    Raises DataError for a feature, column or split that is not there, or a kept column that has a feature's name.
    """
    fitted = state.fitted
    names = list(fitted.features) if only is None else only
    kept = keep or []
    _check_names(fitted, names, kept)
    examples.check_columns([*fitted.inputs, *kept])
    chosen = examples.splits if splits is None else splits
    total = sum(examples.rows(split) for split in chosen)
    made = ctx.output(Examples)
    made.properties["source"] = f"{examples.source}, as features"
    if total >= beam_from_rows:
        _transform_by_beam(ctx, examples, made, fitted, (names, kept, chosen))
    else:
        _transform_here(ctx, examples, made, fitted, (names, kept, chosen))
    ctx.summary(f"{total:,} rows · {len(names)} features")
    return made


def _check_names(fitted: Fitted, names: list[str], keep: list[str]) -> None:
    for name in names:
        if name not in fitted.states:
            raise DataError(f"there is no feature '{name}'.", hint=did_you_mean(name, list(fitted.states)))
    for name in keep:
        if name in names:
            raise DataError(
                f"the column '{name}' cannot be kept: a feature has its name.",
                hint="Name the feature otherwise, and its column with column=.",
            )


def _transform_here(
    ctx: Context, examples: Examples, made: Examples, fitted: Fitted, what: tuple[list[str], list[str], list[str]]
) -> None:
    from levada.features.materialising import Materialiser

    names, keep, splits = what
    materialiser = Materialiser(fitted, names, keep)
    columns = list(dict.fromkeys([*fitted.inputs, *keep]))
    total, done = sum(examples.rows(split) for split in splits), 0
    with made.writer() as writer:
        for split in splits:
            for batch in examples.batches(split, columns):
                for table in materialiser.tables(batch):
                    writer.write(split, table)
                    done += table.num_rows
                    ctx.progress(done, total, f"{done:,} rows")


def _transform_by_beam(
    ctx: Context, examples: Examples, made: Examples, fitted: Fitted, what: tuple[list[str], list[str], list[str]]
) -> None:
    from levada.features.on_beam import Where, groups_of, take_tables, transform_on_beam

    names, keep, splits = what
    groups = [group for split in splits for group in groups_of(examples, split)]
    with ctx.scratch() as scratch:
        where = Where(examples.uri, scratch)
        with ctx.beam() as pipeline:
            transform_on_beam(pipeline, where, groups, fitted, names, keep)
        with made.writer() as writer:
            for split, table in take_tables(where, groups):
                writer.write(split, table)
