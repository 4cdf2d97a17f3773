"""One Beam job per run.

On one machine the whole graph is one element, and the scheduler inside starts nodes as they become
ready. On a distributed runner it goes level by level: a chain of nodes is an element, a level waits for the
one before. What nodes tell each other goes through the store; Beam carries only the order.
"""

from __future__ import annotations

import importlib
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.internal.cloudpickle import register_pickle_by_value
from apache_beam.pvalue import AsList

from levada.beam.options import check_options, is_in_process, stays_in_memory
from levada.beam.package import CodePackage
from levada.beam.pipeline import new_pipeline, run_to_the_end
from levada.beam.scheduler import Scheduler, alone
from levada.node import close_node, open_node, run_item, run_node
from levada.plan import Node, Plan
from levada.result import Result
from levada.settings import Verify
from levada.store import Store


@dataclass(frozen=True)
class Task:
    """What a worker needs to run nodes of a run: documents and addresses, no live objects."""

    plan: str
    run_id: str
    store: str
    code: CodePackage
    store_options: dict[str, Any] = field(default_factory=dict[str, Any])
    verify: Verify = "always"
    packages: tuple[str, ...] = ()

    def open_store(self) -> Store:
        return Store(self.store, self.store_options, self.verify)


# Live objects of runs that this process drives, by run id: a DoFn cannot carry them.
_live: dict[str, tuple[Store, Callable[[], bool]]] = {}


class _Worker(beam.DoFn):
    """What both packings share: the plan and the store, opened once a worker."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def setup(self) -> None:
        at_home = self._task.code.is_at_home
        if not at_home:
            self._settle_in()
        self._plan = Plan.loads(self._task.plan)
        live = _live.get(self._task.run_id) if at_home else None
        self._store, self._stopped = live or (self._task.open_store(), lambda: False)

    def _settle_in(self) -> None:
        """Make a worker process elsewhere ready: the project's code, and its own stdout out of harm's way."""
        self._task.code.unpack()
        pickle_by_value(self._task.packages)  # for the Beam jobs that its nodes start
        if stat.S_ISFIFO(os.fstat(1).st_mode):
            os.dup2(2, 1)  # Beam's worker pool gives it a pipe that nobody reads: a chatty node would hang

    def run(self, node_id: str) -> Result:
        """Run a node; a mapped one with all its items, one by one."""
        with alone(self._plan.node(node_id)):
            return run_node(self._plan, node_id, self._task.run_id, self._store, self._stopped)

    def open(self, node_id: str) -> list[str]:
        """Return the items of a mapped node that must run."""
        return open_node(self._plan, node_id, self._task.run_id, self._store)

    def run_item(self, node_id: str, item: str) -> Result:
        """Run one item of a mapped node."""
        with alone(self._plan.node(node_id)):
            return run_item(self._plan, node_id, item, self._task.run_id, self._store, self._stopped)

    def close(self, node_id: str) -> Result:
        """End a mapped node whose items have ended."""
        return close_node(self._plan, node_id, self._task.run_id, self._store)


class RunGraph(_Worker):
    """Runs the whole graph; its element says how many nodes at once."""

    def process(self, element: int) -> None:
        scheduler = Scheduler(self._plan, self, element, self._stopped)
        # Beam's own thread keeps the state of the outer job; nodes may start jobs of their own.
        raised: list[BaseException] = []

        def work() -> None:
            try:
                scheduler.run()
            except BaseException as error:  # noqa: BLE001  raised on Beam's thread below
                raised.append(error)

        thread = threading.Thread(target=work, name="levada-scheduler")
        thread.start()
        thread.join()
        if raised:
            raise raised[0]


class OpenChain(_Worker):
    """Turns a chain into what runs by itself: the chain, or each item of a mapped node."""

    def process(self, element: list[str], before: Iterable[str]) -> Iterator[list[str]]:
        if not self._plan.node(element[0]).is_mapped:
            yield element
            return
        for item in self.open(element[0]):
            yield [element[0], item]


class RunChain(_Worker):
    """Runs a chain of nodes, one after the other, or one item of a mapped node."""

    def process(self, element: list[str]) -> Iterator[str]:
        if self._plan.node(element[0]).is_mapped:
            self.run_item(*element)
        else:
            for node_id in element:
                self.run(node_id)
        yield element[-1]


class CloseNode(_Worker):
    """Ends the mapped nodes of a level when all that runs in it has ended."""

    def process(self, element: str, ran: Iterable[str]) -> Iterator[str]:
        self.close(element)
        yield element


def run_job(
    plan: Plan,
    run_id: str,
    store: Store,
    packages: Mapping[str, Any],
    options: tuple[str, ...],
    jobs: int,
    stopped: Callable[[], bool],
) -> None:
    """Run a plan's nodes in one Beam job; returns when every node has ended.

    Raises the error that stopped the job; a failed component does not stop it.
    """
    check_options(options)
    shipped = {} if stays_in_memory(options) else packages
    pickle_by_value(shipped)
    code = CodePackage.of(shipped)
    task = Task(plan.dumps(), run_id, store.uri, code, store.options, store.verify, tuple(shipped))
    _live[run_id] = (store, stopped)
    try:
        pipeline = new_pipeline(options)
        if is_in_process(options):
            _ = pipeline | "the graph" >> beam.Create([jobs]) | "run" >> beam.ParDo(RunGraph(task))
        else:
            _by_levels(pipeline, plan, task)
        run_to_the_end(pipeline)
    finally:
        del _live[run_id]


def _by_levels(pipeline: Any, plan: Plan, task: Task) -> None:
    before = pipeline | "before the first level" >> beam.Create([""])
    for number, chains in enumerate(levels_of_chains(plan)):
        ran = (
            pipeline
            | f"level {number}" >> beam.Create(chains)
            | f"open level {number}" >> beam.ParDo(OpenChain(task), AsList(before))
            | f"spread level {number}" >> beam.Reshuffle()
            | f"run level {number}" >> beam.ParDo(RunChain(task))
        )
        mapped = [chain[0] for chain in chains if plan.node(chain[0]).is_mapped]
        before = ran
        if mapped:
            before = (
                pipeline
                | f"mapped of level {number}" >> beam.Create(mapped)
                | f"close level {number}" >> beam.ParDo(CloseNode(task), AsList(ran))
            )


def levels_of_chains(plan: Plan) -> list[list[list[str]]]:
    """Group a plan into levels of maximal chains.

    A chain is nodes each of which waits only for the one before, and is the only one that waits for it. A mapped node
    is a chain by itself.
    """
    chain_of: dict[str, int] = {}
    chains: list[list[Node]] = []
    for node in plan.nodes:
        only = node.upstream[0] if len(node.upstream) == 1 else None
        mapped = node.is_mapped or (only is not None and plan.node(only).is_mapped)
        if only is not None and not mapped and len(plan.downstream[only]) == 1:
            chain_of[node.id] = chain_of[only]
            chains[chain_of[only]].append(node)
        else:
            chain_of[node.id] = len(chains)
            chains.append([node])
    depth: list[int] = []
    for chain in chains:
        depth.append(1 + max((depth[chain_of[upstream]] for upstream in chain[0].upstream), default=-1))
    levels: list[list[list[str]]] = [[] for _ in range(1 + max(depth, default=-1))]
    for chain, level in zip(chains, depth, strict=True):
        levels[level].append([node.id for node in chain])
    return levels


def pickle_by_value(packages: Iterable[str]) -> None:
    """Let Beam pickle the project's own functions by value: workers unpickle before they can unpack code."""
    for parent in {name.partition(".")[0] for name in packages}:
        with suppress(ImportError):
            register_pickle_by_value(importlib.import_module(parent))
