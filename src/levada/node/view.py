"""One run as this process sees it: its journal, what was resolved, the results so far, and their commit."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache

from levada.errors import PlanError, StoreError
from levada.journal import Journal
from levada.resolved import Resolved
from levada.result import Result
from levada.store import Store
from levada.values import json_bytes

IN_SIGHT: set[str] = set()
"""Runs that somebody watches from a notebook: what their nodes print is shown there, what they raise is kept."""


class RunView:
    """A run in a store. Results are read once: what is committed never changes."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.journal = Journal(store, run_id)
        form = store.read_json(f"runs/{run_id}/resolved.json")
        if form is None:
            raise StoreError(f"{store.uri} has no run {run_id}.", hint="A node runs as part of a run in its store.")
        self.resolved = Resolved.from_json(form)
        self.raised: dict[str, BaseException] = {}
        self._results: dict[str, Result] = {}

    @property
    def is_in_sight(self) -> bool:
        """Whether somebody watches the run from this process."""
        return self.run_id in IN_SIGHT

    def result(self, node_id: str, item: str = "") -> Result | None:
        """Return the committed result of a node, or of an item of it; None while there is none."""
        key = result_key(self.run_id, node_id, item)
        if key not in self._results:
            form = self.store.read_json(key)
            if form is None:
                return None
            self._results[key] = Result.from_json(form)
        return self._results[key]

    def ended(self, upstream: str, node_id: str) -> Result:
        """Return the result of a node that another one waits for; raises PlanError if it has none yet."""
        result = self.result(upstream)
        if result is None:
            raise PlanError(f"node {node_id} cannot run before {upstream} has ended.")
        return result

    def commit(self, result: Result) -> Result:
        """Make a result the node's, or the item's, in this run; returns the one that was first."""
        outputs = {
            name: replace(record, item=result.item, label=result.label) for name, record in result.outputs.items()
        }
        result = replace(result, outputs=outputs)
        content = json_bytes(result.to_json())
        key = result_key(self.run_id, result.node, result.item)
        if not self.store.create(key, content):
            winner = Result.from_json(self.store.read_json(key))
            self._results[key] = winner
            return winner
        self._results[key] = result
        if result.status == "done" and result.items is None and self.resolved.write_cache:
            self.store.write(cache_key(result.key), content)
        self.journal.append("item_finished" if result.item else "node_finished", **result.to_json())
        return result


def view_of(run_id: str, store: Store) -> RunView:
    """Return this process's view of a run, one for all its threads."""
    with _OPENING:  # two threads at once would each open a journal
        return _opened(run_id, store)


@lru_cache(maxsize=8)
def _opened(run_id: str, store: Store) -> RunView:
    return RunView(store, run_id)


_OPENING = threading.Lock()


def result_key(run_id: str, node_id: str, item: str = "") -> str:
    """Return where a result is committed."""
    return f"runs/{run_id}/items/{node_id}/{item}.json" if item else f"runs/{run_id}/nodes/{node_id}.json"


def cache_key(key: str) -> str:
    """Return where a cache entry lies."""
    return f"cache/{key[:2]}/{key}.json"
