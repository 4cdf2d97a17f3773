"""`levada run`: a run with its readers, and what is shown of it."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

from levada.ending import STATUS
from levada.history import History
from levada.lease import take
from levada.mlflow.delivery import MlflowReader, deliver_pending
from levada.plan import External, Plan, leaves
from levada.process import adopt_orphans, kill_children
from levada.project import Project
from levada.readers import guests
from levada.registry import Registry
from levada.run import Outcome, Reader, Request, exit_code_of, run
from levada.store import Store
from levada.terminal.quiet import UntilClosed, quieten
from levada.terminal.sizes import plural

if TYPE_CHECKING:
    from rich.console import Console


def request_of(
    project: Project,
    plan: Plan,
    beam_options: tuple[str, ...],
    jobs: int | None,
    no_cache: bool,
    fresh: tuple[str, ...],
    resume: bool,
) -> Request:
    """Return what is to be run, from the command's options and the project's settings."""
    settings = project.settings
    return Request(
        plan=plan,
        store=project.store,
        root=project.root,
        code_digest=project.code_digest,
        packages=project.packages,
        jobs=jobs or settings.jobs,
        beam_options=(*settings.beam, *beam_options),
        fresh=fresh,
        use_cache=settings.cache != "off" and not no_cache,
        write_cache=settings.cache == "read-write",
        resume=resume,
        command=shlex.join([_program(), *sys.argv[1:]]),
    )


def run_and_show(project: Project, request: Request, debug: bool, as_json: bool) -> int:
    """Run a plan, show how it goes and what came out, and return the exit code."""
    quieten()
    adopt_orphans()
    atexit.register(kill_children)
    try:
        code = _run_and_show(project, request, debug, as_json)
    except KeyboardInterrupt as interrupt:
        code = exit_code_of(interrupt)
    return _leave(code)


def _run_and_show(project: Project, request: Request, debug: bool, as_json: bool) -> int:
    project.make_importable()
    asked = _ask_for_approvals(project, request)
    mlflow = MlflowReader(project.store, project.tracking_uri, project.root)
    others = guests(request)
    readers: list[Reader] = [mlflow, *others]
    out = cast("TextIO", UntilClosed(sys.stdout))  # the stream of now: while nodes run, sys.stdout is where they write
    if as_json:
        from levada.terminal.lines import JsonReader

        request.readers = [*readers, JsonReader(out)]
        request.say = lambda text: click.echo(text, err=True)
        return run(request).exit_code
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False, soft_wrap=not out.isatty())
    request.say = lambda text: console.print(Text(text, "dim"))
    with _undisturbed(project.store, request.run_id, debug):
        outcome = _run_in_terminal(request, readers, console)
    if debug:
        _print_tracebacks(outcome)
    from levada.terminal.summary import show_summary

    notes = [*asked, *mlflow.notes, *(guest.trouble for guest in others if guest.trouble)]
    history = History(project.store)
    if request.resume and (record := history.get(request.run_id)) is not None and not record.facts.get("resumes"):
        name = request.plan.pipeline
        notes.append(f"--resume had nothing to go on with: the last run of {name} was neither killed nor failed.")
    show_summary(outcome, console, request.command, notes, history.short(request.run_id))
    return outcome.exit_code


def _ask_for_approvals(project: Project, request: Request) -> list[str]:
    """Read what people decided in MLflow, if a node of the plan waits for it; return lines for the user.

    It is part of what a run starts from, so it is read before.
    """
    registry = Registry(project.store)
    waiting = [
        binding.reference
        for node in request.plan.nodes
        for bound in node.inputs.values()
        for binding in leaves(bound)
        if isinstance(binding, External)
        and binding.reference.startswith("decisions:")
        and registry.approvals_asked(binding.reference.removeprefix("decisions:"))
    ]
    if not waiting or not project.tracking_uri:
        return []
    report = deliver_pending(project.store, project.tracking_uri, project.root)
    return [line for line in (*report.said, report.trouble) if line]


def _leave(code: int) -> int:
    """Return the exit code; if something still runs that nobody waits for, end it with this process at once.

    A Beam job cannot be cancelled, nor a thread that a component started and never joined. Processes that nodes left
    behind end with the run, however it ended.
    """
    alive = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    if STATUS[code] == "killed" or alive:
        kill_children()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _program() -> str:
    """Return what to type for `levada` here: its path, unless a shell finds it by name."""
    called = Path(sys.argv[0])
    if called.name != "levada" or shutil.which("levada"):
        return "levada"
    return os.path.relpath(called)


def _undisturbed(store: Store, run_id: str, debug: bool) -> AbstractContextManager[object]:
    """Let what libraries write to standard error go to a file of the run, unless it is asked for."""
    if debug or store.local is None:
        return nullcontext()
    from levada.terminal.quiet import stderr_into

    take(store, run_id)
    return stderr_into(store.local / "runs" / run_id / "stderr.log")


def _heading(request: Request) -> str:
    plan, store = request.plan, request.store
    shown = os.path.relpath(store.uri) if store.local else store.uri
    nodes = plural(len(plan.nodes), "node")
    return f"{plan.pipeline} · run {request.run_id} · {nodes} · plan {plan.digest[:6]} · store {shown}\n"


def _run_in_terminal(request: Request, readers: list[Reader], console: Console) -> Outcome:
    if console.is_terminal:
        from levada.terminal.live import LiveReader

        with LiveReader(request.plan, console, _heading(request)) as live:
            request.readers = [live, *readers]
            return run(request)
    from levada.terminal.lines import LineReader

    request.readers = [LineReader(request.plan, cast("TextIO", console.file), _heading(request)), *readers]
    return run(request)


def _print_tracebacks(outcome: Outcome) -> None:
    failures = [result.failure for result in outcome.results.values()] + [outcome.error]
    for failure in failures:
        if failure is not None:
            sys.stderr.write(failure.traceback)
