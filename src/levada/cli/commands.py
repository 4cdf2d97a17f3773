"""The commands, and how errors reach the user."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

import levada
from levada.cli.arguments import options_of
from levada.errors import LevadaError, ProjectError, did_you_mean
from levada.kept_plans import keep_plan, kept_plan
from levada.plan import Plan
from levada.project import Project, find_project

WRONG = 2
BEAM_OPTIONS = "levada.beam_options"


class Group(click.Group):
    """A group that suggests a command for a mistyped one, and lists commands in the order they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            if not hint or hint in error.message:
                raise
            raise click.UsageError(f"{error.message} {hint}", ctx=error.ctx) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(levada.__version__, prog_name="levada")
@click.option("--project", "folder", type=click.Path(path_type=Path), help="The project's folder, if not this one.")
@click.option("--store", help="Where artifacts and journals go: a folder or an fsspec URI.")
@click.option("--debug", is_flag=True, help="Show whole tracebacks.")
@click.pass_context
def cli(context: click.Context, folder: Path | None, store: str | None, debug: bool) -> None:
    """Levada: from data to a served model, through gates."""
    context.obj = Session(folder, store, debug)


class Session:
    """What the options before the command say. The project is looked for when a command wants it."""

    def __init__(self, folder: Path | None, store: str | None, debug: bool) -> None:
        self._folder = folder
        self._store = store
        self.debug = debug
        self._project: Project | None = None

    @property
    def project(self) -> Project:
        if self._project is None:
            if self._folder is not None and not self._folder.is_dir():
                raise ProjectError(f"there is no folder {self._folder}.")
            self._project = find_project(self._folder, self._store)
        return self._project


class Pipelines(Group):
    """A group with a command for each pipeline of the project: `levada run flights`, `levada plan flights`."""

    def __init__(self, command_class: type[PipelineCommand], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._command_class = command_class

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_session(ctx).project.pipelines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        project = _session(ctx).project
        return self._command_class(cmd_name, project, project.find_pipeline(cmd_name))


def _session(context: click.Context) -> Session:
    found = context.find_object(Session)
    if found is None:  # completion and help ask before the main command's callback has run
        root = context.find_root()
        given = root.params
        found = root.obj = Session(given.get("folder"), given.get("store"), bool(given.get("debug")))
    return found


class PipelineCommand(click.Command):
    """A command over one pipeline: the command's own options, then the pipeline's arguments.

    The pipeline is imported only if its plan is not kept from before, or its options must be shown.
    """

    about = ""
    own: tuple[click.Option, ...] = ()

    def __init__(self, name: str, project: Project, reference: str) -> None:
        listed = project.pipelines.get(name)
        super().__init__(name, params=[*self.own], short_help=listed.about if listed else "")
        self.project = project
        self.reference = reference
        self.plan: Plan | None = None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(word in ("-h", "--help") for word in args):
            self._show_pipeline()
            return super().parse_args(ctx, args)
        ctx.ignore_unknown_options = True
        ctx.allow_extra_args = True
        super().parse_args(ctx, args)
        words = list(ctx.args)
        self.plan = kept_plan(self.project, self.reference, words)
        if self.plan is None:
            self.plan = self._draw(ctx, words)
            keep_plan(self.project, self.plan, words)
        ctx.args = []
        return []

    def _draw(self, ctx: click.Context, words: list[str]) -> Plan:
        pipeline = self.project.load_pipeline(self.reference)
        inner = click.Command(self.name, params=[*options_of(pipeline), *self.own])
        given = inner.make_context(ctx.info_name, list(words), parent=ctx.parent)
        own = {option.name for option in self.own}
        arguments = {name: value for name, value in given.params.items() if name not in own}
        return pipeline.plan_from(self.project.root, **arguments)

    def _show_pipeline(self) -> None:
        pipeline = self.project.load_pipeline(self.reference)
        self.params = [*options_of(pipeline), *self.own]
        self.help = f"{self.about}\n\n{_prose(pipeline.function.__doc__ or '')}"

    def invoke(self, ctx: click.Context) -> Any:
        assert self.plan is not None
        return self.act(_session(ctx), self.plan, ctx.meta.get(BEAM_OPTIONS, ()), **ctx.params)

    def act(self, session: Session, plan: Plan, beam_options: tuple[str, ...], **options: Any) -> int:
        raise NotImplementedError


def _prose(docstring: str) -> str:
    """A docstring without its `Args:` section, which the options show."""
    return inspect.cleandoc(docstring).partition("\nArgs:")[0].strip()


class RunCommand(PipelineCommand):
    """`levada run NAME`."""

    about = "Run this pipeline."
    own = (
        click.Option(["--jobs"], type=click.IntRange(1), help="Nodes at once (default: as many as there are CPUs)."),
        click.Option(["--no-cache"], is_flag=True, help="Run every node, whatever was made before."),
        click.Option(
            ["--fresh"], multiple=True, metavar="NODE", help="Run this node again. May be given several times."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object an event."),
    )

    def act(self, session: Session, plan: Plan, beam_options: tuple[str, ...], **options: Any) -> int:
        from levada.cli.running import run_and_show

        return run_and_show(session.project, plan, beam_options=beam_options, debug=session.debug, **options)


class PlanCommand(PipelineCommand):
    """`levada plan NAME`."""

    about = "Print this pipeline's plan as JSON, or draw it."
    own = (click.Option(["--graph"], is_flag=True, help="Draw the graph in the terminal."),)

    def act(self, session: Session, plan: Plan, beam_options: tuple[str, ...], **options: Any) -> int:
        if options["graph"]:
            from levada.terminal.graph import draw_graph

            click.echo(draw_graph(plan))
        else:
            click.echo(plan.dumps(), nl=False)
        return 0


cli.add_command(
    Pipelines(
        RunCommand,
        name="run",
        help="Run a pipeline.\n\nEverything behind `--` goes to Beam: levada run flights -- --runner=FlinkRunner",
        subcommand_metavar="PIPELINE [OPTIONS] [-- BEAM OPTIONS]",
    )
)
cli.add_command(
    Pipelines(
        PlanCommand, name="plan", help="Print or draw a pipeline's plan.", subcommand_metavar="PIPELINE [OPTIONS]"
    )
)


@cli.command("pipelines")
@click.pass_obj
def list_pipelines(session: Session) -> int:
    """List the project's pipelines."""
    project = session.project
    width = max((len(name) for name in project.pipelines), default=0)
    for name, listed in sorted(project.pipelines.items()):
        click.echo(f"{name:<{width}}  {listed.about}".rstrip())
    return 0


@cli.command()
@click.option("--port", default=5000, show_default=True, help="The port to listen on, on this machine only.")
@click.pass_obj
def ui(session: Session, port: int) -> int:
    """Open MLflow on this project's runs, metrics and model versions."""
    from levada.mlflow.ui import serve

    serve(session.project.store, session.project.tracking_uri, port)
    return 0


@cli.command()
@click.pass_obj
def sync(session: Session) -> int:
    """Tell MLflow what it has not been told yet."""
    from levada.mlflow.delivery import deliver_pending

    report = deliver_pending(session.project.store, session.project.tracking_uri)
    click.echo(str(report))
    return 1 if report.left else 0


@cli.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("node_id", metavar="NODE")
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def node(session: Session, plan: Path, node_id: str, run_id: str) -> int:
    """Run one node of a run that has started, from the run's PLAN file. Workers do the same."""
    import json

    from levada.node import run_node

    project = session.project
    project.make_importable()
    try:
        text = plan.read_text()
    except OSError as error:
        raise ProjectError(f"cannot read the plan {plan}: {error.strerror}.") from None
    result = run_node(Plan.loads(text), node_id, run_id, project.store)
    click.echo(json.dumps(result.to_json(), ensure_ascii=False))
    return 1 if result.status == "failed" else 3 if result.closed else 0


def execute(words: list[str]) -> int:
    """Run a command line and return the exit code. What stands behind `--` is kept for Beam."""
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
        error.show()
        return WRONG
    except click.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LevadaError as error:
        if debug:
            traceback.print_exc()
        else:
            click.echo(f"{type(error).__name__}: {error}", err=True)
        return WRONG
    except Exception as error:  # noqa: BLE001  the user's own code draws the pipeline
        if debug:
            traceback.print_exc()
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
