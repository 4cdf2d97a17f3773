"""Why a node runs or does not, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from levada.artifact import ArtifactRecord
from levada.history import History
from levada.history.forecast import Expectation, facts_of
from levada.history.moments import ago
from levada.terminal.columns import bold, columns, mark

_MARKS = {"runs": "running", "waits": "waiting", "cached": "cached", "skipped": "skipped"}


def sentences(
    found: Mapping[str, Expectation], node: str | None, history: History, now: datetime | None = None
) -> Iterator[str]:
    """Yield what to print: a sentence for one node, a line a node for all of them."""
    if node is not None:
        yield _sentence(found[node], found, history, now)
        return
    rows = [
        [
            mark(_MARKS["runs" if item.is_sure else item.fate]),
            bold(item.node),
            _short(item, history),
        ]
        for item in found.values()
    ]
    yield from columns(rows)


def _sentence(item: Expectation, found: Mapping[str, Expectation], history: History, now: datetime | None) -> str:
    match item.fate:
        case "cached":
            return f"{item.node} is cached: {_same(item, history)}{_of_run(item, history, now)}."
        case "skipped":
            return f"{item.node} is skipped: {item.why}."
        case "waits":
            return _waits(item, found, history)
        case "runs" if not item.changes:
            return f"{item.node} {_runs(item)}: {item.why}."
        case "runs":
            return f"{item.node} {_runs(item)}: {_changed(item, history)};\n{_rest(item)}."


def _runs(item: Expectation) -> str:
    verb = "ran" if item.result else "runs"  # it has a result only where a run of the past is explained
    return f"{verb} again" if item.since else verb


def _changed(item: Expectation, history: History) -> str:
    words = [change.words for change in item.changes]
    since = f" since run {history.short(item.since.id)}" if item.since else ""
    first = words[0]
    marker = " changed ("
    first = first.replace(marker, f" changed{since} (", 1) if marker in first else f"{first}{since}"
    return "; ".join([first, *words[1:]])


def _rest(item: Expectation) -> str:
    """Say what is the same, so that one need not look there."""
    kinds = {change.kind for change in item.changes}
    same = [words for words, meant in _SAME if not kinds & meant]
    if not same:
        return "nothing else was compared"
    return f"its {_and(same)} are the same" if len(same) > 1 or same[0].endswith("s") else f"its {same[0]} is the same"


_SAME: list[tuple[str, set[str]]] = [
    ("code", {"code", "component"}),
    ("inputs", {"input", "data"}),
    ("parameters", {"parameter"}),
]


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _waits(item: Expectation, found: Mapping[str, Expectation], history: History) -> str:
    roots = [found[name] for name in _roots(item, found)]
    behind = _and([root.node for root in roots]) or "its upstream"
    verb = "runs" if len(roots) < 2 else "run"
    make = "makes" if verb == "runs" else "make"
    said = f"{item.node} runs again if {behind}, which {verb} first, {make} something else"
    told = {change.words for root in roots for change in root.changes}
    own = [change.words for change in item.changes if change.words not in told]
    if own:
        said = f"{item.node} runs again: {'; '.join(own)}; and {behind} {verb} first"
    elif item.changes:
        said = f"{item.node} runs again, as {behind} before it"
    reasons = [f"  {_short(root, history, named=True)}" for root in roots]
    return "\n".join([f"{said}:", *reasons])


def _roots(item: Expectation, found: Mapping[str, Expectation]) -> list[str]:
    """Return the nodes that surely run and that others wait for, directly or not."""
    seen: set[str] = set()
    roots: list[str] = []
    todo = list(item.behind)
    while todo:
        name = todo.pop(0)
        if name in seen or name not in found:
            continue
        seen.add(name)
        if found[name].fate == "runs":
            roots.append(name)
        todo += found[name].behind
    return roots


def _short(item: Expectation, history: History, named: bool = False) -> str:
    """Return a line for a node among others."""
    start = f"{item.node} " if named else ""
    match item.fate:
        case "cached":
            made_by = item.result.made_by if item.result else ""
            return f"{start}cached, as run {history.short(made_by)} made it"
        case "skipped":
            return f"{start}skipped: {item.why}"
        case "waits":
            own = "".join(f"; {change.words}" for change in item.changes)
            return f"{start}{'runs ' if own else ''}after {_and(list(item.behind))}{own}"
        case "runs":
            return f"{start}{'ran' if item.result else 'runs'}: {_changed(item, history) if item.changes else item.why}"


def _same(item: Expectation, history: History) -> str:
    """Say what is the same as when a cached node was made."""
    made_by = history.get(item.result.made_by) if item.result else None
    words: list[str] = []
    if made_by is not None and item.node in made_by.node_ids:
        facts = facts_of(made_by, item.node)
        records = [record for one in facts.inputs.values() for record in _records(one)]
        if records:
            counted = f"{len(records)} inputs" if len(records) > 1 else "input"
            words.append(f"same {counted} (sha256 {records[0].identity[:4]}...)")
    return ", ".join([*words, "same code", "same parameters"])


def _records(item: ArtifactRecord | list[ArtifactRecord] | None) -> list[ArtifactRecord]:
    return item if isinstance(item, list) else [item] if item else []


def _of_run(item: Expectation, history: History, now: datetime | None) -> str:
    if item.result is None or not item.result.made_by:
        return ""
    run = history.get(item.result.made_by)
    when = f", {ago(run.started, now)}" if run else ", which is no longer in the store"
    return f" as run {history.short(item.result.made_by)}{when}"
