"""Words that the shell completes from the project and its store: pipelines, runs, nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from levada.cli.session import Session, session_of
from levada.errors import LevadaError
from levada.history import History

MANY = 50  # a shell shows no more at a glance


class Completed(click.ParamType[str]):
    """Text whose completions a function finds. Whether it is right is for the command to say."""

    def __init__(self, name: str, find: Callable[[Session, click.Context], Iterable[tuple[str, str]]]) -> None:
        self.name = name
        self._find = find

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        with suppress(LevadaError, OSError):
            found = self._find(session_of(ctx), ctx)
            fitting = [CompletionItem(word, help=about) for word, about in found if word.startswith(incomplete)]
            return fitting[:MANY]
        return []


def _pipelines(session: Session, _: click.Context) -> Iterable[tuple[str, str]]:
    return sorted((name, listed.about) for name, listed in session.project.pipelines.items())


def _runs(session: Session, _: click.Context) -> Iterable[tuple[str, str]]:
    history = History(session.project.store)
    yield "last", "the newest run"
    yield "champion", "the run that made what is live"
    for run, _ in zip(history.newest(), range(MANY), strict=False):
        yield history.short(run.id), f"{run.pipeline} {run.status}"


def _nodes(session: Session, context: click.Context) -> Iterable[tuple[str, str]]:
    history = History(session.project.store)
    named = context.params.get("run")
    run = history.find(named) if isinstance(named, str) and named else history.last()
    return [(node, run.pipeline) for node in run.node_ids]


def _runs_or_pipelines(session: Session, context: click.Context) -> Iterable[tuple[str, str]]:
    return [*_pipelines(session, context), *_runs(session, context)]


PIPELINE = Completed("pipeline", _pipelines)
RUN = Completed("run", _runs)
NODE = Completed("node", _nodes)
RUN_OR_PIPELINE = Completed("run or pipeline", _runs_or_pipelines)


def _things(session: Session, _: click.Context) -> Iterable[tuple[str, str]]:
    from levada.history.versions import Versions

    store = session.project.store
    for version in Versions(store).all():
        yield version.name, "champion" if version.is_champion else ""
    history = History(store)
    for run, _ in zip(history.newest(), range(3), strict=False):
        yield from ((f"{history.short(run.id)}/{node}", run.pipeline) for node in run.node_ids)


THING = Completed("thing", _things)
