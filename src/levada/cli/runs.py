"""`levada runs`: what was run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from levada.cli.completing import PIPELINE
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import ProjectError, did_you_mean
from levada.history import History, RunRecord

STATUSES = ("running", "finished", "failed", "closed", "killed")


@click.command()
@click.option("--pipeline", type=PIPELINE, help="Only runs of this pipeline.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs that ended so.")
@click.option("--since", metavar="WHEN", help="Only runs from then on: 2026-11-24, 2026-11-24T10:15, 2h, 3d.")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@click.pass_obj
def runs(
    session: Session, pipeline: str | None, status: str | None, since: str | None, count: int, as_json: bool
) -> int:
    """List the runs, newest first.

    Any command that takes a RUN takes the short id shown here, `last`, or a pipeline's name for its last run.
    """
    history = history_of(session)
    found = list(islice(_fitting(history, pipeline, status, since), count))
    if as_json:
        from levada.history.outline import run_form

        print_json([run_form(run, history) for run in found])
        return 0
    if found:
        from levada.terminal.runs import runs_table

        click.echo("\n".join(runs_table(found, history)))
        return 0
    if pipeline and next(history.newest(pipeline), None) is None:
        known = {*session.project.pipelines, *(run.pipeline for run in history.newest())}
        if pipeline not in known:
            hint = did_you_mean(pipeline, known) or f"Known: {', '.join(sorted(known))}."
            raise ProjectError(f"there is no pipeline '{pipeline}'.", hint=hint)
    asked = any((pipeline, status, since))
    first = next(iter(sorted(session.project.pipelines)), "PIPELINE")
    click.echo("no run is like that" if asked and history.ids else f"nothing was run yet: levada run {first}")
    return 0


def _fitting(history: History, pipeline: str | None, status: str | None, since: str | None) -> Iterator[RunRecord]:
    from levada.history.moments import since as read_since

    begin = read_since(since) if since else None
    for run in history.newest(pipeline or ""):
        if begin is not None and run.started is not None and run.started < begin:
            return  # ids are in the order of time
        if status is None or run.status == status:
            yield run
