"""The report on an evaluation: the verdict, metrics beside the champion's, slices worst first, and pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Condition, Confusion, Estimate, Gap, Measure, Part, Results, short
from levada.html import Html
from levada.reports import plots

ROWS = 600
"""Rows of slices that a page has at most, over all metrics."""

MASK = "•••"

_CALIBRATED = {
    "binary": "the probability of a one, and the share that were ones",
    "multiclass": "the probability of the class that was answered, and the share that was right",
    "multilabel": "the probability of each label, and the share of rows that had it",
    "regression": "the answer, and the mean of the true values",
}


@dataclass(frozen=True)
class EvaluationReport:
    """What a page says of an evaluation; slices by `sensitive` columns and a sensitive label's classes are nameless."""

    title: str
    about: Sequence[str]
    results: Results
    sensitive: Collection[str] = ()
    is_open: bool | None = None

    def hiding(self, columns: Collection[str]) -> EvaluationReport:
        """Return it without the values of some columns."""
        return replace(self, sensitive={*self.sensitive, *columns})

    @property
    def interval(self) -> str:
        return percent_interval(self.results.confidence)

    @property
    def facts(self) -> list[str]:
        """What was judged, on what, against what."""
        found = self.results
        champion = f"champion v{found.champion_version}" if found.champion_version else "champion"
        against = [f"against the {champion}, {found.champion_fingerprint[:12]}"] if found.champion is not None else []
        skipped = [f"{found.skipped:,} without a label"] if found.skipped else []
        return [f"model {found.fingerprint[:12]}", *against, f"{found.rows:,} rows of {found.split}", *skipped]

    # -- the verdict --------------------------------------------------------------------------------

    @property
    def conditions(self) -> list[Condition]:
        """What was asked, what does not hold first; without what would name a value of a sensitive column."""
        hidden = self._hidden_names
        shown = [each for each in self.results.conditions if each.slice not in hidden]
        return sorted(shown, key=lambda each: (each.holds, each.kind == "slice"))

    @property
    def unsaid(self) -> int:
        """How many conditions that do not hold are about slices that are not named."""
        return sum(not each.holds for each in self.results.conditions) - sum(not each.holds for each in self.conditions)

    @property
    def notes(self) -> list[str]:
        hidden = [f"{column}" for column in self.sensitive]
        said = (*self.results.notes, *(text for text in self.results.left_out if text not in self.results.notes))
        return [text for text in said if not any(column in text for column in hidden)]

    @property
    def _hidden_names(self) -> set[str]:
        return {part.name for part in self.results.slices if self._is_hidden(part.by)}

    def _is_hidden(self, by: str) -> bool:
        return any(column in self.sensitive for column in by.split(" × "))

    # -- metrics ------------------------------------------------------------------------------------

    def metric_rows(self) -> list[dict[str, Any]]:
        """Return the metrics over all rows, with their pictures."""
        return [
            self._row(measure, self.results.whole, self._spans(measure, [self.results.whole]))
            for measure in self._measured()
        ]

    def _measured(self) -> list[Measure]:
        return [measure for measure in self.results.measures if measure.name in self.results.whole.metrics]

    @property
    def unmeasured(self) -> list[str]:
        """The metrics that cannot be said of these rows."""
        return [each.name for each in self.results.measures if each.name not in self.results.whole.metrics]

    def _spans(self, measure: Measure, parts: Sequence[Part]) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ranges of a metric and of its drops over some parts."""
        name = measure.name
        found = [part.metrics[name] for part in parts if name in part.metrics]
        others = [part.champion[name] for part in parts if name in part.champion]
        drops = [part.drops[name] for part in parts if name in part.drops]
        bounds = [each.limit for each in self.results.conditions if each.metric == name and each.kind == "bound"]
        margin = self._margin(name)
        values = [number for each in (*found, *others) for number in (each.value, each.low, each.high)]
        apart = [number for each in drops for number in (each.value, each.low, each.high)]
        return plots.span_of([*values, *bounds]), plots.span_of([*apart, 0.0, margin])

    def _margin(self, name: str) -> float | None:
        asked = [each.limit for each in self.results.conditions if each.metric == name and each.kind != "bound"]
        return asked[0] if asked else None

    def _row(self, measure: Measure, part: Part, spans: Any) -> dict[str, Any]:
        name = measure.name
        found, other, drop = part.metrics[name], part.champion.get(name), part.drops.get(name)
        bounds = [
            each.limit
            for each in self.results.conditions
            if each.metric == name and each.kind == "bound" and each.limit is not None and not part.by
        ]
        margin = self._margin(name)
        judged = [
            each
            for each in self.results.conditions
            if each.metric == name and each.slice == (part.name if part.by else "")
        ]
        failed = any(not each.holds and each.kind != "bound" for each in judged)
        return {
            "name": part.name if part.by else name,
            "rows": part.rows,
            "measure": measure,
            "value": found,
            "bar": plots.interval_bar(found, other, spans[0], marks=bounds),
            "champion": short(other.value) if other is not None else "",
            "drop": drop,
            "drop_bar": _drop_bar(drop, margin, spans[1], failed=failed) if drop is not None else "",
            "margin": margin,
            "failed": failed,
        }

    # -- slices -------------------------------------------------------------------------------------

    def slice_tables(self) -> list[dict[str, Any]]:
        """Return, for each metric, a table for each slicing: the worst slices first, with how far they are apart."""
        measures = self._measured()
        titles = [by for by in dict.fromkeys(part.by for part in self.results.slices) if not self._is_hidden(by)]
        most = max(ROWS // max(len(measures) * len(titles), 1), 5)
        return [
            {"name": measure.name, "tables": [self._table(measure, by, most) for by in titles]} for measure in measures
        ]

    def _table(self, measure: Measure, by: str, most: int) -> dict[str, Any]:
        ranked = [part for part in self.results.worst_first(measure.name) if part.by == by]
        spans = self._spans(measure, [self.results.whole, *ranked])
        gap = next((each for each in self.results.gaps if (each.by, each.metric) == (by, measure.name)), None)
        return {
            "by": by,
            "gap": _gap(gap) if gap is not None else "",
            "rows": [self._row(measure, part, spans) for part in ranked[:most]],
            "more": len(ranked) - most,
        }

    @property
    def hidden_slicings(self) -> list[str]:
        """What slices were made by that are not shown."""
        return [by for by in dict.fromkeys(part.by for part in self.results.slices) if self._is_hidden(by)]

    # -- pictures -----------------------------------------------------------------------------------

    def pictures(self) -> Iterator[tuple[str, str, Html]]:
        """Yield title, a sentence below and the picture."""
        charts = [self.results.charts]
        if self.results.champion_charts is not None:
            charts.append(self.results.champion_charts)
        if len(charts[0].calibration) > 1:
            what = _CALIBRATED[self.results.task]
            title = "Calibration: predicted and observed"
            text = f"Each dot has about as many rows: {what}, with its {self.interval}. On the dashed line is right."
            yield title, text, plots.calibration([each.calibration for each in charts], title)
        curves = [each.thresholds for each in charts if each.thresholds is not None]
        if curves:
            title = "ROC: recall and false positives"
            yield title, "What every threshold would give. On the dashed line is chance.", plots.roc(curves, title)
            title = "Thresholds"
            text = f"Precision (line), recall (dashed), the share of ones (dotted); the cut is {self.results.cut:g}."
            yield title, text, plots.thresholds(curves[0], self.results.cut, title)

    @property
    def threshold_rows(self) -> list[list[str]]:
        """Precision, recall, false positives and the share said to be a one, at every tenth of the thresholds."""
        curve = self.results.charts.thresholds
        if curve is None:
            return []
        columns = (curve.precision, curve.recall, curve.false_positives, curve.said)
        return [
            [f"{at:g}", *("–" if column[place] is None else f"{column[place]:.3f}" for column in columns)]
            for place, at in enumerate(curve.at)
            if place % 10 == 0 or at == self.results.cut
        ]

    @property
    def confusion(self) -> Confusion | None:
        found = self.results.charts.confusion
        if found is None or self.results.label not in self.sensitive:
            return found
        return Confusion([f"class {place + 1}" for place in range(len(found.classes))], found.counts, found.others)


def _drop_bar(drop: Estimate, margin: float | None, span: tuple[float, float], *, failed: bool) -> Html:
    marks = [0.0] if margin is None else [0.0, margin]
    return plots.interval_bar(drop, None, span, marks=marks, kind="bad" if failed else "p0")


def _gap(gap: Gap) -> str:
    return f"{gap.size} apart: {gap.best} and {gap.worst}"
