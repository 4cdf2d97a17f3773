"""The plan: a pipeline with its arguments bound, as one JSON document.

Everything below it (the runner, drawings, exporters) works from the plan alone. `schemas/plan.schema.json`
in the repository describes the document; `docs/concepts/plan.md` explains it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush
from typing import Any

from levada.errors import PlanError, Position, WiringError, did_you_mean
from levada.html import VIEWS
from levada.values import Json, digest_of, utf8

FORMAT = 1


@dataclass(frozen=True)
class Output:
    """The output of a node: `{"node": "train", "output": "model"}`."""

    node: str
    output: str


@dataclass(frozen=True)
class External:
    """An artifact from outside the plan: `{"external": "file:schemas/flights.pbtxt", "type": ...}`.

    It is resolved to a digested artifact (or to nothing) when a run starts.
    """

    reference: str
    type: str


@dataclass(frozen=True)
class Sequence:
    """Artifacts in a list that is fixed in the plan: `{"list": [binding, ...]}`."""

    items: tuple[Binding, ...]


@dataclass(frozen=True)
class Each:
    """One item of a list, the node running once per item: `{"each": binding}` or `{"each_value": [...]}`."""

    source: Binding | None
    values: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Gather:
    """All items that the runs of a mapped node made: `{"gather": binding}`; with `"partial": true` those there are."""

    source: Binding
    partial: bool = False


@dataclass(frozen=True)
class Given:
    """The values of parameters that an artifact holds: `{"parameters": binding, "but": ["epochs"]}`.

    They go before the values that the node itself has, for all parameters but those that the call names.
    """

    source: Binding
    but: tuple[str, ...] = ()


GIVEN = "**parameters"
"""The name under which such an artifact stands among the inputs of a node: as Python would write the call."""

Binding = Output | External | Sequence | Each | Gather | Given


def binding_to_json(binding: Binding) -> dict[str, Any]:
    """Return the form that a binding has in the document."""
    match binding:
        case Output(node, output):
            return {"node": node, "output": output}
        case External(reference, type_):
            return {"external": reference, "type": type_}
        case Sequence(items):
            return {"list": [binding_to_json(item) for item in items]}
        case Each(source, values):
            return {"each": binding_to_json(source)} if source is not None else {"each_value": list(values)}
        case Gather(source, partial):
            return {"gather": binding_to_json(source), **({"partial": True} if partial else {})}
        case Given(source, but):
            return {"parameters": binding_to_json(source), **({"but": list(but)} if but else {})}


def binding_from_json(form: Mapping[str, Any]) -> Binding:
    """Return the binding of a form; raises PlanError if it is none."""
    match form:
        case {"node": str(node), "output": str(output)}:
            return Output(node, output)
        case {"external": str(reference), "type": str(type_)}:
            return External(reference, type_)
        case {"list": list(items)}:
            return Sequence(tuple(binding_from_json(item) for item in items))
        case {"each_value": list(values)}:
            return Each(None, tuple(values))
        case {"each": dict(source)}:
            return Each(binding_from_json(source))
        case {"gather": dict(source), **rest}:
            return Gather(binding_from_json(source), bool(rest.get("partial", False)))
        case {"parameters": dict(source), **rest}:
            return Given(binding_from_json(source), tuple(rest.get("but", ())))
        case _:
            raise PlanError(
                f"{json.dumps(form)} is not a binding.",
                hint="Wanted an object with node and output, external, list, each, each_value, gather or parameters.",
            )


def leaves(binding: Binding) -> Iterator[Output | External]:
    """Yield the outputs and externals that a binding is made of."""
    match binding:
        case Output() | External():
            yield binding
        case Sequence(items):
            for item in items:
                yield from leaves(item)
        case Each(source, _):
            if source is not None:
                yield from leaves(source)
        case Gather(source, _) | Given(source, _):
            yield from leaves(source)


@dataclass(frozen=True)
class Node:
    """One call of a component.

    `id` is a path (`clean/train` for a node of an inner pipeline), `component` a code reference, `parameters` the
    JSON forms of `levada.values`, `outputs` the artifact type of each output by name, `lists` those outputs that are
    lists of the type, `requires` the gates that must be open, `after` the nodes that must have run, `needs` what the
    node asks of the machine, `packages` the packages whose version counts in the cache key, `cache` whether the
    node may be a cache hit. How it is run: `retry` (see `levada.retry`), `timeout` in seconds, `process` ("own" or
    ""), `at_once` the most items at once.
    """

    id: str
    component: str
    inputs: dict[str, Binding] = field(default_factory=dict[str, Binding])
    parameters: dict[str, Json] = field(default_factory=dict[str, Json])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    lists: tuple[str, ...] = ()
    requires: tuple[Output, ...] = ()
    after: tuple[str, ...] = ()
    needs: dict[str, Json] = field(default_factory=dict[str, Json])
    packages: tuple[str, ...] = ()
    cache: bool = True
    retry: dict[str, Json] = field(default_factory=dict[str, Json])
    timeout: float | None = None
    process: str = ""
    at_once: int | None = None
    position: Position | None = None

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """Ids of the nodes that this one waits for, each once, in the order they are named."""
        ids = [leaf.node for binding in self.inputs.values() for leaf in leaves(binding) if isinstance(leaf, Output)]
        ids += [gate.node for gate in self.requires]
        ids += self.after
        return tuple(dict.fromkeys(ids))

    @property
    def is_mapped(self) -> bool:
        """Whether the node runs once per item of a list."""
        return any(isinstance(binding, Each) for binding in self.inputs.values())

    @property
    def has_own_process(self) -> bool:
        """Whether it runs in a process of its own; only such a one can be stopped from outside."""
        return self.process == "own" or self.timeout is not None

    @property
    def mapped_over(self) -> tuple[Output, ...]:
        """The outputs of which the node takes one item at a time."""
        sources = [binding.source for binding in self.inputs.values() if isinstance(binding, Each)]
        return tuple(source for source in sources if isinstance(source, Output))

    def takes_part(self, upstream: str) -> bool:
        """Whether the node can use what a mapped node made although some of its items are missing."""
        whole = [gate.node for gate in self.requires if gate not in self.mapped_over]
        return upstream not in (*self.after, *whole) and all(
            isinstance(binding, Each) or (isinstance(binding, Gather) and binding.partial)
            for binding in self.inputs.values()
            if any(isinstance(leaf, Output) and leaf.node == upstream for leaf in leaves(binding))
        )

    def to_json(self, positions: bool = True) -> dict[str, Any]:
        form: dict[str, Any] = {
            "id": self.id,
            "component": self.component,
            "inputs": {name: binding_to_json(binding) for name, binding in self.inputs.items()},
            "parameters": self.parameters,
            "outputs": self.outputs,
        }
        if self.lists:
            form["lists"] = list(self.lists)
        if self.requires:
            form["requires"] = [binding_to_json(gate) for gate in self.requires]
        if self.after:
            form["after"] = list(self.after)
        if self.needs:
            form["needs"] = self.needs
        if self.packages:
            form["packages"] = list(self.packages)
        if not self.cache:
            form["cache"] = False
        if self.retry:
            form["retry"] = self.retry
        if self.timeout is not None:
            form["timeout"] = self.timeout
        if self.process:
            form["process"] = self.process
        if self.at_once is not None:
            form["at_once"] = self.at_once
        if positions and self.position is not None:
            form["position"] = {
                "file": self.position.file,
                "line": self.position.line,
                "text": self.position.text,
            }
        return form

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Node:
        try:
            return Node(
                id=form["id"],
                component=form["component"],
                inputs={name: binding_from_json(item) for name, item in form["inputs"].items()},
                parameters=dict(form["parameters"]),
                outputs=dict(form["outputs"]),
                lists=tuple(form.get("lists", [])),
                requires=tuple(Output(gate["node"], gate["output"]) for gate in form.get("requires", [])),
                after=tuple(form.get("after", [])),
                needs=dict(form.get("needs", {})),
                packages=tuple(form.get("packages", [])),
                cache=form.get("cache", True),
                retry=dict(form.get("retry", {})),
                timeout=form.get("timeout"),
                process=form.get("process", ""),
                at_once=form.get("at_once"),
                position=Position(**form["position"]) if "position" in form else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            name = form.get("id", "?") if isinstance(form, Mapping) else "?"  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PlanError(f"node {name} of the plan is not one: {error!s} is missing or of the wrong type.") from None


@dataclass(frozen=True)
class Plan:
    """A pipeline with its arguments bound. Nodes stand in an order in which they could run."""

    pipeline: str
    reference: str
    arguments: dict[str, Json]
    nodes: tuple[Node, ...]
    description: str = ""

    def __post_init__(self) -> None:
        _check_unique(self.nodes)
        known = {node.id for node in self.nodes}
        for node in self.nodes:
            for upstream in node.upstream:
                if upstream not in known:
                    raise PlanError(
                        f"node {node.id} waits for '{upstream}', which the plan does not have.",
                        where=node.position,
                        hint=did_you_mean(upstream, known),
                    )
        self._check_outputs()

    def _check_outputs(self) -> None:
        outputs = {node.id: node.outputs for node in self.nodes}
        for node in self.nodes:
            for binding in (*node.inputs.values(), *node.requires):
                for leaf in leaves(binding):
                    if isinstance(leaf, Output) and leaf.output not in outputs[leaf.node]:
                        raise PlanError(
                            f"node {node.id} wants the output '{leaf.output}' of {leaf.node}, which has "
                            f"{', '.join(outputs[leaf.node]) or 'none'}.",
                            where=node.position,
                        )

    @cached_property
    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    def node(self, node_id: str) -> Node:
        """Return a node; raises PlanError with a suggestion if the plan has none of that id."""
        try:
            return self.by_id[node_id]
        except KeyError:
            hint = did_you_mean(node_id, self.by_id) or f"Its nodes: {', '.join(self.by_id)}."
            raise PlanError(f"the plan of {self.pipeline} has no node '{node_id}'.", hint=hint) from None

    @cached_property
    def downstream(self) -> dict[str, tuple[str, ...]]:
        """Ids of the nodes that wait for each node."""
        waiting: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for node in self.nodes:
            for upstream in node.upstream:
                waiting[upstream].append(node.id)
        return {node_id: tuple(ids) for node_id, ids in waiting.items()}

    def tolerates(self, node_id: str) -> bool:
        """Whether nobody needs every item of a mapped node: all that take what it makes gather with `partial=True`."""
        takers = [self.by_id[name] for name in self.downstream[node_id]]
        return bool(takers) and all(
            taker.takes_part(node_id) and (not taker.is_mapped or self.tolerates(taker.id)) for taker in takers
        )

    def levels(self) -> list[list[Node]]:
        """Group the nodes by the length of the longest path that leads to them."""
        depth: dict[str, int] = {}
        for node in self.nodes:
            depth[node.id] = 1 + max((depth[upstream] for upstream in node.upstream), default=-1)
        grouped: list[list[Node]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
        for node in self.nodes:
            grouped[depth[node.id]].append(node)
        return grouped

    def closure(self, node_ids: set[str]) -> set[str]:
        """Return `node_ids` and every node that waits for one of them, directly or not."""
        reached = set(node_ids)
        for node in self.nodes:
            if any(upstream in reached for upstream in node.upstream):
                reached.add(node.id)
        return reached

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return VIEWS["plan"](self)

    def to_json(self, positions: bool = True) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "pipeline": self.pipeline,
            "reference": self.reference,
            "description": self.description,
            "arguments": self.arguments,
            "nodes": [node.to_json(positions) for node in self.nodes],
        }

    def dumps(self) -> str:
        """Return the document as indented JSON text."""
        return utf8(json.dumps(self.to_json(), indent=2, ensure_ascii=False)).decode() + "\n"

    @staticmethod
    def from_json(form: Mapping[str, Any]) -> Plan:
        """Return the plan of a document; raises PlanError saying what is wrong with it."""
        if not isinstance(form, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PlanError(f"the plan is a JSON {type(form).__name__}: wanted an object.")
        if form.get("format") != FORMAT:
            raise PlanError(f"wanted a plan of format {FORMAT}, got {form.get('format')!r}.")
        missing = [key for key in ("pipeline", "reference", "arguments", "nodes") if key not in form]
        if missing:
            raise PlanError(f"the plan lacks {', '.join(missing)}.")
        if not isinstance(form["nodes"], list):
            raise PlanError("the plan's nodes are not a list.")
        nodes = in_order([Node.from_json(node) for node in form["nodes"]])
        return Plan(form["pipeline"], form["reference"], form["arguments"], nodes, form.get("description", ""))

    @staticmethod
    def loads(text: str) -> Plan:
        try:
            form = json.loads(text)
        except json.JSONDecodeError as error:
            raise PlanError(f"the plan is not JSON: {error}.") from None
        return Plan.from_json(form)

    @cached_property
    def digest(self) -> str:
        """sha256 of the document without source positions and prose: equal plans do the same work."""
        form = self.to_json(positions=False)
        del form["description"]
        return digest_of(form)


def _check_unique(nodes: Iterable[Node]) -> None:
    seen: set[str] = set()
    for node in nodes:
        if node.id in seen:
            raise PlanError(f"two nodes of the plan have the id '{node.id}'.", where=node.position)
        seen.add(node.id)


def in_order(nodes: list[Node]) -> tuple[Node, ...]:
    """Return the nodes in an order in which they could run, as close to the given one as it allows.

    Raises WiringError naming the nodes of a cycle. (Only `after=` with a name can make one.)
    """
    _check_unique(nodes)
    place = {node.id: index for index, node in enumerate(nodes)}
    by_id = {node.id: node for node in nodes}
    sorter = TopologicalSorter({node.id: [up for up in node.upstream if up in by_id] for node in nodes})
    try:
        sorter.prepare()
    except CycleError as error:
        names: list[str] = list(reversed(error.args[1]))
        raise WiringError(
            f"nodes wait for each other in a circle: {' -> '.join(names)}.",
            where=by_id[names[0]].position,
            hint="Take one `after=` out.",
        ) from None
    ordered: list[Node] = []
    ready = [place[name] for name in sorter.get_ready()]
    heapify(ready)
    while ready:
        first = nodes[heappop(ready)]
        ordered.append(first)
        sorter.done(first.id)
        for name in sorter.get_ready():
            heappush(ready, place[name])
    return tuple(ordered)
