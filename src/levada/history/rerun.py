"""A node of a run once more, in this process, in a scratch store: the recorded inputs, the code as it is."""

from __future__ import annotations

import logging
import secrets
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from levada.artifact import Artifact
from levada.component import component_of
from levada.errors import PlanError, StoreError
from levada.history.run import RunRecord
from levada.history.scratch import ScratchStore
from levada.node.attempt import Try, call_component
from levada.node.items import item_of
from levada.node.key import Inputs, call_of, key_of
from levada.node.view import RunView
from levada.references import load
from levada.result import Result
from levada.values import Json

_BECAME = {"failed": "failed", "skipped": "was skipped"}


class Rerun:
    """One call of a node's component as it was in a run.

    Raises StoreError if its inputs were never made, PlanError for a node with an effect outside the store.
    """

    def __init__(self, run: RunRecord, node_id: str, item_id: str, folder: Path) -> None:
        self.run = run
        self.node = run.plan.node(node_id)
        for name in self.node.upstream:
            result = run.result(name)
            if result is None or not (result.ok or result.items is not None):
                became = "has not ended" if result is None else _BECAME.get(result.status, result.status)
                raise StoreError(
                    f"{node_id} cannot be run again: {name} {became} in run {run.id}, so it has no inputs.",
                    hint=f"Debug {name} instead: levada debug {run.id} {name}",
                )
        self._refuse_effects()
        self._view = RunView(ScratchStore(run.store, folder.absolute()), run.id)
        if self.node.is_mapped and not item_id:
            raise PlanError(
                f"{node_id} runs once an item: say which.", hint=f"levada show {run.id} --node {node_id} lists them."
            )
        self._item = item_of(self._view, self.node, item_id) if self.node.is_mapped else None
        self._call = call_of(self._view, self.node, self._item)

    @property
    def call_inputs(self) -> Inputs:
        return self._call.inputs

    @property
    def call_parameters(self) -> dict[str, Json]:
        return self._call.parameters

    def _refuse_effects(self) -> None:
        component = component_of(load(self.node.component))
        kinds: list[Any] = list(component.signature.outputs.values()) if component else []
        if any(kind.holds is not Artifact.holds for kind in kinds):
            raise PlanError(
                f"{self.node.id} acts outside the store (it gives {', '.join(kind.__name__ for kind in kinds)}), so "
                "trying it would not stay without effect.",
                hint="Call its function from Python, with a destination of your own.",
            )

    def call(self) -> Result:
        """Call the component and return what came of it; raises whatever it raises."""
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("levada.node").setLevel(logging.DEBUG)
        name = f"{self.run.id}-{secrets.token_hex(3)}"
        key = key_of(self._view, self.node, self._call)
        this = Try(self.run.plan, self.node, self._item, self._call, key, name, 1)
        started = time.monotonic()
        result = call_component(self._view, this, lambda: False)
        return replace(result, seconds=round(time.monotonic() - started, 3))
