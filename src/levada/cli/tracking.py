"""`levada ui` and `levada sync`: MLflow."""

from __future__ import annotations

import click

from levada.cli.session import Session


@click.command()
@click.option("--port", default=5000, show_default=True, help="The port to listen on, on this machine only.")
@click.pass_obj
def ui(session: Session, port: int) -> int:
    """Open MLflow on this project's runs and versions."""
    from levada.mlflow.ui import serve

    session.notice_killed()
    project = session.project
    serve(project.store, project.tracking_uri, port, root=project.root)
    return 0


@click.command()
@click.option("--rebuild", "empty", is_flag=True, help="Fill an empty MLflow from the journals, version numbers kept.")
@click.pass_obj
def sync(session: Session, empty: bool) -> int:
    """Tell MLflow what it has not been told yet.

    What was changed there is taken over, and pushes that wait for the registry are completed.
    """
    store, uri = session.project.store, session.project.tracking_uri
    session.notice_killed()
    if empty:
        from levada.mlflow.rebuild import rebuild

        click.echo(str(rebuild(store, uri, session.project.root)))
        return 0
    from levada.mlflow.delivery import deliver_pending

    report = deliver_pending(store, uri, session.project.root)
    click.echo(str(report))
    return 1 if report.left or report.trouble else 0
