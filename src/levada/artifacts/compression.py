"""What came of compressing a model: candidates, what each costs and loses, which was chosen; as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from levada.amounts import size_said, time_said
from levada.artifact import Artifact
from levada.artifacts.cost import Cost
from levada.artifacts.measured import Condition, Estimate, Measure, Part, condition_of, part_of, short
from levada.values import Json, json_text

if TYPE_CHECKING:
    import pandas as pd

DOCUMENT = "compression.json"

Role = Literal["uncompressed", "reference", "candidate"]


@dataclass(frozen=True)
class Candidate:
    """A model that was measured. `role`: the `uncompressed` one, a `reference` that is only exported, a `candidate`.

    `whole` is all rows of the split, `slices` parts of them, each with the metrics, those of the uncompressed model
    (`champion`) and by how much they dropped, paired row by row. `conditions` are what was asked, `misses` says of each
    that does not hold by which share of the limit. `difference` is the largest difference of an output from the network
    that was exported, None where it was not compared.
    """

    name: str
    role: Role
    fingerprint: str
    format: str
    quantization: str
    parameters: int | None
    cost: Cost
    whole: Part
    slices: tuple[Part, ...] = ()
    conditions: tuple[Condition, ...] = ()
    misses: tuple[float, ...] = ()
    difference: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is all that was asked."""
        return all(condition.holds for condition in self.conditions)

    def worst(self, metric: str) -> Part | None:
        """The slice in which a metric dropped most; None without slices."""
        having = [part for part in self.slices if metric in part.drops]
        return max(having, key=lambda part: part.drops[metric].value, default=None)


@dataclass(frozen=True)
class CompressionDocument:
    """The content of `compression.json`.

    `metric` is the one that pictures show, `asked` the limits in words. `confidence` is that of the intervals: that
    which was `wanted`, made stricter for the number of candidates. `chosen` is the name of a candidate, None where none
    is all that was asked; `nearest` that which comes nearest then. `why` says it in a sentence, `front` names
    candidates that none beats in both size and metric.
    """

    label: str
    split: str
    rows: int
    runtime: str
    metric: str
    measures: tuple[Measure, ...]
    asked: tuple[str, ...]
    bound: str
    prefer: str
    wanted: float
    confidence: float
    candidates: tuple[Candidate, ...]
    chosen: str | None
    nearest: str | None
    why: str
    front: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple[str, ...])

    @property
    def baseline(self) -> Candidate:
        """The uncompressed model."""
        return next(each for each in self.candidates if each.role == "uncompressed")

    @property
    def made(self) -> Candidate:
        """The candidate whose model is given on: the chosen one, else the nearest."""
        name = self.chosen or self.nearest
        return next(each for each in self.candidates if each.role == "candidate" and each.name == name)

    def lower_is_better(self, metric: str) -> bool:
        """Whether a metric is a loss, which rises where it drops in worth."""
        return any(measure.lower_is_better for measure in self.measures if measure.name == metric)

    @property
    def metrics(self) -> list[str]:
        """The metrics that a table shows: those with a limit, or the first."""
        asked = dict.fromkeys(
            condition.metric
            for each in self.candidates
            for condition in each.conditions
            if condition.kind in ("champion", "slice")
        )
        return list(asked) or [self.metric]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> CompressionDocument:
        read: dict[str, Any] = {
            **form,
            "measures": tuple(Measure(**each) for each in form["measures"]),
            "candidates": tuple(_candidate(each) for each in form["candidates"]),
            **{name: tuple(form[name]) for name in ("asked", "front", "notes")},
        }
        return CompressionDocument(**read)


def _candidate(form: Mapping[str, Any]) -> Candidate:
    read: dict[str, Any] = {
        **form,
        "cost": Cost.from_json(form["cost"]),
        "whole": part_of(form["whole"]),
        "slices": tuple(part_of(each) for each in form["slices"]),
        "conditions": tuple(condition_of(each) for each in form["conditions"]),
        "misses": tuple(form["misses"]),
    }
    return Candidate(**read)


class Compression(Artifact):
    """The candidates of a `compress`, as `compression.json`.

    Properties: `chosen` (a name, or None), `candidates` (how many), `table` (what a terminal shows).
    """

    def write(self, document: CompressionDocument) -> None:
        """Write what was found, and take its key facts over into the properties."""
        (self.path / DOCUMENT).write_text(json_text(document.to_json()) + "\n", encoding="utf-8")
        self.properties["chosen"] = document.chosen
        self.properties["candidates"] = sum(each.role == "candidate" for each in document.candidates)
        self.properties["table"] = table_of(document)

    @property
    def document(self) -> CompressionDocument:
        """All that was measured, asked and chosen."""
        return CompressionDocument.from_json(json.loads((self.path / DOCUMENT).read_text(encoding="utf-8")))

    def to_pandas(self) -> pd.DataFrame:
        """Return a row a model: `name`, `role`, its metrics, their `... drop`, its cost in bytes and seconds."""
        import pandas as pd

        rows = [
            {
                "name": each.name,
                "role": each.role,
                "holds": each.holds,
                **{name: found.value for name, found in each.whole.metrics.items()},
                **{f"{name} drop": found.value for name, found in each.whole.drops.items()},
                **asdict(each.cost),
            }
            for each in self.document.candidates
        ]
        return pd.DataFrame(rows)


def table_of(document: CompressionDocument) -> dict[str, Json]:
    """Return what a person looks at first: each model with what it loses and costs, the uncompressed one first."""
    names = document.metrics
    has_slices = any(each.slices for each in document.candidates)
    columns = [
        "",
        *(column for name in names for column in (name, "change", *(["worst slice"] if has_slices else []))),
        "gzipped",
        "on disk",
        "p50",
        "p99",
        "",
    ]
    data: list[list[Any]] = []
    for each in document.candidates:
        numbers = [
            text
            for name in names
            for text in _lost(each, name, has_slices=has_slices, lower_is_better=document.lower_is_better(name))
        ]
        cost = each.cost
        said = [size_said(cost.gzipped), size_said(cost.size), time_said(cost.p50), time_said(cost.p99)]
        data.append([each.name, *numbers, *said, state_of(document, each)])
    title = f"compressed for {document.runtime}, judged on {document.rows:,} rows of {document.split}"
    return cast("dict[str, Json]", {"title": title, "columns": columns, "data": data})


def _lost(each: Candidate, name: str, *, has_slices: bool, lower_is_better: bool) -> list[str]:
    value = short(each.whole.metrics[name].value) if name in each.whole.metrics else ""
    drop = signed(each.whole.drops[name].value, lower_is_better=lower_is_better) if name in each.whole.drops else ""
    if not has_slices:
        return [value, drop]
    worst = each.worst(name)
    said = signed(worst.drops[name].value, lower_is_better=lower_is_better) if worst is not None else ""
    return [value, drop, said]


def state_of(document: CompressionDocument, each: Candidate) -> str:
    """Return what became of a candidate, in a word or two."""
    if each.role != "candidate":
        return "" if each.role == "uncompressed" else "for comparison"
    if each.name == document.chosen:
        return "chosen"
    if each.holds:
        return "would do"
    missed = dict.fromkeys(condition.metric for condition in each.conditions if not condition.holds)
    return f"misses {', '.join(missed)}"


def signed(drop: float, *, lower_is_better: bool = False) -> str:
    """Return a drop as the change that it is: an accuracy that fell by 0.01 is -0.010, an error that rose +0.010."""
    said = short(abs(drop))
    return f"±{said}" if not said.strip("0.") else f"{'-' if (drop > 0) != lower_is_better else '+'}{said}"


def change_said(drop: Estimate, *, lower_is_better: bool = False) -> str:
    """Return a drop with its interval, as the change that it is: `-0.010 [-0.015, -0.005]`."""
    value, *ends = (
        None if each is None else signed(each, lower_is_better=lower_is_better)
        for each in (drop.value, *((drop.low, drop.high) if lower_is_better else (drop.high, drop.low)))
    )
    return f"{value}" if None in ends else f"{value} [{', '.join(map(str, ends))}]"
