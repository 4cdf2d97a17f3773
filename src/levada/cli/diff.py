"""`levada diff`: what differs between two runs, two plans, or a run and the project as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from levada.cli.completing import RUN_OR_PIPELINE
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import PlanError

if TYPE_CHECKING:
    from levada.history import History, RunRecord
    from levada.history.difference import Side

NOW = "now"


@click.command()
@click.argument("left", metavar="A", type=RUN_OR_PIPELINE, default="last")
@click.argument("right", metavar="[B]", type=RUN_OR_PIPELINE, required=False)
@click.option("--code", is_flag=True, help="Show the diff of each file too.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_context
def diff(context: click.Context, left: str, right: str | None, code: bool, as_json: bool) -> int:
    r"""Show what differs between two runs, or a run and now.

    Arguments, nodes, code, data, packages, metrics, and what would run again. A and B are runs, pipelines, or
    plans in files (as `levada plan` prints them). Without B, A is held against the project as it is now. A
    pipeline is what it would be now; alone, it is held against its last run.

    \b
    levada diff 7f3a champion     two runs
    levada diff flights           the last run of flights, and now
    levada diff a.json b.json     two plans
    """
    from levada.history.difference import compare
    from levada.terminal.diff import difference_lines

    session: Session = context.obj
    history = history_of(session)
    if right is None:
        run = None if _is_plan(left) else history.find(left, session.project.pipelines)
        if run is None:
            raise PlanError(f"{left} is a plan: wanted a second one to hold it against.")
        sides = _of_run(run, history), _now(context, session, history, run)
    else:
        first = _side(context, session, history, left)
        sides = first, _side(context, session, history, right)
    found = compare(*sides)
    if as_json:
        print_json(found.to_json())
        return 0
    for line in difference_lines(found, code):
        click.echo(line)
    if not code and found.files:
        typed = " ".join(["levada diff", left, *([right] if right else []), "--code"])
        click.echo(f"\nnext   {typed}   the lines")
    return 0


def _is_plan(word: str) -> bool:
    return word.endswith(".json") or Path(word).is_file()


def _side(context: click.Context, session: Session, history: History, word: str) -> Side:
    from levada.history.difference import Side
    from levada.plan import Plan

    if _is_plan(word):
        try:
            text = Path(word).read_text(encoding="utf-8")
        except OSError as error:
            raise PlanError(f"cannot read the plan {word}: {error.strerror}.") from None
        return Side(word, Plan.loads(text))
    if word in session.project.pipelines:
        return _drawn(context, session, history, word)
    return _of_run(history.find(word, session.project.pipelines), history)


def _of_run(run: RunRecord, history: History) -> Side:
    from levada.history.difference import Side
    from levada.history.sources import SourcesThen

    return Side(history.short(run.id), run.plan, run, sources=SourcesThen(run))


def _now(context: click.Context, session: Session, history: History, run: RunRecord) -> Side:
    """Return what the command of a run would run now."""
    from levada.cli.drawing import plan_again, side_now

    return side_now(NOW, session.project, plan_again(session.project, run, context), history, run)


def _drawn(context: click.Context, session: Session, history: History, pipeline: str) -> Side:
    from levada.cli.drawing import side_now
    from levada.cli.pipelines import plan_from_words

    plan = plan_from_words(session.project, session.project.find_pipeline(pipeline), [], context)
    return side_now(pipeline, session.project, plan, history, None)
