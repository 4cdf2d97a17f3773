"""`levada show`: one run, or one node of it."""

from __future__ import annotations

import click

from levada.cli.completing import NODE, RUN
from levada.cli.history import history_of, print_json
from levada.cli.session import Session


@click.command()
@click.argument("run", type=RUN, default="last")
@click.option("--node", type=NODE, metavar="NODE", help="Everything about this node.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_obj
def show(session: Session, run: str, node: str | None, as_json: bool) -> int:
    """Show a run and its nodes, or one node of it.

    Times, what nodes said, metrics, artifacts and errors. RUN is a run's id, how it begins or ends, `last`,
    `champion`, or a pipeline's name for its last run.
    """
    history = history_of(session)
    found = history.find(run)
    if node is not None:
        found.plan.node(node)
    if as_json:
        from levada.history.documents import node_form, run_document

        print_json(node_form(found, node) if node else run_document(found, history))
        return 0
    from levada.terminal.show import show_node, show_run

    lines = show_node(found, node, history) if node else show_run(found, history)
    click.echo("\n".join(lines))
    return 0
