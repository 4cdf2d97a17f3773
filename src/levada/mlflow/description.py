"""What a run, a node and a model version say of themselves in MLflow's pages, in Markdown.

A run's description is folded after some lines, so its first line is the verdict and the number that counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from levada.artifacts.evaluation import CARD
from levada.history.live import Stretch
from levada.history.moments import size_of, took
from levada.journal import Event
from levada.markdown import block, code, escaped, fitting, head, row, spaced
from levada.mlflow.limits import DESCRIPTION, TAG, cut, finite, not_finite, shown
from levada.mlflow.reports import report_files, report_links
from levada.mlflow.story import NodeStory, Story, said_of

_LIVED = 20
"""How many promotions a registered model's page lists."""

_WHY = 120
"""Characters of the reason of a promotion."""

_ITEMS = 20
"""How many items, or attempts, of a node are listed."""

MARKS = {"done": "✓", "cached": "✓", "failed": "✗", "skipped": "−", "running": "…", "waiting": "·"}


def verdict(story: Story) -> str:
    """Return how the run ended and why, in one plain line: `open: auc 0.681 (v3: 0.674, +0.007)`."""
    status = story.status
    numbers = _key_numbers(story)
    if status == "running":
        return "running"
    if status == "failed":
        return f"failed{_at_failure(story)}"
    if status == "killed":
        by_others = story.finished is not None and story.finished.get("closed_by")
        return "killed: the process that ran it ended without a word" if by_others else "stopped before its end"
    if status == "closed":
        gates = [f"{node}: {why}" if why else node for node, why in story.closed_gates()]
        return " · ".join(part for part in (f"closed by {gates[0]}" if gates else "closed", numbers) if part)
    waits = [f"the push to {record.properties.get('destination')} is pending" for _, record in story.pending_pushes()]
    word = "open: " if _blessed(story) else "went live: " if story.judged_before else ""
    said = [f"{word}{numbers}" if numbers else "finished", *waits]
    return " · ".join(said)


def _at_failure(story: Story) -> str:
    for node_id, node in story.nodes.items():
        if node.status == "failed":
            return f" at {node_id}: {node.remark}"
    error = story.finished.get("error") if story.finished else None
    return f": {error['type']}: {_line(error['message'])}" if error else ""


def _blessed(story: Story) -> bool:
    return any(event.get("blessed") for _, event in story.candidates())


def _key_numbers(story: Story) -> str:
    """Return the first metric of the last candidate, against the model that it was judged against."""
    events = [event for _, event in story.candidates()] or story.judged_before
    return against_baseline(events[-1]) if events else ""


def against_baseline(candidate: Event) -> str:
    """Return a candidate's first metric, with the baseline's and the difference if there is one."""
    metrics: dict[str, float] = finite(candidate.get("metrics") or {})
    if not metrics:
        return ""
    name, value = next(iter(metrics.items()))
    baseline: Mapping[str, Any] = candidate.get("baseline") or {}
    before = finite(baseline.get("metrics") or {}).get(name)
    if before is None:
        return f"{name} {shown(value)}" + ("" if baseline else " (nothing live to compare with)")
    return f"{name} {shown(value)} ({_baseline_name(baseline)}: {shown(before)}, {_difference(value - before)})"


def _baseline_name(baseline: Mapping[str, Any]) -> str:
    who = str(baseline.get("who") or "champion")
    return f"{who} v{baseline['version']}" if baseline.get("version") else who


def _difference(value: float) -> str:
    return f"{value:+.3g}" if value else "±0"


def run_description(story: Story, links: Mapping[str, str], experiment: str) -> str:
    """Return a run's description: the verdict, what became of versions, its nodes; `links` are the nodes' ids."""
    if story.status == "running":
        waiting = "Its nodes are the child runs; what came of them is written here when the run has ended."
        return "\n".join(["**Running**", "", waiting, "", _origin(story)])
    status, _, rest = verdict(story).partition(": ")
    first = " · ".join([f"**{escaped(status).capitalize()}**{': ' + escaped(rest) if rest else ''}", *_versions(story)])
    top = [first, "", _counts(story), ""]
    tail = ["", _origin(story)]
    rows = [_row(node_id, node, links.get(node_id, ""), experiment) for node_id, node in story.nodes.items()]
    room = TAG - len("\n".join([*top, *tail])) - 300
    kept = fitting(rows, room)
    left = len(rows) - len(kept)
    table = [*head(["", "node", "time", ""]), *kept, *([row(["", f"{left} more nodes", "", ""])] if left else [])]
    return cut("\n".join([*top, *table, *tail]), TAG)


def _versions(story: Story) -> list[str]:
    said = [
        f"[{item.model} v{item.version}](#/models/{item.model}/versions/{item.version})"
        + (" passed its gate" if item.blessed else " did not pass its gate")
        for item in story.registered.values()
    ]
    for event in story.promotions:
        before = f", before v{event['before']}" if event.get("before") else ""
        said.append(f"{event['model']} v{event['version']} is now {event['alias']}{before}")
    said += [f"the push was dropped: {escaped(item['why'])}" for item in story.settled if item["status"] == "dropped"]
    return said


def _counts(story: Story) -> str:
    names = {"done": "ran", "cached": "cached", "failed": "failed", "skipped": "skipped", "running": "running"}
    counted = {word: sum(node.status == status for node in story.nodes.values()) for status, word in names.items()}
    said = ", ".join(f"{count} {word}" for word, count in counted.items() if count)
    seconds = f" in {took(story.finished['seconds'])}" if story.finished and "seconds" in story.finished else ""
    return f"{len(story.nodes)} nodes: {said}{seconds}." if said else f"{len(story.nodes)} nodes."


def _row(node_id: str, node: NodeStory, run: str, experiment: str) -> str:
    shown_name = f"[{node_id}](#/experiments/{experiment}/runs/{run})" if run else node_id
    time = took(node.finished["seconds"]) if node.ran and node.finished else node.status
    links = report_links(report_files(node.outputs), run, experiment) if run and node.ran else ""
    return row(
        [MARKS[node.status], shown_name, time, " · ".join(filter(None, [escaped(cut(node.remark, 200)), links]))]
    )


def _line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else ""


def _origin(story: Story) -> str:
    facts = story.started or {}
    git: Mapping[str, Any] = facts.get("git") or {}
    parts = [f"plan `{story.plan.digest[:12]}`"]
    if git.get("commit"):
        dirty = ", with changes that are not committed" if git.get("dirty") else ""
        parts.append(f"git `{git['commit'][:10]}` {escaped(git.get('branch', ''))}{dirty}")
    parts.append(escaped(f"{facts.get('user', '')}@{facts.get('host', '')}"))
    if facts.get("command"):
        parts.append(code(facts["command"]))
    return " · ".join(parts)


def node_description(node: NodeStory) -> str:
    """Return a node's description: what came out, where its outputs are, or how it failed."""
    mark = "**failed**" if node.status == "failed" else f"**{node.status}**"
    said = [f"{mark}{' · ' + escaped(node.remark) if node.remark else ''}"]
    if node.is_mapped:
        said += ["", counted_items(node)]
        missing = list(node.missing().items())
        said += [f"- {escaped(label)}: {escaped(cut(why, 300))}" for label, why in missing[:_ITEMS]]
    said += _attempts(node)
    failure = node.finished.get("failure") if node.finished else None
    if failure:
        frames = [f"{frame['file']}:{frame['line']}   {frame['text']}" for frame in failure.get("frames", [])]
        text = "\n".join([f"{failure['type']}: {failure['message']}", *frames])
        said += ["", block(cut(text, TAG // 2))]
    strange = not_finite(node.final_metrics)
    if strange:
        said += [
            "",
            "Not a finite number: " + ", ".join(f"{escaped(name)} = {value}" for name, value in strange.items()),
        ]
    for output, record in node.outputs.items():
        for leaf in list(record.leaves())[:_ITEMS]:
            said += ["", f"{escaped(output)}: {leaf.type.rsplit(':', 1)[-1]}, {size_of(leaf.size)}, `{leaf.uri}`"]
    return cut("\n".join(said), TAG)


def counted_items(node: NodeStory) -> str:
    """Return how many items a mapped node has, and what became of them: `12 items: 10 done, 2 failed`."""
    counts = node.counts
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "total" and count)
    return f"{counts.get('total', 0)} items" + (f": {said}" if said else "")


def _attempts(node: NodeStory) -> list[str]:
    """Return what went wrong before it was tried again, a line each."""
    if not node.failed_attempts:
        return []
    said = ["", f"{len(node.failed_attempts)} failed attempt{'s' if len(node.failed_attempts) > 1 else ''}:"]
    for event in node.failed_attempts[:_ITEMS]:
        item = f" of {escaped(event.get('label') or event['item'])}" if event.get("item") else ""
        wait = f", again after {took(float(event['wait']))}" if event.get("wait") else ""
        said.append(f"- attempt {event.get('number', '?')}{item}: {escaped(said_of(event.get('failure')))}{wait}")
    return said


def version_description(candidate: Event, run: str, links: Mapping[str, str]) -> str:
    """Return a model version's description, within 5,000 characters; `links` are Markdown links by their text.

    It is the model's card, where the candidate has one, below the verdict and the links.
    """
    blessed = bool(candidate.get("blessed"))
    numbers = escaped(against_baseline(candidate))  # not bold: lists show the first words as they are written
    said = [f"{'Passed' if blessed else 'Did not pass'} its gate · {numbers}".rstrip(" ·"), ""]
    if candidate.get("card"):
        said += [_origin_line(run, links), ""]
        text = "\n".join(said)
        return cut(f"{text}\n{_card(str(candidate['card']), DESCRIPTION - len(text) - 1)}", DESCRIPTION)
    said += [f"- {escaped(cut(str(reason), 200))}" for reason in (candidate.get("reasons") or [])[:12]]
    said += ["", *_metric_table(candidate), ""]
    data = candidate.get("data") or []
    if data:
        said += ["Data: " + ", ".join(_dataset(item) for item in data), ""]
    said += [_origin_line(run, links)]
    text = "\n".join(said)
    slices = _slice_table(candidate.get("slices") or {}, DESCRIPTION - len(text) - 2)
    return cut(f"{text}\n\n{slices}" if slices else text, DESCRIPTION)


def _origin_line(run: str, links: Mapping[str, str]) -> str:
    return " · ".join([f"run {run}", *(f"[{text}]({link})" for text, link in links.items() if link)])


def _card(card: str, room: int) -> str:
    """Return the sections of a model's card that fit, the first ones first; its title and verdict stand above."""
    start = card.find("\n## ")
    sections = [spaced(f"### {part.strip()}") for part in card[start:].split("\n## ") if part.strip()]
    rest = f"\n\nThe rest of the card is {CARD}, among the model's files."
    kept = fitting([f"{section}\n" for section in sections], room - len(rest))
    return "\n".join(kept) + (rest if len(kept) < len(sections) else "")


def _dataset(item: Mapping[str, Any]) -> str:
    rows = f", {item['rows']:,} rows" if isinstance(item.get("rows"), int) else ""
    return f"{escaped(str(item['name']))} ({escaped(str(item.get('context', '')))}{rows}, `{str(item['digest'])[:12]}`)"


def _metric_table(candidate: Event) -> list[str]:
    metrics = finite(candidate.get("metrics") or {})
    baseline: Mapping[str, Any] = candidate.get("baseline") or {}
    before = finite(baseline.get("metrics") or {})
    if not metrics:
        return []
    if not before:
        return [
            *head(["metric", "this version"]),
            *(row([escaped(key), shown(value)]) for key, value in metrics.items()),
        ]
    rows = [
        row([escaped(key), shown(value), shown(before[key]), _difference(value - before[key])])
        if key in before
        else row([escaped(key), shown(value), "", ""])
        for key, value in metrics.items()
    ]
    return [*head(["metric", "this version", _baseline_name(baseline), ""]), *rows]


def _slice_table(slices: Mapping[str, Any], room: int) -> str:
    columns, data = slices.get("columns") or [], slices.get("data") or []
    if not columns or not data:
        return ""
    top = head([escaped(column) for column in columns])
    rows = [row([_value(value) for value in values]) for values in data]
    kept = fitting(rows, room - len("\n".join(top)) - 60)
    if not kept:
        return ""
    left = len(rows) - len(kept)
    return "\n".join([*top, *kept, *(["", f"{left} more slices in the run's slices table."] if left else [])])


def _value(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown(value)
    return escaped(str(value)) if value is not None else ""


def model_description(pipeline: str, model: str, lived: Sequence[Stretch] = ()) -> str:
    """Return what a registered model's page says, above its versions; `lived` is what was live when, oldest first."""
    text = (
        f"Models of the pipeline **{escaped(pipeline)}**, registered by Levada when they were evaluated.\n\n"
        "`champion` is the version that is live, `challenger` the newest that passed its gate and is not live.\n\n"
        f'```python\nmlflow.pyfunc.load_model("models:/{model}@champion").predict(frame_of_raw_features)\n```'
    )
    if not lived:
        return text
    top = [text, "", "**What was live when**", "", *head(["version", "since", "until", "by", "why"])]
    rows = [
        row(
            [
                f"[{item.version}](#/models/{model}/versions/{item.version})",
                _minute(item.since),
                _minute(item.until) if item.until else "now",
                escaped(f"{item.by} ({item.kind})"),
                escaped(cut(item.reason, _WHY)),
            ]
        )
        for item in reversed(lived)
    ]
    kept = fitting(rows[:_LIVED], DESCRIPTION - len("\n".join(top)) - 80)
    left = len(rows) - len(kept)
    return "\n".join([*top, *kept, *(["", f"{left} before: `levada history {model}`"] if left else [])])


def _minute(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC"
