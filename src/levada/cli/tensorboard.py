"""`levada tensorboard`: curves of runs, also while they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from levada.cli.completing import RUN
from levada.cli.history import history_of
from levada.cli.session import Session


@click.command()
@click.argument("runs", type=RUN, nargs=-1)
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="The newest runs, if none.")
@click.option("--port", default=6006, show_default=True, help="The port to listen on, on this machine only.")
@click.pass_obj
def tensorboard(session: Session, runs: tuple[str, ...], count: int, port: int) -> int:
    """Open TensorBoard on what components report step by step.

    Of the RUNS that are named, or of the newest; those that begin meanwhile appear by themselves. Curves come from the
    journals, so past runs have them too.
    """
    from levada.history import History
    from levada.tensorboard.pages import serve

    history = history_of(session)
    named = [history.find(run) for run in runs]

    def chosen() -> Iterator[tuple[str, str]]:
        found = named or islice(History(session.project.store).newest(), count)
        for run in found:
            yield run.id, run.pipeline

    serve(session.project.store, chosen, port, click.echo)
    return 0
