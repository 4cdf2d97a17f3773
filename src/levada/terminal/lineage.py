"""Lineage as a tree, back and forth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from levada.history import History
from levada.history.changes import value_text
from levada.history.descent import Descent, Use
from levada.history.lineage import Origin
from levada.history.moments import ago, moment_of, number_text, size_of
from levada.terminal.columns import Branch, bold, columns, dim

MOST = 20  # nodes listed of what came of something; the rest is counted


def origin_lines(origin: Origin, history: History, full: bool = False) -> list[str]:
    """Return where something came from, as a tree."""
    return _branch(origin, history, full).lines()


def _branch(origin: Origin, history: History, full: bool) -> Branch:
    children = [] if origin.again else [_branch(each, history, full) for each in origin.from_]
    return Branch(_line(origin, history, full), children)


def _line(origin: Origin, history: History, full: bool) -> str:
    facts = origin.facts
    digest = _digest(facts.get("digest"), full)
    match origin.sort:
        case "model":
            words = [bold(origin.name), "champion" if facts["champion"] else "", *_model(facts, history)]
        case "node":
            git = _commit(facts["git"])
            parameters = ", ".join(_parameters(facts["parameters"], full))
            size = f"{facts['type']} {size_of(facts['bytes'])}"
            further = f"(goes on: levada lineage {history.short(facts['run'])}/{origin.name})"
            told = dim(further if facts.get("goes_on") else "(told above)") if origin.again else ""
            name = [bold(origin.name), f"run {history.short(facts['run'])}"]
            words = [*name, told] if origin.again else [*name, git, parameters, facts["said"], size, digest]
        case "data":
            words = [bold(origin.name), digest]
        case "file":
            commit = facts["git"].get("commit")
            words = [bold(origin.name), f"@ {commit[:7]}" if commit else "", digest]
        case "champion":
            words = [bold(origin.name), "the champion it was held against"]
        case "lost":
            words = [bold(origin.name), f"run {facts['run']}, which is no longer in the store", digest]
    role = f"{dim(origin.role)}  " if origin.role and origin.role != origin.name else ""
    return role + "  ".join(word for word in words if word)


def _model(facts: dict[str, Any], history: History) -> Iterator[str]:
    metrics = list(facts["metrics"].items())[:2]
    yield " · ".join(f"{name} {number_text(value, '.3f')}" for name, value in metrics)
    if facts["blessed"] is not None:
        yield "blessed" if facts["blessed"] else "not blessed"
    promoted = facts["promoted"]
    if promoted:
        who = f"pushed by run {history.short(promoted['run'])}" if promoted["run"] else f"made live in {promoted['by']}"
        yield f"{who} {ago(moment_of(promoted['time']))}"


def _parameters(parameters: dict[str, Any], full: bool) -> Iterator[str]:
    """Yield the plain parameters; sources are told as data."""
    for name, form in parameters.items():
        if full or (form not in (None, "", [], {}) and not (isinstance(form, dict) and "$dataclass" in form)):
            yield f"{name}={value_text(form, 200 if full else 40)}"


def _commit(git: dict[str, Any]) -> str:
    if not git.get("commit"):
        return ""
    return f"git {git['commit'][:7]} ({'files were changed' if git.get('dirty') else 'clean'})"


def _digest(digest: str | None, full: bool) -> str:
    return dim(f"sha256 {digest if full else digest[:8]}") if digest else ""


# -- forward ------------------------------------------------------------------------------------------


def descent_lines(descent: Descent, history: History, full: bool = False) -> list[str]:
    """Return what came of something: the models first, then the nodes that used it."""
    models = len(descent.models)
    lines = [f"{bold(descent.start)}  {models} model version{'s' if models != 1 else ''}, {len(descent.nodes)} nodes"]
    rows: list[list[str]] = []
    for version, path in descent.models:
        metrics = list((version.candidate.get("metrics") or {}).items())[:1]
        through = " <- ".join(node for _, node in path)
        rows.append([
            bold(version.name),
            "champion" if version.is_champion else "",
            " ".join(f"{name} {number_text(value, '.3f')}" for name, value in metrics),
            f"run {history.short(path[0][0])}",
            dim(f"{through} <- {descent.start}"),
        ])  # fmt: skip
    lines += [f"  {line}" for line in columns(rows)]
    uses = descent.nodes if full else descent.nodes[:MOST]
    lines += [""] if uses and rows else []
    lines += [f"  {line}" for line in columns([_use(use, history) for use in uses])]
    if len(uses) < len(descent.nodes):
        lines.append(dim(f"  and {len(descent.nodes) - len(uses)} more nodes: --full"))
    return lines


def _use(use: Use, history: History) -> list[str]:
    run = history.get(use.run)
    when = ago(run.started) if run else ""
    return [use.node, dim(f"of {use.of}"), f"run {history.short(use.run)}", dim(when)]
