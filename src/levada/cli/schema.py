"""`levada schema`: what data should look like, proposed from what a run saw, compared, and kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from levada.cli.completing import NODE, RUN
from levada.cli.group import Group
from levada.cli.history import history_of, print_json
from levada.cli.session import Session
from levada.errors import DataError, StoreError, did_you_mean
from levada.files import replace

if TYPE_CHECKING:
    from levada.artifacts import Statistics

SUFFIX = ".pbtxt"
FOLDER = "schemas"


@click.group(cls=Group)
def schema() -> None:
    """Propose a schema, compare, accept, show it."""


@schema.command("infer")
@click.argument("run", type=RUN, default="last")
@click.argument("node", type=NODE, required=False)
@click.option("--ranges", is_flag=True, help="Propose the least and greatest number as bounds.")
@click.option(
    "--max-domain", type=click.IntRange(0), default=50, show_default=True, help="The most values of a domain."
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A new file, instead of printing."
)
@click.pass_obj
def infer_command(
    session: Session, run: str, node: str | None, ranges: bool, max_domain: int, output: Path | None
) -> int:
    """Propose a schema from the statistics that RUN made, as if there were none yet.

    RUN is a run or a pipeline (its last run); NODE the node that made the statistics, where several did. Nothing is
    computed again.
    """
    from levada.artifacts.schema import schema_text

    seen = _Seen(session, run, node)
    text = _heading(seen) + schema_text(seen.infer(ranges, max_domain))
    if output is None:
        click.echo(text, nl=False)
        return 0
    if output.exists():
        raise DataError(f"{output} is there already.", hint=f"levada schema diff {run} --schema {output} compares.")
    _write(output, text)
    click.echo(f"wrote {output}")
    return 0


@schema.command("diff")
@click.argument("words", metavar="[RUN [NODE] | FILE FILE]", nargs=-1, type=RUN)
@click.option("--schema", "file", type=click.Path(path_type=Path), help="The schema file, if the run names none.")
@click.option("--fresh", is_flag=True, help="Against what would be proposed if there were no schema yet.")
@click.option("--ranges", is_flag=True, help="Propose bounds for columns that are new.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_obj
def diff_command(
    session: Session, words: tuple[str, ...], file: Path | None, fresh: bool, ranges: bool, as_json: bool
) -> int:
    r"""Show how the project's schema would change to let the data of a run through.

    \b
    levada schema diff                last run, against the file it was checked with
    levada schema diff flights        the last run of flights
    levada schema diff a.pbtxt b.pbtxt   two files
    """
    from levada.schemas.difference import difference
    from levada.terminal.schema import difference_lines

    if len(words) == 2 and all(word.endswith(SUFFIX) for word in words):
        left, right = (_read(Path(word)) for word in words)
        names = words
    else:
        if len(words) > 2:
            raise click.UsageError("wanted RUN [NODE], or two files.")
        seen = _Seen(session, words[0] if words else "last", words[1] if len(words) == 2 else None)
        place = seen.file(file)
        left = _read(place)
        right = seen.infer(ranges, notes=left) if fresh else _wider(seen, left, ranges)
        names = (_shown(session, place), f"what run {seen.short} saw")
    changes = difference(left, right)
    if as_json:
        print_json({"from": names[0], "to": names[1], "changes": [change.to_json() for change in changes]})
        return 0
    for line in difference_lines(changes, *names):
        click.echo(line)
    if changes and not fresh and not names[1].endswith(SUFFIX):
        click.echo(f"\nnext   levada schema accept {' '.join(words)}".rstrip())
    return 0


@schema.command("accept")
@click.argument("run", type=RUN, default="last")
@click.argument("node", type=NODE, required=False)
@click.option("--schema", "file", type=click.Path(path_type=Path), help="The schema file, if the run names none.")
@click.option(
    "--column", "chosen", multiple=True, help="Only what differs for this column. May be given several times."
)
@click.option("--ranges", is_flag=True, help="Propose bounds for columns that are new.")
@click.pass_obj
def accept_command(
    session: Session, run: str, node: str | None, file: Path | None, chosen: tuple[str, ...], ranges: bool
) -> int:
    """Write into the project's schema file what lets the data of RUN through, as `levada schema diff` shows it.

    Only the fields that differ are written; comments and order stay. A file that is not there yet is made.
    """
    from levada.artifacts.schema import schema_text
    from levada.schemas.difference import difference
    from levada.schemas.editing import edit
    from levada.terminal.schema import difference_lines

    seen = _Seen(session, run, node)
    place = seen.file(file)
    name = _shown(session, place)
    if not place.exists():
        _write(place, _heading(seen) + schema_text(seen.infer(ranges)))
        click.echo(f"wrote {name}: read it and correct it; `levada schema show {name}` shows it.")
        return 0
    kept = _read(place)
    wider = _wider(seen, kept, ranges)
    wanted = _only(kept, wider, chosen) if chosen else wider
    changes = difference(kept, wanted)
    if not changes:
        click.echo(f"{name} lets through what run {seen.short} saw: nothing to write.")
        return 0
    _write(place, edit(place.read_text(encoding="utf-8"), wanted, name))
    for line in difference_lines(changes, name, f"what run {seen.short} saw"):
        click.echo(line)
    click.echo(f"\nwrote {name}")
    return 0


@schema.command("show")
@click.argument("thing", metavar="[FILE|RUN]", type=RUN, required=False)
@click.option("--json", "as_json", is_flag=True, help="As a JSON document.")
@click.pass_obj
def show_command(session: Session, thing: str | None, as_json: bool) -> int:
    """Show a schema as a table: a file, or the one that a RUN was checked with. Without either, the project's."""
    from levada.terminal.schema import schema_lines

    place = _file_of(session, thing)
    found = _read(place)
    if as_json:
        from google.protobuf.json_format import MessageToDict

        print_json(MessageToDict(found, preserving_proto_field_name=True))
        return 0
    for line in schema_lines(found, _shown(session, place)):
        click.echo(line)
    return 0


class _Seen:
    """What a run saw: its statistics, from the store."""

    def __init__(self, session: Session, word: str, node: str | None = None) -> None:
        from levada.artifact import made
        from levada.artifacts import Statistics
        from levada.history.profiles import find_statistics, kept_schema

        history = history_of(session)
        run = history.find(word)
        self.short = history.short(run.id)
        self.pipeline = run.pipeline
        self.root = session.project.root
        self.node, record = find_statistics(run, node, self.short)
        self.kept = kept_schema(run, self.node)
        found = made(record, history.store)
        assert isinstance(found, Statistics)
        self.statistics: Statistics = found

    def infer(self, ranges: bool, max_domain: int = 50, notes: Any = None) -> Any:
        """Return what would be proposed if there were no schema but people's notes: `notes`, else the run's own."""
        from levada.artifacts.annotations import keep_notes
        from levada.schemas.inference import infer

        proposal = infer(self.statistics, max_domain=max_domain, ranges=ranges)
        kept = self.root / self.kept
        if notes is None and self.kept and kept.is_file():
            notes = _read(kept)
        if notes is not None:
            keep_notes(proposal, notes)
        return proposal

    def file(self, named: Path | None) -> Path:
        """Return the schema file that is meant; raises StoreError if the run has none and none is named."""
        if named is not None:
            return named
        if not self.kept:
            raise StoreError(
                f"run {self.short} does not hold {self.node} against a schema file.",
                hint=f"Name it: --schema {FOLDER}/{self.pipeline}{SUFFIX}.",
            )
        return self.root / self.kept


def _wider(seen: _Seen, kept: Any, ranges: bool) -> Any:
    from levada.schemas.widening import widen

    return widen(kept, seen.statistics, ranges=ranges)


def _only(kept: Any, wider: Any, chosen: tuple[str, ...]) -> Any:
    """Return the kept schema with the chosen columns as they are in the other; raises DataError for an unknown one."""
    before = {feature.name: feature for feature in kept.feature}
    after = {feature.name: feature for feature in wider.feature}
    for name in chosen:
        if name not in before and name not in after:
            raise DataError(f"there is no column '{name}'.", hint=did_you_mean(name, [*before, *after]))
    wanted = type(kept)()
    wanted.CopyFrom(kept)
    del wanted.feature[:]
    for name, feature in before.items():
        taken = after.get(name) if name in chosen else feature
        if taken is not None:
            wanted.feature.append(taken)
    wanted.feature.extend(after[name] for name in chosen if name in after and name not in before)
    shared = {feature.domain for name, feature in after.items() if name in chosen and feature.HasField("domain")}
    for mine, theirs in zip(wanted.string_domain, wider.string_domain, strict=True):
        if mine.name in shared:
            mine.CopyFrom(theirs)
    return wanted


def _file_of(session: Session, thing: str | None) -> Path:
    root = session.project.root
    if thing is None:
        files = sorted((root / FOLDER).glob(f"*{SUFFIX}"))
        if len(files) == 1:
            return files[0]
        names = ", ".join(f"{FOLDER}/{path.name}" for path in files)
        raise DataError(
            f"{FOLDER}/ has {len(files)} schemas." if files else f"there is no schema in {FOLDER}/.",
            hint=f"Say which: {names}." if files else "levada schema accept RUN --schema FILE makes one.",
        )
    if thing.endswith(SUFFIX):
        return Path(thing)
    return _Seen(session, thing).file(None)


def _read(place: Path) -> Any:
    from levada.artifacts.schema import parse_schema

    if not place.is_file():
        there = [str(path) for path in sorted(place.parent.glob(f"*{SUFFIX}"))] if place.parent.is_dir() else []
        hint = did_you_mean(str(place), there) or "levada schema accept RUN --schema FILE makes one."
        raise DataError(f"there is no file {place}.", hint=hint)
    return parse_schema(place.read_text(encoding="utf-8"), str(place))


def _shown(session: Session, place: Path) -> str:
    """Return a path as one would type it from here."""
    return os.path.relpath(place) if place.resolve().is_relative_to(session.project.root) else str(place)


def _heading(seen: _Seen) -> str:
    rows = sum(seen.statistics.rows(split) for split in seen.statistics.splits)
    return f"# Proposed from what run {seen.short} of {seen.pipeline} saw: {rows:,} rows. Read it and correct it.\n\n"


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    replace(place, text.encode())
