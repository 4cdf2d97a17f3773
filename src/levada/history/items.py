"""Items of mapped nodes, by label or by the beginning of an id."""

from __future__ import annotations

from levada.errors import StoreError, did_you_mean
from levada.history.run import RunRecord

SHOWN = 5


def items_by_label(run: RunRecord, node: str) -> dict[str, str]:
    """Return the ids of the items of a mapped node by their labels, also of those that have not ended."""
    form = run.store.read_json(f"runs/{run.id}/lists/{node}.json") or {}
    return {str(label or item): str(item) for item, label in form.get("items", [])}


def find_item(run: RunRecord, node: str, word: str) -> str:
    """Return the id of the item that a label, or the beginning of an id, names; raises StoreError if none is."""
    run.plan.node(node)
    labels = items_by_label(run, node)
    if not labels:
        raise StoreError(f"{node} is not a mapped node, or it never ran: it has no items.", hint="Leave --item out.")
    if word in labels:
        return labels[word]
    fitting = sorted({item for item in labels.values() if item.startswith(word)})
    if len(fitting) == 1:
        return fitting[0]
    few = ", ".join(list(labels)[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
    raise StoreError(
        f"{len(fitting)} items of {node} begin with '{word}'." if fitting else f"{node} has no item '{word}'.",
        hint=did_you_mean(word, [*labels, *labels.values()]) or f"It has {len(labels)}: {few}.",
    )
