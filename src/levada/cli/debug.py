"""`levada debug`: a node again, in a debugger."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from levada.cli.completing import NODE, RUN
from levada.cli.history import history_of
from levada.cli.session import Session
from levada.history.moments import number_text

if TYPE_CHECKING:
    from levada.history import History, RunRecord
    from levada.history.rerun import Rerun
    from levada.project import Project
    from levada.result import Result

OK, FAILED, CLOSED = 0, 1, 3


@click.command()
@click.argument("run", type=RUN)
@click.argument("node", type=NODE)
@click.option("--item", metavar="ITEM", help="This item of a mapped node: its label, or how its id begins.")
@click.option("--no-breakpoint", is_flag=True, help="Never stop for questions: breakpoint() does nothing.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep what the node makes in this folder."
)
@click.pass_obj
def debug(session: Session, run: str, node: str, item: str | None, no_breakpoint: bool, keep: Path | None) -> int:
    """Run a node again in a debugger, on its recorded inputs.

    With the parameters that it had and the code as it is now, in this process. Nothing is committed: what it
    makes goes to a folder that is removed (or to --keep). `breakpoint()` in the component stops there; where it
    fails, the debugger opens at your line.
    """
    from levada.history.rerun import Rerun

    history = history_of(session)
    found = history.find(run)
    item_id = ""
    if item is not None:
        from levada.history.items import find_item

        item_id = find_item(found, node, item)
    stops = not no_breakpoint and sys.stdin.isatty()
    if not stops:
        os.environ["PYTHONBREAKPOINT"] = "0"
    session.project.make_importable()
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="levada-debug-")))
        rerun = Rerun(found, node, item_id, folder)
        for line in _introduction(rerun, session.project, history):
            click.echo(line)
        sys.stdout.flush()
        try:
            result = rerun.call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  whatever the component raises is what is looked for
            return _failed(error, stops, session.debug)
        return _done(result, keep)


def _introduction(rerun: Rerun, project: Project, history: History) -> list[str]:
    from levada.history.changes import value_text
    from levada.terminal.columns import bold, dim

    run = rerun.run
    lines = [f"{bold(rerun.node.id)} of run {history.short(run.id)}, again: nothing is committed"]
    for name, item in rerun.call_inputs.items():
        records = item if isinstance(item, list) else [item] if item else []
        lines.append(
            dim(f"  {name} = {run.store.address(records[0].uri) if len(records) == 1 else f'{len(records)} artifacts'}")
        )
    lines += [dim(f"  {name} = {value_text(form)}") for name, form in rerun.call_parameters.items()]
    lines += [f"  {change}" for change in _edited(run, rerun.node.component, project)]
    return [*lines, ""]


def _edited(run: RunRecord, reference: str, project: Project) -> list[str]:
    """Say what of the component's code is not as it was in the run."""
    from levada.history.edits import edits
    from levada.history.sources import SourcesNow, SourcesThen

    digest, pieces = project.code_digest(reference)
    if digest == run.resolved.code.get(reference):
        return []
    before = run.resolved.pieces.get(reference, {})
    found = edits(before, pieces, SourcesThen(run), SourcesNow(project.packages))
    return [f"{file} has changed since ({'; '.join(said)})" for file, said in found.items()] or [
        "its code has changed since"
    ]


def _failed(error: BaseException, stops: bool, whole: bool) -> int:
    """Show the exception, and open the debugger at the user's own line."""
    import traceback

    from levada.failure import describe

    failure = describe(error)
    if whole:
        traceback.print_exception(error)
    else:
        click.echo(f"{failure.type}: {failure.message}", err=True)
        for frame in failure.frames:
            click.echo(f"  {frame.file}:{frame.line}   {frame.text}", err=True)
    if stops and error.__traceback__ is not None:
        _look_around(error.__traceback__)
    return FAILED


def _look_around(trace: TracebackType) -> None:
    import pdb
    import traceback

    from levada.failure import is_users

    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    own = [at for at, file in enumerate(frames) if is_users(file)]
    debugger = pdb.Pdb()
    if own:
        debugger.rcLines += ["up"] * (len(frames) - 1 - own[-1])
    debugger.reset()
    debugger.interaction(None, trace)


def _done(result: Result, keep: Path | None) -> int:
    from levada.history.moments import size_of
    from levada.references import short_name
    from levada.store import INSIDE

    click.echo(f"{result.node} is done" + (f": {result.summary}" if result.summary else ""))
    for name, value in result.metrics.items():
        click.echo(f"  {name} {number_text(value, '.6g')}")
    for name, record in result.outputs.items():
        where = f"  {keep.absolute()}/{record.uri.removeprefix(INSIDE)}" if keep else ""
        click.echo(f"  {name}: {short_name(record.type)} {size_of(record.size)}{where}")
    shut = [record for record in result.outputs.values() if not record.open]
    for record in shut:
        click.echo(f"  the gate is closed: {'; '.join(record.reasons)}")
    return CLOSED if shut else OK
