"""A model, a champion and what is asked of them: from answers to results, with every condition in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada.artifacts.examples import Examples
from levada.artifacts.measured import Condition, Results
from levada.errors import ParameterError, did_you_mean
from levada.evaluation.asking import Asked, Labelled, ask
from levada.evaluation.catalogue import MetricOf, columns_of, find_metrics
from levada.evaluation.charts import charts_of
from levada.evaluation.functions import Function
from levada.evaluation.gate import SLICE_GATES, Rules, bounds_kept, not_worse, nothing_to_hold
from levada.evaluation.intervals import quantile
from levada.evaluation.measuring import Measured, gaps_of, measure
from levada.evaluation.slicing import By, Slicing, slice_up
from levada.evaluation.slicing import columns_of as slicing_columns
from levada.evaluation.thresholds import Threshold, check_direction

if TYPE_CHECKING:
    from levada.evaluation.rows import Rows


@dataclass(frozen=True)
class Question:
    """What is to be measured, and asked of it; the parameters of `evaluate`, or of `who` else asks."""

    label: str
    split: str = "eval"
    metrics: Sequence[str | MetricOf] | None = None
    thresholds: Mapping[str, Threshold] = field(default_factory=dict[str, Threshold])
    max_drop: Mapping[str, float] = field(default_factory=dict[str, float])
    slices: Sequence[By | Sequence[By]] = ()
    min_slice: int = 500
    max_slices: int = 100
    slice_gate: str = "harm"
    confidence: float = 0.95
    cut: float = 0.5
    task: str | None = None
    output: str | None = None
    hidden: frozenset[str] = frozenset()
    who: str = "evaluate"

    def __post_init__(self) -> None:
        if self.slice_gate not in SLICE_GATES:
            hint = did_you_mean(self.slice_gate, SLICE_GATES) or f"Wanted {', '.join(SLICE_GATES)}."
            raise ParameterError(f"{self.who}(slice_gate='{self.slice_gate}'): there is no such rule.", hint=hint)
        if not 0.5 < self.confidence < 1:
            raise ParameterError(f"{self.who}(confidence={self.confidence:g}): wanted a number between 0.5 and 1.")
        if not 0 < self.cut < 1:
            raise ParameterError(f"{self.who}(cut={self.cut:g}): wanted a probability between 0 and 1.")
        if self.max_slices < 1:
            raise ParameterError(f"{self.who}(max_slices={self.max_slices}): wanted a whole number from 1 on.")
        for name, margin in self.max_drop.items():
            if not 0 <= margin < math.inf:
                raise ParameterError(
                    f"{self.who}(max_drop={{'{name}': {margin:g}}}): wanted a finite number from 0 on."
                )
        if self.min_slice < 1:
            raise ParameterError(f"{self.who}(min_slice={self.min_slice}): wanted a whole number from 1 on.")

    @property
    def columns(self) -> list[str]:
        """The columns of the examples that slices and metrics want."""
        return list(dict.fromkeys([*slicing_columns(self.slices), *columns_of(self.metrics)]))


@dataclass(frozen=True)
class Champion:
    """What the model is held against: the answers' owner, how sentences call it, its version if it has one."""

    asked: Asked
    fingerprint: str
    version: int | None = None


def assess(
    model: Asked,
    fingerprint: str,
    champion: Champion | None,
    examples: Examples,
    question: Question,
    *,
    notes: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Return what a model is measured to be on a split, beside a champion's on the same rows, and what holds of it.

    Raises what `ask`, `find_metrics` and `slice_up` do.
    """
    models = [model] if champion is None else [model, champion.asked]
    labelled = ask(
        models,
        examples,
        split=question.split,
        label=question.label,
        columns=question.columns,
        task=question.task,
        output=question.output,
        cut=question.cut,
        seed=seed,
        progress=progress,
    )
    rows = labelled.rows
    asked = {"thresholds": question.thresholds, "max_drop": question.max_drop}
    metrics = find_metrics(rows.task, question.metrics, asked, question.who)
    for name, threshold in question.thresholds.items():
        lower, own = metrics[name].lower_is_better, not isinstance(metrics[name], Function)
        check_direction(name, threshold, lower_is_better=lower, by_name=own)
    slicings = slice_up(
        question.slices, rows.columns, least=question.min_slice, most=question.max_slices, hidden=question.hidden
    )
    measured = measure(rows, metrics, slicings, question.confidence)
    z = quantile(question.confidence)
    charts = [charts_of(rows, which, z) for which in range(len(models))]
    return Results(
        task=rows.task,
        label=question.label,
        output=labelled.output,
        split=question.split,
        rows=len(rows),
        skipped=labelled.skipped,
        fingerprint=fingerprint,
        measures=measured.measures,
        whole=measured.whole.parts[0],
        charts=charts[0],
        confidence=question.confidence,
        cut=question.cut,
        min_slice=question.min_slice,
        unknown=labelled.unknown,
        champion_fingerprint=champion.fingerprint if champion is not None else "",
        champion_version=champion.version if champion is not None else None,
        champion_charts=charts[1] if champion is not None else None,
        slices=measured.slices,
        left_out=tuple(said for slicing in slicings for said in slicing.left_out),
        gaps=gaps_of(measured, question.confidence),
        conditions=tuple(_conditions(rows, measured, question, champion, is_same=_is_same(fingerprint, champion))),
        notes=(*_notes(labelled, question, slicings), *notes),
    )


def _is_same(fingerprint: str, champion: Champion | None) -> bool:
    return champion is not None and champion.fingerprint == fingerprint


def _conditions(
    rows: Rows, measured: Measured, question: Question, champion: Champion | None, *, is_same: bool
) -> list[Condition]:
    rules = Rules(question.thresholds, question.max_drop, question.confidence, question.slice_gate)
    conditions = bounds_kept(measured, rules)
    if champion is None:
        return conditions or nothing_to_hold(rules)
    if is_same:
        return conditions
    alike = bool((rows.predictions[0] == rows.predictions[1]).all())
    return [*conditions, *not_worse(measured, rules, champion.asked.who, answers_alike=alike)]


def _notes(labelled: Labelled, question: Question, slicings: Sequence[Slicing]) -> list[str]:
    rows, said = labelled.rows, list(labelled.notes)
    if labelled.skipped:
        noun, verb = ("row", "was") if labelled.skipped == 1 else ("rows", "were")
        said.append(f"{labelled.skipped:,} {noun} without a {question.label} {verb} left out")
    if labelled.unknown:
        which = ", ".join(f"{name} {count:,}" for name, count in labelled.unknown.items())
        said.append(f"labels that the model has no class for, counted as wrong: {which}")
    if rows.task == "binary" and len(rows) and rows.labels.min() == rows.labels.max():
        said.append(
            f"every {question.label} is {rows.classes[int(rows.labels[0])]}, so nothing tells the classes apart"
        )
    said += [slicing.left_out[0] for slicing in slicings if not slicing.names and slicing.left_out]
    return said
