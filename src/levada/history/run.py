"""One run, as its records in the store tell it. Each record is read when it is asked for, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from levada.errors import StoreError
from levada.history.moments import moment_of
from levada.store import Store

if TYPE_CHECKING:
    from levada.node import RunView
    from levada.plan import Plan
    from levada.resolved import Resolved
    from levada.result import Result


@dataclass(frozen=True)
class Log:
    """What one attempt wrote: `item` is empty but for an item of a mapped node."""

    key: str
    attempt: str
    item: str = ""


class RunRecord:
    """A run that has started: `facts` are those of its start, `end` those of its end (None while there is none)."""

    def __init__(self, store: Store, run_id: str, facts: dict[str, Any]) -> None:
        self.store = store
        self.id = run_id
        self.facts = facts

    @cached_property
    def end(self) -> dict[str, Any] | None:
        return self.store.read_json(f"runs/{self.id}/end.json")

    @property
    def pipeline(self) -> str:
        return str(self.facts.get("pipeline", "?"))

    @property
    def arguments(self) -> dict[str, Any]:
        return self.facts.get("arguments") or {}

    @property
    def command(self) -> str:
        return str(self.facts.get("command") or "")

    @property
    def status(self) -> str:
        """running, finished, failed, closed or killed."""
        return str(self.end["status"]) if self.end else "running"

    @property
    def started(self) -> datetime | None:
        return moment_of(self.facts.get("time", ""))

    @property
    def seconds(self) -> float | None:
        """How long it took, None while it goes on."""
        return float(self.end["seconds"]) if self.end else None

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes were done, cached, failed, skipped; of a run that goes on, so far."""
        if self.end:
            return dict(self.end.get("counts") or {})
        statuses = [result.status for result in self.results.values()]
        return {status: statuses.count(status) for status in ("done", "cached", "failed", "skipped")}

    @property
    def commit(self) -> str:
        """The git commit that it ran from, short, with a + if files had been changed; empty outside a repository."""
        git = self.facts.get("git") or {}
        return f"{git['commit'][:7]}{'+' if git.get('dirty') else ''}" if git.get("commit") else ""

    @property
    def node_ids(self) -> list[str]:
        return list(self.facts.get("nodes") or [])

    @cached_property
    def plan(self) -> Plan:
        from levada.plan import Plan

        form = self._needed("plan.json")
        return Plan.from_json(form)

    @cached_property
    def resolved(self) -> Resolved:
        from levada.resolved import Resolved

        return Resolved.from_json(self._needed("resolved.json"))

    @cached_property
    def view(self) -> RunView:
        """The run as its nodes saw it: their keys and inputs."""
        from levada.node import RunView

        return RunView(self.store, self.id)

    def _needed(self, name: str) -> Any:
        form = self.store.read_json(f"runs/{self.id}/{name}")
        if form is None:
            raise StoreError(
                f"run {self.id} has no {name}.", hint="It was killed as it started, or the store was damaged."
            )
        return form

    def result(self, node: str) -> Result | None:
        """Return what became of a node, None while nothing has."""
        from levada.result import Result

        form = self.store.read_json(f"runs/{self.id}/nodes/{node}.json")
        return Result.from_json(form) if form else None

    @cached_property
    def results(self) -> dict[str, Result]:
        """What became of the nodes, in the plan's order; without those that have not ended."""
        found = {node: self.result(node) for node in self.node_ids or [node.id for node in self.plan.nodes]}
        return {node: result for node, result in found.items() if result is not None}

    def items(self, node: str) -> dict[str, Result]:
        """Return what became of the items of a mapped node, by item id, in the order of the list."""
        from levada.result import Result

        found: dict[str, Result] = {}
        for key in self.store.list(f"runs/{self.id}/items/{node}"):
            form = self.store.read_json(key) if key.endswith(".json") else None
            if form:
                found[key.rsplit("/", 1)[1].removesuffix(".json")] = Result.from_json(form)
        order = [*self._listed(node), *found]
        return {item: found[item] for item in order if item in found}

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The journal, oldest first."""
        from levada.journal import Tail

        return Tail(self.store, self.id).poll()

    def started_nodes(self) -> dict[str, dict[str, Any]]:
        """Return the first `node_started` of each node that was started."""
        found: dict[str, dict[str, Any]] = {}
        for event in self.events:
            if event["kind"] == "node_started":
                found.setdefault(event["node"], event)
        return found

    def logs(self, node: str, item: str = "") -> list[Log]:
        """Return what the attempts at a node, or at one item of it, left behind, oldest first."""
        folder = f"runs/{self.id}/logs/{node}" + (f"/{item}" if item else "")
        names = [key for key in self.store.list(folder) if key.endswith(".log")]
        return self._by_time([Log(key, key.rsplit("/", 1)[1].removesuffix(".log"), item) for key in names])

    def all_logs(self, node: str) -> list[Log]:
        """Return the logs of a node and of all its items: item by item in the list's order, then oldest first."""
        return [*self.logs(node), *(log for item in self._listed(node) for log in self.logs(node, item))]

    def _listed(self, node: str) -> list[str]:
        """Return the ids of the items that a mapped node ran over, in their order; none of another node."""
        listed = self.store.read_json(f"runs/{self.id}/lists/{node}.json") or {"items": []}
        return [str(item) for item, _ in listed["items"]]

    def _by_time(self, logs: list[Log]) -> list[Log]:
        return sorted(logs, key=lambda log: self._places.get(log.attempt, len(self._places)))

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where in the journal each attempt is first named."""
        places: dict[str, int] = {}
        for place, event in enumerate(self.events):
            places.setdefault(str(event.get("attempt")), place)
        return places
