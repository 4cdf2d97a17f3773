"""Tiny pipelines for tests: drawn from a function, run in a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from levada.draw import drawing
from levada.node import run_node
from levada.plan import Plan
from levada.resolved import resolve_plan
from levada.result import Result
from levada.run import Outcome, Request, run
from levada.store import Store

ROOT = Path(__file__).parent.parent


def plan_of(graph: Callable[..., Any], *args: Any, name: str | None = None, **kwargs: Any) -> Plan:
    """Draw a plain function as a pipeline; `@pipeline` itself wants one that other processes can import."""
    with drawing(ROOT) as drawn:
        graph(*args, **kwargs)
    return Plan(name or graph.__name__, f"python:{graph.__module__}:{graph.__name__}", {}, drawn.ordered())


def one_code(reference: str) -> tuple[str, dict[str, str]]:
    """Digest code as if it never changed."""
    return "the code", {reference: "the code"}


def begin(plan: Plan, store: Store, run_id: str = "run-1", code: Any = one_code, **options: Any) -> str:
    """Start a run without running it: what `run_node` finds in the store."""
    resolved = resolve_plan(plan, store, ROOT, code, **options)
    store.write(f"runs/{run_id}/plan.json", plan.dumps().encode())
    store.write(f"runs/{run_id}/resolved.json", json.dumps(resolved.to_json()).encode())
    return run_id


def run_nodes(plan: Plan, store: Store, run_id: str = "run-1", **options: Any) -> dict[str, Result]:
    """Run all nodes of a plan, one after the other, without Beam."""
    begin(plan, store, run_id, **options)
    return {node.id: run_node(plan, node.id, run_id, store) for node in plan.nodes}


def run_plan(plan: Plan, store: Store, **options: Any) -> Outcome:
    """Run a plan as `levada run` does, Beam and all."""
    settings: dict[str, Any] = {"root": ROOT, "code_digest": one_code, "packages": {}, **options}
    return run(Request(plan, store, **settings))


def value_of(result: Result, store: Store, output: str = "output") -> Any:
    """Return the number that a node made."""
    return json.loads((store.fetch(result.outputs[output]) / "number.json").read_text())


def events(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Return all events of a run's journal, writer by writer."""
    keys = store.list(f"runs/{run_id}/journal")
    return [json.loads(line) for key in keys for line in (store.read(key) or b"").splitlines()]
