"""`levada push`: a version that passed its gate, brought to where it is served."""

from __future__ import annotations

from pathlib import Path

import click

from levada.cli.completing import MODEL
from levada.cli.history import print_json
from levada.cli.session import Session


@click.command()
@click.argument("model", type=MODEL)
@click.argument("version", type=int)
@click.option("--to", required=True, metavar="FOLDER", help="Where it is served: a folder, or an fsspec URI.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the history.")
@click.option("--keep", type=int, metavar="N", help="Leave only the N versions there that were live last.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def push(session: Session, model: str, version: int, to: str, reason: str, keep: int | None, as_json: bool) -> int:
    """Bring VERSION of MODEL to a folder and make it live there.

    Only a version that passed its gate: its last evaluation, and the approval of a person where one was asked for.
    It is signed and scanned as in a run.
    """
    from levada.pushing.by_hand import push_by_hand

    project = session.project
    session.notice_killed()
    where = to if "://" in to else str(Path(to).expanduser().absolute())
    with session.quietly():
        done = push_by_hand(project.store, model, version, where, reason, keep=keep, root=project.root)
    moved = done.moved[where]
    if as_json:
        print_json(
            {
                "model": model,
                "version": version,
                "destination": where,
                "placed": moved.placed,
                "moved": moved.pointed,
                "promoted": moved.promotion is not None,
                "removed": list(moved.removed),
                "stayed": moved.stayed,
            }
        )
        return 0
    if not moved.pointed:
        click.echo(f"{where} serves version {version} of {model} already.")
    else:
        click.echo(f"{model}: version {version} is live in {where}")
    if moved.removed:
        click.echo(f"  removed there: {', '.join(str(number) for number in moved.removed)}")
    if moved.stayed:
        click.echo(f"  old versions stay there: {moved.stayed}")
    if moved.promotion is not None:
        click.echo("next   levada sync   the alias champion in MLflow follows, as it does with the next run")
    return 0
