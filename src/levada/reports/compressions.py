"""The report on a compression: what was chosen and why, all candidates, what each loses for what it saves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from levada.amounts import size_said, time_said
from levada.artifacts.compression import (
    Candidate,
    CompressionDocument,
    change_said,
    signed,
    state_of,
)
from levada.artifacts.evaluation import percent_interval
from levada.artifacts.measured import Condition, short
from levada.html import AMBER, GREY, RED, TEAL, Html
from levada.reports.scatter import Axis, Line, Mark, Plot

_NEAR = 0.035
"""Marks that are nearer, as a part of the picture, have their labels on both sides."""

SLICES = 12
"""Slices in the table of those that lost most."""


@dataclass(frozen=True)
class CompressionReport:
    """What a page says of a compression; slices by `sensitive` columns are not named."""

    title: str
    about: Sequence[str]
    document: CompressionDocument
    sensitive: Collection[str] = ()
    is_open: bool | None = None

    def hiding(self, columns: Collection[str]) -> CompressionReport:
        """Return it without the values of some columns."""
        return replace(self, sensitive={*self.sensitive, *columns})

    @property
    def interval(self) -> str:
        return percent_interval(self.document.confidence)

    @property
    def facts(self) -> list[str]:
        """What was compressed, for what, judged on what."""
        found = self.document
        return [
            f"model {found.baseline.fingerprint[:12]}",
            f"for {found.runtime}",
            f"judged on {found.rows:,} rows of {found.split}",
        ]

    @property
    def why(self) -> str:
        """The choice in a sentence; without what would name a value of a sensitive column."""
        said, _, rest = self.document.why.partition("; the slice that lost most")
        return self.document.why if not rest or not self._hidden else said

    # -- the verdict --------------------------------------------------------------------------------

    @property
    def conditions(self) -> list[Condition]:
        """What the model that is given on keeps, and what it misses; what does not hold first."""
        shown = [each for each in self.document.made.conditions if each.slice not in self._hidden]
        return sorted(shown, key=lambda each: each.holds)

    def missed(self) -> list[tuple[str, list[str]]]:
        """Return the other candidates that miss something: their names, what they miss."""
        others = [each for each in self.document.candidates if not each.holds and each != self.document.made]
        return [
            (each.name, [one.sentence for one in each.conditions if not one.holds and one.slice not in self._hidden])
            for each in others
        ]

    @property
    def _hidden(self) -> set[str]:
        slices = self.document.made.slices
        return {part.name for part in slices if any(column in self.sensitive for column in part.by.split(" × "))}

    # -- candidates ---------------------------------------------------------------------------------

    def columns(self) -> list[str]:
        """Return the columns of the table of candidates."""
        drops = [f"change, {self.interval}" for _ in self.document.metrics]
        named = [column for pair in zip(self.document.metrics, drops, strict=True) for column in pair]
        worst = ["worst slice"] if self._has_slices else []
        return ["", "model", "", *named, *worst, "gzipped", "on disk", "p50", "p99", "rows/s", "weights", "differs by"]

    @property
    def _has_slices(self) -> bool:
        return any(each.slices for each in self.document.candidates)

    def rows(self) -> list[tuple[str, list[str]]]:
        """Return the candidates as rows of a table: a word on each, and what stands in the row."""
        return [(self._word(each), self._row(place, each)) for place, each in enumerate(self.document.candidates)]

    def _word(self, each: Candidate) -> str:
        if each.role != "candidate":
            return "pruned"  # grey, as trials that do not count
        return "done" if each.holds else "failed"

    def _row(self, place: int, each: Candidate) -> list[str]:
        cells: list[str] = []
        for name in self.document.metrics:
            found, drop = each.whole.metrics.get(name), each.whole.drops.get(name)
            change = change_said(drop, lower_is_better=self.document.lower_is_better(name)) if drop else "–"
            cells += [short(found.value) if found else "–", change]
        if self._has_slices:
            metric = self.document.metric
            worst = each.worst(metric)
            shown = worst is not None and worst.name not in self._hidden
            lower = self.document.lower_is_better(metric)
            change = signed(worst.drops[metric].value, lower_is_better=lower) if worst is not None else "–"
            cells.append(f"{change} {worst.name}" if worst is not None and shown else change)
        cost = each.cost
        cells += [size_said(cost.gzipped), size_said(cost.size), time_said(cost.p50), time_said(cost.p99)]
        cells += [f"{cost.throughput:,.0f}", f"{each.parameters:,}" if each.parameters else "–"]
        cells.append("–" if each.difference is None else f"{each.difference:.2g}")
        return [str(place), each.name, state_of(self.document, each), *cells]

    def slice_rows(self) -> list[list[str]]:
        """Return the slices in which the model that is given on lost most in the first metric."""
        made, metric = self.document.made, self.document.metric
        having = [part for part in made.slices if metric in part.drops and part.name not in self._hidden]
        ranked = sorted(having, key=lambda part: -part.drops[metric].value)[:SLICES]
        return [
            [
                part.name,
                f"{part.rows:,}",
                str(part.metrics[metric]),
                short(part.champion[metric].value),
                change_said(part.drops[metric], lower_is_better=self.document.lower_is_better(metric)),
            ]
            for part in ranked
        ]

    # -- pictures -----------------------------------------------------------------------------------

    def pictures(self) -> list[tuple[str, str, Html]]:
        """Return pictures of all candidates: a heading, what it says, the picture."""
        metric = self.document.metric
        return [
            (
                f"{metric} for size",
                "Numbers are those of the table. The line joins models that none beats; the ring is the choice.",
                trade(self.document, "gzipped"),
            ),
            (
                f"{metric} for time",
                f"The median call with one row in {self.document.runtime}; grey is the uncompressed model in its own.",
                trade(self.document, "p50"),
            ),
        ]


def trade(document: CompressionDocument, cost: str) -> Html:
    """Return a metric against a cost (`gzipped` or `p50`) of all candidates, with those that none beats joined."""
    metric = document.metric
    unit, scale = ("kB gzipped", 1e3) if cost == "gzipped" else ("us, p50", 1e-6)
    having = [(place, each) for place, each in enumerate(document.candidates) if metric in each.whole.metrics]
    across = {place: getattr(each.cost, cost) / scale for place, each in having}
    up = {place: each.whole.metrics[metric].value for place, each in having}
    measure = next(each for each in document.measures if each.name == metric)
    x = Axis.of(unit, list(across.values()), log=max(across.values()) > 5 * min(across.values()))
    y = Axis.of(metric, list(up.values()))
    marks = [
        Mark(
            across[place],
            up[place],
            f"{place} {each.name}: {metric} {short(up[place])}, {across[place]:.4g} {unit}",
            GREY if each.role != "candidate" else TEAL if each.holds else RED,
            hollow=each.role != "candidate",
            ring=each.name == document.chosen,
            label=str(place),
            below=any(
                abs(x.share(across[place]) - x.share(across[other])) < _NEAR
                and abs(y.share(up[place]) - y.share(up[other])) < 2 * _NEAR
                for other, _ in having
                if other < place
            ),
        )
        for place, each in having
    ]
    best: list[tuple[float, float]] = []
    for place, each in sorted(having, key=lambda pair: (across[pair[0]], measure.drop(0.0, up[pair[0]]))):
        if each.role != "uncompressed" and (not best or measure.drop(best[-1][1], up[place]) < 0):
            best.append((across[place], up[place]))
    lines = [Line(best, "none beats these", AMBER, 0.6)] if len(best) > 1 else []
    said = f"{metric} against {unit} of {len(having)} models"
    return Plot(said, x, y, marks, lines).draw()
