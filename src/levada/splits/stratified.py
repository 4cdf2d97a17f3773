"""Stratified splits: every split has the same share of each class.

Within a class, rows are ranked by a hash of their content, and the ranks are cut by weight. The order of rows does not
matter, and equal rows share a split. Where n rows are added to a class of N, only rows whose hash lies near a cut can
move: about a share sqrt(n)/N of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from levada.errors import DataError
from levada.splits.rule import Rule, check_weights, column_of, spelled
from levada.tables.hashing import hash_rows, hash_values

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from levada.splits.rule import Places

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Stratified(Rule):
    """Splits with the same share of each value of a column; made by `stratified`."""

    column: str
    weights: tuple[tuple[str, int], ...]
    salt: str = ""

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.weights]

    def assign(self, batch: pa.RecordBatch) -> Places:
        return self.settled([self.survey(batch)]).assign(batch)

    @property
    def needs_survey(self) -> bool:
        return len(self.weights) > 1

    def survey(self, batch: pa.RecordBatch) -> pa.Table:
        """Return a number for each row's class, and the row's hash: 16 bytes a row. Missing is a class, too."""
        import pyarrow as pa

        classes = hash_values(column_of(batch, self.column, "stratified"))
        return pa.table({"class": classes, "hash": hash_rows(batch, batch.schema.names, self.salt)})

    def settled(self, surveys: Iterable[pa.Table]) -> CutByRank:
        """Return the rule with the cuts of each class: the hashes at which the next split begins."""
        import numpy as np
        import pyarrow as pa

        seen = pa.concat_tables(surveys).sort_by([("class", "ascending"), ("hash", "ascending")])
        classes, hashes = seen["class"].to_numpy(), seen["hash"].to_numpy()
        found, starts = np.unique(classes, return_index=True)
        if len(found) > MOST_CLASSES:
            raise DataError(
                f"stratified('{self.column}'): the column has {len(found):,} values, at most {MOST_CLASSES:,} can be "
                "classes.",
                hint="Stratify by a column with few values: the label of a classification, a number put into buckets.",
            )
        total, reached = sum(weight for _, weight in self.weights), 0
        ends = np.append(starts[1:], len(classes))
        cuts = np.full((len(found), len(self.weights) - 1), 2**64 - 1, np.uint64)
        for split, (_, weight) in enumerate(self.weights[:-1]):
            reached += weight
            ranks = (2 * reached * (ends - starts) + total) // (2 * total)  # rounded
            inside = ranks < ends - starts
            cuts[inside, split] = hashes[(starts + ranks)[inside]]
        return CutByRank(self.column, self.weights, self.salt, classes=found, cuts=cuts)

    @property
    def why(self) -> str:
        return f"each value of {self.column} is divided {spelled(self.weights)}, and equal rows share a split"

    @property
    def nowhere(self) -> str:
        return ""  # every row is of a class

    def record(self) -> dict[str, Any]:
        return {"rule": "stratified", "column": self.column, "weights": dict(self.weights), "salt": self.salt}

    def with_salt(self, salt: str) -> Stratified:
        return replace(self, salt=salt)

    def __str__(self) -> str:
        return f"stratified by {self.column}" + (f", salt '{self.salt}'" if self.salt else "")


@dataclass(frozen=True, eq=False)
class CutByRank(Stratified):
    """The same, settled: for each of `classes` (sorted), `cuts` are the hashes at which the next splits begin."""

    classes: Hashes = field(kw_only=True)
    cuts: Hashes = field(kw_only=True)

    @property
    def needs_survey(self) -> bool:
        return False

    def assign(self, batch: pa.RecordBatch) -> Places:
        import numpy as np

        seen = self.survey(batch)
        rows = np.searchsorted(self.classes, seen["class"].to_numpy())
        places = np.zeros(batch.num_rows, np.intp)
        for cut in self.cuts.T:
            places += cut[rows] <= seen["hash"].to_numpy()
        return places


def stratified(column: str, weights: Mapping[str, int]) -> Stratified:
    """Return a rule for `ingest(splits=...)`: every split has the same share of each value of a column.

    `stratified("late", {"train": 8, "eval": 2})` puts 80 % of the late flights into `train`, and 80 % of the others;
    to the row, but for equal rows, which share a split. Missing is a value, too. Rows are ranked by a hash, so their
    order does not matter; when rows are added, few of the others move. It takes two passes over the source, and
    16 bytes of memory a row.

    Raises ParameterError for a weight below 1; reading raises DataError for a column of more than 10,000 values.
    """
    return Stratified(column, check_weights(weights))
