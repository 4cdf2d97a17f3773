"""What differs between two runs, two plans, or a run and what would be run now."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from levada.history.changes import Change, NodeFacts, changes, value_changes
from levada.history.edits import line_counts
from levada.history.forecast import Forecast, facts_of
from levada.history.run import RunRecord
from levada.history.sources import SourcesNow, SourcesThen
from levada.plan import Plan, binding_to_json
from levada.resolved import Resolved


@dataclass
class Side:
    """One of the two: a plan, and what is known beside it. Of a plan from a file nothing is."""

    label: str
    plan: Plan
    run: RunRecord | None = None
    forecast: Forecast | None = None
    sources: SourcesThen | SourcesNow | None = None

    @property
    def resolved(self) -> Resolved | None:
        return self.run.resolved if self.run else self.forecast.resolved if self.forecast else None

    def facts(self, node_id: str) -> NodeFacts | None:
        if self.run is not None:
            return facts_of(self.run, node_id)
        return self.forecast.facts(self.plan.node(node_id)) if self.forecast else None

    @property
    def versions(self) -> dict[str, Any]:
        return (self.run.facts.get("versions") or {}) if self.run else {}

    @cached_property
    def metrics(self) -> dict[tuple[str, str], float]:
        """Every metric, by node and name."""
        if self.run is None:
            return {}
        return {
            (node, name): value for node, result in self.run.results.items() for name, value in result.metrics.items()
        }


@dataclass(frozen=True)
class FileChange:
    """A file of the project that differs: how many lines were added and removed, and the unified diff."""

    name: str
    added: int
    removed: int
    text: str


@dataclass(frozen=True)
class Difference:
    """All that differs between two sides. `again` are the nodes that the second side runs, with how it is known."""

    left: Side
    right: Side
    arguments: list[Change] = field(default_factory=list[Change])
    added: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    nodes: dict[str, list[Change]] = field(default_factory=dict[str, list[Change]])
    files: list[FileChange] = field(default_factory=list[FileChange])
    packages: list[Change] = field(default_factory=list[Change])
    metrics: list[tuple[str, str, float | None, float | None]] = field(
        default_factory=list[tuple[str, str, float | None, float | None]]
    )

    @property
    def is_empty(self) -> bool:
        """Whether the two would do the same work."""
        return not (self.arguments or self.added or self.removed or self.nodes or self.files or self.packages)

    def to_json(self) -> dict[str, Any]:
        forecast = self.right.forecast
        return {
            "left": self.left.label,
            "right": self.right.label,
            "arguments": [change.to_json() for change in self.arguments],
            "added": self.added,
            "removed": self.removed,
            "nodes": {name: [change.to_json() for change in found] for name, found in self.nodes.items()},
            "files": [{"file": one.name, "added": one.added, "removed": one.removed} for one in self.files],
            "packages": [change.to_json() for change in self.packages],
            "metrics": [
                {"node": node, "name": name, "left": left, "right": right} for node, name, left, right in self.metrics
            ],
            "again": {name: item.to_json()["fate"] for name, item in forecast.nodes.items()} if forecast else None,
        }


def compare(left: Side, right: Side) -> Difference:
    """Return what differs from the left side to the right one."""
    old, new = left.plan.by_id, right.plan.by_id
    nodes: dict[str, list[Change]] = {}
    for name in new:
        if name in old and (found := _node_changes(left, right, name)):
            nodes[name] = found
    pairs = dict.fromkeys([*left.metrics, *right.metrics]) if left.metrics and right.metrics else {}
    return Difference(
        left,
        right,
        arguments=list(value_changes(left.plan.arguments, right.plan.arguments)),
        added=[name for name in new if name not in old],
        removed=[name for name in old if name not in new],
        nodes=nodes,
        files=list(_files(left, right)),
        packages=list(_packages(left, right)),
        metrics=[(*pair, left.metrics.get(pair), right.metrics.get(pair)) for pair in pairs],
    )


def _node_changes(left: Side, right: Side, name: str) -> list[Change]:
    before, after = left.facts(name), right.facts(name)
    old, new = left.plan.node(name), right.plan.node(name)
    if before is not None and after is not None:
        found = changes(before, after)
    else:
        found = list(value_changes(old.parameters, new.parameters))
        if old.component != new.component:
            words = f"component {old.component} -> {new.component}"
            found.append(Change("component", "component", old.component, new.component, words))
    return [*found, *_wiring(left, right, name)]


def _wiring(left: Side, right: Side, name: str) -> Iterator[Change]:
    old, new = left.plan.node(name), right.plan.node(name)
    for each in old.inputs.keys() & new.inputs.keys():
        was, is_ = binding_to_json(old.inputs[each]), binding_to_json(new.inputs[each])
        if was != is_:
            yield Change("input", each, was, is_, f"the input {each} is wired otherwise")
    if old.requires != new.requires:
        was, is_ = [gate.node for gate in old.requires], [gate.node for gate in new.requires]
        words = f"requires {', '.join(is_) or 'no gate'} (was {', '.join(was) or 'none'})"
        yield Change("gate", "requires", list(was), list(is_), words)


def _files(left: Side, right: Side) -> Iterator[FileChange]:
    """Yield the project's files that differ; none if one side's code is not known."""
    old, new = left.sources, right.sources
    if old is None or new is None or not old.names or not new.names:
        return
    for name in sorted(old.names | new.names):
        if not name.endswith(".py"):
            continue
        before, after = old.read(name), new.read(name)
        if before != after:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), f"{left.label}/{name}", f"{right.label}/{name}", lineterm=""
            )
            yield FileChange(name, *line_counts(before.splitlines(), after.splitlines()), "\n".join(lines))


def _packages(left: Side, right: Side) -> Iterator[Change]:
    before, after = left.resolved, right.resolved
    if before is None or after is None:
        return
    old, new = {**left.versions, **before.packages}, {**right.versions, **after.packages}
    if not (left.versions and right.versions):
        old, new = before.packages, after.packages
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield Change("package", name, old[name], new[name], f"{name} {old[name]} -> {new[name]}")
