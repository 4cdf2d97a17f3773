"""What a model did on held-out rows, and the gate that opens or closes on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from levada.artifact import Artifact, ArtifactRecord
from levada.values import Json

EVALUATION = "evaluation.json"
BLESSING = "blessing.json"

Task = Literal["binary", "multiclass", "regression"]

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse", "calibration_gap"})
WORST = 5
"""How many of the worst slices a terminal shows."""


@dataclass(frozen=True)
class Report:
    """The content of `evaluation.json`.

    `metrics` and `champion` (None without one) are over all rows, `bounds` their 95 % intervals, `slices` a table
    `{"columns": [...], "data": [[...], ...]}` with a row per value of each slicing column. `skipped` counts rows
    without a label. Metrics that cannot be said (an AUC of one class) are absent, or null in the table.
    """

    task: Task
    label: str
    output: str
    split: str
    rows: int
    skipped: int
    fingerprint: str
    metrics: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    champion: dict[str, float] | None = None
    champion_fingerprint: str = ""
    slices: dict[str, Any] = field(default_factory=lambda: {"columns": [], "data": []})
    reasons: tuple[str, ...] = ()

    def table(self) -> dict[str, Json]:
        """Return what a person looks at first: the metrics, then the slices where the first metric is worst.

        The form is `{"title", "columns", "data"}`; terminals show it when a run ends.
        """
        columns: list[Json] = ["", *(["champion"] if self.champion is not None else []), "this model", "95 % interval"]
        data: list[Json] = []
        for name, value in self.metrics.items():
            champion = [self.champion.get(name)] if self.champion is not None else []
            data.append([name, *champion, value, _interval(self.bounds.get(name))])
        data += [list(row) for row in self._worst_slices()]
        return {"title": f"{self.split}, {self.rows:,} rows, label {self.label}", "columns": columns, "data": data}

    def _worst_slices(self) -> list[list[Json]]:
        """Return the first metric in the slices where it is worst, with the number of their rows."""
        metric = next(iter(self.metrics), "")
        place = {str(name): index for index, name in enumerate(self.slices["columns"])}
        if metric not in place:
            return []
        rows = [row for row in self.slices["data"] if row[place[metric]] is not None]
        rows.sort(key=lambda row: row[place[metric]], reverse=metric in LOWER_IS_BETTER)
        other = place.get(f"{metric} of champion")
        return [
            [
                f"{metric}, {row[place['column']]} = {row[place['value']]} ({row[place['rows']]:,} rows)",
                *([row[other]] if other is not None else [None] if self.champion is not None else []),
                row[place[metric]],
                "",
            ]
            for row in rows[:WORST]
        ]


def _interval(bounds: tuple[float, float] | None) -> str:
    return f"[{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""


class Evaluation(Artifact):
    """Metrics over all rows and by slice, as `evaluation.json`.

    Properties: `task`, `rows`, `metrics`, `table` (what a terminal shows of it).
    """

    def write(self, report: Report) -> None:
        """Write the report, and take its key facts over into the properties."""
        text = json.dumps(asdict(report), indent=1, ensure_ascii=False, allow_nan=False)
        (self.path / EVALUATION).write_text(text + "\n", encoding="utf-8")
        self.properties["task"] = report.task
        self.properties["rows"] = report.rows
        self.properties["metrics"] = cast("Json", report.metrics)
        self.properties["table"] = report.table()

    @property
    def report(self) -> Report:
        """All that was measured."""
        form: Any = json.loads((self.path / EVALUATION).read_text(encoding="utf-8"))
        form["bounds"] = {name: (low, high) for name, (low, high) in form["bounds"].items()}
        form["reasons"] = tuple(form["reasons"])
        return Report(**form)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics over all rows, by name."""
        return cast("dict[str, float]", self.properties.get("metrics", {}))


class Blessing(Artifact):
    """A gate that covers named models: open, they may be pushed.

    Properties: `verdict`, `model` (the registered model's name, or None), `fingerprints` (the models it covers),
    `baseline` (None, or the champion's `version`, `fingerprint`, `metrics`). The record of the champion that
    was challenged is in `blessing.json`.
    """

    is_gate = True

    def write(
        self,
        is_open: bool,
        reasons: list[str],
        *,
        model: str | None,
        fingerprints: Sequence[str],
        baseline: dict[str, Json] | None = None,
        challenged: ArtifactRecord | None = None,
    ) -> None:
        """Write the verdict, on which models it is, and against which champion it was reached."""
        self.set_verdict(is_open, reasons)
        self.properties["model"] = model
        self.properties["fingerprints"] = list(fingerprints)
        self.properties["baseline"] = baseline
        form = {
            "open": is_open,
            "reasons": reasons,
            "model": model,
            "fingerprints": list(fingerprints),
            "baseline": baseline,
            "challenged": challenged.to_json() if challenged else None,
        }
        (self.path / BLESSING).write_text(json.dumps(form, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def open(self) -> bool:
        """Whether the gate is open; closed until a verdict is written."""
        verdict = self.properties.get("verdict")
        return isinstance(verdict, dict) and bool(verdict.get("open"))

    @property
    def reasons(self) -> list[str]:
        """Why the gate is open or closed, a sentence each; what closed it comes first."""
        verdict = self.properties.get("verdict")
        return [str(reason) for reason in cast("list[Any]", verdict["reasons"])] if isinstance(verdict, dict) else []

    @property
    def model(self) -> str | None:
        """The name that the model has, or will have, in the registry."""
        return cast("str | None", self.properties.get("model"))

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of the models that this covers."""
        return [str(item) for item in cast("list[Any]", self.properties.get("fingerprints", []))]

    @property
    def baseline(self) -> dict[str, Any] | None:
        """The champion at the time: `version` (None if it has none), `fingerprint`, `metrics`."""
        return cast("dict[str, Any] | None", self.properties.get("baseline"))

    @property
    def challenged(self) -> ArtifactRecord | None:
        """The record of the champion that the model was judged against."""
        form = json.loads((self.path / BLESSING).read_text(encoding="utf-8"))["challenged"]
        return ArtifactRecord.from_json(form) if form else None
