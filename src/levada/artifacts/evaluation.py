"""What a model did on held-out rows, and the gate that opens or closes on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from levada.artifact import Artifact, ArtifactRecord
from levada.values import Json

EVALUATION = "evaluation.json"
BLESSING = "blessing.json"


@dataclass(frozen=True)
class Report:
    """The content of `evaluation.json`.

    `metrics` and `champion` (None without one) are over all rows, `bounds` their 95 % intervals, `slices` a table
    `{"columns": [...], "data": [[...], ...]}` with a row per value of each slicing column. `skipped` counts rows
    without a label. Metrics that cannot be said (an AUC of one class) are absent, or null in the table.
    """

    task: str
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


class Evaluation(Artifact):
    """Metrics over all rows and by slice, as `evaluation.json`.

    Properties: `task`, `rows`, `metrics`.
    """

    def write(self, report: Report) -> None:
        """Write the report, and take its key facts over into the properties."""
        text = json.dumps(asdict(report), indent=1, ensure_ascii=False, allow_nan=False)
        (self.path / EVALUATION).write_text(text + "\n", encoding="utf-8")
        self.properties["task"] = report.task
        self.properties["rows"] = report.rows
        self.properties["metrics"] = cast("Json", report.metrics)

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
