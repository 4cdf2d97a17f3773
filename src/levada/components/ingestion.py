"""Ingest: bring rows from a source into the store, in splits."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import QUARANTINE, Examples
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ParameterError
from levada.sources.source import Source
from levada.sources.spans import in_words
from levada.splits.by_hash import ByHash, by_hash
from levada.splits.division import Divided, Outcome, Task, divide, perform
from levada.splits.quarantine import reasons, tolerance
from levada.splits.rule import Rule, check_names

if TYPE_CHECKING:
    import pyarrow as pa

BEAM_FROM_PARTS = 4


@component
def ingest(
    ctx: Context,
    source: Source | dict[str, Source],
    *,
    splits: dict[str, int] | Rule | None = None,
    split_by: list[str] | str | None = None,
    salt: str = "",
    quarantine: float | None = None,
    beam_from_parts: int = BEAM_FROM_PARTS,
) -> Examples:
    """Read a source and divide its rows into splits.

    `splits` gives each split a weight: `{"train": 8, "eval": 1, "test": 1}`; without it all rows are in one split,
    `all`. A row's place follows from a hash of its content, or of the columns `split_by`, whose equal values then
    always share a split (all purchases of a customer, say); it stays when rows are added or reordered. `salt` gives
    another division. Or `splits` is a rule: `by_time`, `stratified`, `by_column`. Data that is divided already comes
    as one source for each split: `ingest({"train": csv(...), "eval": csv(...)})`.

    A malformed row fails the run, unless `quarantine` says how many may be put aside, as a number of rows (`100`) or a
    share of all rows (`0.01`): `examples.quarantined()` then says file, line and reason of each.

    A row group of each split is in memory at a time. A source of `beam_from_parts` parts or more (large files, many
    files) is read by a Beam job, a part an element; the examples are the same to the last byte.

    Raises DataError if the source has no rows, a split gets none, more rows are malformed than may be, or the
    source's own checks fail; ParameterError for a weight below 1, or parameters that exclude each other.
    """
    allowed = tolerance(quarantine)
    rule = _rule(source, splits, split_by, salt)
    examples = ctx.output(Examples)
    sources = source if isinstance(source, dict) else {"": source}
    examples.properties["source"] = ", ".join(f"{name}: {one}" if name else str(one) for name, one in sources.items())
    facts = source.facts(Path(ctx.root)) if isinstance(source, Source) else {}
    examples.properties.update(facts)
    work = _Work(ctx, examples.path / ".parts")
    divided = divide(sources, rule, Path(ctx.root), allowed, work.carry_out, beam_from_parts)
    names = rule.names if isinstance(rule, Rule) else list(rule)
    _check_filled(examples, divided, rule, names)
    assert divided.schema is not None
    examples.adopt(divided.schema, {name: (divided.rows[name], divided.files[name]) for name in names})
    shutil.rmtree(work.folder, ignore_errors=True)
    said = [f"{examples.rows():,} rows"]
    if spans := in_words(facts.get("spans", [])):
        said.append(spans)
    if allowed is not None:
        _keep_quarantined(ctx, examples, divided.rejects)
        said += [f"{divided.rejects.num_rows:,} quarantined"] * bool(divided.rejects.num_rows)
    if len(names) > 1:
        examples.properties["division"] = {"rule": "sources"} if divided.rule is None else divided.rule.record()
        said.append(f"{len(names)} splits {divided.rule or 'as given'}")
    ctx.summary(" · ".join(said))
    for split in names:
        ctx.metric(f"rows_{split}", examples.rows(split))
    return examples


def _rule(
    source: Source | dict[str, Source],
    splits: dict[str, int] | Rule | None,
    split_by: list[str] | str | None,
    salt: str,
) -> Rule | Mapping[str, ByHash]:
    """Return the rule that parameters ask for; for sources that are splits already, one for each."""
    if isinstance(source, dict):
        if splits is not None or split_by is not None or salt:
            raise ParameterError(
                "ingest({...}): each source is a split already, so there is nothing to divide.",
                hint="Leave out splits=, split_by= and salt=, or pass one source.",
            )
        check_names(source)
        return {name: by_hash({name: 1}, None, "") for name in source}
    if not isinstance(splits, Rule):
        return by_hash(splits, split_by, salt)
    if split_by is not None:
        raise ParameterError(
            f"ingest(split_by=...): splits {splits} are not divided by a hash of keys.",
            hint="Leave out split_by=, or give weights: splits={'train': 8, 'eval': 2}.",
        )
    return splits.with_salt(salt) if salt else splits


class _Work:
    """Does tasks, here or by a Beam job; what they leave lies in a folder until it is adopted."""

    def __init__(self, ctx: Context, folder: Path) -> None:
        self._ctx = ctx
        self.folder = folder
        self._rows = 0

    def carry_out(self, tasks: list[Task], types: pa.Schema | None) -> dict[int, Outcome]:
        if len(tasks) > 1:
            return self._by_beam(tasks, types)
        return {task.number: perform(task, types, self._folder(task), self._heard) for task in tasks}

    def _by_beam(self, tasks: list[Task], types: pa.Schema | None) -> dict[int, Outcome]:
        from levada.splits.on_beam import divide_on_beam, take_outcome

        with self._ctx.scratch() as scratch:
            with self._ctx.beam() as pipeline:
                divide_on_beam(pipeline, scratch, tasks, types)
            return {task.number: take_outcome(scratch, task.number, types, self._folder(task)) for task in tasks}

    def _folder(self, task: Task) -> Path:
        return self.folder / str(task.number)

    def _heard(self, rows: int) -> None:
        self._rows += rows
        self._ctx.progress(self._rows, message=f"{self._rows:,} rows")


def _keep_quarantined(ctx: Context, examples: Examples, rejects: pa.Table) -> None:
    import pyarrow.parquet as pq

    ctx.metric("rows_quarantined", rejects.num_rows)
    examples.properties["quarantined"] = dict[str, Any](reasons(rejects))
    if rejects.num_rows:
        pq.write_table(rejects, examples.path / QUARANTINE, compression="zstd")


def _check_filled(examples: Examples, divided: Divided, rule: Rule | Mapping[str, ByHash], names: list[str]) -> None:
    rows = sum(divided.rows.values())
    aside = f" {divided.rejects.num_rows:,} were quarantined." if divided.rejects.num_rows else ""
    if not rows:
        raise DataError(f"{examples.properties['source']} has no rows.{aside}")
    empty = [name for name in names if not divided.rows.get(name)]
    if not empty:
        return
    shares = ", ".join(f"{name}: {divided.rows.get(name, 0):,}" for name in names)
    if not isinstance(rule, Rule):
        raise DataError(f"split '{empty[0]}': its source has no rows ({shares}).{aside}")
    settled = divided.rule or rule
    keyed = isinstance(rule, ByHash) and rule.keys
    hint = (
        "Give it a larger weight, " + ("split by columns with more values, " if keyed else "") + "or bring more rows."
    )
    raise DataError(
        f"split '{empty[0]}' got none of the {rows:,} rows ({shares}); {settled.why}.{aside}",
        hint=hint if hasattr(rule, "weights") else f"The splits are divided {settled}.",
    )
