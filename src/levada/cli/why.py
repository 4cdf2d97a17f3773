"""`levada why`: why a node would run again, or would not."""

from __future__ import annotations

import click

from levada.cli.completing import PIPELINE, PIPELINE_OR_NODE, RUN
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import PlanError, ProjectError, did_you_mean
from levada.history import History, RunRecord
from levada.plan import Plan


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="[OPTIONS]",
)
@click.argument("words", metavar="[PIPELINE] [NODE] [ARGUMENTS]...", nargs=-1, type=PIPELINE_OR_NODE)
@click.option("--run", "since", type=RUN, metavar="RUN", help="Why the node ran, or did not, in this run.")
@click.option("--pipeline", type=PIPELINE, metavar="PIPELINE", help="The pipeline, instead of the first word.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_context
def why(context: click.Context, words: tuple[str, ...], since: str | None, pipeline: str | None, as_json: bool) -> int:
    r"""Say why a node would run now, or would come from the cache.

    \b
    levada why train                      as the last run was started, with the code as it is now
    levada why flights train --months 3   as `levada run flights --months 3` would do it
    levada why flights                    every node
    levada why train --run 7f3a           why it ran in that run
    """
    from levada.terminal.why import sentences

    session: Session = context.obj
    history = history_of(session)
    names = list(words)
    if pipeline is None and names and names[0] in session.project.pipelines:
        pipeline = names.pop(0)
    node = names.pop(0) if names and not names[0].startswith("-") else None
    if since is not None:
        from levada.history.past import past

        run = history.find(since)
        found = past(history, run, node)
    else:
        from levada.cli.drawing import forecast_of

        plan = _plan(context, session, history, pipeline, node, names)
        if node is not None:
            plan.node(node)
        found = forecast_of(session.project, plan, history).nodes
    if as_json:
        form = {name: item.to_json() for name, item in found.items()}
        print_json(form[node] if node else form)
        return 0
    for line in sentences(found, node, history):
        click.echo(line)
    return 0


def _plan(
    context: click.Context, session: Session, history: History, pipeline: str | None, node: str | None, words: list[str]
) -> Plan:
    """Return the plan to look at: what these words would run, or the last run's command again."""
    from levada.cli.drawing import plan_again
    from levada.cli.pipelines import plan_from_words

    project = session.project
    if pipeline is not None and words:
        return plan_from_words(project, project.find_pipeline(pipeline), words, context)
    if pipeline is not None and next(history.newest(pipeline), None) is None:
        return plan_from_words(project, project.find_pipeline(pipeline), [], context)
    run = history.last(pipeline) if pipeline else _run_with(session, history, node)
    if words:
        return plan_from_words(project, project.find_pipeline(run.plan.reference), words, context)
    return plan_again(project, run, context)


def _run_with(session: Session, history: History, node: str | None) -> RunRecord:
    """Return the newest run that has a node; raises ProjectError with what was meant."""
    last = history.last()
    if node is None or node in last.node_ids:
        return last
    seen: dict[str, RunRecord] = {}
    for run in history.newest():
        seen.setdefault(run.pipeline, run)
    having = [run for run in seen.values() if node in run.node_ids]
    if len(having) == 1:
        return having[0]
    if having:
        names = ", ".join(run.pipeline for run in having)
        raise ProjectError(
            f"several pipelines have a node {node}: {names}.",
            hint=f"Say which: levada why {having[0].pipeline} {node}.",
        )
    known = [*session.project.pipelines, *(name for run in seen.values() for name in run.node_ids)]
    hint = did_you_mean(node, known) or f"The last run has {', '.join(last.node_ids)}."
    raise PlanError(f"no run has a node '{node}', and no pipeline is called so.", hint=hint)
