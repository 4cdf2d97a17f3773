"""Measure a model on held-out rows, hold it against thresholds and the champion, and bless it or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from levada import Context, component
from levada.artifacts.evaluation import Blessing, Evaluation, Report
from levada.artifacts.examples import Examples
from levada.artifacts.model import Model
from levada.components.threshold import Threshold
from levada.components.verdict import (
    Condition,
    Slice,
    absolute,
    against_champion,
    check_names,
    shown,
    slice_up,
)
from levada.errors import ComponentError, ModelError
from levada.models.metrics import NAMES, bounds, measure
from levada.models.predictor import Predictor
from levada.models.scored import Scored, score

SHOWN = {"auc": "AUC", "log_loss": "log loss", "macro_f1": "macro F1", "mae": "MAE", "rmse": "RMSE"}


class Evaluated(NamedTuple):
    """What `evaluate` gives: what was measured, and the gate that rests on it."""

    evaluation: Evaluation
    blessing: Blessing


@component
def evaluate(
    ctx: Context,
    model: Model,
    examples: Examples,
    *,
    champion: Model | None = None,
    label: str,
    name: str | None = None,
    split: str = "eval",
    thresholds: dict[str, Threshold] | None = None,
    max_drop: dict[str, float] | None = None,
    slices: list[str] | None = None,
    min_slice: int = 500,
    task: str | None = None,
    output: str | None = None,
) -> Evaluated:
    """Measure a model on a split, and bless it if every condition holds.

    `label` is the column with the truth. `thresholds` bound metrics (`{"auc": at_least(0.7)}`). With a `champion`,
    asked about the same rows, no metric of `max_drop` may get worse by more than its number: overall by what
    was measured; in a slice (a value of a column of `slices` with at least `min_slice` rows) only if the whole 95 %
    interval of the drop lies beyond it. Without a champion the thresholds alone decide, and the verdict says so.

    The task follows from the model's output and the labels, or is said: `binary` (auc, accuracy, log_loss,
    precision, recall, calibration_gap), `multiclass` (accuracy, macro_f1, log_loss), `regression` (mae, rmse).
    `output` names the prediction among several outputs. With `name` the model is proposed to the registry under
    it. Raises ComponentError for a metric that the task does not have or if nothing was asked, DataError for a
    split without labels, ModelError if a model cannot answer.
    """
    thresholds, max_drop = thresholds or {}, max_drop or {}
    if not thresholds and not max_drop:
        raise ComponentError(
            "evaluate() was asked nothing: without thresholds= and max_drop= every model would be blessed.",
            hint='Ask for something that a useless model does not reach: thresholds={"auc": at_least(0.6)}.',
        )
    predictors = [model.load()] + ([_load_champion(champion, examples)] if champion is not None else [])
    scored = score(
        predictors,
        examples,
        split=split,
        label=label,
        slices=slices or [],
        task=task,
        output=output,
        progress=lambda done, total: ctx.progress(done, total, "rows"),
    )
    check_names(scored.task, thresholds, "thresholds")
    check_names(scored.task, max_drop, "max_drop")
    measured = [measure(scored.task, scored.labels, part) for part in scored.predictions]
    parts = slice_up(scored, min_slice)
    baseline = _baseline(ctx, name, champion, measured[1]) if champion is not None else None
    conditions = absolute(measured[0], thresholds)
    if baseline is not None:
        conditions += against_champion(scored, measured[0], measured[1], max_drop, parts, _who(baseline))
    is_open, reasons = _verdict(conditions, model, baseline, is_live=_is_live(ctx, name, model))
    report = Report(
        task=scored.task,
        label=label,
        output=scored.output,
        split=split,
        rows=scored.rows,
        skipped=scored.skipped,
        fingerprint=model.fingerprint,
        metrics=measured[0],
        bounds=bounds(scored.task, scored.labels, scored.predictions[0]),
        champion=measured[1] if champion is not None else None,
        champion_fingerprint=champion.fingerprint if champion is not None else "",
        slices=_table(scored, parts),
        reasons=tuple(reasons),
    )
    evaluation, blessing = ctx.output(Evaluation), ctx.output(Blessing)
    evaluation.write(report)
    blessing.write(
        is_open,
        reasons,
        model=name,
        fingerprints=[model.fingerprint],
        baseline=baseline,
        challenged=champion.record if champion is not None else None,
    )
    if name is not None:
        _propose(ctx, name, model, examples, report, baseline, is_open)
    for metric, value in report.metrics.items():
        ctx.metric(metric, value)
    ctx.summary(_summary(report, is_open))
    return Evaluated(evaluation, blessing)


def _load_champion(champion: Model, examples: Examples) -> Predictor:
    hint = "To judge by the thresholds alone, leave out champion=."
    try:
        predictor = champion.load()
    except ModelError as error:
        raise ModelError(f"the champion cannot be loaded: {error.message}", hint=hint) from error
    missing = [column for column in predictor.document.columns if column not in examples.columns]
    if missing:
        raise ModelError(
            f"the champion takes {', '.join(missing)}, which these examples do not have, so it cannot be asked.",
            hint=f"Keep the column while that champion is live. {hint}",
        )
    return predictor


def _baseline(ctx: Context, name: str | None, champion: Model, metrics: dict[str, float]) -> dict[str, Any]:
    version = ctx.registry.version(name, champion.fingerprint) if name is not None else None
    return {
        "version": version.version if version else None,
        "fingerprint": champion.fingerprint,
        "metrics": metrics,
    }


def _who(baseline: Mapping[str, Any]) -> str:
    return f"the champion (version {baseline['version']})" if baseline["version"] else "the champion"


def _is_live(ctx: Context, name: str | None, model: Model) -> bool:
    live = ctx.registry.champion(name) if name is not None else None
    return live is not None and live.fingerprint == model.fingerprint


def _verdict(
    conditions: list[Condition], model: Model, baseline: Mapping[str, Any] | None, is_live: bool
) -> tuple[bool, list[str]]:
    """Return whether the gate opens, and the sentences: what closed it first."""
    failed = [condition.sentence for condition in conditions if not condition.holds]
    held = [condition.sentence for condition in conditions if condition.holds]
    if baseline is None and is_live:
        notes = ["this is the champion itself: the thresholds alone decided"]
    elif baseline is None:  # the sentence is read later too, when this model may be the champion
        notes = ["there was no champion to compare with: the thresholds alone decided"]
    elif baseline["fingerprint"] == model.fingerprint:
        notes = ["this is the champion itself"]
    else:
        notes = []
    return not failed, [*failed, *held, *notes]


def _table(scored: Scored, parts: list[Slice]) -> dict[str, Any]:
    """Return the slices as a table; a metric that cannot be said is null. The champion's stand beside."""
    names = NAMES[scored.task]
    others = [f"{name} of champion" for name in names] if len(scored.predictions) > 1 else []
    data = [
        [
            part.column,
            None if part.value is None else str(part.value),
            part.rows,
            *(metrics.get(name) for metrics in part.metrics for name in names),
        ]
        for part in parts
    ]
    return {"columns": ["column", "value", "rows", *names, *others], "data": data}


def _propose(
    ctx: Context,
    name: str,
    model: Model,
    examples: Examples,
    report: Report,
    baseline: dict[str, Any] | None,
    blessed: bool,
) -> None:
    """Record the candidate for the registry, and say so in the journal, where MLflow's delivery sees it."""
    candidate: dict[str, Any] = {
        "model": name,
        "fingerprint": model.fingerprint,
        "record": model.record.to_json(),
        "blessed": blessed,
        "reasons": list(report.reasons),
        "metrics": report.metrics,
        "baseline": baseline,
        "slices": report.slices,
        "data": [
            {
                "name": examples.record.producer.partition("/")[2] or "examples",
                "digest": examples.digest,
                "uri": examples.record.uri,
                "rows": examples.rows(report.split),
                "context": "evaluation",
            }
        ],
    }
    ctx.registry.propose(name, model.fingerprint, candidate)
    ctx.emit("candidate", **candidate)


def _summary(report: Report, blessed: bool) -> str:
    names = [name for name in NAMES[report.task][:2] if name in report.metrics]
    facts = [f"{SHOWN.get(name, name)} {shown(report.metrics[name])}" for name in names]
    return " · ".join([*facts, "blessed" if blessed else f"not blessed: {report.reasons[0]}"])
