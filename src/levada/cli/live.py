"""`levada history`: what was live when."""

from __future__ import annotations

from dataclasses import asdict

import click

from levada.cli.completing import MODEL
from levada.cli.history import print_json
from levada.cli.session import Session


@click.command()
@click.argument("model", type=MODEL)
@click.option("--at", "moment", metavar="WHEN", help="What was live then: 2026-11-24, 2026-11-24T10:15, 2h, 3d.")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@click.pass_obj
def history(session: Session, model: str, moment: str | None, count: int, as_json: bool) -> int:
    """Tell what of MODEL was live when.

    Newest first: who brought it there, and why.
    """
    from levada.history.live import stretches
    from levada.history.moments import on_the_clock, since
    from levada.pushing.by_hand import known_model
    from levada.registry import Registry

    store = session.project.store
    session.notice_killed()
    known_model(Registry(store), model)
    found = stretches(store, model)[::-1]
    if moment is not None:
        then = since(moment)
        found = [stretch for stretch in found if stretch.has(then)]
    found = found[:count]
    if as_json:
        print_json([{"model": model, **asdict(stretch)} for stretch in found])
        return 0
    if found:
        from levada.terminal.promotions import stretches_table

        click.echo("\n".join(stretches_table(found)))
    elif moment is not None:
        click.echo(f"nothing of {model} was live on {on_the_clock(since(moment))}")
    else:
        click.echo(f"nothing of {model} was ever live")
    return 0
