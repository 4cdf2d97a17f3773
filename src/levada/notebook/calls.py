"""What a call in a session may be: the same as one before, not cached, or not for this process alone to run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from levada.beam.options import stays_in_memory
from levada.errors import ProjectError
from levada.plan import Node
from levada.references import LIVE, is_cell, short_name, split


def same_call(name: str, node: Node) -> str:
    """Return a text that is equal for equal calls: the node but for its number and its line."""
    return json.dumps({**node.to_json(positions=False), "id": name})


def why_not_cached(node: Node) -> str:
    """Return why a node is not cached, if that is for what its cell reaches."""
    live = LIVE.get(node.component)
    if not live:
        return ""
    name, what = next(iter(live.items()))
    return (
        f"{node.id} is not cached: it reads {name}, {what}. Pass an artifact or a plain value instead, "
        "or make it inside the component."
    )


def refuse_cells(nodes: Iterable[Node], beam_options: tuple[str, ...], stale: set[str]) -> None:
    """Raise ProjectError for what another process would have to run, and does not have as it is here."""
    elsewhere = bool(beam_options) and not stays_in_memory(beam_options)
    for node in nodes:
        for reference, where in _run_elsewhere(node, elsewhere):
            _refuse(node, reference, where, stale)


def _run_elsewhere(node: Node, elsewhere: bool) -> Iterator[tuple[str, str]]:
    """Yield the components that other processes call for a node, with what is said of that."""
    if elsewhere or node.has_own_process:
        yield node.component, "runs in a process of its own" if node.has_own_process else "would run on workers"
    match node.parameters.get("search"):
        case {"fields": {"component": {"$function": str(reference)}}}:
            yield reference, "runs in processes of its trials"
        case _:
            pass


def _refuse(node: Node, reference: str, where: str, stale: set[str]) -> None:
    name, module = short_name(reference), split(reference)[1]
    if is_cell(reference):
        raise ProjectError(
            f"{name} {where}, and was defined in a cell, which only this process has.",
            where=node.position,
            hint=f"Save {name} in a file below components/ and import it from there.",
        )
    if module in stale:
        raise ProjectError(
            f"{name} {where}, from its file, and {module} was imported before that was edited.",
            where=node.position,
            hint=f"Reload {module}, or restart the kernel.",
        )
