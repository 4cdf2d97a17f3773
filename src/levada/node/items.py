"""Mapped nodes: the list that one runs over, known when what it waits for has ended, and what its items came to.

runs/<run>/lists/<node>.json     the list, written down when the node is opened
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, cast
from weakref import WeakKeyDictionary

from levada.artifact import ArtifactRecord
from levada.errors import ComponentError, PlanError
from levada.failure import describe
from levada.fanout import Values
from levada.node.key import Item, records_of
from levada.node.view import RunView
from levada.plan import Each, Node, Output
from levada.result import Items, Result
from levada.values import Json, digest_of, json_bytes

_SHOWN = 60
"""Characters of an item's label."""


def item_of(view: RunView, node: Node, item_id: str) -> Item:
    """Return one item of a mapped node; raises PlanError if its list has none of that id."""
    known = items_of(view, node).items
    if item_id not in known:
        raise PlanError(f"the list that {node.id} runs over has no item '{item_id}'.")
    return known[item_id]


@dataclass(frozen=True)
class Listed:
    """The items that a mapped node runs over, by id in their order, and why others are missing."""

    items: dict[str, Item]
    missing: dict[str, str]


_KNOWN: WeakKeyDictionary[RunView, dict[str, Listed]] = WeakKeyDictionary()
_OPENING = threading.Lock()


def items_of(view: RunView, node: Node) -> Listed:
    """Return the list that a mapped node runs over; what it waits for has ended, so it is read once.

    Raises ComponentError if there are no items.
    """
    with _OPENING:
        known = _KNOWN.setdefault(view, {})
        if node.id not in known:
            known[node.id] = _read_list(view, node)
        return known[node.id]


def _read_list(view: RunView, node: Node) -> Listed:
    gathered: dict[str, Item] = {}
    missing: dict[str, str] = {}
    order: list[str] = []
    for name, binding in node.inputs.items():
        if not isinstance(binding, Each):
            continue
        items, lost = _list_of(view, node, name, binding)
        missing |= lost
        for item in items:
            if item.id in gathered:
                known = gathered[item.id]
                item = replace(known, records={**known.records, **item.records}, values={**known.values, **item.values})
            gathered[item.id] = item
        order = order or [item.id for item in items]
    if not gathered and not missing:
        raise ComponentError(f"{node.id} runs once per item of a list, and the list is empty.", where=node.position)
    found = [gathered[item] for item in order if item not in missing]
    return Listed({item.id: replace(item, place=place) for place, item in enumerate(found)}, missing)


def _list_of(view: RunView, node: Node, name: str, binding: Each) -> tuple[list[Item], dict[str, str]]:
    """Return the items that one `each(...)` gives."""
    if binding.source is None:
        return _named(name, list(binding.values)), {}
    upstream = view.ended(binding.source.node, node.id) if isinstance(binding.source, Output) else None
    if upstream is not None and isinstance(binding.source, Output):
        record = upstream.outputs.get(binding.source.output)
        if record is not None and record.type == Values.type_reference():
            return _named(name, cast("list[Json]", record.properties["values"])), {}
        if upstream.items is not None:  # one item follows another: they keep their names
            came = {item.item: item for item in (record.items if record is not None else None) or ()}
            lost = dict.fromkeys(
                upstream.items.missing, f"needs {binding.source.node}, which gave nothing for this item"
            )
            names = [item for item in upstream.items.order if item in came]
            return [Item(item, came[item].label, records={name: came[item]}) for item in names], lost
    records = records_of(view, binding.source)
    listed = records if isinstance(records, list) else [records] if records else []
    return _told_apart(
        [Item(record.identity[:16], record.label or _label_of(record), records={name: record}) for record in listed]
    ), {}


def _named(name: str, values: list[Json]) -> list[Item]:
    return _told_apart([Item(digest_of(form)[:16], _label(form), values={name: form}) for form in values])


def _told_apart(items: list[Item]) -> list[Item]:
    """Number those that are the same, so that each has an id of its own."""
    seen: Counter[str] = Counter()
    named: list[Item] = []
    for item in items:
        seen[item.id] += 1
        named.append(item if seen[item.id] == 1 else replace(item, id=f"{item.id}-{seen[item.id]}"))
    return named


def _label(form: Json) -> str:
    text = form if isinstance(form, str) else json.dumps(_plain(form), ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _plain(form: Any) -> Any:
    """Return the form of a value as people would write it: a path as text, a dataclass as its fields."""
    if isinstance(form, dict):
        form = cast("dict[str, Any]", form)
        for tag in ("$path", "$date", "$datetime", "name", "fields", "$tuple"):
            if tag in form and any(key.startswith("$") for key in form):
                return _plain(form[tag])
        return {key: _plain(item) for key, item in form.items()}
    return [_plain(item) for item in cast("list[Any]", form)] if isinstance(form, list) else form


def _label_of(record: ArtifactRecord) -> str:
    return record.producer.partition("/")[2] or record.digest[:8]


# -- the list, on record --------------------------------------------------------------------------------


def write_list(view: RunView, node: Node, listed: Listed) -> None:
    """Write down which items a mapped node runs over, in which order."""
    form = {"items": [[item.id, item.label] for item in listed.items.values()], "missing": listed.missing}
    view.store.write(_list_key(view, node), json_bytes(form))


def _list_key(view: RunView, node: Node) -> str:
    return f"runs/{view.run_id}/lists/{node.id}.json"


# -- the end of it --------------------------------------------------------------------------------------


def together(view: RunView, node: Node, seconds: float) -> Result:
    """Return what all items of a mapped node came to: its outputs are lists of what could be made."""
    form = view.store.read_json(_list_key(view, node))
    labels = {str(item): str(label) for item, label in form["items"]}
    missing: dict[str, str] = dict(form["missing"])
    results = {item: result for item in labels if (result := view.result(node.id, item)) is not None}
    for item, result in results.items():
        if not result.ok:
            missing[item] = _why(result)
    made = [results[item] for item in labels if item in results and results[item].ok]
    counts = Counter(result.status for result in results.values())
    lost = len(form["missing"])
    items = Items(
        total=len(labels) + lost,
        done=counts["done"],
        cached=counts["cached"],
        failed=counts["failed"],
        skipped=counts["skipped"] + lost,
        order=(*labels, *form["missing"]),
        labels=labels,
        missing=missing,
    )
    failure = next((result.failure for result in results.values() if result.failure is not None), None)
    status = "failed" if failure else "skipped" if missing else "cached" if counts["cached"] == len(labels) else "done"
    return Result(
        node=node.id,
        status=status,
        key=digest_of([result.key for result in made]),
        made_by=view.run_id,
        outputs={
            output: ArtifactRecord.of_items(
                type_, [result.outputs[output] for result in made], f"{view.run_id}/{node.id}"
            )
            for output, type_ in node.outputs.items()
        },
        effects=tuple(dict.fromkeys(effect for result in made for effect in result.effects)),
        seconds=round(seconds, 3),
        summary=str(items),
        reason=_reason(items) if missing else "",
        closed=any(result.closed for result in results.values()),
        failure=failure,
        items=items,
    )


def _why(result: Result) -> str:
    if result.failure is not None:
        first = result.failure.message.splitlines() or [""]
        return f"{result.failure.type}: {first[0]}"
    return result.reason


def _reason(items: Items) -> str:
    lost = next(iter(items.missing))
    label = items.labels.get(lost, lost)
    return f"{len(items.missing)} of {items.total} items gave nothing; {label}: {items.missing[lost]}"


def no_list(node: Node, error: Exception) -> Result:
    """Return the result of a mapped node whose list cannot be had."""
    return Result(node.id, "failed", failure=describe(error))
