"""The statistics that a run made, and the schema file that the project holds them against."""

from __future__ import annotations

from levada.artifact import ArtifactRecord
from levada.errors import StoreError, did_you_mean
from levada.history.run import RunRecord
from levada.plan import Binding, External, Output

STATISTICS = "python:levada.artifacts.statistics:Statistics"
SCHEMA = "python:levada.artifacts.schema:Schema"
FILE = "file:"


def find_statistics(run: RunRecord, node: str | None, short: str) -> tuple[str, ArtifactRecord]:
    """Return the node that made a run's statistics, and their record; raises StoreError with what there is.

    Without `node` the run has one such node, or one whose statistics are held against a schema file. `short` is
    what the run is called by.
    """
    made = {name: record for name in run.results for record in _statistics_of(run, name)}
    if node is not None:
        if node in made:
            return node, made[node]
        what = (
            f"{node} of run {short} made no statistics."
            if node in run.node_ids
            else f"run {short} has no node '{node}'."
        )
        raise StoreError(what, hint=did_you_mean(node, made) or _offer(made))
    chosen = made if len(made) == 1 else {name: record for name, record in made.items() if kept_schema(run, name)}
    if len(chosen) == 1:
        return next(iter(chosen.items()))
    if not made:
        raise StoreError(f"run {short} of {run.pipeline} made no statistics.", hint="A run with `profile` makes them.")
    raise StoreError(f"several nodes of run {short} made statistics.", hint=f"Say which: {', '.join(made)}.")


def _statistics_of(run: RunRecord, node: str) -> list[ArtifactRecord]:
    result = run.result(node)
    outputs = result.outputs.values() if result else ()
    return [record for record in outputs if record.type == STATISTICS and record.items is None]


def _offer(made: dict[str, ArtifactRecord]) -> str:
    return f"Statistics are made by {', '.join(made)}." if made else "A run with `profile` makes them."


def kept_schema(run: RunRecord, node: str) -> str:
    """Return the schema file that a node's statistics are held against in a run, from the project's root; or ""."""
    for other in run.plan.nodes:
        bindings: list[Binding] = list(other.inputs.values())
        reads = any(isinstance(binding, Output) and binding.node == node for binding in bindings)
        for binding in bindings if reads else ():
            if isinstance(binding, External) and binding.type == SCHEMA and binding.reference.startswith(FILE):
                return binding.reference.removeprefix(FILE)
    return ""
