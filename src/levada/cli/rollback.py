"""`levada rollback`: back to the version that was live before."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from levada.cli.completing import MODEL
from levada.cli.history import print_json
from levada.cli.session import Session

if TYPE_CHECKING:
    from levada.pushing.by_hand import Done, Step


@click.command()
@click.argument("model", type=MODEL)
@click.option("--to", type=int, metavar="VERSION", help="The version to go back to, if not the one before.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the history.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def rollback(session: Session, model: str, to: int | None, reason: str, dry_run: bool, as_json: bool) -> int:
    """Go back to the version of MODEL that was live before.

    Each folder that serves the champion gets its pointer moved first; the registry's alias follows with the next
    command that talks to MLflow. A second rollback goes further back; --to takes one back.
    """
    from levada.pushing.by_hand import Done, roll_back, step_back

    project = session.project
    session.notice_killed()
    with session.quietly():
        step = step_back(project.store, model, to, root=project.root)
        done = Done() if dry_run else roll_back(project.store, step, reason, root=project.root)
    if as_json:
        print_json(_form(step, done, dry_run))
    else:
        _show(step, done, dry_run)
    return 1 if done.failed else 0


def _show(step: Step, done: Done, dry_run: bool) -> None:
    version, before = step.target.version, step.champion.version
    would = "would be" if dry_run else "is"
    click.echo(f"{step.model}: version {version} {would} live again (before: version {before})")
    for where in step.folders:
        if where in done.failed:
            click.echo(f"  ✗ {where}: {done.failed[where]}", err=True)
        elif dry_run and not step.whole[where]:
            click.echo(f"  {where}   the version does not lie whole there: it would be brought from the store")
        elif not dry_run and done.moved[where].placed:
            click.echo(f"  {where}   the version did not lie whole there: it was brought from the store")
        else:
            click.echo(f"  {where}")
    for where in step.elsewhere:
        click.echo(f"  {where}   serves something else, and {'would stay' if dry_run else 'stays'} as it is")
    if dry_run:
        click.echo(f"next   levada rollback {shlex.quote(step.model)} --to {version}")
        return
    click.echo("next   levada sync   the alias champion in MLflow follows, as it does with the next run")
    click.echo(f"       levada rollback {shlex.quote(step.model)} --to {before}   takes this back")


def _form(step: Step, done: Done, dry_run: bool) -> dict[str, Any]:
    return {
        "model": step.model,
        "version": step.target.version,
        "before": step.champion.version,
        "dry_run": dry_run,
        "folders": [
            {
                "destination": where,
                "whole": step.whole[where],
                "moved": where in done.moved,
                "error": done.failed.get(where, ""),
            }
            for where in step.folders
        ],
        "elsewhere": list(step.elsewhere),
    }
