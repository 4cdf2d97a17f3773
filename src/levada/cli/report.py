"""`levada report`: what a node made, as a page or as a table: profile, comparison, validation, evaluation."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from levada.cli.completing import NODE, RUN
from levada.cli.history import history_of
from levada.cli.session import Session
from levada.errors import LevadaError

if TYPE_CHECKING:
    from levada.artifacts.statistics import Statistics
    from levada.history import History, RunRecord
    from levada.reports import AnyReport, Report

KIND = ".html"


@click.command()
@click.argument("run", type=RUN)
@click.argument("node", type=NODE, required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="An .html file; else a table.")
@click.option("--open", "opens", is_flag=True, help="Show the page in the browser.")
@click.option("--compare", nargs=2, metavar="LEFT RIGHT", help="Hold two splits against each other, worst first.")
@click.option("--against", metavar="RUN/NODE", help="Hold against the statistics of another node, or of another run.")
@click.option("--slice", "slices", multiple=True, metavar="SLICE", help="Only these rows: origin=EWR.")
@click.option("--hide", multiple=True, metavar="COLUMN", help="Show no values of this column.")
@click.pass_obj
def report(
    session: Session,
    run: str,
    node: str | None,
    output: Path | None,
    opens: bool,
    compare: tuple[str, str] | None,
    against: str | None,
    slices: tuple[str, ...],
    hide: tuple[str, ...],
) -> int:
    r"""Show a report of a node on what it found.

    On statistics, anomalies, drift, a study, an evaluation, a compression. Without NODE, of the first that has one.

    \b
    levada report last profile                        a table in the terminal
    levada report last profile -o profile.html        a page: one file, nothing is fetched
    levada report last profile --open                 the page, in the browser
    levada report last profile --compare train eval   one split against another
    levada report last profile --against 7f3a         against the same node of another run
    """
    if output is not None and output.suffix != KIND:
        raise LevadaError(f"{output} is not an .html file.", hint=f"Write -o {output.with_suffix(KIND)}.")
    history = history_of(session)
    session.project.make_importable()  # an artifact's type may be the project's
    found = history.find(run)
    reports: dict[str, AnyReport]
    if slices:
        reports = {"profile": _sliced(found, node, slices)}
    elif compare or against:
        reports = {"comparison": _comparison(history, found, node, compare, against)}
    else:
        reports = _reports(found, node)
    reports = {name: each.hiding(hide) for name, each in reports.items()}
    if output is None and not opens:
        _print(reports)
        return 0
    for place, (name, each) in enumerate(reports.items()):
        target = output or _private(found.id) / f"{_word(each.title)}-{name}{KIND}"
        _write(each, target.with_stem(f"{target.stem}-{name}") if output and place else target, opens)
    return 0


def _reports(run: RunRecord, node: str | None) -> dict[str, AnyReport]:
    """Return the reports of a node, or of the first one that has any."""
    from levada.reports.of_run import reports_of, shown_in

    nodes = [run.plan.node(node)] if node is not None else list(run.plan.nodes)
    for each in nodes:
        reports = reports_of(run, each)
        if reports:
            return reports
    shown = [each.id for each in run.plan.nodes if (made := run.result(each.id)) and any(shown_in(made.outputs))]
    hint = (
        f"These have: {', '.join(shown)}."
        if shown
        else "Nodes that make Statistics, Anomalies, a DriftReport, a Study, an Evaluation or a Compression have one."
    )
    where = f"node {node} of run {run.id}" if node is not None else f"run {run.id}"
    raise LevadaError(
        f"{where} has made nothing that there are reports on.",
        hint=hint,
    )


def _sliced(run: RunRecord, node: str | None, slices: tuple[str, ...]) -> Report:
    """Return the report on slices: of one, its splits beside each other; of several, these beside each other."""
    from levada.reports import profile_report, side_of
    from levada.reports.of_run import sensitive_in

    found, statistics = _statistics(run, node)
    first, *others = slices
    if others:
        sides = [side_of(statistics, _usual(statistics), slice=name) for name in slices]
    else:
        having = [split for split in statistics.splits if first in statistics.slices(split)]
        sides = [side_of(statistics, split, split, first) for split in having or [_usual(statistics)]]
    title = " · ".join([run.pipeline, found, " beside ".join(slices)])
    return profile_report(sides, title=title, about=[f"run {run.id}"], sensitive=sensitive_in(run))


def _comparison(
    history: History, run: RunRecord, node: str | None, compare: tuple[str, str] | None, against: str | None
) -> Report:
    from levada.reports import comparison_report, side_of
    from levada.reports.of_run import sensitive_in

    left_node, left = _statistics(run, node)
    other, right_node, right = run, left_node, left
    if against:
        word, _, inside = against.partition("/")
        if word in run.node_ids and not inside:
            word, inside = run.id, word
        other = history.find(word)
        right_node, right = _statistics(other, inside or left_node)
    splits = compare or (_usual(left), _usual(right))
    names = [left_node, right_node] if other.id == run.id else [history.short(run.id), history.short(other.id)]
    labels = list(splits) if not against else [f"{split} of {name}" for split, name in zip(splits, names, strict=True)]
    return comparison_report(
        side_of(left, splits[0], labels[0]),
        side_of(right, splits[1], labels[1]),
        title=f"{run.pipeline} · {labels[0]} against {labels[1]}",
        about=list(dict.fromkeys([f"run {run.id}, {left_node}", f"run {other.id}, {right_node}"])),
        sensitive=sensitive_in(run) | sensitive_in(other),
    )


def _usual(statistics: Statistics) -> str:
    return "train" if "train" in statistics.splits else statistics.splits[0]


def _statistics(run: RunRecord, node: str | None) -> tuple[str, Statistics]:
    """Return statistics and the node that made them: the one named, or the first that made any."""
    from levada.reports.of_run import statistics_of

    for each in [run.plan.node(node)] if node is not None else run.plan.nodes:
        statistics = statistics_of(run, each)
        if statistics is not None:
            return each.id, statistics
    raise LevadaError(f"{f'node {node}' if node else 'no node'} of run {run.id} made statistics to compare.")


def _print(reports: Mapping[str, AnyReport]) -> None:
    from levada.terminal.reports import report_text

    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((140, 40)).columns if is_terminal else 140
    texts = [report_text(each, max(width, 60), colours=is_terminal) for each in reports.values()]
    click.echo("\n\n".join(texts))


def _private(run_id: str) -> Path:
    """Return where pages of a run lie that are only to be looked at."""
    from levada.store.temporary import private_folder

    folder = private_folder("reports") / run_id
    folder.mkdir(exist_ok=True)
    return folder


def _word(title: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title).split())


def _write(report: AnyReport, path: Path, opens: bool) -> None:
    from levada.reports import page_of

    try:
        path.write_text(page_of(report), encoding="utf-8")
    except OSError as error:
        raise LevadaError(f"cannot write {path}: {error.strerror}.") from None
    click.echo(str(path))
    if opens:
        click.launch(path.absolute().as_uri())
