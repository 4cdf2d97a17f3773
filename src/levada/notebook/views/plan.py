"""Plans, sessions and runs in a notebook: the nodes, what each waits for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levada import html
from levada.history.moments import took
from levada.html import Html
from levada.plan import Node, Plan
from levada.references import short_name
from levada.result import Result
from levada.run import Outcome

_BADGES = {"done": html.GREEN, "cached": html.TEAL, "failed": html.RED, "skipped": html.GREY, "closed": html.AMBER}
_STATUS = {"finished": html.GREEN, "failed": html.RED, "closed": html.AMBER, "killed": html.GREY}


def plan_html(plan: Plan) -> Html:
    """Return a plan's nodes in an order in which they could run."""
    facts = [_count(plan), f"plan {plan.digest[:6]}"]
    return html.card(f"Plan of {plan.pipeline}", facts, _picture(plan, {}), html.folded("nodes", _nodes(plan, {})))


def session_html(name: str, run_id: str, plan: Plan, results: Mapping[str, Result]) -> Html:
    """Return what was called in a session so far."""
    facts = [f"run {run_id}", _count(plan)] if plan.nodes else ["what is called from here on runs at once"]
    if not plan.nodes:
        return html.card(f"Session {name}", facts)
    return html.card(f"Session {name}", facts, _picture(plan, results), html.folded("nodes", _nodes(plan, results)))


def outcome_html(outcome: Outcome) -> Html:
    """Return how a run ended, node by node."""
    badge = html.badge(outcome.status, _STATUS[outcome.status])
    cached = sum(result.status == "cached" for result in outcome.results.values())
    facts = [f"run {outcome.run_id}", took(outcome.seconds), f"{outcome.nodes_run} ran, {cached} cached"]
    title = html.join([f"{outcome.plan.pipeline} ", badge])
    shown = _picture(outcome.plan, outcome.results), html.folded("nodes", _nodes(outcome.plan, outcome.results))
    return html.card(title, facts, *shown)


class OutcomeView:
    """A run's outcome, for a cell to show."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def __repr__(self) -> str:
        return f"<run {self._outcome.run_id} of {self._outcome.plan.pipeline}: {self._outcome.status}>"

    def _repr_html_(self) -> str:
        return outcome_html(self._outcome)


def _picture(plan: Plan, results: Mapping[str, Result]) -> Html:
    """Return the graph, with what became of each node."""
    from levada.picture import graph_svg

    statuses = {name: _status(result) for name, result in results.items()}
    notes = {name: took(result.seconds) for name, result in results.items() if result.status == "done"}
    details = {name: result.reason or result.summary for name, result in results.items()}
    return Html(graph_svg(plan, statuses, notes, details))


def _count(plan: Plan) -> str:
    return f"{len(plan.nodes)} node{'s' if len(plan.nodes) != 1 else ''}"


def _nodes(plan: Plan, results: Mapping[str, Result]) -> Html:
    if not results:
        rows = [[html.code(node.id), short_name(node.component), *_about(node)] for node in plan.nodes]
        return html.table(("node", "component", "after", "parameters"), rows, wide=(3,))
    rows = [_ended(node, results.get(node.id)) for node in plan.nodes]
    return html.table(("node", "", "took", "after", "what"), rows, numbers=(2,), wide=(4,))


def _about(node: Node) -> list[Any]:
    given = ", ".join(f"{name}={_short(form)}" for name, form in node.parameters.items())
    return [", ".join(node.upstream), html.note(html.shown(given))]


def _short(form: Any) -> str:
    text = str(form)
    return text if len(text) <= 30 else text[:29] + "…"


def _ended(node: Node, result: Result | None) -> list[Any]:
    upstream = html.note(", ".join(node.upstream))
    if result is None:
        return [html.code(node.id), "", "", upstream, ""]
    status = _status(result)
    time = took(result.seconds) if result.status in ("done", "failed") else ""
    said = result.reason or result.summary
    if result.failure is not None:
        said = f"{result.failure.type}: {next(iter(result.failure.message.splitlines()), '')}"
    return [html.code(node.id), html.badge(status, _BADGES[status]), time, upstream, said]


def _status(result: Result) -> str:
    is_open = all(record.open for record in result.outputs.values())
    return result.status if is_open else "closed"
