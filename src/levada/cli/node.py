"""`levada node`: one node of a run."""

from __future__ import annotations

from pathlib import Path

import click

from levada.cli.session import Session
from levada.errors import ProjectError
from levada.plan import Plan


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("node_id", metavar="NODE")
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def node(session: Session, plan: Path, node_id: str, run_id: str) -> int:
    """Run one node of a run that has started.

    From the run's PLAN file; workers do the same.
    """
    import json

    from levada.node import run_node

    project = session.project
    project.make_importable()
    try:
        text = plan.read_text()
    except OSError as error:
        raise ProjectError(f"cannot read the plan {plan}: {error.strerror}.") from None
    result = run_node(Plan.loads(text), node_id, run_id, project.store)
    click.echo(json.dumps(result.to_json(), ensure_ascii=False))
    return 1 if result.status == "failed" else 3 if result.closed else 0
