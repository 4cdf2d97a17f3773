"""A registry with numbered models that passed their gate, and serving folders that they were pushed to, by hand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from levada.artifacts import Blessing, Model, PushedModel
from levada.artifacts.pushed import Pointer, ServingFolder
from levada.components import push
from levada.errors import SignatureError
from levada.models import ModelDocument, Tensor
from levada.pushing.moves import finish_all_moves
from levada.registry import Registry, Version
from levada.signing import check_folder, policy_of
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

    def out_of_step(self) -> list[str]:
        """Return how registry and folder disagree, and what is not whole there; nothing if all is in step."""
        finish_all_moves(self.registry)
        pointer, champion = self.live(), self.registry.champion(NAME)
        if pointer is None or champion is None:
            return [] if (pointer, champion) == (None, None) else [f"pointer {pointer}, champion {champion}"]
        said: list[str] = []
        if (pointer.version, pointer.fingerprint) != (champion.version, champion.fingerprint):
            said.append(f"the pointer names {pointer.version}, the registry {champion.version}")
        if pointer.version == pointer.before:
            said.append(f"version {pointer.version} took over from itself")
        config = self.folder.store.read("models.config")
        described = self.folder.described(pointer.version) or {}
        named = f"versions: {pointer.version} ".encode() in config if config else None
        if named != (True if described.get("format") == "saved_model" else None):
            said.append(f"models.config is out of step with version {pointer.version}")
        for number in self.folder.versions():
            try:
                check_folder(self.folder.store, str(number), policy_of(self.root).keys(), NAME, number)
            except SignatureError as error:
                said.append(error.message)
        if self.registry.unfinished_moves(NAME):
            said.append("a move was left unfinished")
        if any(left == right for left, right in itertools.pairwise(self.lived)):
            said.append(f"a version was promoted after itself: {self.lived}")
        return said
