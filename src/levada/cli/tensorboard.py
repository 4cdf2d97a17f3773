"""`levada tensorboard`: curves of runs, also while they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from levada.cli.completing import RUN
from levada.cli.history import history_of
from levada.cli.session import Session

if TYPE_CHECKING:
    from levada.history import History, RunRecord


@click.command()
@click.argument("runs", type=RUN, nargs=-1)
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="The newest runs, if none.")
@click.option("--port", default=6006, show_default=True, help="The port to listen on, on this machine only.")
@click.pass_obj
def tensorboard(session: Session, runs: tuple[str, ...], count: int, port: int) -> int:
    """Open TensorBoard on what components report step by step.

    Of the RUNS that are named, or of the newest; those that begin meanwhile appear by themselves. Curves come from the
    journals, so past runs have them too. Of a node that was cached they are those of the run that made it.
    """
    from levada.history import History
    from levada.tensorboard.pages import serve

    history = history_of(session)
    named = [history.find(run) for run in runs]
    for run in named:
        for node, maker in makers_of(run, history):
            click.echo(f"{node} of run {history.short(run.id)} is cached: run {history.short(maker.id)} has its curves")

    makers: dict[str, list[RunRecord]] = {}  # of runs that have ended: they are asked for again and again

    def chosen() -> Iterator[tuple[str, str]]:
        now = History(session.project.store)
        for run in named or islice(now.newest(), count):
            yield run.id, run.pipeline
            if run.id not in makers and run.status != "running":
                makers[run.id] = [maker for _, maker in makers_of(run, now)]
            yield from ((maker.id, maker.pipeline) for maker in makers.get(run.id, ()))

    serve(session.project.store, chosen, port, click.echo)
    return 0


def makers_of(run: RunRecord, history: History) -> Iterator[tuple[str, RunRecord]]:
    """Yield the nodes with metrics that came from the cache, and the run that made each and so has its curves."""
    for node in run.node_ids:
        result = run.result(node)
        if result is not None and result.status == "cached" and result.metrics and result.made_by:
            maker = history.get(result.made_by)
            if maker is not None:
                yield node, maker
