"""The whole graph on one machine: a node starts as soon as its inputs are ready and the machine has room.

A mapped node is opened when what it waits for has ended, which tells its items; they run like nodes, beside others;
when the last has ended the node is closed.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from levada.plan import Node, Plan
from levada.resources import Resources, of_this_machine

# Its seeds, its graph and its log settings belong to the whole process, so one node at a time.
ONE_AT_A_TIME = frozenset({"tensorflow", "tensorflow-cpu", "keras"})
_IN_THIS_PROCESS = threading.Lock()


def alone(node: Node) -> AbstractContextManager[Any]:
    """Keep a node that declares TensorFlow apart from all others of this process, whoever runs them."""
    return _IN_THIS_PROCESS if _is_exclusive(node) else nullcontext()


class Work(Protocol):
    """What the scheduler lets happen, each on a thread of its pool."""

    def run(self, node_id: str) -> Any:
        """Bring a node to its end."""

    def open(self, node_id: str) -> list[str]:
        """Return the items of a mapped node that must run."""
        ...

    def run_item(self, node_id: str, item: str) -> Any:
        """Bring an item to its end."""

    def close(self, node_id: str) -> Any:
        """End a mapped node whose items have ended."""


@dataclass(frozen=True, order=True)
class _Task:
    """Something to do for the node at a place of the plan: run it, or open it (0), run an item (1...), close it."""

    place: int
    step: int = 0
    item: str = ""
    closes: bool = False


class Scheduler:
    """Runs a plan's nodes on at most `jobs` threads, within what the machine has."""

    def __init__(self, plan: Plan, work: Work, jobs: int, stopped: Callable[[], bool] = lambda: False) -> None:
        self._plan = plan
        self._work = work
        self._stopped = stopped
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="levada-node")
        self._room = jobs
        self._free = of_this_machine()
        self._lonely = False  # whether a node that needs more than the machine has, is running by itself
        self._exclusive = False
        self._waiting = {node.id: len(node.upstream) for node in plan.nodes}
        self._place = {node.id: index for index, node in enumerate(plan.nodes)}
        self._needs = [Resources.of(node.needs) for node in plan.nodes]
        self._ready = [_Task(place) for place, node in enumerate(plan.nodes) if not node.upstream]
        self._running = 0
        self._items_left: dict[int, int] = {}
        self._items_running: dict[int, int] = {}
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run every node; raises the first error that is not a component's own (a broken store, say)."""
        with self._pool, self._changed:
            while (self._ready and not self._halted()) or self._running:
                if not self._halted():
                    self._start_what_fits()
                self._changed.wait(timeout=0.5)
        if self._error is not None:
            raise self._error

    def _halted(self) -> bool:
        return self._error is not None or self._stopped()

    def _start_what_fits(self) -> None:
        for task in list(self._ready):
            if self._room < 1 or self._lonely:
                return
            if self._fits(task):
                self._ready.remove(task)
                self._start(task)

    def _fits(self, task: _Task) -> bool:
        node = self._plan.nodes[task.place]
        if self._exclusive and self._excludes(task):
            return False
        if task.item and node.at_once is not None and self._items_running.get(task.place, 0) >= node.at_once:
            return False
        return self._needs_of(task).fits(self._free) or self._running == 0

    def _needs_of(self, task: _Task) -> Resources:
        is_work = task.item or not self._plan.nodes[task.place].is_mapped
        return self._needs[task.place] if is_work else Resources()

    def _excludes(self, task: _Task) -> bool:
        node = self._plan.nodes[task.place]
        return _is_exclusive(node) and bool(task.item or not node.is_mapped)

    def _start(self, task: _Task) -> None:
        needs = self._needs_of(task)
        self._running += 1
        self._room -= 1
        self._lonely = not needs.fits(self._free)
        self._free -= needs
        self._exclusive = self._exclusive or self._excludes(task)
        if task.item:
            self._items_running[task.place] = self._items_running.get(task.place, 0) + 1
        self._pool.submit(self._do, task)

    def _do(self, task: _Task) -> None:
        error: BaseException | None = None
        followers: list[_Task] = []
        node = self._plan.nodes[task.place]
        try:
            if task.item:
                self._work.run_item(node.id, task.item)
            elif task.closes:
                self._work.close(node.id)
            elif node.is_mapped:
                items = self._work.open(node.id)
                followers = [_Task(task.place, 1 + index, item) for index, item in enumerate(items)]
            else:
                self._work.run(node.id)
        except BaseException as caught:  # noqa: BLE001  handed to the thread that waits
            error = caught
        with self._changed:
            self._give_back(task)
            self._error = self._error or error
            for follower in self._what_follows(task, followers):
                insort(self._ready, follower)
            self._changed.notify_all()

    def _give_back(self, task: _Task) -> None:
        self._running -= 1
        self._room += 1
        self._lonely = False
        self._free += self._needs_of(task)
        if self._excludes(task):
            self._exclusive = False
        if task.item:
            self._items_running[task.place] -= 1

    def _what_follows(self, task: _Task, items: list[_Task]) -> list[_Task]:
        """Return the tasks that are ready now that this one is done."""
        node, closing = self._plan.nodes[task.place], _Task(task.place, closes=True)
        if task.item:
            self._items_left[task.place] -= 1
            return [] if self._items_left[task.place] else [closing]
        if node.is_mapped and not task.closes:
            self._items_left[task.place] = len(items)
            return items or [closing]
        ready: list[_Task] = []
        for follower in self._plan.downstream[node.id]:
            self._waiting[follower] -= 1
            if self._waiting[follower] == 0:
                ready.append(_Task(self._place[follower]))
        return ready


def _is_exclusive(node: Node) -> bool:
    return not node.has_own_process and not ONE_AT_A_TIME.isdisjoint(node.packages)


def default_jobs() -> int:
    """Nodes at once if nobody says otherwise: as many as this process has CPUs, and at least two."""
    return max(2, int(of_this_machine().cpus))
