"""`levada graph`: a pipeline or a run as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from levada.cli.completing import RUN_OR_PIPELINE
from levada.cli.history import history_of
from levada.cli.session import Session
from levada.errors import LevadaError

if TYPE_CHECKING:
    from levada.history import History, RunRecord
    from levada.plan import Plan

KINDS = (".svg", ".html")


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("thing", metavar="PIPELINE|RUN", type=RUN_OR_PIPELINE)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="An .svg or .html file; else the terminal."
)
@click.pass_context
def graph(context: click.Context, thing: str, output: Path | None) -> int:
    r"""Draw a pipeline, or a run with what became of its nodes.

    \b
    levada graph flights -o flights.svg --months 2   a pipeline, with its own options
    levada graph 7f3a -o run.html                    a run; the page moves and zooms
    levada graph last                                in the terminal
    """
    session: Session = context.obj
    if output is not None and output.suffix not in KINDS:
        raise LevadaError(
            f"{output} is neither an .svg nor an .html file.", hint=f"Write -o {output.with_suffix('.svg')}."
        )
    history = history_of(session)
    plan, run = _chosen(context, session, history, thing)
    if output is None:
        from levada.terminal.graph import draw_graph

        click.echo(draw_graph(plan, run))
        return 0
    from levada.picture import graph_page, graph_svg
    from levada.terminal.pictured import pictured

    statuses, notes, details = pictured(run) if run else ({}, {}, {})
    drawing = graph_svg(plan, statuses, notes, details)
    if output.suffix == ".html":
        title = f"{plan.pipeline} · run {history.short(run.id)}" if run else plan.pipeline
        about = f"{run.status} · {run.id}" if run else f"{len(plan.nodes)} nodes · plan {plan.digest[:6]}"
        drawing = graph_page(drawing, title, about)
    try:
        output.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise LevadaError(f"cannot write {output}: {error.strerror}.") from None
    click.echo(str(output))
    return 0


def _chosen(context: click.Context, session: Session, history: History, thing: str) -> tuple[Plan, RunRecord | None]:
    from levada.cli.pipelines import plan_from_words

    if thing in session.project.pipelines:
        return plan_from_words(session.project, session.project.find_pipeline(thing), list(context.args), context), None
    if context.args:
        raise click.UsageError(f"a run takes no {context.args[0]}: only a pipeline has options of its own.", context)
    run = history.find(thing, session.project.pipelines)
    return run.plan, run
