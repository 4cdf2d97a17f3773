"""What runs a node, wherever that is: Beam workers, `levada node` and notebooks go through it and nothing else.

Each of these functions may be called twice for the same node of a run (runners replay): the first to commit wins,
and both return what was committed. Exceptions of components become failed results; StoreError and PlanError are
raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from levada.errors import ComponentError
from levada.node.execute import execute
from levada.node.items import item_of, items_of, no_list, together, write_list
from levada.node.key import Item
from levada.node.settle import cached, skipped, skipped_item
from levada.node.view import RunView, view_of
from levada.plan import Node, Plan
from levada.result import Result
from levada.store import Store

Stopped = Callable[[], bool]
"""Says whether the run is being stopped."""


def _never() -> bool:
    return False


def run_node(plan: Plan, node_id: str, run_id: str, store: Store, stopped: Stopped = _never) -> Result:
    """Bring one node of a run to its end and return what became of it.

    The nodes it waits for must have ended. It is skipped if one of them gave nothing or a gate it requires is
    closed, taken from the cache if its key is there, run otherwise. The items of a mapped node run one by one.
    """
    if not plan.node(node_id).is_mapped:
        view, node = view_of(run_id, store), plan.node(node_id)
        return _settled(view, node) or execute(view, plan, node, None, stopped)
    for item in open_node(plan, node_id, run_id, store):
        run_item(plan, node_id, item, run_id, store, stopped)
    return close_node(plan, node_id, run_id, store)


def settle_node(plan: Plan, node_id: str, run_id: str, store: Store) -> Result | None:
    """Return the result of a node that need not run (ended, skipped, cached), None for one that must."""
    view, node = view_of(run_id, store), plan.node(node_id)
    if not node.is_mapped:
        return _settled(view, node)
    return None if open_node(plan, node_id, run_id, store, quietly=True) else close_node(plan, node_id, run_id, store)


def open_node(plan: Plan, node_id: str, run_id: str, store: Store, quietly: bool = False) -> list[str]:
    """Settle what can be settled of a mapped node; return the ids of the items that must run, in order.

    `quietly`: without an event that the node has started.
    """
    view, node = view_of(run_id, store), plan.node(node_id)
    if view.result(node_id) is not None:
        return []
    refused = skipped(view, node)
    if refused is not None:
        view.commit(refused)
        return []
    try:
        listed = items_of(view, node)
    except ComponentError as error:
        view.commit(no_list(node, error))
        return []
    write_list(view, node, listed)
    waiting = [item.id for item in listed.items.values() if _settled_item(view, node, item) is None]
    if waiting and not quietly:
        settled = len(listed.items) - len(waiting)
        view.journal.append(
            "node_started",
            node=node_id,
            attempt="",
            key="",
            inputs={},
            total=len(listed.items) + len(listed.missing),
            settled=settled,
        )
    _OPENED[run_id, node_id] = time.monotonic()
    return waiting


def run_item(plan: Plan, node_id: str, item_id: str, run_id: str, store: Store, stopped: Stopped = _never) -> Result:
    """Bring one item of a mapped node to its end."""
    view, node = view_of(run_id, store), plan.node(node_id)
    known = view.result(node_id, item_id)
    if known is not None:
        return known
    item = item_of(view, node, item_id)
    return _settled_item(view, node, item) or execute(view, plan, node, item, stopped)


def close_node(plan: Plan, node_id: str, run_id: str, store: Store) -> Result:
    """Commit what the items of a mapped node came to, when all have ended."""
    view, node = view_of(run_id, store), plan.node(node_id)
    known = view.result(node_id)
    if known is not None:
        return known
    opened = _OPENED.pop((run_id, node_id), None)
    return view.commit(together(view, node, time.monotonic() - opened if opened is not None else 0.0))


_OPENED: dict[tuple[str, str], float] = {}
"""When this process opened a mapped node."""


def _settled(view: RunView, node: Node) -> Result | None:
    committed = view.result(node.id)
    if committed is not None:
        return committed
    settled = skipped(view, node) or cached(view, node)
    return view.commit(settled) if settled is not None else None


def _settled_item(view: RunView, node: Node, item: Item) -> Result | None:
    committed = view.result(node.id, item.id)
    if committed is not None:
        return committed
    settled = skipped_item(node, item) or cached(view, node, item)
    return view.commit(settled) if settled is not None else None
