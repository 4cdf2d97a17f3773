"""A plan as SVG, its nodes coloured by what became of them. Light or dark as the reader's screen is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise

from levada.picture.layout import Key, Layout, lay_out
from levada.plan import Each, External, Node, Plan, leaves
from levada.references import short_name

HEIGHT = 44.0
LETTER = 6.9  # width of a letter at 12 px, on the average; boxes have some to spare
SMALL = 5.9
LONGEST = 34  # letters of a line; the whole text is in the tooltip

MARKS = {
    "done": "✓", "cached": "✓", "failed": "✗", "closed": "✗", "killed": "✗",
    "skipped": "−", "running": "▸", "waiting": "·",
}  # fmt: skip

_COLOURS = {  # status: light, dark
    "done": ("#1a7f37", "#3fb950"),
    "cached": ("#0a7ea4", "#39c5cf"),
    "failed": ("#cf222e", "#f85149"),
    "killed": ("#cf222e", "#f85149"),
    "closed": ("#9a6700", "#d29922"),
    "running": ("#8250df", "#a371f7"),
    "skipped": ("#8c959f", "#6e7681"),
    "waiting": ("#8c959f", "#6e7681"),
    "none": ("#57606a", "#8b949e"),
}

_STYLE = """
.levada-graph { --ground: #fff; --box: #f6f8fa; --ink: #1f2328; --faint: #656d76; --line: #8c959f; font-family:
 ui-sans-serif, system-ui, sans-serif; font-size: 12px; background: var(--ground); }
.levada-graph .box { fill: var(--box); stroke: var(--c); stroke-width: 1.2; }
.levada-graph .bar { fill: var(--c); }
.levada-graph .skipped .box, .levada-graph .waiting .box { stroke-dasharray: 4 3; }
.levada-graph .name { fill: var(--ink); font-weight: 600; }
.levada-graph .mark { fill: var(--c); font-weight: 700; }
.levada-graph .note { fill: var(--faint); font-size: 10.5px; }
.levada-graph .file { fill: none; stroke: var(--line); stroke-dasharray: 2 2; }
.levada-graph .line { fill: none; stroke: var(--line); stroke-width: 1.2; }
.levada-graph .gate { stroke-dasharray: 5 3; }
.levada-graph .after { stroke-dasharray: 1.5 3; }
.levada-graph .tip { fill: var(--line); }
"""


def graph_svg(
    plan: Plan,
    statuses: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    details: Mapping[str, str] | None = None,
) -> str:
    """Return a drawing of a plan: a box a node, a line an artifact (dashed: a gate, dotted: `after`).

    By node id: `statuses` (done, cached, failed, closed, killed, skipped, running, waiting) give colours and signs,
    `notes` a few words below the name, `details` lines for the tooltip.
    """
    statuses, notes, details = statuses or {}, notes or {}, details or {}
    edges = _edges(plan)
    externals = list(dict.fromkeys(upper for upper, _ in edges if upper not in plan.by_id))
    texts = {node.id: (_cut(node.id), _cut(notes.get(node.id, ""))) for node in plan.nodes}
    widths: dict[Key, float] = {
        name: (44 if name in statuses else 30) + max(LETTER * len(title) + 6, SMALL * len(note))
        for name, (title, note) in texts.items()
    }
    widths |= {name: 24 + SMALL * len(_cut(_file(name))) for name in externals}
    placed = lay_out(_ranks(plan, edges, externals), list(edges), widths, HEIGHT)
    drawn = [*_lines(placed, edges)]
    drawn += [_file_box(placed, name, widths[name]) for name in externals]
    for node in plan.nodes:
        tip = _tip(node, statuses.get(node.id, ""), notes.get(node.id, ""), details.get(node.id, ""))
        drawn.append(_box(placed, node, statuses.get(node.id, "none"), texts[node.id], widths[node.id], tip))
    width, height = placed.width, placed.height
    label = f"{plan.pipeline}: {len(plan.nodes)} nodes"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="levada-graph" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label, quote=True)}">'
        f"<style>{_STYLE}{_palette()}</style>"
        '<defs><marker id="levada-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="tip" d="M0,0.5 L8,4 L0,7.5 z"/></marker></defs>'
        f"{''.join(drawn)}</svg>\n"
    )


def _palette() -> str:
    light = "".join(f".levada-graph .{name} {{ --c: {pair[0]}; }}\n" for name, pair in _COLOURS.items())
    dark = "".join(f".levada-graph .{name} {{ --c: {pair[1]}; }}\n" for name, pair in _COLOURS.items())
    night = "--ground: #0d1117; --box: #161b22; --ink: #e6edf3; --faint: #9198a1; --line: #6e7681;"
    return f"{light}@media (prefers-color-scheme: dark) {{ .levada-graph {{ {night} }}\n{dark}}}"


def _edges(plan: Plan) -> dict[tuple[str, str], str]:
    """Return the lines, from what is needed to the node that needs it, with the class of each."""
    edges: dict[tuple[str, str], str] = {}
    for node in plan.nodes:
        for binding in node.inputs.values():
            for leaf in leaves(binding):
                edges[leaf.reference if isinstance(leaf, External) else leaf.node, node.id] = ""
        for gate in node.requires:
            edges.setdefault((gate.node, node.id), "gate")
        for name in node.after:
            edges.setdefault((name, node.id), "after")
    return edges


def _ranks(plan: Plan, edges: Mapping[tuple[str, str], str], externals: list[str]) -> list[list[str]]:
    """Return the nodes by level, with what comes from outside just above its first reader."""
    ranks = [[node.id for node in level] for level in plan.levels()]
    level_of = {name: level for level, names in enumerate(ranks) for name in names}
    first = {name: min(level_of[lower] for upper, lower in edges if upper == name) for name in externals}
    if 0 in first.values():
        ranks.insert(0, [])
        first = {name: level + 1 for name, level in first.items()}
    for name, level in first.items():
        ranks[level - 1].append(name)
    return ranks


def _lines(placed: Layout, edges: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for edge, kind in edges.items():
        points = list(placed.lines[edge])
        points[0] = points[0][0], points[0][1] + HEIGHT / 2
        points[-1] = points[-1][0], points[-1][1] - HEIGHT / 2 - 1
        path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x, y), (to_x, to_y) in pairwise(points):
            half = (to_y - y) / 2
            path += f"C{x:.1f},{y + half:.1f} {to_x:.1f},{to_y - half:.1f} {to_x:.1f},{to_y:.1f}"
        yield f'<path class="line {kind}" d="{path}" marker-end="url(#levada-tip)"/>'


def _box(placed: Layout, node: Node, status: str, texts: tuple[str, str], width: float, tip: str) -> str:
    x, y = placed.centres[node.id]
    left, top = x - width / 2, y - HEIGHT / 2
    title, note = texts
    behind = (
        f'<rect class="box" x="{left + 4:.1f}" y="{top - 4:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="6"/>'
        if _is_mapped(node)
        else ""
    )
    middle = y - 3 if note else y + 4
    sign = MARKS.get(status, "")
    start = left + (26 if sign else 14)
    drawn = [
        f'<g class="{escape(status, quote=True)}"><title>{escape(tip)}</title>{behind}',
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="6"/>',
        f'<rect class="bar" x="{left:.1f}" y="{top + 5:.1f}" width="3.5" height="{HEIGHT - 10}"/>',
        f'<text class="mark" x="{left + 12:.1f}" y="{middle:.1f}">{sign}</text>',
        f'<text class="name" x="{start:.1f}" y="{middle:.1f}">{escape(title)}</text>',
    ]
    if note:
        drawn.append(f'<text class="note" x="{start:.1f}" y="{y + 13:.1f}">{escape(note)}</text>')
    return "".join([*drawn, "</g>"])


def _file_box(placed: Layout, name: str, width: float) -> str:
    x, y = placed.centres[name]
    text = escape(_cut(_file(name)))
    return (
        f'<g><title>{escape(name)}</title><rect class="file" x="{x - width / 2:.1f}" y="{y - 11:.1f}" '
        f'width="{width:.1f}" height="22" rx="11"/>'
        f'<text class="note" x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{text}</text>'
        f'<path class="line" d="M{x:.1f},{y + 11:.1f}V{y + HEIGHT / 2:.1f}"/></g>'
    )


def _file(reference: str) -> str:
    scheme, _, rest = reference.partition(":")
    return rest if scheme == "file" else f"{scheme} {rest}"


def _is_mapped(node: Node) -> bool:
    return any(isinstance(binding, Each) for binding in node.inputs.values())


def _tip(node: Node, status: str, note: str, details: str) -> str:
    head = f"{node.id}{f': {status}' if status else ''}"
    where = f"{node.position.file}:{node.position.line}" if node.position else ""
    return "\n".join(line for line in (head, short_name(node.component) + "()", note, details, where) if line)


def _cut(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
