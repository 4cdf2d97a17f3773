"""Whether a model can be served: the gate that a fresh process with the runtime opened or closed, and its requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from levada.artifact import Gate
from levada.values import Json

CHECK = "serving_check.json"
WARM_UP = "warmup"


class ServingCheck(Gate):
    """A gate that says of one model whether its runtime serves it, as `serving_check.json`.

    Beside it, in `warmup/`, are the requests that were asked: what a push brings along, under the same paths below the
    version's folder. `reasons` say what was held against which limit.

    Properties: `verdict`, `fingerprint_of_model`, `cost` (what was measured; empty where the
    process did not get that far), `requests` (how many are kept).
    """

    def write(
        self, is_open: bool, reasons: list[str], *, fingerprint: str, cost: dict[str, Json], requests: int
    ) -> None:
        """Write the verdict, on which model it is, and what was measured."""
        self.set_verdict(is_open, reasons)
        self.properties["fingerprint_of_model"] = fingerprint
        self.properties["cost"] = cost
        self.properties["requests"] = requests
        form = {"open": is_open, "reasons": reasons, "model": fingerprint, "cost": cost, "requests": requests}
        (self.path / CHECK).write_text(json.dumps(form, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @property
    def model(self) -> str:
        """The fingerprint of the model that was asked."""
        return cast("str", self.properties.get("fingerprint_of_model", ""))

    @property
    def cost(self) -> dict[str, Any]:
        """What was measured, as `levada.artifacts.cost.Cost` has it; empty where the model did not answer."""
        return cast("dict[str, Any]", self.properties.get("cost", {}))

    @property
    def warmup(self) -> Path:
        """The folder with the requests, laid out as they lie in a served version's folder."""
        return warmup_in(self.path)


def warmup_in(folder: Path) -> Path:
    """Return the folder with the requests within that of a check."""
    return folder / WARM_UP
