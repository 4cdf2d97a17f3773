"""The report on a study: which trials there were, which did best, which parameters matter."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from levada import html
from levada.artifacts.study import StudyDocument
from levada.html import AMBER, GREY, RED, TEAL, Html
from levada.reports.scatter import Axis, Line, Mark, Plot
from levada.tuning.space import Between, OneOf, shown_value
from levada.values import decode

MOST_MARKS = 1_000
"""Trials in a picture: of more, the best and the latest."""

MOST_CURVES = 100
MOST_ROWS = 200
"""Trials in the table."""

_CURVES_SAID = "{} on the way; grey are trials that were stopped as hopeless, a dot is one that said a single value."
_SPREAD = 30.0

Doc = dict[str, Any]


@dataclass(frozen=True)
class StudyReport:
    """What a page on a study says."""

    title: str
    about: Sequence[str]
    study: StudyDocument

    def hiding(self, columns: Collection[str]) -> StudyReport:
        """Return it without the values of some columns: it has none."""
        return self

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many trials came to their end, were pruned, failed."""
        states = [trial["state"] for trial in self.study.trials]
        return [(state, states.count(state)) for state in ("done", "pruned", "failed") if state in states]

    @property
    def best(self) -> list[tuple[str, str]]:
        """The values that did best."""
        searched = self.study.best["searched"]
        return [(name, shown_value(decode(searched[name]))) for name in self.study.space]

    @property
    def reached(self) -> list[tuple[str, str]]:
        """What the best trial reached."""
        return [(name, shown_value(self.study.best["metrics"][name])) for name in self.study.metrics]

    @property
    def importance(self) -> list[tuple[str, list[tuple[str, float]]]]:
        """How much each parameter matters for each goal, the most first: a heading, and the shares."""
        several = len(self.study.goals) > 1
        return [
            (
                f"what matters for {metric}" if several else "what matters",
                sorted(shares.items(), key=lambda pair: -pair[1]),
            )
            for metric, shares in self.study.importance.items()
        ]

    def pictures(self) -> list[tuple[str, str, Html]]:
        """Return pictures of all trials: a heading, what it says, the picture."""
        study, shown, metric = self.study, _in_pictures(self.study), self.study.metrics[0]
        found = [("History", "Each trial in its order; the line is the best so far.", history(study, shown))]
        if len(study.goals) > 1:
            found.append(("What can be had at once", "The line joins trials that none beats.", trade(study, shown)))
        curve = curves(study)
        if curve is not None:
            found.append(("Curves", _CURVES_SAID.format(metric), curve))
        return found

    def slices(self) -> list[Html]:
        """Return a picture for each parameter."""
        shown = _in_pictures(self.study)
        return [by_parameter(self.study, shown, name) for name in self.study.space]

    def columns(self) -> list[str]:
        """Return the columns of the table of trials."""
        return ["trial", *self.study.metrics, *self.study.space, "time", "state"]

    def rows(self) -> list[tuple[str, list[str]]]:
        """Return the trials as rows of a table, the best first: how they ended, and what stands in the row."""
        ranked = self.study.ranked()
        rest = [trial for trial in self.study.trials if trial["state"] != "done"]
        return [(trial["state"], self._row(trial)) for trial in [*ranked, *rest][:MOST_ROWS]]

    def _row(self, trial: Doc) -> list[str]:
        study, metrics = self.study, trial.get("metrics", {})
        state = {
            "done": "chosen" if trial["number"] == study.chosen else "",
            "pruned": f"pruned after step {trial.get('pruned_at')}",
            "failed": f"failed: {trial.get('why', '')}",
        }[trial["state"]]
        if trial["state"] == "done" and trial["number"] != study.chosen and len(study.goals) > 1:
            state = "none beats it" if trial["number"] in study.front else ""
        return [
            str(trial["number"]),
            *(shown_value(metrics[name]) if name in metrics else "–" for name in study.metrics),
            *(shown_value(decode(trial["searched"][name])) for name in study.space),
            f"{trial.get('seconds', 0):.1f} s",
            state,
        ]


# -- pictures -------------------------------------------------------------------------------------------


def history(study: StudyDocument, trials: Sequence[Doc]) -> Html:
    """Return the first goal's metric, trial by trial, with the best so far."""
    goal = study.goals[0]
    metric = goal["metric"]
    done = [trial for trial in trials if trial["state"] == "done"]
    judged = [trial for trial in trials if trial["state"] != "failed" and _value(trial, metric) is not None]
    best: list[tuple[float, float]] = []
    for trial in sorted(done, key=lambda trial: trial["number"]):
        value = float(trial["metrics"][metric])
        last = best[-1][1] if best else value
        best.append((trial["number"], max(last, value) if goal["higher"] else min(last, value)))
    y = _axis(metric, [float(trial["metrics"][metric]) for trial in done])
    failed = [trial for trial in trials if trial["state"] == "failed"]
    marks = [_mark(study, trial, trial["number"], float(trial["metrics"][metric]), y) for trial in judged]
    marks += [
        Mark(trial["number"], y.low, f"trial {trial['number']} failed: {trial.get('why', '')}", RED) for trial in failed
    ]
    x = Axis.of("trial", [float(trial["number"]) for trial in trials], whole=True)
    label = f"{metric} of {len(trials)} trials; the best is {shown_value(study.best['metrics'][metric])}"
    return Plot(label, x, y, marks, [Line(best, "best so far", opacity=0.7, steps=True)]).draw()


def trade(study: StudyDocument, trials: Sequence[Doc]) -> Html:
    """Return the first goal against the second, and the front of those that none beats."""
    first, second = study.metrics[:2]
    done = [trial for trial in trials if trial["state"] == "done"]
    x = _wide_axis(second, [float(trial["metrics"][second]) for trial in done])
    y = _axis(first, [float(trial["metrics"][first]) for trial in done])
    front = sorted(
        (float(trial["metrics"][second]), float(trial["metrics"][first]))
        for trial in done
        if trial["number"] in study.front
    )
    marks = [
        _mark(study, trial, float(trial["metrics"][second]), float(trial["metrics"][first]), y, (x.low, x.high))
        for trial in done
    ]
    lines = [Line(front, "none beats these", AMBER, 0.6)] if len(front) > 1 and len(study.goals) == 2 else []
    return Plot(f"{first} against {second} of {len(done)} trials", x, y, marks, lines).draw()


def by_parameter(study: StudyDocument, trials: Sequence[Doc], name: str) -> Html:
    """Return the first goal's metric by the values of one parameter."""
    metric = study.metrics[0]
    found = decode(study.forms[name])
    judged = [trial for trial in trials if trial["state"] != "failed" and _value(trial, metric) is not None]
    y = _axis(metric, [float(trial["metrics"][metric]) for trial in judged if trial["state"] == "done"])
    if isinstance(found, OneOf):
        x = Axis.of_places(name, [shown_value(choice) for choice in found.choices])
        places = {shown_value(choice): place for place, choice in enumerate(found.choices)}

        def across(trial: Doc) -> float:
            return float(places[shown_value(decode(trial["searched"][name]))])
    else:
        assert isinstance(found, Between)
        x = Axis.of(name, [found.low, found.high], log=found.log, whole=found.is_whole)

        def across(trial: Doc) -> float:
            return float(decode(trial["searched"][name]))

    marks = [_mark(study, trial, across(trial), float(trial["metrics"][metric]), y) for trial in judged]
    return Plot(f"{metric} by {name}", x, y, marks).draw()


def curves(study: StudyDocument) -> Html | None:
    """Return the first goal's metric on the way, a line a trial; None if nothing was reported on the way."""
    metric = study.metrics[0]
    drawn: list[tuple[Doc, list[tuple[float, float]]]] = []
    for trial in study.trials:
        points = [(float(step), float(value)) for step, value, _ in trial.get("curves", {}).get(metric, [])]
        points = [point for point in points if math.isfinite(point[1])]
        if points:
            drawn.append((trial, points))
    if not any(len(points) > 1 for _, points in drawn):
        return None
    drawn = drawn[-MOST_CURVES:]
    x = Axis.of("step", [step for _, points in drawn for step, _ in points], whole=True)
    y = _axis(metric, [value for trial, points in drawn if trial["state"] == "done" for _, value in points])
    lines = [
        Line(
            [(step, min(max(value, y.low), y.high)) for step, value in points],
            _said(study, trial),
            TEAL if trial["state"] == "done" else RED if trial["state"] == "failed" else GREY,
            1.0 if trial["number"] == study.chosen else 0.45,
            2.6 if trial["number"] == study.chosen else 1.2,
        )
        for trial, points in drawn
        if len(points) > 1
    ]
    marks = [
        Mark(step, min(max(value, y.low), y.high), _said(study, trial), GREY, hollow=trial["state"] != "done")
        for trial, ((step, value), *others) in drawn
        if not others
    ]
    return Plot(f"{metric} on the way, of {len(drawn)} trials", x, y, marks, lines).draw()


def _mark(
    study: StudyDocument, trial: Doc, x: float, y: float, axis: Axis, across: tuple[float, float] | None = None
) -> Mark:
    """Return the mark of a trial; one that is far off stands at the edge."""
    latest = max(trial["number"] for trial in study.trials) or 1
    is_done = trial["state"] == "done"
    return Mark(
        min(max(x, across[0]), across[1]) if across else x,
        min(max(y, axis.low), axis.high),
        _said(study, trial),
        TEAL if is_done else GREY,
        0.4 + 0.6 * trial["number"] / latest,
        hollow=not is_done,
        ring=trial["number"] == study.chosen,
    )


def _said(study: StudyDocument, trial: Doc) -> str:
    """Return what stands over a mark: the trial, what it reached, with what."""
    metrics = trial.get("metrics", {})
    reached = ", ".join(f"{name} {shown_value(metrics[name])}" for name in study.metrics if name in metrics)
    values = ", ".join(f"{name} {shown_value(decode(trial['searched'][name]))}" for name in study.space)
    state = "" if trial["state"] == "done" else f" ({trial['state']})"
    return f"trial {trial['number']}{state}: {reached} with {values}"


def _value(trial: Doc, metric: str) -> float | None:
    value = trial.get("metrics", {}).get(metric)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _axis(metric: str, values: Sequence[float]) -> Axis:
    """Return an axis for a metric: a few that are far off do not make all others look alike."""
    ordered = sorted(values)
    if len(ordered) >= 8:
        low, high = ordered[len(ordered) // 8], ordered[-1 - len(ordered) // 8]
        reach = 3 * (high - low)
        near = [value for value in ordered if reach == 0 or low - reach <= value <= high + reach]
        ordered = near or ordered
    return Axis.of(metric, ordered)


def _wide_axis(metric: str, values: Sequence[float]) -> Axis:
    """Return an axis for a metric that may be of other orders of magnitude from trial to trial: a size, say."""
    spreads = bool(values) and min(values) > 0 and max(values) > _SPREAD * min(values)
    return Axis.of(metric, values, log=True) if spreads else _axis(metric, values)


def _in_pictures(study: StudyDocument) -> list[Doc]:
    """Return the trials that pictures show."""
    if len(study.trials) <= MOST_MARKS:
        return study.trials
    kept = {trial["number"] for trial in [*study.ranked()[: MOST_MARKS // 2], *study.trials[-MOST_MARKS // 2 :]]}
    return [trial for trial in study.trials if trial["number"] in kept]


def importance_table(heading: str, importance: Sequence[tuple[str, float]]) -> Html:
    """Return how much each parameter matters, as bars."""
    rows = [(html.code(name), html.share(share, width=160), f"{share:.0%}") for name, share in importance]
    return html.table((heading, "", ""), rows)
