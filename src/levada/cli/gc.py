"""`levada gc`: what nothing needs any more, shown or removed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from levada.cli.completing import RUN
from levada.cli.session import Session
from levada.history import History

if TYPE_CHECKING:
    from levada.garbage import Collection

DAY = 24 * 3600


@click.command()
@click.option("--delete", "--yes", "delete", is_flag=True, help="Remove it. Without this it is only shown.")
@click.option("--keep-runs", default=20, show_default=True, type=click.IntRange(0), help="Last runs of each pipeline.")
@click.option("--keep-days", default=7.0, show_default=True, type=click.FloatRange(0), help="Runs younger than this.")
@click.option(
    "--runs", multiple=True, type=RUN, metavar="RUN", help="Only this run, however young. May be given several times."
)
@click.option("--pipeline", default="", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--even-untold", is_flag=True, help="Also runs that MLflow has not been told of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def gc(
    session: Session,
    delete: bool,
    keep_runs: int,
    keep_days: float,
    runs: tuple[str, ...],
    pipeline: str,
    even_untold: bool,
    as_json: bool,
) -> int:
    """Show what nothing needs any more, or remove it.

    With --delete it is removed. Kept are the last runs of each pipeline, young runs, runs that go on, and every
    run behind a registered version, a promotion or a push that waits, each with all that it made and was made
    from.
    """
    from levada.garbage import Policy, collect
    from levada.recovery import close_killed_runs

    store = session.project.store
    close_killed_runs(store)
    untold: frozenset[str] = frozenset()
    if session.project.tracking_uri and not even_untold:
        from levada.mlflow.cursor import Cursors

        untold = frozenset(Cursors(store, session.project.tracking_uri).pending())
    history = History(store)
    runs = tuple(history.find(word).id for word in runs)
    found = collect(store, Policy(keep_runs, keep_days, runs, pipeline, untold), delete)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
    else:
        _show(found)
    return 0


def _show(found: Collection) -> None:
    from levada.terminal.sizes import in_bytes, plural

    heaps = {heap.kind: heap for heap in found.heaps if heap.sizes}
    verb = "removed" if found.deleted else "would remove"
    if not heaps:
        click.echo("Nothing to remove: everything in the store is needed.")
    else:
        made = sum(
            len(heap.sizes) for kind, heap in heaps.items() if kind in ("artifacts", "attempts that no run names")
        )
        of_runs = f" of {plural(len(found.runs), 'run')}" if found.runs else ""
        click.echo(f"{verb} {plural(made, 'artifact folder')}{of_runs}, {in_bytes(found.size)}\n")
    width = max((len(kind) for kind in heaps), default=0)
    for kind, heap in heaps.items():
        days = (time.time() - heap.oldest) / DAY
        age = f"oldest {days:.0f} days" if days >= 1.5 else f"oldest {days * 24:.0f} hours"
        shared = f", and {in_bytes(heap.shared)} that MLflow keeps" if heap.shared else ""
        click.echo(f"  {kind:<{width}}  {len(heap.sizes):>6}  {in_bytes(heap.size):>9}   {age}{shared}")
    if found.waiting:
        runs = sorted({run for waits in found.waiting.values() for run in waits})
        click.echo(
            f"\n{plural(len(found.waiting), 'artifact folder')} out of sight, until {', '.join(runs)} has ended: "
            "they go with the next `levada gc --delete`."
        )
    if found.kept:
        told = ", ".join(f"{count} {why}" for why, count in sorted(found.kept.items()))
        click.echo(f"\nkept   {plural(sum(found.kept.values()), 'run')}: {told}")
    if heaps and not found.deleted:
        click.echo("next   levada gc --delete   with the same options")
