"""What a node takes in a run, and the cache key that it makes: what its outputs depend on, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from levada.artifact import ArtifactRecord
from levada.errors import PlanError
from levada.node.view import RunView
from levada.plan import Binding, Each, External, Gather, Given, Node, Output, Sequence
from levada.resolved import classes_within, source_digests, sources_within
from levada.values import Json, digest_of

KEY_FORMAT = 2
"""Part of every cache key: raise it when the meaning of a key changes."""

_OURS = "python:levada."

Inputs = dict[str, ArtifactRecord | list[ArtifactRecord] | None]


@dataclass(frozen=True)
class Item:
    """One item of the list that a mapped node runs over.

    `id` names it by its content, `label` is for people, `place` its index in the list. `records` and `values` are what
    it gives to the node's inputs and parameters.
    """

    id: str
    label: str
    place: int = 0
    records: dict[str, ArtifactRecord] = field(default_factory=dict[str, ArtifactRecord])
    values: dict[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True)
class Call:
    """What a component will be called with: records of artifacts, JSON forms of parameters.

    `given` are those parameters whose values an artifact holds.
    """

    inputs: Inputs
    parameters: dict[str, Json]
    given: dict[str, Json] = field(default_factory=dict[str, Json])


def call_of(view: RunView, node: Node, item: Item | None = None) -> Call:
    """Return what a node, or one item of it, takes in this run; None for an external that stands for nothing."""
    records, values = (item.records, item.values) if item else ({}, {})
    inputs: Inputs = {}
    externals: dict[str, External] = {}
    given: dict[str, Json] = {}
    for name, binding in node.inputs.items():
        if isinstance(binding, External):
            externals[name] = binding
        elif isinstance(binding, Given):
            given |= values_of(records_of(view, binding), binding.but)
        elif not isinstance(binding, Each):
            inputs[name] = records_of(view, binding)
        elif name in records:
            inputs[name] = records[name]
    identities = {record.identity for record in inputs.values() if isinstance(record, ArtifactRecord)}
    for name, binding in externals.items():
        inputs[name] = view.resolved.externals[binding.reference].beside(identities)
    ordered = {name: inputs[name] for name in node.inputs if name in inputs}
    return Call(ordered, {**node.parameters, **given, **values}, given)


def values_of(record: ArtifactRecord | list[ArtifactRecord] | None, but: tuple[str, ...]) -> dict[str, Json]:
    """Return the values of parameters that an artifact holds, in the order of their names: what they are counts."""
    held = record.properties.get("values") if isinstance(record, ArtifactRecord) else None
    return {name: held[name] for name in sorted(held) if name not in but} if isinstance(held, dict) else {}


def records_of(view: RunView, binding: Binding) -> ArtifactRecord | list[ArtifactRecord] | None:
    """Return what a binding stands for in this run; a list for a fixed list, a list artifact or a gather."""
    match binding:
        case Output(node, output):
            record = view.ended(node, "?").outputs[output]
            return list(record.items) if record.items is not None else record
        case External(reference, _):
            return view.resolved.externals[reference].record
        case Sequence(items):
            return [record for item in items if isinstance(record := records_of(view, item), ArtifactRecord)]
        case Gather(source) | Given(source):
            return records_of(view, source)
        case Each():
            raise PlanError("each() gives one item at a time.")


def key_of(view: RunView, node: Node, call: Call) -> str:
    """Return the cache key. One item of a mapped node has the key that a plain call of it would have."""
    return digest_of(_counted(view, node, call))


def basis_of(view: RunView, node: Node, call: Call) -> str:
    """Return a digest over all that the cache key is made of but the values of parameters: code, packages, inputs.

    Of the parameters' classes only the project's count: Levada's own are reached by the component's code.
    """
    counted = _counted(view, node, call)
    counted["classes"] = {name: said for name, said in counted["classes"].items() if not name.startswith(_OURS)}
    return digest_of({name: item for name, item in counted.items() if name != "parameters"})


def _counted(view: RunView, node: Node, call: Call) -> dict[str, Any]:
    resolved, sources = view.resolved, _sources(view, call.parameters)
    return {
        "format": KEY_FORMAT,
        "component": node.component,
        "code": resolved.code.get(node.component, ""),
        "classes": {name: resolved.code.get(name, "") for name in classes_within(call.parameters)},
        "types": {name: resolved.code[name] for name in sorted(_types(node, call)) if name in resolved.code},
        "packages": {name: resolved.packages[name] for name in sorted(node.packages)},
        "inputs": {name: _identity(item) for name, item in call.inputs.items()},
        "parameters": dict(sorted(call.parameters.items())),
        "sources": {name: digests for name, digests in sources.items() if digests},
        "outputs": node.outputs,
    }


def _types(node: Node, call: Call) -> set[str]:
    """Return the artifact types whose code runs in a call: of what it takes and of what it makes."""
    taken = [item if isinstance(item, list) else [item] for item in call.inputs.values() if item]
    return {record.type for records in taken for record in records} | set(node.outputs.values())


def _sources(view: RunView, parameters: Mapping[str, Json]) -> dict[str, list[str]]:
    known = view.resolved.sources
    found: dict[str, list[str]] = {}
    for name, form in sorted(parameters.items()):
        digests = sources_within(form, known)
        # A value that a component made in this run was not there when the run started.
        found[name] = digests or sources_within(form, source_digests(form, Path(view.resolved.root)))
    return found


def _identity(item: ArtifactRecord | list[ArtifactRecord] | None) -> Any:
    if isinstance(item, list):
        return [record.identity for record in item]
    return item.identity if item else None
