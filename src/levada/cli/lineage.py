"""`levada lineage`: where something came from, and what came of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from levada.artifact import ArtifactRecord
from levada.cli.completing import THING
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import LevadaError, StoreError, did_you_mean
from levada.history import History
from levada.history.versions import ModelVersion, Versions
from levada.registry import NAME

EXAMPLES = (
    "Name a version (models:/flights/3, @champion), an artifact (7f3a/train), a serving folder, "
    "a data file, a schema file, or the beginning of a digest."
)


@click.command()
@click.argument("thing", type=THING)
@click.option("--forward", is_flag=True, help="What came of it, instead of where it came from.")
@click.option("--full", is_flag=True, help="Whole digests, and every parameter.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_obj
def lineage(session: Session, thing: str, forward: bool, full: bool, as_json: bool) -> int:
    r"""Show where a THING came from, or what came of it.

    Back to data, code and commit, or forward to every model.

    \b
    levada lineage models:/flights/3     a version of a model, or models:/flights@champion
    levada lineage serving/flights       what is live in a serving folder
    levada lineage 7f3a/train            what a node of a run made
    levada lineage data/2013-01.csv      forward: every model that came of a file
    """
    history = history_of(session)
    found = _find(session, history, thing)
    if forward or found is None:
        return _forward(session, history, thing, found, full, as_json)
    from levada.history.lineage import Lineage
    from levada.terminal.lineage import origin_lines

    back = Lineage(history)
    origin = back.of_version(found) if isinstance(found, ModelVersion) else back.of_record(found)
    if as_json:
        print_json(origin.to_json())
    else:
        click.echo("\n".join(origin_lines(origin, history, full)))
    return 0


def _forward(
    session: Session,
    history: History,
    thing: str,
    found: ModelVersion | ArtifactRecord | None,
    full: bool,
    as_json: bool,
) -> int:
    from levada.history.descent import Descents
    from levada.terminal.lineage import descent_lines

    descents = Descents(history)
    if found is not None:
        record = found.record if isinstance(found, ModelVersion) else found
        digests = {record.digest}
    else:
        digests = descents.known(thing) or descents.known(_from_root(session.project.root, thing))
    if not digests:
        known = [*descents.names, *(version.name for version in Versions(history.store).all())]
        hint = did_you_mean(thing, [*known, *(name.rsplit("/", 1)[-1] for name in known)]) or EXAMPLES
        raise StoreError(f"no run made or read '{thing}'.", hint=_ways_on(history, thing) or hint)
    descent = descents.of(thing, digests)
    if as_json:
        print_json(descent.to_json())
    else:
        click.echo("\n".join(descent_lines(descent, history, full)))
    return 0


def _ways_on(history: History, thing: str) -> str:
    """Say what to write instead of a word that names a model, a pipeline or a run, empty for another one."""
    ways = [version.name for version in Versions(history.store).of(thing)[-1:]] if NAME.fullmatch(thing) else []
    with suppress(LevadaError):
        run = history.find(thing)
        ways += [f"{thing}/{run.node_ids[-1]}"] if run.node_ids else []
    return f"That names more than one thing: write {' or '.join(ways)}." if ways else ""


def _from_root(root: Path, thing: str) -> str:
    """Return a path as the project's files name it."""
    path = Path(os.path.abspath(thing))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _find(session: Session, history: History, thing: str) -> ModelVersion | ArtifactRecord | None:
    """Return the version or the artifact that a word names, None for a word that must be looked for in all runs."""
    version = Versions(history.store).find(thing)
    return version or _served(session, history, thing) or _of_run(history, thing)


def _served(session: Session, history: History, thing: str) -> ModelVersion | ArtifactRecord | None:
    """Return what a serving folder serves."""
    from levada.artifacts.pushed import ServingFolder

    location = thing if "://" in thing else str(session.project.root / thing)
    if "://" not in thing and not Path(location).is_dir():
        return None
    pointer = ServingFolder(location).pointer()
    if pointer is None:
        return None
    for found in Versions(history.store).of(pointer.model):
        if found.fingerprint == pointer.fingerprint:
            return found
    raise StoreError(
        f"{thing} serves {pointer.model} version {pointer.version}, which no run of {history.store.uri} made.",
        hint="It was pushed from another store: name that with --store.",
    )


def _of_run(history: History, thing: str) -> ArtifactRecord | None:
    """Return the artifact that `RUN/NODE` or `RUN/NODE/OUTPUT` names."""
    word, _, rest = thing.partition("/")
    if not rest:
        return None
    try:
        run = history.find(word)
    except LevadaError:
        return None
    node, output = (rest, "") if rest in run.node_ids else (rest.rpartition("/")[0], rest.rpartition("/")[2])
    if node not in run.node_ids:
        hint = did_you_mean(rest, run.node_ids) or f"It has {', '.join(run.node_ids)}."
        raise StoreError(f"run {history.short(run.id)} has no node '{rest}'.", hint=hint)
    result = run.result(node)
    outputs = result.outputs if result else {}
    if not outputs:
        raise StoreError(f"{node} of run {history.short(run.id)} made nothing.")
    if output and output not in outputs:
        hint = did_you_mean(output, outputs) or f"Its outputs: {', '.join(outputs)}."
        raise StoreError(f"{node} has no output '{output}'.", hint=hint)
    return outputs[output or next(iter(outputs))]
