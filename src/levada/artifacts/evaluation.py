"""What a model did on held-out rows, and the gate that opens or closes on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from levada.artifact import Artifact, ArtifactRecord, Gate
from levada.artifacts.measured import Estimate, Part, Results
from levada.values import Json

EVALUATION = "evaluation.json"
CARD = "model_card.md"
BLESSING = "blessing.json"

WORST = 5
"""How many of the worst slices a terminal shows."""


class Evaluation(Artifact):
    """Metrics over all rows and by slice, as `evaluation.json`, and the model's card, as `model_card.md`.

    Properties: `task`, `rows`, `metrics`, `table` (what a terminal shows of it).
    """

    def write(self, results: Results, card: str) -> None:
        """Write what was found and the card (Markdown), and take the key facts over into the properties."""
        text = json.dumps(results.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
        (self.path / EVALUATION).write_text(text + "\n", encoding="utf-8")
        (self.path / CARD).write_text(card, encoding="utf-8")
        self.properties["task"] = results.task
        self.properties["rows"] = results.rows
        self.properties["metrics"] = cast("Json", results.metrics)
        self.properties["table"] = table_of(results)

    @property
    def results(self) -> Results:
        """All that was measured and asked."""
        return Results.from_json(json.loads((self.path / EVALUATION).read_text(encoding="utf-8")))

    @property
    def card(self) -> str:
        """The model's card, in Markdown."""
        return (self.path / CARD).read_text(encoding="utf-8")

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics over all rows, by name."""
        return cast("dict[str, float]", self.properties.get("metrics", {}))


def table_of(results: Results) -> dict[str, Json]:
    """Return what a person looks at first: the metrics, then the slices where the first metric is worst.

    The form is `{"title", "columns", "data"}`; terminals show it when a run ends.
    """
    beside = results.champion is not None
    columns: list[Json] = ["", *(["champion"] if beside else []), "this model", percent_interval(results.confidence)]
    key = next(iter(results.whole.metrics), "")
    data: list[Json] = [_row(name, name, results.whole, beside) for name in results.whole.metrics]
    worst = results.worst_first(key)[:WORST]
    data += [_row(f"{key}, {part.name} ({part.rows:,} rows)", key, part, beside) for part in worst]
    title = f"{results.split}, {results.rows:,} rows, label {results.label}"
    return {"title": title, "columns": columns, "data": data}


def percent_interval(confidence: float) -> str:
    """Return what an interval of this confidence is called: `95 % interval`."""
    return f"{100 * confidence:.4g} % interval"


def _row(title: str, name: str, part: Part, beside: bool) -> list[Json]:
    found, other = part.metrics[name], part.champion.get(name)
    return [title, *([_value(other)] if beside else []), found.value, found.interval.strip()]


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


class Blessing(Gate):
    """A gate that covers named models: open, they may be pushed.

    Properties: `verdict`, `model` (the registered model's name, or None), `fingerprints` (the models it covers),
    `baseline` (None, or the champion's `version`, `fingerprint`, `metrics`). The record of the champion that
    was challenged is in `blessing.json`.
    """

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
