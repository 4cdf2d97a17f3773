"""Words that the shell completes from the project and its store: pipelines, runs, nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

import click
from click.shell_completion import CompletionItem

from levada.cli.session import Session, session_of
from levada.errors import LevadaError
from levada.history import History

MANY = 50  # a shell shows no more at a glance

Words = Iterable[tuple[str, str]]


class Completed(click.ParamType[str]):
    """Text whose completions a function finds, each with a word on it; whether it is right the command says."""

    def __init__(self, name: str, find: Callable[[Session, click.Context], Words]) -> None:
        self.name = name
        self._find = find

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        with suppress(LevadaError, OSError):
            found = self._find(session_of(ctx), ctx)
            fitting = (CompletionItem(word, help=about) for word, about in found if word.startswith(incomplete))
            return list(islice(fitting, MANY))
        return []


def _pipelines(session: Session, _: click.Context) -> Words:
    return sorted((name, listed.about) for name, listed in session.project.pipelines.items())


def _runs(session: Session, _: click.Context) -> Words:
    history = History(session.project.store)
    yield "last", "the newest run"
    yield "champion", "the run that made what is live"
    for run in islice(history.newest(), MANY):
        yield history.short(run.id), f"{run.pipeline} {run.status}"


def _nodes(session: Session, context: click.Context) -> Words:
    history = History(session.project.store)
    named = context.params.get("run")
    run = history.find(named) if isinstance(named, str) and named else history.last()
    return [(node, run.pipeline) for node in run.node_ids]


def _pipelines_or_nodes(session: Session, context: click.Context) -> Words:
    words = context.params.get("words") or ()
    if words and words[0] in session.project.pipelines:
        run = next(History(session.project.store).newest(words[0]), None)
        return [(node, run.pipeline) for node in run.node_ids] if run else []
    return [*_pipelines(session, context), *_nodes(session, context)]


def _runs_or_pipelines(session: Session, context: click.Context) -> Words:
    return [*_pipelines(session, context), *_runs(session, context)]


def _things(session: Session, _: click.Context) -> Words:
    from levada.history.versions import Versions

    for version in Versions(session.project.store).all():
        yield version.name, "champion" if version.is_champion else ""
    history = History(session.project.store)
    for run in islice(history.newest(), 3):
        yield from ((f"{history.short(run.id)}/{node}", run.pipeline) for node in run.node_ids)


def _models(session: Session, _: click.Context) -> Words:
    from levada.registry import Registry

    return [(model, "") for model in Registry(session.project.store).models()]


MODEL = Completed("model", _models)
PIPELINE = Completed("pipeline", _pipelines)
RUN = Completed("run", _runs)
NODE = Completed("node", _nodes)
PIPELINE_OR_NODE = Completed("pipeline or node", _pipelines_or_nodes)
RUN_OR_PIPELINE = Completed("run or pipeline", _runs_or_pipelines)
THING = Completed("thing", _things)
