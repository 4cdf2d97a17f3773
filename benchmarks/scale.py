"""What a node and an item cost in this process, without MLflow: `.venv/bin/python benchmarks/scale.py`

A line each: what; figure; unit; the figure to reach.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any

from levada import each, gather
from levada.beam.scheduler import Scheduler
from levada.plan import Plan
from levada.store import Store
from tests.arithmetic import make, total
from tests.inline import plan_of, run_plan
from tests.test_fanout import double, largest

NODES, ITEMS = 2000, 500


def ladder(nodes: int = NODES) -> None:
    """Draw rows of ten nodes, each of which takes two of the row before."""
    row = [make(n=n) for n in range(10)]
    for _ in range(nodes // 10 - 1):
        row = [total([left, right]) for left, right in zip(row, [*row[1:], row[0]], strict=True)]


def items() -> None:
    """Draw two mapped nodes, one after the other."""
    largest(gather(double(make(n=each(list(range(ITEMS)))))))


class Nothing:
    """Work that is done at once."""

    def run(self, node_id: str) -> None: ...

    def open(self, node_id: str) -> list[str]:
        return [str(item) for item in range(ITEMS)]

    def run_item(self, node_id: str, item: str) -> None: ...

    def close(self, node_id: str) -> None: ...


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what some work gives, and its CPU seconds."""
    before = time.process_time()
    return work(), time.process_time() - before


def say(what: str, seconds: float, count: int, reach: float) -> None:
    print(f"{what};{seconds / count * 1000:.3f};CPU ms;{reach:g}", flush=True)


def main() -> None:
    plan, drawing = cpu(lambda: plan_of(ladder))
    _, reading = cpu(lambda: (plan.digest, Plan.loads(plan.dumps())))
    say(f"drawing and reading a plan of {NODES}, a node", drawing + reading, NODES, 1)
    _, scheduling = cpu(Scheduler(plan, Nothing(), 4).run)
    say(f"scheduling {NODES} nodes, a node", scheduling, NODES, 3)
    mapped = plan_of(items)
    _, scheduling = cpu(Scheduler(mapped, Nothing(), 4).run)
    say(f"scheduling 2 x {ITEMS} items, an item", scheduling, 2 * ITEMS, 3)
    store = Store(tempfile.mkdtemp(prefix="scale-of-levada-"))
    try:
        run_plan(plan_of(ladder, 10), store)  # Beam is imported
        few, many = plan_of(ladder, 100), plan_of(ladder, 400)
        short, long = cpu(lambda: run_plan(few, store))[1], cpu(lambda: run_plan(many, store, use_cache=False))[1]
        say("one more node of a run", long - short, len(many.nodes) - len(few.nodes), 10)
        say(f"{ITEMS} items twice, fresh, an item", cpu(lambda: run_plan(mapped, store))[1], 2 * ITEMS, 10)
        say(f"{ITEMS} items twice, cached, an item", cpu(lambda: run_plan(mapped, store))[1], 2 * ITEMS, 2)
    finally:
        shutil.rmtree(store.uri)


if __name__ == "__main__":
    main()
