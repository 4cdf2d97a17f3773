"""`levada run`, `levada plan`, `levada pipelines`: commands over the project's pipelines."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

import click

from levada.cli.arguments import options_of
from levada.cli.group import Group
from levada.cli.session import BEAM_OPTIONS, Session, session_of
from levada.kept_plans import keep_plan, kept_plan
from levada.plan import Plan
from levada.project import Project


class Pipelines(Group):
    """A group with a command for each pipeline of the project: `levada run flights`, `levada plan flights`."""

    def __init__(self, command_class: type[PipelineCommand], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._command_class = command_class

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(session_of(ctx).project.pipelines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        project = session_of(ctx).project
        return self._command_class(cmd_name, project, project.find_pipeline(cmd_name))


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
        if ctx.resilient_parsing:  # a shell asks for completions
            with suppress(Exception):
                self._show_pipeline()
            return super().parse_args(ctx, args)
        if any(word in ("-h", "--help") for word in args):
            self._show_pipeline()
            return super().parse_args(ctx, args)
        ctx.ignore_unknown_options = True
        ctx.allow_extra_args = True
        super().parse_args(ctx, args)
        self.plan = plan_from_words(self.project, self.reference, list(ctx.args), ctx, self.own)
        ctx.args = []
        return []

    def _show_pipeline(self) -> None:
        pipeline = self.project.load_pipeline(self.reference)
        self.params = [*options_of(pipeline), *self.own]
        self.help = f"{self.about}\n\n{_prose(pipeline.function.__doc__ or '')}"

    def invoke(self, ctx: click.Context) -> Any:
        assert self.plan is not None
        return self.act(session_of(ctx), self.plan, ctx.meta.get(BEAM_OPTIONS, ()), **ctx.params)

    def act(self, session: Session, plan: Plan, beam_options: tuple[str, ...], **options: Any) -> int:
        raise NotImplementedError


def plan_from_words(
    project: Project, reference: str, words: list[str], ctx: click.Context, own: tuple[click.Option, ...] = ()
) -> Plan:
    """Return the plan of a pipeline with command-line words as its arguments: a kept one, or drawn now.

    Raises click.UsageError for words that are not its arguments; `own` are a command's options to show beside them.
    """
    plan = kept_plan(project, reference, words)
    if plan is None:
        pipeline = project.load_pipeline(reference)
        inner = click.Command(ctx.command.name, params=[*options_of(pipeline), *own])
        given = inner.make_context(ctx.info_name, list(words), parent=ctx.parent)
        taken = {option.name for option in own}
        arguments = {name: value for name, value in given.params.items() if name not in taken}
        plan = pipeline.plan_from(project.root, **arguments)
        keep_plan(project, plan, words)
    return plan


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
        click.Option(
            ["--resume"],
            is_flag=True,
            help="Go on with the last run, if it was cut short, also where nothing is cached.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object an event."),
    )

    def act(self, session: Session, plan: Plan, beam_options: tuple[str, ...], **options: Any) -> int:
        from levada.cli.running import request_of, run_and_show

        session.notice_killed()
        as_json = options.pop("as_json")
        request = request_of(session.project, plan, beam_options, **options)
        return run_and_show(session.project, request, session.debug, as_json)


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


run = Pipelines(
    RunCommand,
    name="run",
    help="Run a pipeline.\n\nEverything behind `--` goes to Beam: levada run flights -- --runner=FlinkRunner",
    subcommand_metavar="PIPELINE [OPTIONS] [-- BEAM OPTIONS]",
)
plan = Pipelines(
    PlanCommand, name="plan", help="Print or draw a pipeline's plan.", subcommand_metavar="PIPELINE [OPTIONS]"
)


@click.command("pipelines")
@click.pass_obj
def list_pipelines(session: Session) -> int:
    """List the project's pipelines."""
    project = session.project
    width = max((len(name) for name in project.pipelines), default=0)
    for name, listed in sorted(project.pipelines.items()):
        click.echo(f"{name:<{width}}  {listed.about}".rstrip())
    for error in project.broken:
        click.echo(f"note: {error}", err=True)
    if not project.pipelines and not project.broken:
        click.echo(f"note: none of {', '.join(project.packages)} has a function with @pipeline.", err=True)
    return 2 if project.broken else 0
