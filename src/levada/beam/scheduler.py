"""The whole graph on one machine: a node starts as soon as its inputs are ready and the machine has room."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from levada.plan import Node, Plan
from levada.resources import Resources, of_this_machine
from levada.result import Result

# Its seeds, its graph and its log settings belong to the whole process, so one node at a time.
ONE_AT_A_TIME = frozenset({"tensorflow", "tensorflow-cpu", "keras"})


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
        self._ready = [node for node in plan.nodes if not node.upstream]
        self._running = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run every node; raises the first error that is not a component's own (a broken store, say)."""
        with self._pool, self._changed:
            while (self._ready and not self._halted()) or self._running:
                if not self._halted():
                    for node in [node for node in self._ready if self._has_room(node)]:
                        if self._has_room(node):
                            self._start(node)
                self._changed.wait(timeout=0.5)
        if self._error is not None:
            raise self._error

    def _halted(self) -> bool:
        return self._error is not None or self._stopped()

    def _has_room(self, node: Node) -> bool:
        if self._room < 1 or self._lonely or (self._exclusive and _is_exclusive(node)):
            return False
        needs = Resources.of(node.needs)
        return needs.fits(self._free) or self._running == 0

    def _start(self, node: Node) -> None:
        needs = Resources.of(node.needs)
        self._ready.remove(node)
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
            self._free += Resources.of(node.needs)
            if _is_exclusive(node):
                self._exclusive = False
            self._error = self._error or error
            for follower in self._plan.downstream[node.id]:
                self._waiting[follower] -= 1
                if self._waiting[follower] == 0:
                    self._ready.append(self._plan.by_id[follower])
            self._ready.sort(key=lambda ready: self._place[ready.id])
            self._changed.notify_all()


def _is_exclusive(node: Node) -> bool:
    return not ONE_AT_A_TIME.isdisjoint(node.packages)


def default_jobs() -> int:
    """Nodes at once if nobody says otherwise: as many as this process has CPUs, and at least two."""
    return max(2, int(of_this_machine().cpus))
