"""One attempt: the component is called in this process, and what it made is sealed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from levada.artifact import Artifact, ArtifactRecord, Making, made
from levada.component import Component, component_of
from levada.context import Context
from levada.draw import shown_path
from levada.errors import ComponentError, PlanError, Position, Stopped
from levada.failure import describe
from levada.fanout import Growing, Many
from levada.node.key import Call, Item, basis_of
from levada.node.view import RunView
from levada.plan import Node, Plan
from levada.references import load
from levada.result import Result
from levada.secret import redacted
from levada.values import decode, secrets_within


@dataclass(frozen=True)
class Try:
    """Which attempt at what: `name` is unique, `number` counts from 1, `key` is the cache key of the call."""

    plan: Plan
    node: Node
    item: Item | None
    call: Call
    key: str
    name: str
    number: int

    @property
    def item_id(self) -> str:
        return self.item.id if self.item else ""

    @property
    def label(self) -> str:
        return self.item.label if self.item else ""

    @property
    def home(self) -> str:
        """The key below which the attempt's outputs lie."""
        return f"artifacts/{self.plan.pipeline}/{self.node.id}/{self.name}"

    def guard_secrets(self) -> None:
        """Let this process know the values of the secrets it is about, so that they can be taken out of what it writes.

        Whoever reads one need not be the component: a worker of its own job may, or a process that it starts.
        """
        for form in self.call.parameters.values():
            for secret in secrets_within(form):
                secret.guard()

    def failed(self, error: BaseException) -> Result:
        """Return the result of an attempt that raised."""
        return Result(
            self.node.id, "failed", attempt=self.name, failure=describe(error), item=self.item_id, label=self.label
        )


def attempt_here(view: RunView, this: Try, stopped: Callable[[], bool]) -> Result:
    """Call the component and return what came of it, not yet committed; raises `Stopped` if the run is stopped."""
    this.guard_secrets()
    try:
        return call_component(view, this, stopped)
    except Stopped:
        raise
    except BaseException as error:  # noqa: BLE001  SystemExit and the like would kill the whole job
        if view.is_in_sight:
            view.raised[this.node.id] = error
        return this.failed(error)


def call_component(view: RunView, this: Try, stopped: Callable[[], bool]) -> Result:
    """Like `attempt_here`, but what the component raises is raised."""
    node = this.node
    component = component_of(load(node.component))
    if component is None:
        raise PlanError(f"{node.component} is not a component.", where=node.position)

    def emit(kind: str, **fields: Any) -> None:
        of_item = {"item": this.item_id} if this.item else {}
        view.journal.append(kind, node=node.id, **of_item, attempt=this.name, **fields)

    context = Context(
        run_id=view.run_id,
        node_id=node.id,
        pipeline=this.plan.pipeline,
        attempt=this.name,
        store=view.store,
        root=Path(view.resolved.root),
        output_types=component.signature.outputs,
        list_outputs=component.signature.lists,
        emit=emit,
        beam_options=view.resolved.beam_options,
        item=this.item_id,
        number=this.number,
        key=this.key,
        stopped=stopped,
        at_once=node.at_once,
        is_fresh=node.id in view.resolved.fresh or not view.resolved.use_cache,
        digest=lambda: basis_of(view, node, this.call),
    )
    component.check_given(this.call.given, node.position)
    arguments: dict[str, Any] = {name: _made(view, item) for name, item in this.call.inputs.items()}
    arguments |= {name: decode(form) for name, form in this.call.parameters.items()}
    for name, wanted in component.signature.inputs.items():
        if wanted.many == "gather" and name in arguments:
            arguments[name] = Many(arguments[name])
        arguments.setdefault(name, None)
    try:
        returned: Any = component.function(context, **arguments)
        outputs = _check_returned(component, returned, context)
        records = {name: _seal(view, this, artifact, name) for name, artifact in outputs.items()}
    finally:
        for artifact in context.outputs.values():
            for one in artifact if isinstance(artifact, Growing) else [artifact]:
                view.store.discard(one.path)
    effects = tuple(
        name
        for name, artifact in outputs.items()
        if isinstance(artifact, Artifact) and type(artifact).holds is not Artifact.holds
    )
    return Result(
        node=node.id,
        status="done",
        key=this.key,
        attempt=this.name,
        made_by=view.run_id,
        outputs=records,
        effects=effects,
        metrics=context.metrics,
        summary=context.line,
        item=this.item_id,
        label=this.label,
    )


def _made(view: RunView, item: ArtifactRecord | list[ArtifactRecord] | None) -> Any:
    if item is None:
        return None
    if isinstance(item, list):
        return [made(record, view.store) for record in item]
    return made(item, view.store)


def _seal(view: RunView, this: Try, output: Artifact | Growing[Any], name: str) -> ArtifactRecord:
    """Bring an output's files into the store, whole, and return its record."""
    producer = f"{view.run_id}/{this.node.id}"
    if not isinstance(output, Growing):
        kind = type(output).type_reference()
        return view.store.seal(f"{this.home}/{name}", output.path, kind, _plain(output), producer)
    items: list[ArtifactRecord] = []
    for index, (label, item) in enumerate(output.labelled()):
        key = f"{this.home}/{name}/{index:05d}"
        record = view.store.seal(key, item.path, type(item).type_reference(), _plain(item), producer)
        items.append(replace(record, item=str(index), label=label))
    return ArtifactRecord.of_items(this.node.outputs[name], items, producer)


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


def _check_returned(
    component: Component[..., Any], returned: Any, context: Context
) -> dict[str, Artifact | Growing[Any]]:
    """Return outputs by name; raises ComponentError if the component did not return what its annotation says."""
    name, signature = component.function.__name__, component.signature
    wanted = signature.outputs
    code = component.function.__code__
    where = Position(shown_path(code.co_filename), code.co_firstlineno, f"def {name}(...)")
    if not wanted:
        if returned is not None:
            raise ComponentError(
                f"{name}() says that it returns nothing, and returned {type(returned).__name__}.", where=where
            )
        return {}
    shown = getattr(signature.returns, "__name__", "?")
    fields: dict[str, Any] = dict.fromkeys(wanted, returned)
    if not signature.is_single:
        if not isinstance(returned, signature.returns):
            raise ComponentError(
                f"{name}() says that it returns {shown}, and returned {type(returned).__name__}.",
                where=where,
                hint=f"return {shown}({', '.join(f'{output}=...' for output in wanted)})",
            )
        fields = returned._asdict()
    for output, kind in wanted.items():
        label = f"{name}()" if len(wanted) == 1 else f"{name}(): output '{output}'"
        _check_output(label, output in signature.lists, kind, fields[output], context.outputs.get(output), where)
    return fields


def _check_output(label: str, many: bool, kind: type[Artifact], value: Any, made_for_it: Any, where: Position) -> None:
    fits = isinstance(value, Growing) if many else isinstance(value, kind)
    if not fits:
        shown, maker = (f"Many[{kind.__name__}]", "output_many") if many else (kind.__name__, "output")
        got = "None" if value is None else type(value).__name__
        raise ComponentError(
            f"{label} must be {shown}, got {got}.",
            where=where,
            hint=f"Make it with `ctx.{maker}({kind.__name__})`, write below its .path, and return it.",
        )
    is_new = many or isinstance(value._state, Making)
    if made_for_it is not value or not is_new:
        raise ComponentError(
            f"{label}: this {kind.__name__} was not made for it with ctx.{'output_many' if many else 'output'} "
            f"in this call.",
            where=where,
            hint="An input cannot be passed through: write a new artifact, or let later nodes take the input itself.",
        )
