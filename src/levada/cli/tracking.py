"""`levada ui` and `levada sync`: MLflow."""

from __future__ import annotations

import click

from levada.cli.session import Session


@click.command()
@click.option("--port", default=5000, show_default=True, help="The port to listen on, on this machine only.")
@click.pass_obj
def ui(session: Session, port: int) -> int:
    """Open MLflow on this project's runs, metrics and model versions."""
    from levada.mlflow.ui import serve

    session.notice_killed()
    serve(session.project.store, session.project.tracking_uri, port)
    return 0


@click.command()
@click.pass_obj
def sync(session: Session) -> int:
    """Tell MLflow what it has not been told yet."""
    from levada.mlflow.delivery import deliver_pending

    session.notice_killed()
    report = deliver_pending(session.project.store, session.project.tracking_uri)
    click.echo(str(report))
    return 1 if report.left else 0
