"""A plan drawn in the terminal, as `git log --graph` draws commits: a row a node, a lane an output that is awaited.

● ingest
│ ● weather
├─┴ ...
"""

from __future__ import annotations

from levada.plan import External, Node, Plan, leaves


def draw_graph(plan: Plan) -> str:
    """Return the drawing, with what each node takes written behind it."""
    pending = {node.id: set(plan.downstream[node.id]) for node in plan.nodes}
    lanes: list[str | None] = []
    rows: list[tuple[str, Node]] = []
    for node in plan.nodes:
        for upstream in node.upstream:
            pending[upstream].discard(node.id)
        rows.append((_row(node, lanes, pending), node))
        while lanes and lanes[-1] is None:
            lanes.pop()
    width = max((len(row) for row, _ in rows), default=0)
    names = max((len(node.id) for node in plan.nodes), default=0)
    title = f"{plan.pipeline} · {len(plan.nodes)} nodes · plan {plan.digest[:6]}"
    drawn = [f"  {row:<{width}}  {node.id:<{names}}  {_takes(node)}".rstrip() for row, node in rows]
    return "\n".join([title, "", *drawn])


def _row(node: Node, lanes: list[str | None], pending: dict[str, set[str]]) -> str:
    """Draw one node below the lanes, and leave the lanes as they are after it."""
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
            mark = "●"
        elif index in parents:
            ends = index in ending
            mark = (
                ("┴" if ends else "┼")
                if crossed
                else ("╰" if ends else "├")
                if index < column
                else "╯"
                if ends
                else "┤"
            )
        elif owner is not None:
            mark = "┼" if crossed else "│"
        else:
            mark = "─" if crossed else " "
        drawn += mark + ("─" if first <= index < last else " ")
    for index in ending:
        lanes[index] = None
    lanes[column] = node.id if pending[node.id] else None
    return drawn.rstrip()


def _free_column(lanes: list[str | None], start: int) -> int:
    return next((index for index in range(start, len(lanes)) if lanes[index] is None), len(lanes))


def _takes(node: Node) -> str:
    inputs = [
        leaf.reference.partition(":")[2] if isinstance(leaf, External) else leaf.node
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
