"""What to type after a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from levada.result import Result
from levada.run import CLOSED, FAILED, KILLED, Outcome

Hint = tuple[str, str]


def hints(outcome: Outcome, command: str, name: str) -> Iterator[Hint]:
    """Yield commands and what each is for. `command` is what started the run, `name` what a command calls it by."""
    program = program_of(command)
    if outcome.exit_code == FAILED:
        yield from _failed(outcome, command, program, name)
    elif outcome.exit_code == KILLED:
        yield command, "goes on from what was done"
        yield f"{program} show {name}", "what was done"
    elif outcome.exit_code == CLOSED:
        yield f"{program} show {name}", "the run, and why the gate closed"
        if _met_a_champion(outcome):
            yield f"{program} diff champion {name}", "what differs from the run that made the champion"
        yield f"{program} ui", "the run, its metrics and the versions in MLflow"
    else:
        yield from _finished(outcome, program, name)


def _failed(outcome: Outcome, command: str, program: str, name: str) -> Iterator[Hint]:
    failed = next((result for result in outcome.results.values() if result.status == "failed"), None)
    if failed is None:
        yield command, "after mending it"
        yield _with_debug(command), "with whole tracebacks"
        return
    node = f"{name} {failed.node}{_item(failed)}"
    yield command, f"after mending it; starts at {failed.node}"
    yield f"{program} logs {node}", "what it wrote, with the whole traceback"
    yield f"{program} debug {node}", "again, in a debugger, on the same inputs"


def _item(failed: Result) -> str:
    """Return the option that names an item that failed, empty for a node that is not mapped."""
    if failed.items is None or not failed.items.missing:
        return ""
    item = next(iter(failed.items.missing))
    label = failed.items.labels.get(item, "")
    return f" --item {shlex.quote(label) if label and label.isprintable() else item[:8]}"


def _met_a_champion(outcome: Outcome) -> bool:
    records = [record for result in outcome.results.values() for record in result.outputs.values()]
    return any(record.properties.get("baseline") for record in records)


def _finished(outcome: Outcome, program: str, name: str) -> Iterator[Hint]:
    if not outcome.nodes_run:
        yield f"{program} why {outcome.plan.pipeline}", "why nothing ran again"
    pushed = [
        f"models:/{record.properties['model']}/{record.properties['version']}"
        for result in outcome.results.values()
        for record in result.outputs.values()
        if result.status == "done" and isinstance(record.properties.get("destination"), str)
        if isinstance(record.properties.get("version"), int)
    ]
    if pushed:
        yield f"{program} lineage {pushed[0]}", "where it came from"
    yield f"{program} show {name}", "the run, node by node"
    yield f"{program} ui", "the run, its metrics and the versions in MLflow"


def program_of(command: str) -> str:
    """Return how a command line begins that does something else with the same project and store."""
    words = shlex.split(command)
    before = words[: words.index("run")] if "run" in words else words[:1]
    return shlex.join([word for word in before if word != "--debug"])


def _with_debug(command: str) -> str:
    words = shlex.split(command)
    return shlex.join([words[0], "--debug", *words[1:]])
