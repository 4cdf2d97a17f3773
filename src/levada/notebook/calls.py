"""What a call in a session may be: the same as one before, not cached, or not for this process alone to run."""

from __future__ import annotations

import json
from collections.abc import Iterable

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
        if not (elsewhere or node.has_own_process):
            continue
        name = short_name(node.component)
        where = "runs in a process of its own" if node.has_own_process else "would run on workers"
        if is_cell(node.component):
            raise ProjectError(
                f"{name} {where}, and was defined in a cell, which only this process has.",
                where=node.position,
                hint=f"Save {name} in a file below components/ and import it from there.",
            )
        module = split(node.component)[1]
        if module in stale:
            raise ProjectError(
                f"{name} {where}, from its file, and {module} was imported before that was edited.",
                where=node.position,
                hint=f"Reload {module}, or restart the kernel.",
            )
