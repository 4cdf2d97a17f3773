"""A session's run: like any run in the store, but its plan grows by a node a call.

Within it a name means one thing, as in every run: when code, a file or a champion is another than it was, the run
ends and the next one begins, which takes what the former made as artifacts from outside.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from levada.draw import Drawing
from levada.ending import OK, STATUS, counts_of, end_run, results_of
from levada.journal import new_run_id, now
from levada.lease import End, begin, kept_alive, take
from levada.node import run_node, view_of
from levada.node.view import IN_SIGHT
from levada.plan import Node, Plan
from levada.resolved import Resolved
from levada.result import Result
from levada.run import facts_of, keep_code
from levada.store import Store
from levada.values import json_bytes


@dataclass(frozen=True)
class About:
    """What every run of a session says of itself; `reference` stands where that of a pipeline does."""

    name: str
    reference: str
    command: str
    root: Path
    packages: dict[str, Path]


@dataclass
class Recorded:
    """One run of a session; nothing is written before its first node."""

    about: About
    store: Store
    run_id: str = field(default_factory=new_run_id)

    def __post_init__(self) -> None:
        self.drawing = Drawing(self.about.root, run=self.run_id)
        self.resolved: Resolved | None = None
        self._nodes: list[Node] = []
        self._began = time.monotonic()
        self._alive = ExitStack()

    @property
    def plan(self) -> Plan:
        """The plan so far."""
        return Plan(self.about.name, self.about.reference, {}, tuple(self._nodes), "A notebook session.")

    @property
    def results(self) -> dict[str, Result]:
        return results_of(self.plan, self.run_id, self.store) if self._nodes else {}

    def agrees(self, resolved: Resolved) -> bool:
        """Whether nothing that this run resolved before is something else by now."""
        if self.resolved is None:
            return True
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (self.resolved.code, resolved.code),
            (self.resolved.externals, resolved.externals),
            (self.resolved.sources, resolved.sources),
            (self.resolved.packages, resolved.packages),
        ]
        return all(before.get(key, value) == value for before, after in pairs for key, value in after.items())

    def add(self, node: Node, resolved: Resolved) -> None:
        """Take a node into the plan, and say so in the store before it is run."""
        is_first = self.resolved is None
        self.resolved = resolved if self.resolved is None else _merged(self.resolved, resolved)
        self._nodes.append(node)
        plan = self.plan
        if is_first:
            take(self.store, self.run_id)
        self._write("plan.json", plan.dumps().encode())
        self._write("resolved.json", json_bytes(self.resolved.to_json()))
        if is_first:
            self._begin(plan)
            return
        view = view_of(self.run_id, self.store)
        view.resolved = self.resolved
        view.journal.append("plan_grew", plan=plan.digest, nodes=[node.to_json()])

    def keep_source(self, name: str, source: str) -> None:
        """Keep the source of something from a cell with the run."""
        self._write(f"cells/{name}.py", source.encode(errors="backslashreplace"))

    def run(self, node: Node) -> Result:
        """Bring the node to its end."""
        IN_SIGHT.add(self.run_id)
        return run_node(self.plan, node.id, self.run_id, self.store)

    def raised(self, node_id: str) -> BaseException | None:
        """Return what the component of a failed node raised, if that was in this process."""
        return view_of(self.run_id, self.store).raised.pop(node_id, None)

    def end(self) -> None:
        """End the run, if it has begun: what failed on the way does not count, somebody was trying things out."""
        if self.resolved is None:
            return
        self._alive.close()
        seconds = round(time.monotonic() - self._began, 3)
        how = End(STATUS[OK], OK, seconds, now(), counts_of(self.results))
        journal = view_of(self.run_id, self.store).journal
        end_run(self.store, self.run_id, self.plan, self.results, how, journal=journal)

    def _begin(self, plan: Plan) -> None:
        assert self.resolved is not None
        facts: dict[str, Any] = {
            "pipeline": plan.pipeline,
            "plan": plan.digest,
            "arguments": {},
            "nodes": [node.id for node in plan.nodes],
            "command": self.about.command,
            "session": True,
            "code": self.resolved.code,
            "packages": self.resolved.packages,
            "project": keep_code(self.about.packages, self.store),
            "resumes": "",
            **facts_of(self.about.root, self.about.packages),
        }
        begin(self.store, self.run_id, {"run": self.run_id, "time": now(), **facts})
        self._alive.enter_context(kept_alive(self.store, self.run_id))
        view_of(self.run_id, self.store).journal.append("run_started", **facts)

    def _write(self, name: str, content: bytes) -> None:
        self.store.write(f"runs/{self.run_id}/{name}", content)


def _merged(before: Resolved, after: Resolved) -> Resolved:
    return replace(
        before,
        externals={**before.externals, **after.externals},
        sources={**before.sources, **after.sources},
        code={**before.code, **after.code},
        pieces={**before.pieces, **after.pieces},
        packages={**before.packages, **after.packages},
    )
