"""Whether a node need not run: what it waits for gave nothing, a gate is closed, or it was made before."""

from __future__ import annotations

from pathlib import Path

from levada.artifact import made
from levada.node.key import Item, call_of, key_of
from levada.node.view import RunView, cache_key, result_key
from levada.plan import Each, Node, Output
from levada.result import Result


def skipped(view: RunView, node: Node) -> Result | None:
    """Return the result of a node that cannot run, None for one that can."""
    for name in node.upstream:
        result = view.ended(name, node.id)
        some = any(record.items for record in result.outputs.values())
        if not result.ok and not (some and node.takes_part(name)):
            return Result(node.id, "skipped", reason=f"needs {name}, {_what_became(result)}", closed=result.closed)
    for gate in node.requires:
        record = view.ended(gate.node, node.id).outputs[gate.output]
        if gate not in node.mapped_over and not record.open:
            return Result(node.id, "skipped", reason=_closed(gate.node, record.reasons), closed=True)
    return None


def skipped_item(node: Node, item: Item) -> Result | None:
    """Return the result of an item whose own gate is closed, None for one that can run."""
    for name, record in item.records.items():
        binding = node.inputs[name]
        if isinstance(binding, Each) and binding.source in node.requires and not record.open:
            assert isinstance(binding.source, Output)
            reason = _closed(binding.source.node, record.reasons)
            return Result(node.id, "skipped", reason=reason, closed=True, item=item.id, label=item.label)
    return None


def cached(view: RunView, node: Node, item: Item | None = None) -> Result | None:
    """Return the result of a node, or of one item, that was made before; None for what must run."""
    if node.id in view.resolved.fresh:
        return None
    key = key_of(view, node, call_of(view, node, item))
    hit = _entry(view, key) if node.cache and view.resolved.use_cache else None
    if hit is None and view.resolved.resumes:
        hit = _kept(view, node, key, item)
    if hit is None or not _stands(view, hit):
        return None
    return Result(
        node=node.id,
        status="cached",
        key=key,
        made_by=hit.made_by,
        outputs=hit.outputs,
        effects=hit.effects,
        metrics=hit.metrics,
        summary=hit.summary,
        item=item.id if item else "",
        label=item.label if item else "",
    )


def _entry(view: RunView, key: str) -> Result | None:
    form = view.store.read_json(cache_key(key))
    return Result.from_json(form) if form else None


def _kept(view: RunView, node: Node, key: str, item: Item | None) -> Result | None:
    """Return what the run that this one resumes committed for the same call, also for nodes that are never cached."""
    form = view.store.read_json(result_key(view.resolved.resumes, node.id, item.id if item else ""))
    before = Result.from_json(form) if form else None
    return before if before is not None and before.ok and before.key == key else None


def _stands(view: RunView, hit: Result) -> bool:
    """Whether what a cache entry names is still there, in the store and beyond it."""
    if not all(view.store.has(leaf) for record in hit.outputs.values() for leaf in record.leaves()):
        return False
    root = Path(view.resolved.root)
    return all(made(hit.outputs[name], view.store).holds(root) for name in hit.effects)


def _what_became(result: Result) -> str:
    if result.items is not None and result.items.missing:
        return f"of which {len(result.items.missing)} of {result.items.total} items gave nothing"
    return "which failed" if result.status == "failed" else "which was skipped"


def _closed(gate: str, reasons: list[str]) -> str:
    return f"{gate} closed the gate" + (f": {reasons[0]}" if reasons else "")
