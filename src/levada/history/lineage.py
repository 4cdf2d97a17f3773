"""What an artifact was made from, back to data, code and files of the project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from levada.artifact import ArtifactRecord
from levada.history.changes import value_text
from levada.history.inputs import given_to, inputs_of
from levada.history.run import RunRecord
from levada.history.runs import History
from levada.history.versions import ModelVersion, Versions
from levada.plan import External, Node, leaves
from levada.references import short_name
from levada.resolved import sources_within
from levada.values import Json

Sort = Literal["model", "node", "data", "file", "champion", "lost"]

DEEPEST = 40
"""Nodes on one path back; a longer one is cut, and says where it goes on."""


@dataclass(frozen=True)
class Origin:
    """Something that a thing came from, and what that came from.

    `role` is the name of the input that it was, `facts` what else is known: run, git commit, digest, parameters.
    `again` says that it is told in full elsewhere in the same tree, or that the path is too long to be told at once.
    """

    sort: Sort
    name: str
    role: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    from_: tuple[Origin, ...] = ()
    again: bool = False

    def to_json(self) -> dict[str, Any]:
        form: dict[str, Any] = {"sort": self.sort, "name": self.name, **self.facts}
        if self.role:
            form["role"] = self.role
        if self.again:
            form["again"] = True
        if self.from_:
            form["from"] = [origin.to_json() for origin in self.from_]
        return form


class Lineage:
    """Follows artifacts of a store back to where they came from. A node is told once in a tree."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._versions = Versions(history.store)
        self._told: set[str] = set()
        self._depth = 0

    def of_version(self, version: ModelVersion) -> Origin:
        """Return where a version of a model came from."""
        metrics = version.candidate.get("metrics") or {}
        last = version.promotions[-1] if version.promotions else None
        facts: dict[str, Any] = {
            "champion": version.is_champion,
            "metrics": metrics,
            "blessed": version.candidate.get("blessed"),
            "reasons": version.candidate.get("reasons") or [],
            "fingerprint": version.fingerprint,
            "promoted": {
                "run": last.release.run,
                "by": last.release.actor,
                "time": last.time,
                "to": last.destination,
                "before": last.before,
            }
            if last
            else None,
            "evaluated_on": version.candidate.get("data") or [],
        }
        return Origin("model", version.name, facts=facts, from_=(self.of_record(version.record),))

    def of_record(self, record: ArtifactRecord, role: str = "") -> Origin:
        """Return where an artifact came from: the node that made it, or a file of the project."""
        made_in, _, node_id = record.producer.partition("/")
        if not node_id:
            return self._of_file(record, role)
        facts = {"type": short_name(record.type), "digest": record.digest, "bytes": record.size}
        run = self._history.get(made_in)
        if run is None or node_id not in run.node_ids:
            return Origin("lost", node_id, role, {**facts, "run": made_in})
        result = run.result(node_id)
        node = run.plan.node(node_id)
        facts |= {
            "run": run.id,
            "git": run.facts.get("git") or {},
            "parameters": {**node.parameters, **given_to(run.view, node)},
            "said": result.summary if result else "",
            "time": run.facts.get("time"),
            "packages": {name: run.resolved.packages.get(name) for name in node.packages},
            "code": run.resolved.code.get(node.component, ""),
        }
        if record.producer in self._told:
            return Origin("node", node_id, role, facts, again=True)
        if self._depth == DEEPEST:
            return Origin("node", node_id, role, {**facts, "goes_on": True}, again=True)
        self._told.add(record.producer)
        self._depth += 1
        inputs = tuple(self._inputs(run, node))
        self._depth -= 1
        return Origin("node", node_id, role, facts, inputs)

    def _of_file(self, record: ArtifactRecord, role: str, run: RunRecord | None = None) -> Origin:
        name = str(record.properties.get("source") or self._history.store.address(record.uri))
        content = record.files[0].sha256 if len(record.files) == 1 else record.digest
        git = (run.facts.get("git") or {}) if run else {}
        return Origin("file", name, role, {"digest": content, "git": git})

    def _inputs(self, run: RunRecord, node: Node) -> Iterator[Origin]:
        for name, form in node.parameters.items():
            yield from self._data(run, node, name, form)
        records = inputs_of(run.view, node)
        for name, binding in node.inputs.items():
            external = next((leaf for leaf in leaves(binding) if isinstance(leaf, External)), None)
            item = records[name]
            for record in item if isinstance(item, list) else [item] if item else []:
                if external is not None and external.reference.startswith("champion:"):
                    yield self._of_champion(record, name)
                elif external is not None:
                    yield self._of_file(record, name, run)
                else:
                    yield self.of_record(record, name)
        for gate in node.requires:
            if gate not in node.inputs.values():
                yield self._of_gate(run, gate.node, gate.output)

    def _of_gate(self, run: RunRecord, node_id: str, output: str) -> Origin:
        result = run.result(node_id)
        record = result.outputs.get(output) if result else None
        return self.of_record(record, "gate") if record else Origin("lost", node_id, "gate", {"run": run.id})

    def _data(self, run: RunRecord, node: Node, name: str, form: Json) -> Iterator[Origin]:
        """Yield what a parameter stands for outside the store: a source of data, files."""
        digests = sources_within(form, run.resolved.sources)
        if not digests:
            return
        result = run.result(node.id)
        sources = [record.properties.get("source") for record in (result.outputs.values() if result else ())]
        said = next((str(source) for source in sources if source), "") or value_text(form, 100)
        yield Origin("data", said, name, {"digest": digests[0], "digests": list(digests), "parameter": form})

    def _of_champion(self, record: ArtifactRecord, role: str) -> Origin:
        """Name a champion that something was held against; where it came from is another story."""
        fingerprint = record.properties.get("fingerprint")
        for version in self._versions.all():
            if version.fingerprint == fingerprint:
                return Origin("champion", version.name, role, {"fingerprint": fingerprint}, again=True)
        return Origin("champion", record.producer, role, {"digest": record.digest}, again=True)
