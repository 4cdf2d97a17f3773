"""The state of features as an artifact: `features.json`, the description with all that fitting found."""

from __future__ import annotations

import json
from functools import cached_property

from levada.artifact import Artifact
from levada.features.fitted import Fitted

FILE = "features.json"


class FeatureState(Artifact):
    """A description of features with its state, as `features.json`. Properties: `features` (how many)."""

    @cached_property
    def fitted(self) -> Fitted:
        """The description with its state: what layers and transformers are made from."""
        return Fitted.from_json(json.loads((self.path / FILE).read_text(encoding="utf-8")))

    def write(self, fitted: Fitted) -> None:
        """Write a description with its state."""
        text = json.dumps(fitted.to_json(), ensure_ascii=False, allow_nan=False)
        (self.path / FILE).write_text(text + "\n", encoding="utf-8")
        self.properties["features"] = len(fitted.features)
