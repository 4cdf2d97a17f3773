"""A run as a tree of nodes, and everything about one node."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from levada.artifact import ArtifactRecord
from levada.failure import Failure
from levada.history import History, RunRecord
from levada.history.changes import value_text
from levada.history.documents import given, key_of, node_status
from levada.history.inputs import given_to
from levada.history.moments import ago, number_text, on_the_clock, size_of, took
from levada.plan import GIVEN, Node, Output, leaves
from levada.references import short_name
from levada.result import Items, Result
from levada.terminal.columns import bold, columns, dim, mark, styled
from levada.terminal.runs import run_took

MOST = 8  # metrics and items shown; the rest is counted


def show_run(run: RunRecord, history: History) -> list[str]:
    """Return a run's facts, then its nodes in the plan's order with what each made."""
    return [*_heading(run, history), "", *_nodes(run, history), *_error(run), "", *_next(run, history)]


def _heading(run: RunRecord, history: History) -> Iterator[str]:
    seconds = f" in {run_took(run)}" if run.seconds is not None else ""
    yield f"{bold(run.pipeline)} · run {bold(history.short(run.id))} · {styled(run.status, run.status)}{seconds}"
    git = run.facts.get("git") or {}
    versions = run.facts.get("versions") or {}
    closed_by = (run.end or {}).get("closed_by")
    facts = {
        "id": run.id,
        "started": f"{on_the_clock(run.started)}, {ago(run.started)}",
        "by": " on ".join(str(run.facts[name]) for name in ("user", "host") if run.facts.get(name)),
        "command": run.command,
        "arguments": ", ".join(f"{name}={value_text(value, 40)}" for name, value in run.arguments.items()),
        "git": f"{run.commit} {git.get('branch', '')}{' (files were changed)' if git.get('dirty') else ''}".strip(),
        "plan": str(run.facts.get("plan", ""))[:6],
        "versions": " · ".join(f"{name} {version}" for name, version in versions.items()),
        "ended by": f"{closed_by}" if closed_by else "",
    }
    yield from columns([[dim(f"  {name}"), value] for name, value in facts.items() if value])


def _nodes(run: RunRecord, history: History) -> list[str]:
    lines: list[list[str]] = []
    below: list[list[str]] = []
    for node in run.plan.nodes:
        status = node_status(run, node.id)
        result = run.result(node.id)
        lines.append([mark(status), node.id, _when(status, result), _said(status, result)])
        below.append(list(_details(run, node, result, history)))
    drawn: list[str] = []
    for line, details in zip(columns(lines, right={2}), below, strict=True):
        drawn += [f"  {line}", *(f"      {dim('│')} {detail}" for detail in details)]
    return drawn


def _when(status: str, result: Result | None) -> str:
    if result is None or status == "skipped":
        return dim(status)
    return styled("cached", "cached") if result.status == "cached" else took(result.seconds)


def _said(status: str, result: Result | None) -> str:
    if result is None:
        return ""
    if result.failure is not None:
        first = result.failure.message.splitlines() or [""]
        return styled("failed", f"{result.failure.type}: {first[0]}")
    return styled(status, result.reason) if status == "skipped" else result.reason or result.summary


def _details(run: RunRecord, node: Node, result: Result | None, history: History) -> Iterator[str]:
    if result is None:
        return
    if result.status == "cached" and result.made_by:
        yield dim(f"made by run {history.short(result.made_by)}")
    yield from _attempts(result)
    if result.items is not None:
        yield _item_counts(result.items)
    if result.metrics:
        yield _metrics(result.metrics)
    for name, record in result.outputs.items():
        yield dim(_artifact(name, record))
        if record.verdict is not None:
            yield from _verdict(record)
    if result.failure is not None:
        yield from _failure(result.failure)


def _metrics(metrics: dict[str, float]) -> str:
    shown = [f"{name} {number_text(value)}" for name, value in list(metrics.items())[:MOST]]
    more = [f"{len(metrics) - MOST} more"] if len(metrics) > MOST else []
    return " · ".join([*shown, *more])


def _artifact(name: str, record: ArtifactRecord) -> str:
    label = short_name(record.type) if name == "output" else f"{name}: {short_name(record.type)}"
    count = sum(len(leaf.files) for leaf in record.leaves())
    label += f" [{len(record.items)}]" if record.items is not None else ""
    size = f"{size_of(record.size)} in {count} file{'s' if count != 1 else ''}" if count else "no files"
    return f"{label}  {size}  sha256 {record.digest[:8]}"


def _verdict(record: ArtifactRecord) -> Iterator[str]:
    word = styled("done", "open") if record.open else styled("closed", "closed")
    for at, reason in enumerate(record.reasons or [""]):
        yield f"gate {word}  {reason}" if at == 0 else f"{' ' * (11 if record.open else 13)}{reason}".rstrip()


def _failure(failure: Failure) -> Iterator[str]:
    yield from failure.message.splitlines()[1:]
    for frame in failure.frames:
        yield f"  {frame.file}:{frame.line}   {frame.text}"
    yield from failure.notes


def _attempts(result: Result) -> Iterator[str]:
    """Yield the attempts that failed before the one that counts."""
    for attempt in result.attempts:
        first = attempt.failure.message.splitlines() or [""]
        wait = f", again after {took(attempt.wait)}" if attempt.wait else ""
        said = f"attempt {attempt.number} failed after {took(attempt.seconds)}{wait}"
        yield styled("killed", f"{said}: {attempt.failure.type}: {first[0]}")


def _item_counts(items: Items) -> str:
    counts = {"done": items.done, "cached": items.cached, "failed": items.failed, "skipped": items.skipped}
    return f"{items.total} items: {', '.join(f'{count} {name}' for name, count in counts.items() if count)}"


def _error(run: RunRecord) -> Iterator[str]:
    """Yield why the run itself broke, if it was not a node that did."""
    if run.status != "failed" or any(result.failure for result in run.results.values()):
        return
    for event in run.events:
        if event["kind"] == "run_finished" and event.get("error"):
            failure = Failure.from_json(event["error"])
            yield ""
            yield styled("failed", f"the run failed: {failure.type}: {failure.message}")
            yield from (f"  {frame.file}:{frame.line}   {frame.text}" for frame in failure.frames)


def _next(run: RunRecord, history: History) -> list[str]:
    short = history.short(run.id)
    failed = next((node for node, result in run.results.items() if result.status == "failed"), None)
    typed = [(f"levada show {short} --node {failed or _most_telling(run)}", "everything about a node")]
    if failed:
        which = _first_failed_item(run, failed)
        typed = [
            (f"levada logs {short} {failed}{which}", "what it wrote"),
            (f"levada debug {short} {failed}{which}", "again, in a debugger, on the same inputs"),
            *typed,
        ]
    else:
        typed.append((f"levada diff {short}", "what a run would do now, against this one"))
    return columns([["next" if at == 0 else "", bold(words), why] for at, (words, why) in enumerate(typed)], gap="   ")


def _first_failed_item(run: RunRecord, node: str) -> str:
    """Return the option that names it, empty for a node that is not mapped."""
    failed = [item for item in run.items(node).values() if item.status == "failed"]
    if not failed:
        return ""
    label = failed[0].label
    return f" --item {shlex.quote(label) if label and label.isprintable() else failed[0].item[:8]}"


def _most_telling(run: RunRecord) -> str:
    with_metrics = [node for node, result in run.results.items() if result.metrics]
    return (with_metrics or run.node_ids or ["NODE"])[-1]


# -- one node -------------------------------------------------------------------------------------------


def show_node(run: RunRecord, node_id: str, history: History) -> list[str]:
    """Return everything about a node: what it is, what it was given, what it made, how it went."""
    node = run.plan.node(node_id)
    result = run.result(node_id)
    status = node_status(run, node_id)
    lines = [
        f"{mark(status)} {bold(node.id)} · {styled(status, status)} · run {history.short(run.id)} of {run.pipeline}",
        *columns([[dim(f"  {name}"), value] for name, value in _node_facts(run, node, result, history) if value]),
    ]
    has_been_called = result is not None and result.status != "skipped"
    found = given_to(run.view, node) if has_been_called and not node.is_mapped else {}
    source = dim(f"from {' '.join(_givers(node))}")
    rows = [[name, value_text(form, 100)] for name, form in {**node.parameters, **found}.items()]
    lines += _section("parameters", [[*row, source if row[0] in found else ""] if found else row for row in rows])
    lines += _section("inputs", list(_inputs(run, node, history)))
    if result is None:
        return lines
    lines += _section("outputs", list(_outputs(run, result)))
    lines += _section("metrics", [[name, number_text(value, ".6g")] for name, value in result.metrics.items()])
    for record in result.outputs.values():
        if record.verdict is not None:
            lines += ["", *(f"  {line}" for line in _verdict(record))]
    items = run.items(node_id)
    lines += _section("items", list(_items(items)))
    if attempts := list(_attempts(result)):
        lines += ["", *(f"  {line}" for line in attempts)]
    if result.failure is not None:
        lines += ["", styled("failed", f"{result.failure.type}: {result.failure.message}")]
        lines += [f"  {frame.file}:{frame.line}   {frame.text}" for frame in result.failure.frames]
        lines += [*result.failure.notes]
    return lines


def _givers(node: Node) -> list[str]:
    """Return the nodes, or what else, that gave values of parameters to a node."""
    found = leaves(node.inputs[GIVEN]) if GIVEN in node.inputs else ()
    return [leaf.node if isinstance(leaf, Output) else leaf.reference for leaf in found]


def _node_facts(run: RunRecord, node: Node, result: Result | None, history: History) -> Iterator[tuple[str, str]]:
    yield "component", node.component.partition(":")[2]
    if node.position is not None:
        yield "called at", str(node.position)
    if result is not None:
        yield "took", took(result.seconds) if result.status != "cached" else ""
        yield "said", result.summary
        yield "reason", result.reason
        yield "made by", f"run {history.short(result.made_by)}" if result.status == "cached" else ""
        yield "attempt", result.attempt
    yield "key", key_of(run, node.id)
    yield "waits for", ", ".join(node.upstream)
    yield "needs", json.dumps(node.needs) if node.needs else ""
    yield "packages", ", ".join(f"{name} {run.resolved.packages.get(name, '?')}" for name in node.packages)
    yield "code", run.resolved.code.get(node.component, "")[:12]
    logs = run.all_logs(node.id)
    yield "log", run.store.uri_of(logs[-1].key) if logs else ""


def _section(title: str, rows: list[list[str]]) -> list[str]:
    return ["", dim(f"  {title}"), *(f"    {line}" for line in columns(rows))] if rows else []


def _inputs(run: RunRecord, node: Node, history: History) -> Iterator[list[str]]:
    for name, item in given(run, node.id).items():
        records = item if isinstance(item, list) else [item] if item else []
        if not records:
            yield [name, "nothing", "", "", ""]
        for record in records:
            made_in, _, maker = record.producer.partition("/")
            source = record.properties.get("source")
            origin = f"{maker} of run {history.short(made_in)}" if maker else f"file {source}" if source else ""
            yield [
                name,
                short_name(record.type),
                f"sha256 {record.digest[:12]}",
                origin,
                dim(run.store.address(record.uri)),
            ]


def _outputs(run: RunRecord, result: Result) -> Iterator[list[str]]:
    for name, record in result.outputs.items():
        yield [
            name,
            short_name(record.type),
            size_of(record.size),
            f"sha256 {record.digest[:12]}",
            dim(run.store.address(record.uri)),
        ]


def _items(items: dict[str, Result]) -> Iterator[list[str]]:
    failed_first = sorted(items.items(), key=lambda pair: pair[1].status != "failed")
    for name, item in failed_first[: 3 * MOST]:
        yield [mark(item.status), name[:12], item.label, took(item.seconds), _said(item.status, item)]
    if len(items) > 3 * MOST:
        yield [f"and {len(items) - 3 * MOST} more"]
