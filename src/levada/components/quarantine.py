"""Quarantine: put rows that break rules aside, with the reason, and go on with the others."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from levada.artifacts.examples import Examples
from levada.component import component
from levada.context import Context
from levada.errors import DataError, ParameterError
from levada.splits.quarantine import tolerance
from levada.validation.row_rules import RowRule, row_rules
from levada.validation.rules import Rule

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

REASON = "reason"


class Quarantined(NamedTuple):
    """What `quarantine` gives: the rows that keep all rules, and the others with a column `reason` more."""

    kept: Examples
    rejected: Examples


@component
def quarantine(ctx: Context, examples: Examples, *, rules: list[Rule], limit: float | None = None) -> Quarantined:
    """Put aside every row that breaks a rule; both outputs have the splits and the order of `examples`.

    `rules` are those of `check_data` that are about rows: `not_null`, `unique` (the first of equal rows stays), `rule`
    and `check`. Whatever share a rule allows, a row that breaks it is put aside, and its `reason` (text) names every
    rule that it breaks. `limit` is how many rows may be, as a number (`100`) or a share (`0.01`).

    Raises DataError if there are more, if a split keeps no row, or for a column that is not there; ParameterError for a
    rule that is about all the data, such as `fresh` and `row_count`.
    """
    allowed = tolerance(limit, "quarantine(limit=...)")
    if not rules:
        raise ParameterError("quarantine(rules=[]): wanted at least one rule.", hint='For example rule("price > 0").')
    if REASON in examples.columns:
        raise DataError(f"the examples have a column '{REASON}' already.", hint="Rename it.")
    questions = row_rules(rules, examples, examples.splits)
    kept, rejected = ctx.output(Examples, "kept"), ctx.output(Examples, "rejected")
    counts = dict.fromkeys([question.label for question in questions], 0)
    aside = done = 0
    with kept.writer() as good, rejected.writer() as bad:
        for split in examples.splits:
            for batch in examples.batches(split):
                marks = [question.breaches(batch) for question in questions]
                wrong, reasons = _judged(questions, marks)
                for question, mark in zip(questions, marks, strict=True):
                    counts[question.label] += int(mark.sum())
                good.write(split, _rows(batch, ~wrong))
                bad.write(split, _rows(batch, wrong).append_column(REASON, reasons))
                aside += int(wrong.sum())
                done += batch.num_rows
                ctx.progress(done, examples.rows(), f"{done:,} rows · {aside:,} put aside")
    said = [f"{count:,} {label}" for label, count in sorted(counts.items(), key=lambda item: -item[1]) if count]
    if allowed is not None and not allowed.allows(aside, done):
        raise DataError(
            f"{aside:,} of {done:,} rows break the rules, and at most {allowed} may: {', '.join(said)}.",
            hint="Look at the source, or allow more: quarantine(limit=...).",
        )
    for split in examples.splits:
        if not kept.rows(split):
            raise DataError(f"no row of split '{split}' keeps the rules: {', '.join(said) or 'it has none'}.")
    for made, what in ((kept, "without what breaks the rules"), (rejected, "what breaks the rules")):
        made.properties["source"] = f"{examples.source}, {what}" if examples.source else what
    ctx.metric("quarantined", aside)
    ctx.summary(" · ".join([f"{kept.rows():,} of {done:,} rows kept", *said]))
    return Quarantined(kept, rejected)


def _judged(questions: list[RowRule], marks: list[np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], pa.Array]:
    """Return which rows are put aside, and for each of those why."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wrong = np.logical_or.reduce(marks)
    labels = [
        pc.if_else(pa.array(mark[wrong]), pa.scalar(question.label), pa.scalar(None, pa.string()))
        for question, mark in zip(questions, marks, strict=True)
    ]
    return wrong, pc.binary_join_element_wise(*labels, "; ", null_handling="skip")


def _rows(batch: pa.RecordBatch, mask: np.ndarray[Any, Any]) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.filter(pa.array(mask))
