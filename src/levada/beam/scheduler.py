"""The whole graph on one machine: a node starts as soon as its inputs are ready and the machine has room."""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from levada.plan import Node, Plan
from levada.resources import Resources, of_this_machine
from levada.result import Result

# Its seeds, its graph and its log settings belong to the whole process, so one node at a time.
ONE_AT_A_TIME = frozenset({"tensorflow", "tensorflow-cpu", "keras"})
_IN_THIS_PROCESS = threading.Lock()


def alone(node: Node) -> AbstractContextManager[Any]:
    """Keep a node that declares TensorFlow apart from all others of this process, whoever runs them."""
    return _IN_THIS_PROCESS if _is_exclusive(node) else nullcontext()


class Scheduler:
    """Runs a plan's nodes on at most `jobs` threads, within what the machine has."""

    def __init__(
        self, plan: Plan, run: Callable[[str], Result], jobs: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._plan = plan
        self._run = run
        self._stopped = stopped
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="levada-node")
        self._room = jobs
        self._free = of_this_machine()
        self._lonely = False  # whether a node that needs more than the machine has, is running by itself
        self._exclusive = False
        self._waiting = {node.id: len(node.upstream) for node in plan.nodes}
        self._place = {node.id: index for index, node in enumerate(plan.nodes)}
        self._needs = [Resources.of(node.needs) for node in plan.nodes]
        self._ready = [place for place, node in enumerate(plan.nodes) if not node.upstream]
        self._running = 0
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
        for place in list(self._ready):
            if self._room < 1 or self._lonely:
                return
            if self._fits(place):
                self._ready.remove(place)
                self._start(place)

    def _fits(self, place: int) -> bool:
        if self._exclusive and _is_exclusive(self._plan.nodes[place]):
            return False
        return self._needs[place].fits(self._free) or self._running == 0

    def _start(self, place: int) -> None:
        node, needs = self._plan.nodes[place], self._needs[place]
        self._running += 1
        self._room -= 1
        self._lonely = not needs.fits(self._free)
        self._free -= needs
        self._exclusive = self._exclusive or _is_exclusive(node)
        self._pool.submit(self._work, node)

    def _work(self, node: Node) -> None:
        error: BaseException | None = None
        try:
            self._run(node.id)
        except BaseException as caught:  # noqa: BLE001  handed to the thread that waits
            error = caught
        with self._changed:
            self._running -= 1
            self._room += 1
            self._lonely = False
            self._free += self._needs[self._place[node.id]]
            if _is_exclusive(node):
                self._exclusive = False
            self._error = self._error or error
            for follower in self._plan.downstream[node.id]:
                self._waiting[follower] -= 1
                if self._waiting[follower] == 0:
                    insort(self._ready, self._place[follower])
            self._changed.notify_all()


def _is_exclusive(node: Node) -> bool:
    return not ONE_AT_A_TIME.isdisjoint(node.packages)


def default_jobs() -> int:
    """Nodes at once if nobody says otherwise: as many as this process has CPUs, and at least two."""
    return max(2, int(of_this_machine().cpus))
