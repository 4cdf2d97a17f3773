"""A plan drawn in the terminal, as `git log --graph` draws commits: a row a node, a lane an output that is awaited.

● ingest
│ ● weather
├─┴ ...
"""

from __future__ import annotations

from levada.history import RunRecord
from levada.history.documents import node_status
from levada.history.moments import took
from levada.plan import External, Node, Plan, leaves
from levada.terminal.columns import columns, dim, mark, styled
from levada.terminal.sizes import plural


def draw_graph(plan: Plan, run: RunRecord | None = None) -> str:
    """Return the drawing, with what each node takes written behind it; of a run also what became of it.

    `×` stands behind the name of a mapped node, and of a run the number of its items.
    """
    pending = {node.id: set(plan.downstream[node.id]) for node in plan.nodes}
    lanes: list[str | None] = []
    rows: list[tuple[str, Node]] = []
    for node in plan.nodes:
        for upstream in node.upstream:
            pending[upstream].discard(node.id)
        sign = mark(node_status(run, node.id)) if run else "●"
        rows.append((_row(node, lanes, pending, sign), node))
        while lanes and lanes[-1] is None:
            lanes.pop()
    title = f"{plan.pipeline} · {plural(len(plan.nodes), 'node')} · plan {plan.digest[:6]}"
    cells = [[row, _name(node, run), _became(node, run), _takes(node)] for row, node in rows]
    if run is not None:
        title = f"{plan.pipeline} · run {run.id} · {styled(run.status, run.status)}"
    return "\n".join([title, "", *(f"  {line}" for line in columns(cells))])


def _name(node: Node, run: RunRecord | None) -> str:
    if not node.is_mapped:
        return node.id
    result = run.result(node.id) if run else None
    return f"{node.id} ×{f' {result.items.total}' if result and result.items else ''}"


def _became(node: Node, run: RunRecord | None) -> str:
    """Say in a word or two what became of a node, empty for a plan."""
    result = run.result(node.id) if run else None
    if run is None or result is None or result.status in ("skipped", "cached"):
        return dim(node_status(run, node.id)) if run else ""
    failed = f" · {result.items.failed} failed" if result.items and result.items.failed else ""
    return f"{took(result.seconds)}{failed}"


def _row(node: Node, lanes: list[str | None], pending: dict[str, set[str]], sign: str) -> str:
    """Draw one node below the lanes as its sign, and leave the lanes as they are after it."""
    parents = [column for column, owner in enumerate(lanes) if owner in node.upstream]
    ending = [column for column in parents if not pending[lanes[column] or ""]]
    column = ending[-1] if ending else _free_column(lanes, parents[-1] + 1 if parents else 0)
    if column == len(lanes):
        lanes.append(None)
    first, last = min([column, *parents]), max([column, *parents])
    drawn = ""
    for index, owner in enumerate(lanes):
        crossed = first < index < last
        if index == column:
            drawn_as = sign
        elif index in parents:
            ends = index in ending
            drawn_as = (
                ("┴" if ends else "┼")
                if crossed
                else ("╰" if ends else "├")
                if index < column
                else "╯"
                if ends
                else "┤"
            )
        elif owner is not None:
            drawn_as = "┼" if crossed else "│"
        else:
            drawn_as = "─" if crossed else " "
        drawn += drawn_as + ("─" if first <= index < last else " ")
    for index in ending:
        lanes[index] = None
    lanes[column] = node.id if pending[node.id] else None
    return drawn.rstrip()


def _free_column(lanes: list[str | None], start: int) -> int:
    return next((index for index in range(start, len(lanes)) if lanes[index] is None), len(lanes))


def _takes(node: Node) -> str:
    inputs = [
        _external(leaf) if isinstance(leaf, External) else leaf.node
        for binding in node.inputs.values()
        for leaf in leaves(binding)
    ]
    texts = [", ".join(dict.fromkeys(inputs))]
    if node.requires:
        texts.append("if " + ", ".join(dict.fromkeys(gate.node for gate in node.requires)) + " opens")
    if node.after:
        texts.append("after " + ", ".join(node.after))
    shown = " · ".join(text for text in texts if text)
    return f"← {shown}" if shown else ""


def _external(leaf: External) -> str:
    """Return what to call an input from outside: a file by its path, the champion of a model as that."""
    scheme, _, rest = leaf.reference.partition(":")
    return f"champion {rest}" if scheme == "champion" else rest
