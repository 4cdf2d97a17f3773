"""What a call in a session comes back with: artifacts that are made, or the exception that there is instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from levada.artifact import Artifact, ArtifactRecord, Home, Made, items_of
from levada.component import Component
from levada.errors import GateError, LevadaError, ProcessError
from levada.failure import Failure, is_users
from levada.fanout import Many
from levada.history.moments import number_text, took
from levada.html import Html, element
from levada.plan import Gather, Output
from levada.result import Result

_METRICS = 4
"""Metrics that a cell shows beside an artifact."""


def outputs_of(component: Component[..., Any], result: Result, run_id: str, home: Home) -> dict[str, Any]:
    """Return what a node made, by output, of the classes that the component names now."""
    return {
        name: artifact_of(
            component.signature.outputs[name],
            record,
            f"{run_id}/{result.node}:{name}",
            result,
            home,
            is_list=name in component.signature.lists,
        )
        for name, record in result.outputs.items()
    }


def artifact_of(
    kind: type[Artifact], record: ArtifactRecord, place: str, result: Result, home: Home, *, is_list: bool = False
) -> Any:
    """Return a made artifact; for a component that returns a list, the list."""
    made = kind(Made(record, home, place=place, told=told(result)))
    return Many(items_of(made) or (), kind=kind, place=place) if is_list else made


def told(result: Result) -> tuple[str, ...]:
    """Return what a cell says beside an artifact: which node made it, how long that took, its metrics."""
    time = "cached" if result.status == "cached" else took(result.seconds)
    metrics = [f"{name} {number_text(value)}" for name, value in list(result.metrics.items())[:_METRICS]]
    return (result.node, time, *([result.summary] if result.summary else metrics))


def with_made(returned: Any, results: Mapping[str, Result], run_id: str, home: Home) -> Any:
    """Return what a pipeline's function returned, each artifact in it made."""
    match returned:
        case Artifact() if returned.drawn is not None and isinstance(returned.drawn.binding, Output):
            binding = returned.drawn.binding
            result = results[binding.node]
            place = f"{run_id}/{binding.node}:{binding.output}"
            return artifact_of(type(returned), result.outputs[binding.output], place, result, home)
        case Many() if returned.kind is not None:
            many = cast("Many[Any]", returned)
            binding = many.binding.source if isinstance(many.binding, Gather) else many.binding
            if not isinstance(binding, Output):
                return many
            result = results[binding.node]
            place = f"{run_id}/{binding.node}:{binding.output}"
            record = result.outputs[binding.output]
            return artifact_of(cast("Any", many.kind), record, place, result, home, is_list=True)
        case dict():
            pairs = cast("dict[Any, Any]", returned)
            return {key: with_made(item, results, run_id, home) for key, item in pairs.items()}
        case tuple() if hasattr(returned, "_fields"):
            fields = cast("Any", returned)
            return showing_each(type(fields)(*(with_made(item, results, run_id, home) for item in fields)))
        case list() | tuple():
            items = cast("list[Any]", returned)
            return type(items)([with_made(item, results, run_id, home) for item in items])
        case _:
            return returned


def showing_each(returned: Any) -> Any:
    """Return what a component with several outputs gave, so that a cell shows each of them under its name.

    The class is the user's, a NamedTuple; one that says itself how it looks is left alone.
    """
    kind: Any = type(returned)
    if isinstance(returned, tuple) and hasattr(kind, "_fields") and not hasattr(kind, "_repr_html_"):
        kind._repr_html_ = _each_html
    return cast("Any", returned)


def _each_html(outputs: Any) -> str:
    """Return what a notebook shows of several outputs: each as it shows itself, under its name."""
    shown: list[Html] = []
    for name, output in outputs._asdict().items():
        draw = getattr(output, "_repr_html_", None)
        drawn = draw() if callable(draw) else None
        shown += [element("div", element("b", name)), Html(drawn) if drawn else element("pre", repr(output))]
    return element("div", *shown)


def nodes_within(returned: Any) -> list[str]:
    """Return the nodes whose outputs a pipeline's function returned."""
    match returned:
        case Artifact() if returned.drawn is not None and isinstance(returned.drawn.binding, Output):
            return [returned.drawn.binding.node]
        case dict():
            return [node for item in cast("dict[Any, Any]", returned).values() for node in nodes_within(item)]
        case list() | tuple():
            return [node for item in cast("list[Any]", returned) for node in nodes_within(item)]
        case _:
            return []


# -- exceptions -----------------------------------------------------------------------------------------


def error_of(result: Result, raised: BaseException | None) -> BaseException | None:
    """Return what a caller gets instead of artifacts: the component's own exception where it was in this process."""
    if result.ok:
        return None
    if isinstance(raised, KeyboardInterrupt):
        return KeyboardInterrupt()
    if raised is not None:
        return raised.with_traceback(users_part(raised.__traceback__))
    if result.failure is not None:
        return _said(result.node, result.failure)
    kind = GateError if result.closed else LevadaError
    return kind(f"{result.node} was not run: {result.reason}.")


def users_part(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the user's first frame on; all of it if there is none."""
    found = traceback
    while found is not None and not is_users(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found or traceback


def _said(node: str, failure: Failure) -> LevadaError:
    """Return the failure of a node that ran elsewhere, as an error with the user's last line."""
    frames = "".join(f"\n  {frame.file}:{frame.line}   {frame.text}" for frame in failure.frames)
    return ProcessError(f"{node} failed: {failure.type}: {failure.message}{frames}")
