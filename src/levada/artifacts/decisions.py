"""Decisions of people on versions of a registered model, as they were when a run started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from levada.artifact import Artifact

DECISIONS = "decisions.json"


@dataclass(frozen=True)
class Decision:
    """What a person said of a model: `approved` or `refused`; who, why and where, as far as it was said.

    `time` is when it was read (ISO 8601, UTC): MLflow does not tell when a tag was set, nor who did it.
    """

    state: str
    by: str
    why: str
    where: str
    time: str


class Decisions(Artifact):
    """What people decided on versions of a registered model, by fingerprint, as `decisions.json`."""

    def on(self, fingerprint: str) -> Decision | None:
        """Return the decision on a model, None while there is none."""
        forms: dict[str, Any] = json.loads((self.path / DECISIONS).read_text(encoding="utf-8"))
        form = forms.get(fingerprint)
        return Decision(**form) if form else None
