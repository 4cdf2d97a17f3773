"""The plan that a command line would run now, drawn only if no kept one fits."""

from __future__ import annotations

import shlex
from itertools import pairwise

import click

from levada.cli.pipelines import RunCommand, plan_from_words
from levada.history import History, RunRecord
from levada.history.difference import Side
from levada.history.forecast import Forecast
from levada.history.sources import SourcesNow
from levada.history.unwritten import Unwritten
from levada.kept_plans import keep_plan, kept_plan
from levada.plan import Plan
from levada.project import Project
from levada.resolved import resolve_plan
from levada.values import canonical, decode


def plan_again(project: Project, run: RunRecord, context: click.Context) -> Plan:
    """Return the plan that the command of a run would run now, with the code as it is.

    A run that no command started (one from Python) is drawn with the arguments that it had.
    """
    reference = project.find_pipeline(str(run.facts.get("reference") or run.plan.reference))
    words = words_of(run.command, run.pipeline)
    if words is not None:
        return plan_from_words(project, reference, words, context)
    kept = [f"arguments {canonical(run.arguments)}"]
    plan = kept_plan(project, reference, kept)
    if plan is None:
        pipeline = project.load_pipeline(reference)
        plan = pipeline.plan_from(project.root, **{name: decode(form) for name, form in run.arguments.items()})
        keep_plan(project, plan, kept)
    return plan


def forecast_of(project: Project, plan: Plan, history: History, since: RunRecord | None = None) -> Forecast:
    """Return what running a plan would do now, held against a run, or the newest ones."""
    project.make_importable()  # the classes of sources are the project's
    use_cache = project.settings.cache != "off"
    store = Unwritten(project.store)
    resolved = resolve_plan(plan, store, project.root, project.code_digest, use_cache=use_cache)
    return Forecast(plan, resolved, history, SourcesNow(project.packages), since)


def side_now(label: str, project: Project, plan: Plan, history: History, since: RunRecord | None) -> Side:
    """Return a plan as it would run now, to be held against something."""
    forecast = forecast_of(project, plan, history, since)
    return Side(label, plan, forecast=forecast, sources=SourcesNow(project.packages))


def words_of(command: str, pipeline: str) -> list[str] | None:
    """Return the pipeline's own words of a `levada run` command, None if it is none."""
    words = shlex.split(command)
    if "--" in words:
        words = words[: words.index("--")]
    for at, (verb, name) in enumerate(pairwise(words)):
        if verb == "run" and name.rpartition(":")[2] == pipeline:
            return _without_own_options(words[at + 2 :])
    return None


def _without_own_options(words: list[str]) -> list[str]:
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    command = click.Command("run", params=[*RunCommand.own], context_settings=settings, add_help_option=False)
    return list(command.make_context("run", list(words)).args)
