"""`levada verify`: is everything in the store as it was made?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from levada.cli.completing import RUN
from levada.cli.session import Session

if TYPE_CHECKING:
    from levada.verification import Report


@click.command()
@click.argument("target", default="", type=RUN, metavar="[RUN|MODEL|models:/NAME/3|FOLDER]")
@click.option("--mend", is_flag=True, help="Put damaged files back from copies that are whole.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def verify(session: Session, target: str, mend: bool, as_json: bool) -> int:
    """Check that everything in the store is as it was made.

    All of it, a run, what is served of a model, a registered version, a serving folder, or an artifact. Every byte is
    read. Exits with 1 if something is missing, changed, or there although nobody made it.
    """
    from levada.pushing.moves import finish_all_moves
    from levada.recovery import close_killed_runs
    from levada.registry import Registry
    from levada.signing import policy_of
    from levada.verification import verify as verify_store

    store = session.project.store
    close_killed_runs(store)
    finish_all_moves(Registry(store))
    with ExitStack() as stack:
        seen: Callable[[int, int], None] = lambda done, total: None  # noqa: E731
        if sys.stderr.isatty() and not as_json:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
            task = progress.add_task("")

            seen = lambda done, total: progress.update(task, completed=done, total=total)  # noqa: E731

        report = verify_store(store, target, seen, mend, policy_of(session.project.root))
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1))
    else:
        _show(report)
    return 0 if report.is_intact else 1


def _show(report: Report) -> None:
    from levada.terminal.sizes import in_bytes, plural

    for finding in report.findings:
        click.echo(f"✗ {finding.said}")
        made = f"made by {finding.node} of run {finding.run}" if finding.node else ""
        part = f"part of {', '.join(finding.versions)}" if finding.versions else ""
        for line in (" · ".join(filter(None, (made, part))), finding.command or finding.remedy):
            if line:
                click.echo(f"    {line}")
    for text in report.mended:
        click.echo(f"✓ {text}")
    for note in report.notes:
        click.echo(f"! {note}")
    if report.findings or report.notes or report.mended:
        click.echo("")
    served = f" · {plural(report.served, 'served version')}" if report.served else ""
    click.echo(
        f"read {plural(report.artifacts, 'artifact')} with {plural(report.files, 'file')}, {in_bytes(report.size)} · "
        f"{plural(report.documents, 'document')}{served} · {report.seconds:.1f} s"
    )
    if report.is_intact:
        click.echo("Everything is as it was made.")
    else:
        click.echo(f"{plural(len(report.findings), 'thing')} not as made.")
        commands = list(dict.fromkeys(finding.command for finding in report.findings if finding.command))
        for number, command in enumerate(commands):
            click.echo(f"{'next' if not number else '    '}   {command}")
