"""`levada logs`: what a node wrote."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import click

from levada.cli.completing import NODE, RUN
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import StoreError
from levada.history.items import find_item, items_by_label

if TYPE_CHECKING:
    from levada.history import History, RunRecord
    from levada.history.run import Log

PIECE = 1 << 16  # bytes in memory at a time, however long a line is
SECONDS = 0.3  # between looks at a log that grows


@click.command()
@click.argument("run", type=RUN)
@click.argument("node", type=NODE)
@click.option("--item", metavar="ITEM", help="This item of a mapped node: its label, or how its id begins.")
@click.option("--attempt", metavar="N", help="The first, second, ... attempt instead of the last; or its id.")
@click.option("--attempts", "listed", is_flag=True, help="List the attempts instead.")
@click.option("--worker", type=int, metavar="N", help="What worker N (from 0) of a training wrote.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the node has ended.")
@click.option("--json", "as_json", is_flag=True, help="With --attempts: as a JSON list.")
@click.pass_obj
def logs(
    session: Session,
    run: str,
    node: str,
    item: str | None,
    attempt: str | None,
    listed: bool,
    worker: int | None,
    follow: bool,
    as_json: bool,
) -> int:
    r"""Print what a node of a run wrote.

    Standard output, standard error, and ctx.log, of its last attempt.

    \b
    levada logs last train
    levada logs 7f3a train --attempt 1
    levada logs 7f3a train --worker 1
    levada logs 7f3a train --follow
    """
    history = history_of(session)
    found = history.find(run)
    found.plan.node(node)
    item_id = ""
    if item is not None:
        item_id = find_item(found, node, item)
    if listed:
        from levada.terminal.logs import attempt_form, attempts_table

        known = found.logs(node, item_id) if item_id else found.all_logs(node)
        if as_json:
            print_json([attempt_form(found, node, log) for log in known])
        else:
            click.echo("\n".join(attempts_table(found, node, known)))
        return 0
    out = sys.stdout.buffer
    sys.stdout.flush()
    if follow:
        _follow(found, node, item_id, out)
        return 0
    if _wrote_nothing(found, node, item_id):
        click.echo(f"{node} wrote nothing in run {history.short(found.id)}.", err=True)
        return 0
    chosen = _chosen(found, node, item_id, attempt, history)
    if worker is not None:
        chosen = _of_worker(found, node, chosen, worker)
    for piece in _pieces(found, chosen, 0):
        out.write(piece)
    out.flush()
    count = len(found.logs(node, item_id))
    if count > 1 and attempt is None:
        click.echo(f"({count} attempts: this was the last; --attempts lists them)", err=True)
    return 0


def _pieces(run: RunRecord, log: Log, start: int) -> Iterator[bytes]:
    while piece := run.store.read_part(log.key, start, PIECE):
        yield piece
        start += len(piece)


def _chosen(run: RunRecord, node: str, item: str, attempt: str | None, history: History) -> Log:
    """Return the log that was asked for; raises StoreError saying why there is none."""
    known = run.logs(node, item)
    if not known:
        raise _nothing(run, node, item, history)
    if attempt is None:
        return known[-1]
    if attempt.isdecimal() and 1 <= int(attempt) <= len(known):
        return known[int(attempt) - 1]
    fitting = [log for log in known if log.attempt.endswith(attempt)] if not attempt.isdecimal() else []
    if len(fitting) == 1:
        return fitting[0]
    raise StoreError(
        f"{node} has no attempt '{attempt}'.",
        hint=f"It has {len(known)}: --attempt 1{f' to {len(known)}' if len(known) > 1 else ''}.",
    )


def _of_worker(run: RunRecord, node: str, log: Log, worker: int) -> Log:
    """Return the log of a worker of an attempt; raises StoreError, saying which there are, if it has none."""
    folder = log.key.removesuffix(".log")
    names = sorted(key.rsplit("/", 1)[1] for key in run.store.list(folder))
    if f"worker-{worker}.log" not in names:
        count = sum(name.startswith("worker-") for name in names)
        hint = f"It had {count}: --worker 0{f' to {count - 1}' if count > 1 else ''}." if count else ""
        raise StoreError(f"{node} had no worker {worker} in this attempt.", hint=hint)
    return replace(log, key=f"{folder}/worker-{worker}.log")


def _nothing(run: RunRecord, node: str, item: str, history: History) -> StoreError:
    result = run.result(node)
    short = history.short(run.id)
    if result is not None and result.status == "cached":
        made_by = history.short(result.made_by)
        return StoreError(
            f"{node} was cached in run {short}, so it wrote nothing there.", hint=f"Try: levada logs {made_by} {node}"
        )
    if result is not None and result.status == "skipped":
        return StoreError(f"{node} was skipped in run {short}: {result.reason}.")
    items = list(dict.fromkeys(each for log in run.all_logs(node) if (each := log.item)))
    if items and not item:
        labels = {each: label for label, each in items_by_label(run, node).items()}
        label = labels.get(items[0], "")
        first = shlex.quote(label) if label.isprintable() and label else items[0][:8]
        return StoreError(
            f"{node} of run {short} ran once an item, and {len(items)} of the {len(labels)} wrote something: name one.",
            hint=f"Try: levada logs {short} {node} --item {first}   (--attempts lists them)",
        )
    return StoreError(f"{node} has not started in run {short}.")


def _wrote_nothing(run: RunRecord, node: str, item: str) -> bool:
    """Whether a node ran, or runs, and has left no log."""
    result = run.result(node)
    if result is not None and result.status in ("cached", "skipped"):
        return False
    began = result is not None or node in run.started_nodes()
    return began and not (run.logs(node, item) if item else run.all_logs(node))


def _follow(run: RunRecord, node: str, item: str, out: BinaryIO) -> None:
    """Copy what is written, attempt after attempt, until the node or its run has ended."""
    read: dict[str, int] = {}
    while True:
        fresh = type(run)(run.store, run.id, run.facts)  # what a record has read it keeps
        ended = fresh.end is not None or (fresh.result(node) is not None and not item)
        ended = ended or (bool(item) and item in fresh.items(node))
        for log in fresh.logs(node, item):
            for piece in _pieces(fresh, log, read.get(log.key, 0)):
                out.write(piece)
                read[log.key] = read.get(log.key, 0) + len(piece)
        out.flush()
        if ended:
            return
        time.sleep(SECONDS)
