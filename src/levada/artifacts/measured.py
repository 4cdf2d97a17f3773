"""What an evaluation found, as plain values: the content of `evaluation.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

TOLD = 3
"""Slices whose sentence is told, of those that fail in one metric; the others are named."""

Task = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `low` and `high` are None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return short(self.value) + self.interval

    @property
    def interval(self) -> str:
        """The interval in brackets, behind a space; empty if there is none."""
        return "" if self.low is None or self.high is None else f" [{short(self.low)}, {short(self.high)}]"


def short(value: float) -> str:
    """Return a metric's value as people read it: three digits behind the point, fewer for a large number."""
    said = f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"
    return said.removeprefix("-") if not said.strip("-0.") else said


@dataclass(frozen=True)
class Measure:
    """A metric that was measured; `method` says where its intervals come from, for people."""

    name: str
    lower_is_better: bool
    method: str

    def drop(self, before: float, after: float) -> float:
        """By how much the metric got worse; negative if it got better."""
        return after - before if self.lower_is_better else before - after


@dataclass(frozen=True)
class Part:
    """Rows that were measured together: all of them, or a slice.

    `by` says what the slice is made by (`carrier`, `origin x carrier`, empty for all rows), `name` which it is
    (`carrier=UA`). `metrics` are the model's, `champion` those of the champion on the same rows, `drops` how much worse
    than the champion the model is, paired row by row (negative is better). A metric that cannot be said of these rows
    (an AUC of one class) is absent.
    """

    by: str
    name: str
    rows: int
    metrics: dict[str, Estimate]
    champion: dict[str, Estimate] = field(default_factory=dict[str, Estimate])
    drops: dict[str, Estimate] = field(default_factory=dict[str, Estimate])


@dataclass(frozen=True)
class Gap:
    """How far apart a metric is in the best and the worst slice by something; the interval allows for the choosing."""

    by: str
    metric: str
    best: str
    worst: str
    size: Estimate


Kind = Literal["bound", "champion", "slice", "cost"]


@dataclass(frozen=True)
class Condition:
    """One thing that was asked: whether it holds, and a sentence with the numbers. `limit` is the bound or margin."""

    holds: bool
    sentence: str
    kind: Kind
    metric: str
    slice: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with similar predictions: the mean prediction, how many, and what was observed.

    `observed` is the share of ones with its Wilson interval (the share that was right, for several classes), or the
    mean of the true values for a regression.
    """

    predicted: float
    rows: int
    observed: Estimate


@dataclass(frozen=True)
class Confusion:
    """How often each class was answered by which: `counts[true][answered]`.

    Of many classes only the largest have a place. `others` counts rows that have none.
    """

    classes: list[str]
    counts: list[list[int]]
    others: int = 0


@dataclass(frozen=True)
class ThresholdCurve:
    """What deciding at each of `at` gives: lists of the same length. A share is None if it has no rows."""

    at: list[float]
    precision: list[float | None]
    recall: list[float | None]
    false_positives: list[float | None]
    said: list[float]


@dataclass(frozen=True)
class Charts:
    """Pictures as numbers; None or empty where the task has none. `errors` are quantiles of answer - truth."""

    calibration: list[CalibrationBin] = field(default_factory=list[CalibrationBin])
    confusion: Confusion | None = None
    thresholds: ThresholdCurve | None = None
    errors: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Results:
    """The content of `evaluation.json`.

    `whole` is all rows of `split` that have a label, `slices` parts of them. `skipped` counts rows without a label,
    `unknown` labels that the model has no class for. `cut` is where probabilities are decided. `champion_charts` is
    None where there was no champion. `notes` are sentences beside the conditions, `left_out` those on slices that have
    too few rows (`min_slice`), or are too many.
    """

    task: Task
    label: str
    output: str
    split: str
    rows: int
    skipped: int
    fingerprint: str
    measures: tuple[Measure, ...]
    whole: Part
    charts: Charts
    confidence: float = 0.95
    cut: float = 0.5
    min_slice: int = 0
    unknown: dict[str, int] = field(default_factory=dict[str, int])
    champion_fingerprint: str = ""
    champion_version: int | None = None
    champion_charts: Charts | None = None
    slices: tuple[Part, ...] = ()
    left_out: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    conditions: tuple[Condition, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, float]:
        """The model's metrics over all rows, by name."""
        return {name: estimate.value for name, estimate in self.whole.metrics.items()}

    @property
    def champion(self) -> dict[str, float] | None:
        """The champion's metrics over all rows; None where there was none."""
        if self.champion_charts is None:
            return None
        return {name: estimate.value for name, estimate in self.whole.champion.items()}

    @property
    def is_open(self) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds for condition in self.conditions)

    @property
    def reasons(self) -> list[str]:
        """The verdict in sentences: what closed the gate first, then what holds, then notes.

        Where many slices closed it, the first few of each metric are told and the others named.
        """
        failed = [condition for condition in self.conditions if not condition.holds]
        by_metric: dict[str, list[Condition]] = {}
        for condition in failed:
            if condition.kind == "slice":
                by_metric.setdefault(condition.metric, []).append(condition)
        said = [condition.sentence for condition in failed if condition.kind != "slice"]
        for metric, listed in by_metric.items():
            said += [condition.sentence for condition in listed[:TOLD]]
            rest = [condition.slice for condition in listed[TOLD:]]
            if rest:
                named = f"{', '.join(rest[:TOLD])}{f' and {len(rest) - TOLD} more' if len(rest) > TOLD else ''}"
                said.append(f"{metric} in {len(rest)} more slice{'s' * (len(rest) > 1)} likewise: {named}")
        return [*said, *(condition.sentence for condition in self.conditions if condition.holds), *self.notes]

    def measure(self, name: str) -> Measure | None:
        """The metric of this name, None if it was not measured."""
        return next((measure for measure in self.measures if measure.name == name), None)

    def worst_first(self, name: str) -> list[Part]:
        """The slices that have a metric, the worst first."""
        measure = self.measure(name)
        having = [part for part in self.slices if name in part.metrics]
        return sorted(
            having,
            key=lambda part: part.metrics[name].value,
            reverse=measure is not None and measure.lower_is_better,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Results:
        champion = form["champion_charts"]
        read: dict[str, Any] = {
            **form,
            "measures": tuple(Measure(**each) for each in form["measures"]),
            "whole": part_of(form["whole"]),
            "slices": tuple(part_of(each) for each in form["slices"]),
            "left_out": tuple(form["left_out"]),
            "gaps": tuple(_gap(each) for each in form["gaps"]),
            "conditions": tuple(condition_of(each) for each in form["conditions"]),
            "notes": tuple(form["notes"]),
            "charts": _charts(form["charts"]),
            "champion_charts": _charts(champion) if champion is not None else None,
        }
        return Results(**read)


def _estimates(form: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate(**each) for name, each in form.items()}


def part_of(form: Mapping[str, Any]) -> Part:
    """Return the part that a JSON form stands for."""
    read: dict[str, Any] = {**form, **{name: _estimates(form[name]) for name in ("metrics", "champion", "drops")}}
    return Part(**read)


def condition_of(form: Mapping[str, Any]) -> Condition:
    """Return the condition that a JSON form stands for."""
    return Condition(**form)


def _gap(form: Mapping[str, Any]) -> Gap:
    return Gap(form["by"], form["metric"], form["best"], form["worst"], Estimate(**form["size"]))


def _bins(forms: list[Any]) -> Iterator[CalibrationBin]:
    for form in forms:
        yield CalibrationBin(form["predicted"], form["rows"], Estimate(**form["observed"]))


def _charts(form: Mapping[str, Any]) -> Charts:
    return Charts(
        calibration=list(_bins(form["calibration"])),
        confusion=Confusion(**form["confusion"]) if form["confusion"] else None,
        thresholds=ThresholdCurve(**form["thresholds"]) if form["thresholds"] else None,
        errors=form["errors"],
    )
