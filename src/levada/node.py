"""The node contract: `run_node(plan, node id, run id, store)` is the only way a node runs.

Beam workers and the `levada node` command go through it. It may be called twice for the same node
of a run (runners replay): the first to commit wins, and both return what was committed.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from levada.artifact import Artifact, ArtifactRecord, Making, made
from levada.component import Component, component_of
from levada.context import Context
from levada.draw import shown_path
from levada.errors import ComponentError, PlanError, Position, StoreError
from levada.failure import describe
from levada.fanout import Many
from levada.journal import Journal
from levada.plan import Binding, External, Node, Output, Plan, Sequence
from levada.references import load
from levada.resolved import Resolved, classes_within, sources_within
from levada.result import Result
from levada.secret import redacted
from levada.store import Store
from levada.values import decode, digest_of, secrets_within, utf8

KEY_FORMAT = 1
"""Part of every cache key: raise it when the meaning of a key changes."""

Inputs = dict[str, ArtifactRecord | list[ArtifactRecord] | None]


def run_node(plan: Plan, node_id: str, run_id: str, store: Store) -> Result:
    """Bring one node of a run to its end and return what became of it.

    The nodes it waits for must have ended. It is skipped if one of them gave nothing or a gate it requires is
    closed, taken from the cache if its key is there, run otherwise. An exception of the component
    becomes a failed result; StoreError and PlanError are raised.
    """
    run = _view(run_id, store)
    return run.settle(plan, node_id) or run.execute(plan, node_id)


def settle_node(plan: Plan, node_id: str, run_id: str, store: Store) -> Result | None:
    """Return the result of a node that need not run (ended, skipped, cached), None for one that must."""
    return _view(run_id, store).settle(plan, node_id)


def _view(run_id: str, store: Store) -> RunView:
    with _OPENING:  # two threads at once would each open a journal
        return _opened(run_id, store)


@lru_cache(maxsize=8)
def _opened(run_id: str, store: Store) -> RunView:
    return RunView(store, run_id)


_OPENING = threading.Lock()


class RunView:
    """One run as this process sees it: its journal, what was resolved, the results so far."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.journal = Journal(store, run_id)
        form = store.read_json(f"runs/{run_id}/resolved.json")
        if form is None:
            raise StoreError(f"{store.uri} has no run {run_id}.", hint="A node runs as part of a run in its store.")
        self.resolved = Resolved.from_json(form)
        self._results: dict[str, Result] = {}

    def result(self, node_id: str) -> Result | None:
        """Return the committed result of a node, None while there is none."""
        if node_id not in self._results:
            form = self.store.read_json(f"runs/{self.run_id}/nodes/{node_id}.json")
            if form is None:
                return None
            self._results[node_id] = Result.from_json(form)
        return self._results[node_id]

    # -- deciding -----------------------------------------------------------------------------------

    def settle(self, plan: Plan, node_id: str) -> Result | None:
        node = plan.node(node_id)
        committed = self.result(node_id)
        if committed is not None:
            return committed
        upstream = {name: self._ended(name, node_id) for name in node.upstream}
        skipped = self._skip(node, upstream)
        if skipped is not None:
            return self._commit(skipped)
        if not self.resolved.use_cache or not node.cache or node_id in self.resolved.fresh:
            return None
        key = self.key(node)
        form = self.store.read_json(_cache_key(key))
        if form is None:
            return None
        hit = Result.from_json(form)
        if not self._stands(hit):
            return None
        return self._commit(
            Result(
                node=node_id,
                status="cached",
                key=key,
                made_by=hit.made_by,
                outputs=hit.outputs,
                effects=hit.effects,
                metrics=hit.metrics,
                summary=hit.summary,
            )
        )

    def _ended(self, upstream: str, node_id: str) -> Result:
        result = self.result(upstream)
        if result is None:
            raise PlanError(f"node {node_id} cannot run before {upstream} has ended.")
        return result

    def _skip(self, node: Node, upstream: dict[str, Result]) -> Result | None:
        for name, result in upstream.items():
            if not result.ok:
                verb = "failed" if result.status == "failed" else "was skipped"
                return Result(node.id, "skipped", reason=f"needs {name}, which {verb}", closed=result.closed)
        for gate in node.requires:
            record = upstream[gate.node].outputs[gate.output]
            if not record.open:
                why = f": {record.reasons[0]}" if record.reasons else ""
                return Result(node.id, "skipped", reason=f"{gate.node} closed the gate{why}", closed=True)
        return None

    def _stands(self, hit: Result) -> bool:
        """Whether what a cache entry names is still there, in the store and beyond it."""
        if not all(self.store.has(record) for record in hit.outputs.values()):
            return False
        root = Path(self.resolved.root)
        return all(made(hit.outputs[name], self.store).holds(root) for name in hit.effects)

    def key(self, node: Node) -> str:
        """Return the cache key: what the node's outputs depend on, and nothing else."""
        inputs = {name: _identity(item) for name, item in self.inputs(node).items()}
        sources = {name: sources_within(form, self.resolved.sources) for name, form in node.parameters.items()}
        return digest_of(
            {
                "format": KEY_FORMAT,
                "component": node.component,
                "code": self.resolved.code.get(node.component, ""),
                "classes": {name: self.resolved.code.get(name, "") for name in classes_within(node.parameters)},
                "packages": {name: self.resolved.packages[name] for name in sorted(node.packages)},
                "inputs": inputs,
                "parameters": node.parameters,
                "sources": {name: digests for name, digests in sources.items() if digests},
                "outputs": node.outputs,
            }
        )

    def inputs(self, node: Node) -> Inputs:
        """Return the records of a node's inputs; None for an external that stands for nothing."""
        inputs: Inputs = {}
        externals: dict[str, External] = {}
        for name, binding in node.inputs.items():
            if isinstance(binding, External):
                externals[name] = binding
            else:
                inputs[name] = self._records(binding)
        identities = {item.identity for item in inputs.values() if isinstance(item, ArtifactRecord)}
        for name, binding in externals.items():
            inputs[name] = self.resolved.externals[binding.reference].beside(identities)
        return {name: inputs[name] for name in node.inputs}

    def _records(self, binding: Binding) -> ArtifactRecord | list[ArtifactRecord] | None:
        match binding:
            case Output(node, output):
                return self._ended(node, "?").outputs[output]
            case External(reference, _):
                return self.resolved.externals[reference].record
            case Sequence(items):
                return [record for item in items if isinstance(record := self._records(item), ArtifactRecord)]
            case _:
                raise PlanError("each() and gather() cannot be run yet.")

    # -- running ------------------------------------------------------------------------------------

    def execute(self, plan: Plan, node_id: str) -> Result:
        """Run the component and commit what it made, or its failure."""
        node = plan.node(node_id)
        key = self.key(node)
        attempt = f"{self.run_id}-{secrets.token_hex(3)}"

        def emit(kind: str, **fields: Any) -> None:
            self.journal.append(kind, node=node_id, attempt=attempt, **fields)

        emit("node_started", key=key, inputs=_input_facts(self.inputs(node)))
        started = time.monotonic()
        try:
            result = self._call(plan, node, key, attempt, emit)
        except BaseException as error:  # noqa: BLE001  SystemExit and the like would kill the whole job
            result = Result(node_id, "failed", attempt=attempt, failure=describe(error))
        return self._commit(replace(result, seconds=round(time.monotonic() - started, 3)))

    def _call(self, plan: Plan, node: Node, key: str, attempt: str, emit: Any) -> Result:
        component = component_of(load(node.component))
        if component is None:
            raise PlanError(f"{node.component} is not a component.", where=node.position)
        for form in node.parameters.values():
            for secret in secrets_within(form):
                secret.guard()  # whoever reads it, here or in a worker of the component's own job
        context = Context(
            run_id=self.run_id,
            node_id=node.id,
            pipeline=plan.pipeline,
            attempt=attempt,
            store=self.store,
            root=Path(self.resolved.root),
            output_types=component.signature.outputs,
            emit=emit,
            beam_options=self.resolved.beam_options,
        )
        arguments: dict[str, Any] = {name: self._made(item) for name, item in self.inputs(node).items()}
        arguments |= {name: decode(form) for name, form in node.parameters.items()}
        for name, wanted in component.signature.inputs.items():
            if wanted.many == "gather" and name in arguments:
                arguments[name] = Many(arguments[name])
            arguments.setdefault(name, None)
        try:
            returned: Any = component.function(context, **arguments)
            outputs = _check_returned(component, returned, context)
            records = {
                name: self.store.seal(
                    f"artifacts/{plan.pipeline}/{node.id}/{attempt}/{name}",
                    artifact.path,
                    type(artifact).type_reference(),
                    _plain(artifact),
                    f"{self.run_id}/{node.id}",
                )
                for name, artifact in outputs.items()
            }
        finally:
            for artifact in context.outputs.values():
                self.store.discard(artifact.path)
        effects = tuple(name for name, artifact in outputs.items() if type(artifact).holds is not Artifact.holds)
        return Result(
            node=node.id,
            status="done",
            key=key,
            attempt=attempt,
            made_by=self.run_id,
            outputs=records,
            effects=effects,
            metrics=context.metrics,
            summary=context.line,
        )

    def _made(self, item: ArtifactRecord | list[ArtifactRecord] | None) -> Any:
        if item is None:
            return None
        if isinstance(item, list):
            return [made(record, self.store) for record in item]
        return made(item, self.store)

    def _commit(self, result: Result) -> Result:
        """Make a result the node's result in this run; returns the one that was first."""
        content = utf8(json.dumps(result.to_json(), ensure_ascii=False))
        key = f"runs/{self.run_id}/nodes/{result.node}.json"
        if not self.store.create(key, content):
            winner = Result.from_json(self.store.read_json(key))
            self._results[result.node] = winner
            return winner
        self._results[result.node] = result
        if result.status == "done" and self.resolved.write_cache:
            self.store.write(_cache_key(result.key), content)
        self.journal.append("node_finished", **result.to_json())
        return result


def _cache_key(key: str) -> str:
    return f"cache/{key[:2]}/{key}.json"


def _identity(item: ArtifactRecord | list[ArtifactRecord] | None) -> Any:
    if isinstance(item, list):
        return [record.identity for record in item]
    return item.identity if item else None


def _input_facts(inputs: Inputs) -> dict[str, Any]:
    """What the journal says of a node's inputs: enough to name each without its file list."""

    def fact(record: ArtifactRecord) -> dict[str, Any]:
        return {"type": record.type, "uri": record.uri, "digest": record.digest, "producer": record.producer}

    return {
        name: [fact(record) for record in item] if isinstance(item, list) else fact(item) if item else None
        for name, item in inputs.items()
    }


def _plain(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact's properties as every later reader will see them; raises ComponentError if JSON cannot."""
    plain: dict[str, Any] = {}
    for name, value in artifact.properties.items():
        try:
            plain[str(name)] = redacted(json.loads(json.dumps(value)))
        except (TypeError, ValueError) as error:
            raise ComponentError(
                f"{type(artifact).__name__}.properties[{name!r}] holds what JSON cannot carry: {error}.",
                hint="Properties are small facts: numbers, text, lists, dicts. Write the rest to a file below .path.",
            ) from None
    return plain


def _check_returned(component: Component[..., Any], returned: Any, context: Context) -> dict[str, Artifact]:
    """Return outputs by name; raises ComponentError if the component did not return what its annotation says."""
    name, wanted = component.function.__name__, component.signature.outputs
    code = component.function.__code__
    where = Position(shown_path(code.co_filename), code.co_firstlineno, f"def {name}(...)")
    if not wanted:
        if returned is not None:
            raise ComponentError(
                f"{name}() says that it returns nothing, and returned {type(returned).__name__}.", where=where
            )
        return {}
    shown = getattr(component.signature.returns, "__name__", "?")
    fields: dict[str, Any] = dict.fromkeys(wanted, returned)
    if component.signature.returns not in wanted.values() or len(wanted) > 1:
        if not isinstance(returned, component.signature.returns):
            raise ComponentError(
                f"{name}() says that it returns {shown}, and returned {type(returned).__name__}.",
                where=where,
                hint=f"return {shown}({', '.join(f'{output}=...' for output in wanted)})",
            )
        fields = returned._asdict()
    for output, kind in wanted.items():
        value = fields[output]
        label = f"{name}()" if len(wanted) == 1 else f"{name}(): output '{output}'"
        if not isinstance(value, kind):
            got = "None" if value is None else type(value).__name__
            raise ComponentError(
                f"{label} must be {kind.__name__}, got {got}.",
                where=where,
                hint=f"Make it with `ctx.output({kind.__name__})`, write below its .path, and return it.",
            )
        if context.outputs.get(output) is not value or not isinstance(value._state, Making):  # pyright: ignore[reportPrivateUsage]
            raise ComponentError(
                f"{label}: this {kind.__name__} was not made for it with ctx.output in this call.",
                where=where,
                hint="An input cannot be passed through: write a new artifact, "
                "or let later nodes take the input itself.",
            )
    return fields
