"""Values of parameters that are known only when a run has come so far: an artifact that a component is given them by.

best = tune(train, space={"rate": between(0.001, 0.1, log=True)}, goal=maximize("val_auc"))(data).parameters
model = train.with_parameters(best)(data)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from levada.artifact import Artifact
from levada.values import Json, decode, digest_of, encode, json_text


class Parameters(Artifact):
    """Values of parameters by name, as `parameters.json`.

    Properties: `values`, their JSON forms; `fingerprint`, a digest of these: equal values are the same, whoever found
    them and when.
    """

    def put(self, values: Mapping[str, Any]) -> None:
        """Take down the values; raises ParameterError for one that JSON has no form for."""
        forms: dict[str, Json] = {name: encode(value) for name, value in values.items()}
        self.properties["values"] = forms
        self.properties["fingerprint"] = digest_of(dict(sorted(forms.items())))
        (self.path / "parameters.json").write_text(json_text(forms) + "\n", encoding="utf-8")

    @property
    def values(self) -> dict[str, Any]:
        """The values, with the types that they had."""
        held = cast("dict[str, Json]", self.properties["values"])
        return {name: decode(form) for name, form in held.items()}
