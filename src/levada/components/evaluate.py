"""Measure a model on held-out rows, hold it against bounds and the champion, and bless it or not."""

from __future__ import annotations

from typing import Any, NamedTuple

from levada import Context, component
from levada.artifacts.annotations import sensitive_columns
from levada.artifacts.evaluation import Blessing, Evaluation
from levada.artifacts.examples import Examples
from levada.artifacts.measured import Results
from levada.artifacts.model import Model
from levada.artifacts.predictions import Predictions
from levada.artifacts.schema import Schema
from levada.components.candidate import baseline_of, champion_of, judged_of, propose
from levada.errors import ComponentError
from levada.evaluation.assessing import Question, assess
from levada.evaluation.card import About, Origin, card_of
from levada.evaluation.catalogue import MetricOf
from levada.evaluation.slicing import Bucketed, Sliced
from levada.evaluation.thresholds import Threshold

SHOWN = {
    "auc": "AUC",
    "log_loss": "log loss",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "mae": "MAE",
    "rmse": "RMSE",
}
SUMMED_UP = 2
"""Metrics in a node's line."""


class Evaluated(NamedTuple):
    """What `evaluate` gives: what was measured, and the gate that rests on it."""

    evaluation: Evaluation
    blessing: Blessing


def _check_asked(
    thresholds: dict[str, Threshold] | None,
    max_drop: dict[str, float] | None,
    min_slice: int,
    max_slices: int,
    slice_gate: str,
    confidence: float,
    cut: float,
) -> None:
    """Raise ComponentError if nothing is asked of a model, ParameterError for what cannot be meant."""
    if not thresholds and not max_drop:
        raise ComponentError(
            "evaluate() was asked nothing: without thresholds= and max_drop= every model would be blessed.",
            hint='Ask for something that a useless model does not reach: thresholds={"auc": at_least(0.6)}.',
        )
    Question(
        "",
        max_drop=max_drop or {},
        min_slice=min_slice,
        max_slices=max_slices,
        slice_gate=slice_gate,
        confidence=confidence,
        cut=cut,
    )


@component(check=_check_asked)
def evaluate(
    ctx: Context,
    model: Model,
    examples: Examples,
    *,
    champion: Model | None = None,
    predictions: Predictions | None = None,
    schema: Schema | None = None,
    label: str,
    name: str | None = None,
    split: str = "eval",
    metrics: list[str | MetricOf] | None = None,
    thresholds: dict[str, Threshold] | None = None,
    max_drop: dict[str, float] | None = None,
    slices: list[str | Bucketed | Sliced | list[str | Bucketed | Sliced]] | None = None,
    min_slice: int = 500,
    max_slices: int = 100,
    slice_gate: str = "harm",
    confidence: float = 0.95,
    cut: float = 0.5,
    task: str | None = None,
    output: str | None = None,
    about: About | None = None,
) -> Evaluated:
    """Measure a model on a split, and bless it if every condition holds.

    `label` is the column with the truth. `metrics` are names of Levada's, scikit-learn's or Keras's, or `metric(...)`;
    without them the usual ones of the task are measured. `thresholds` bound metrics (`{"auc": at_least(0.7)}`), by
    their value or by their whole interval. With a `champion`, asked about the same rows, no metric of `max_drop` may
    get worse by more than its number, and that must be *shown*: the whole interval of the drop, paired row by row, lies
    below it. Without a champion the thresholds alone decide, and the verdict says so; where there are none the gate
    stays closed.

    `slices` names columns, `bucketed(...)` numbers, `sliced(...)` functions, or lists of them, which are crossed; each
    slice of at least `min_slice` rows is measured (the `max_slices` largest of each entry), and closes the gate if it
    is shown to be worse than `max_drop` allows, with chance allowed for among all slices. `slice_gate="proof"` wants
    each shown not to be, `"none"` asks slices nothing. Values of columns that a `schema` calls sensitive are not named.

    The task follows from the model's output and the labels, or is said: `binary`, `multiclass`, `multilabel`,
    `regression`. `output` names the prediction among several, `cut` is the probability from which a class is decided
    for. With `predictions` of this model nothing is asked of it again. Intervals are of `confidence`. With `name` the
    model is proposed to the registry under it, with its card, to which `about` adds what only a person knows.

    Raises ComponentError for a metric that does not exist or if nothing was asked, DataError for a split without
    labels, ModelError if a model cannot answer, ParameterError for what cannot be meant.
    """
    _check_asked(thresholds, max_drop, min_slice, max_slices, slice_gate, confidence, cut)
    listed: Any = slices or []
    question = Question(
        label=label,
        split=split,
        metrics=metrics,
        thresholds=thresholds or {},
        max_drop=max_drop or {},
        slices=listed,
        min_slice=min_slice,
        max_slices=max_slices,
        slice_gate=slice_gate,
        confidence=confidence,
        cut=cut,
        task=task,
        output=output,
        hidden=sensitive_columns(schema.proto()) if schema is not None else frozenset(),
    )
    live = ctx.registry.champion(name) if name is not None else None
    results = assess(
        judged_of(model, examples, predictions),
        model.fingerprint,
        champion_of(ctx, name, champion, examples) if champion is not None else None,
        examples,
        question,
        notes=[
            *_notes(
                model,
                champion,
                is_live=live is not None and live.fingerprint == model.fingerprint,
                is_bound=bool(thresholds),
            ),
            *_seen(model, split),
        ],
        seed=ctx.seed,
        progress=lambda done, total: ctx.progress(done, total, "rows"),
    )
    baseline = baseline_of(results)
    card = card_of(results, model.document, _origin(ctx, name, model, examples), about or About())
    evaluation, blessing = ctx.output(Evaluation), ctx.output(Blessing)
    evaluation.write(results, card)
    blessing.write(
        results.is_open,
        results.reasons,
        model=name,
        fingerprints=[model.fingerprint],
        baseline=baseline,
        challenged=champion.record if champion is not None else None,
    )
    if name is not None:
        propose(ctx, name, model.record, examples, results, card, baseline)
    for metric, value in results.metrics.items():
        ctx.metric(metric, value)
    ctx.summary(_summary(results))
    return Evaluated(evaluation, blessing)


def _seen(model: Model, split: str) -> list[str]:
    """Return a note where a split is one that the model was trained on, as far as is known."""
    if split != (model.trained_on or "train"):
        return []
    return [f"models are trained on the split '{split}': of rows that one has seen, numbers are too good"]


def _notes(model: Model, champion: Model | None, *, is_live: bool, is_bound: bool) -> list[str]:
    """Return what the verdict says of the champion beside its conditions."""
    if champion is None and not is_bound:
        return []  # the conditions say it
    if champion is None and is_live:
        return ["this is the champion itself: the thresholds alone decided"]
    if champion is None:  # the sentence is read later too, when this model may be the champion
        return ["there was no champion to compare with: the thresholds alone decided"]
    return ["this is the champion itself"] if champion.fingerprint == model.fingerprint else []


def _origin(ctx: Context, name: str | None, model: Model, examples: Examples) -> Origin:
    made_by = model.record.producer.partition("/")
    made = f"{made_by[2]} of run {made_by[0]}" if made_by[2] else "a file of the project"
    maker = examples.record.producer.partition("/")[2] or "examples"
    return Origin(name or "A model without a name", made, maker, examples.digest, ctx.run_id)


def _summary(results: Results) -> str:
    facts = [
        f"{SHOWN.get(name, name)} {estimate.value:.3f}"
        if abs(estimate.value) < 100
        else f"{SHOWN.get(name, name)} {estimate.value:,.1f}"
        for name, estimate in list(results.whole.metrics.items())[:SUMMED_UP]
    ]
    return " · ".join([*facts, "blessed" if results.is_open else f"not blessed: {results.reasons[0]}"])
