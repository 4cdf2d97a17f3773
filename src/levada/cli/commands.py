"""The command line as a whole: its commands, its options, and how errors reach the user."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import click

import levada
from levada.cli.group import LazyGroup
from levada.cli.session import BEAM_OPTIONS, Session
from levada.errors import LevadaError
from levada.secret import redact

WRONG = 2

COMMANDS = {
    "init": "levada.cli.init:init",
    "run": "levada.cli.pipelines:run",
    "plan": "levada.cli.pipelines:plan",
    "pipelines": "levada.cli.pipelines:list_pipelines",
    "runs": "levada.cli.runs:runs",
    "show": "levada.cli.show:show",
    "why": "levada.cli.why:why",
    "diff": "levada.cli.diff:diff",
    "lineage": "levada.cli.lineage:lineage",
    "schema": "levada.cli.schema:schema",
    "logs": "levada.cli.logs:logs",
    "debug": "levada.cli.debug:debug",
    "report": "levada.cli.report:report",
    "graph": "levada.cli.graph:graph",
    "ui": "levada.cli.tracking:ui",
    "tensorboard": "levada.cli.tensorboard:tensorboard",
    "sync": "levada.cli.tracking:sync",
    "push": "levada.cli.push:push",
    "rollback": "levada.cli.rollback:rollback",
    "history": "levada.cli.live:history",
    "verify": "levada.cli.verify:verify",
    "gc": "levada.cli.gc:gc",
    "node": "levada.cli.node:node",
    "settings": "levada.cli.settings:show_settings",
    "completion": "levada.cli.completion:completion",
    "extensions": "levada.cli.extensions:list_extensions",
}
"""Each command, in the order that `levada --help` lists them, and where it is."""


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(levada.__version__, prog_name="levada")
@click.option("--project", "folder", type=click.Path(path_type=Path), help="The project's folder, if not this one.")
@click.option("--store", help="Where artifacts and journals go: a folder or an fsspec URI.")
@click.option("--env", help="The environment whose settings hold: a table [tool.levada.env.NAME].")
@click.option("--debug", is_flag=True, help="Show whole tracebacks.")
@click.pass_context
def cli(context: click.Context, folder: Path | None, store: str | None, env: str | None, debug: bool) -> None:
    """Levada: from data to a served model, through gates."""
    context.obj = Session(folder, store, env, debug)


def execute(words: list[str]) -> int:
    """Run a command line and return the exit code. What stands behind `--` is kept for Beam."""
    if os.environ.get("_LEVADA_COMPLETE"):
        from levada.cli.completion import answer_shell

        return answer_shell(cli)
    beam_options: tuple[str, ...] = ()
    if "--" in words:
        cut = words.index("--")
        words, beam_options = words[:cut], tuple(words[cut + 1 :])
    debug = "--debug" in words
    try:
        context = cli.make_context("levada", list(words))
        with context:
            context.meta[BEAM_OPTIONS] = beam_options
            returned = cli.invoke(context)
        return returned if isinstance(returned, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.possibilities:
            nearest = list(error.possibilities)[:1]  # click would name all, in their alphabet
            error = click.NoSuchOption(error.option_name, error.message, nearest, error.ctx)
        error.show()
        return WRONG
    except click.Abort:
        return 130
    except KeyboardInterrupt as interrupt:
        return interrupt.args[0] if interrupt.args else 130
    except BrokenPipeError:  # of an answer; a run has a stream of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LevadaError as error:
        if debug:
            click.echo(redact(traceback.format_exc()), err=True)
        else:
            click.echo(redact(f"{type(error).__name__}: {error}"), err=True)
        return WRONG
    except Exception as error:  # noqa: BLE001  the user's own code draws the pipeline
        if debug:
            click.echo(redact(traceback.format_exc()), err=True)
        else:
            _show_unexpected(error)
        return WRONG


def _show_unexpected(error: Exception) -> None:
    """An error that is not Levada's own, before any node ran: mostly in the code that draws a pipeline."""
    from levada.failure import describe

    failure = describe(error)
    click.echo(f"{failure.type}: {failure.message}", err=True)
    for frame in failure.frames:
        click.echo(f"  {frame.file}:{frame.line}   {frame.text}", err=True)
    click.echo("The whole traceback: levada --debug ...", err=True)
