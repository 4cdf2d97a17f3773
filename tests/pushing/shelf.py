"""A registry with numbered models that passed their gate, and serving folders that they were pushed to, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from levada.artifacts import Blessing, Model, PushedModel
from levada.artifacts.pushed import Pointer, ServingFolder
from levada.components import push
from levada.models import ModelDocument, Tensor
from levada.registry import Registry, Version
from tests.models.workshop import Workshop

NAME = "flights"
GRAPH = b"\x08\x01"
"""The protobuf of a SavedModel of schema version 1 without graphs."""


class Shelf(Workshop):
    """A workshop whose models are versions of `flights`: number 1 adds 1 to its column, number 2 adds 2."""

    def __init__(self, root: Path, to: str = "serving/flights") -> None:
        super().__init__(root)
        self.registry = Registry(self.store)
        self.to = to
        self.models: dict[int, Model] = {}

    @property
    def folder(self) -> ServingFolder:
        return ServingFolder.of(self.to, self.root)

    @property
    def path(self) -> Path:
        return self.root / self.to

    def version(self, number: int, *, blessed: bool = True, model: Model | None = None) -> Model:
        """Make a version that was evaluated; the reason names it."""
        model = model or self.echo("p", add=float(number))
        reasons = [f"auc 0.{number} is at least 0.1"]
        candidate = {
            "model": NAME,
            "fingerprint": model.fingerprint,
            "record": model.record.to_json(),
            "blessed": blessed,
            "reasons": reasons,
            "metrics": {"auc": 0.5},
        }
        self.registry.propose(NAME, model.fingerprint, candidate)
        self.registry.number(Version(NAME, model.fingerprint, number, "by hand"))
        self.models[number] = model
        return model

    def push(self, number: int, *, to: str = "", **options: Any) -> PushedModel:
        """Push a version as a run does; it is made if it is not there."""
        model = self.models.get(number) or self.version(number)
        reasons = [f"auc 0.{number} is at least 0.1"]
        blessing = self.make(
            Blessing, lambda made: made.write(True, reasons, model=NAME, fingerprints=[model.fingerprint])
        )
        return self.call(push, model, blessing, to=to or self.to, **options)

    def live(self, to: str = "") -> Pointer | None:
        return ServingFolder.of(to or self.to, self.root).pointer()

    @property
    def lived(self) -> list[int]:
        """The versions of all promotions, oldest first."""
        return [promotion.version for promotion in self.registry.promotions(NAME)]

    def pointer(self) -> dict[str, Any]:
        return json.loads((self.path / "levada.json").read_text())

    def saved(self, number: int) -> Model:
        """Return a model in the form of a SavedModel, without TensorFlow."""

        def write(model: Model) -> None:
            (model.path / "saved_model/variables").mkdir(parents=True)
            (model.path / "saved_model/variables/variables.index").write_bytes(b"%d" % number)
            (model.path / "saved_model/saved_model.pb").write_bytes(GRAPH)
            tensors = (Tensor("p", "float32"),)
            model.describe(ModelDocument("saved_model", "saved_model", tensors, tensors, f"f{number}", "by hand"))

        return self.make(Model, write)
