"""Anomalies: where data departs from its schema, and the gate that closes on it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from levada.artifact import Artifact

FILE = "anomalies.json"


@dataclass(frozen=True)
class Anomaly:
    """One departure from the schema.

    `column` is empty where the whole split is meant, `split` where all splits are. `kind` is one of
    `missing column`, `new column`, `type`, `missing values`, `domain`, `range`, `length`, `empty split`.
    """

    column: str
    kind: str
    severity: Literal["error", "warning"]
    description: str
    split: str = ""


class Anomalies(Artifact):
    """A list of anomalies, as `anomalies.json`; a gate that an error closes and a warning does not."""

    is_gate = True

    def write(self, anomalies: list[Anomaly]) -> None:
        """Write the list and set the verdict: open unless an anomaly is an error."""
        text = json.dumps([asdict(anomaly) for anomaly in anomalies], ensure_ascii=False, indent=1)
        (self.path / FILE).write_text(text + "\n", encoding="utf-8")
        errors = [anomaly.description for anomaly in anomalies if anomaly.severity == "error"]
        self.properties["errors"] = len(errors)
        self.properties["warnings"] = len(anomalies) - len(errors)
        self.set_verdict(not errors, errors or [anomaly.description for anomaly in anomalies])

    def all(self) -> list[Anomaly]:
        """Every anomaly, errors first."""
        return [Anomaly(**form) for form in json.loads((self.path / FILE).read_text(encoding="utf-8"))]

    @property
    def errors(self) -> list[Anomaly]:
        return [anomaly for anomaly in self.all() if anomaly.severity == "error"]

    @property
    def warnings(self) -> list[Anomaly]:
        return [anomaly for anomaly in self.all() if anomaly.severity == "warning"]
