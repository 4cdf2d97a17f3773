"""Dividing what sources hold into splits, part by part: here one after the other, or each by a worker of its own.

A part's rows are written under the types known so far; parts whose types turn out to be others are done again. What is
written depends on the parts alone, so it is the same whoever does them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from levada.artifacts.examples import SplitFiles
from levada.errors import DataError
from levada.splits.quarantine import Tolerance, too_many
from levada.splits.rule import NOWHERE, Rule
from levada.tables.reading import Part, Read, Reading, Rejects, TooManyRejected, read_all, read_part
from levada.tables.types import stored_schema

if TYPE_CHECKING:
    import pyarrow as pa


class Source(Part, Protocol):
    """A `levada.sources.source.Source`, as far as it is used here."""

    def parts(self, root: Path) -> Any: ...

    def settle(self, root: Path, findings: list[dict[str, Any]], *, tolerant: bool) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Task:
    """One part, and where its rows go; with `survey` they are only looked at. `most` limits what is put aside."""

    number: int
    part: Any
    root: Path
    rule: Rule
    survey: bool
    tolerant: bool
    most: int | None


@dataclass
class Outcome(Read):
    """What came of a task: `files` by split lie below `folder`, with `rows` each; `rejects` are rows put aside."""

    folder: Path
    rows: dict[str, int]
    files: dict[str, list[str]]
    rejects: pa.Table | None = None
    survey: pa.Table | None = None
    overflow: bool = False


Heard = Callable[[int], None]


def perform(task: Task, types: pa.Schema | None, folder: Path, heard: Heard) -> Outcome:
    """Do a task: read its part, and leave its rows in `folder`. A DataError becomes the outcome's fault."""
    import pyarrow as pa

    sink = _SurveySink(task, heard) if task.survey else _SplitSink(task, folder, heard)
    outcome = Outcome(types, None, {}, None, folder, {}, {})
    rejects = Rejects(task.most) if task.tolerant else None
    reading = Reading(types, rejects)
    try:
        schema, reading = read_part(task.part, task.root, reading, sink)
        outcome.schema, outcome.findings = schema, reading.findings
    except DataError as fault:
        outcome.fault = fault
    except TooManyRejected:
        outcome.overflow = True
    if isinstance(sink, _SplitSink):
        outcome.rows, outcome.files = sink.close()
    elif sink.seen:
        outcome.survey = pa.concat_tables(sink.seen)
    rejected = [held.table() for held in (reading.rejects, rejects if outcome.overflow else None, sink.strays) if held]
    outcome.rejects = pa.concat_tables(rejected) if rejected else None
    return outcome


class _SurveySink:
    """Looks at rows so that the rule can be settled."""

    def __init__(self, task: Task, heard: Heard) -> None:
        self._rule, self._heard = task.rule, heard
        self.seen: list[Any] = []
        self.strays: Rejects | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        self.seen.append(self._rule.survey(batch))
        self._heard(batch.num_rows)

    def discard(self) -> None:
        self.seen.clear()


class _SplitSink:
    """Writes rows into the files of their splits, and puts aside those that belong to none."""

    def __init__(self, task: Task, folder: Path, heard: Heard) -> None:
        self._task, self._folder, self._heard = task, folder, heard
        self._schema: Any = None
        self._stored: Any = None
        self.discard()

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._splits: dict[str, SplitFiles] = {}
        self.strays = Rejects(self._task.most) if self._task.tolerant else None

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.schema is not self._schema:
            self._schema, self._stored = batch.schema, stored_schema(batch.schema)
        stored = batch.replace_schema_metadata(None)
        if not stored.schema.equals(self._stored):
            import pyarrow as pa

            try:
                stored = stored.cast(self._stored)
            except pa.ArrowInvalid as error:
                raise DataError(f"these rows cannot be stored: {str(error).splitlines()[0].rstrip('.')}.") from None
        names = self._task.rule.names
        if len(names) == 1 and self._task.rule.nowhere == "":
            self._add(names[0], stored)
        else:
            self._divide(names, batch, stored)
        self._heard(batch.num_rows)

    def _divide(self, names: list[str], batch: pa.RecordBatch, stored: pa.RecordBatch) -> None:
        import numpy as np

        places = self._task.rule.assign(batch)
        for index, name in enumerate(names):
            rows = np.flatnonzero(places == index)
            if len(rows):
                self._add(name, stored if len(rows) == len(places) else stored.take(rows))
        strays = np.flatnonzero(places == NOWHERE)
        if len(strays):
            self._put_aside(batch, strays)

    def _add(self, name: str, batch: pa.RecordBatch) -> None:
        if name not in self._splits:
            self._splits[name] = SplitFiles(self._folder / name, self._stored)
        self._splits[name].add(batch)

    def _put_aside(self, batch: pa.RecordBatch, rows: Any) -> None:
        strays = batch.take(rows)
        reasons = self._task.rule.nowhere_for(strays)
        if self.strays is None:
            first = json.dumps(batch.slice(int(rows[0]), 1).to_pylist()[0], default=str, ensure_ascii=False)
            raise DataError(
                f"{len(rows):,} rows belong to no split: {reasons[0]}. The first: {first[:200]}",
                hint="Leave them out at the source; or put so many aside: ingest(..., quarantine=N).",
            )
        for reason, row in zip(reasons, strays.to_pylist(), strict=True):
            text = json.dumps(row, default=str, ensure_ascii=False)
            self.strays.add(str(self._task.part), None, reason, text)

    def close(self) -> tuple[dict[str, int], dict[str, list[str]]]:
        for files in self._splits.values():
            files.close()
        rows = {name: files.rows for name, files in self._splits.items()}
        return rows, {name: [f"{name}/{file}" for file in files.names] for name, files in self._splits.items()}


# -- all parts ----------------------------------------------------------------------------------------


CarryOut = Callable[[list[Task], "pa.Schema | None"], Mapping[int, Outcome]]


@dataclass
class Divided:
    """What came of all parts: the rows of each split, the rule that was settled, the rows put aside."""

    schema: pa.Schema | None
    rows: dict[str, int]
    rule: Rule | None
    rejects: pa.Table
    files: dict[str, list[Path]] = field(default_factory=dict[str, "list[Path]"])


def divide(
    sources: Mapping[str, Source],
    rule: Rule | Mapping[str, Rule],
    root: Path,
    tolerance: Tolerance | None,
    carry_out: CarryOut,
    beam_from_parts: int | None,
) -> Divided:
    """Divide sources into splits by a rule (or each by its own), and return the files that hold the rows.

    `carry_out` does tasks, one at a time; or, from `beam_from_parts` parts on, all but the first together. Raises
    DataError for the first fault, in the order of parts, or if more rows are malformed than may be.
    """
    owners: list[str] = []
    parts: list[Part] = []
    for owner, source in sources.items():
        for part in source.parts(root):
            owners.append(owner)
            parts.append(part)
    at_once = beam_from_parts is not None and len(parts) >= beam_from_parts

    def do(rules: Callable[[str], Rule], survey: bool, types: pa.Schema | None) -> Any:
        def read(numbers: list[int], types: pa.Schema | None) -> Mapping[int, Outcome]:
            tasks = [
                Task(
                    number,
                    parts[number],
                    root,
                    rules(owners[number]),
                    survey,
                    tolerance is not None,
                    None if tolerance is None else tolerance.rows,
                )
                for number in numbers
            ]
            outcomes = carry_out(tasks, types)
            _check_limit(tolerance, outcomes, final=False)
            return outcomes

        def settle(results: Mapping[int, Outcome]) -> dict[str, Any]:
            forced: dict[str, Any] = {}
            for owner, source in sources.items():
                findings = [results[number].findings for number in sorted(results) if owners[number] == owner]
                forced |= source.settle(root, findings, tolerant=tolerance is not None)
            return forced

        return read_all(parts, read, settle, at_once=at_once, types=types)

    types = None
    settled = rule if isinstance(rule, Rule) else None
    if settled is not None and settled.needs_survey:
        whole = settled
        types, seen = do(lambda owner: whole, True, None)
        surveys = [seen[number].survey for number in sorted(seen) if seen[number].survey is not None]
        settled = whole.settled(surveys) if surveys else whole
    rules = dict(rule) if not isinstance(rule, Rule) else dict.fromkeys(sources, settled or rule)
    schema, outcomes = do(rules.__getitem__, False, types)
    _check_limit(tolerance, outcomes, final=True)
    return _gathered(schema, outcomes, settled)


def _check_limit(tolerance: Tolerance | None, outcomes: Mapping[int, Outcome], final: bool) -> None:
    if tolerance is None:
        return
    rejects = _rejects(outcomes)
    read = rejects.num_rows + sum(sum(outcome.rows.values()) for outcome in outcomes.values())
    overflow = any(outcome.overflow for outcome in outcomes.values())
    if overflow or (final and not tolerance.allows(rejects.num_rows, read)):
        raise too_many(tolerance, rejects, None if overflow else read)


def _rejects(outcomes: Mapping[int, Outcome]) -> pa.Table:
    import pyarrow as pa

    tables = [outcomes[number].rejects for number in sorted(outcomes)]
    return pa.concat_tables([Rejects().table(), *(table for table in tables if table is not None)])


def _gathered(schema: pa.Schema | None, outcomes: Mapping[int, Outcome], rule: Rule | None) -> Divided:
    divided = Divided(schema, {}, rule, _rejects(outcomes))
    for number in sorted(outcomes):
        outcome = outcomes[number]
        for split, rows in outcome.rows.items():
            divided.rows[split] = divided.rows.get(split, 0) + rows
            divided.files.setdefault(split, []).extend(outcome.folder / name for name in outcome.files[split])
    return divided
