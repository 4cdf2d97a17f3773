"""Which rows break which rules, batch by batch: for whoever puts such rows aside."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.artifacts.examples import Examples
from levada.errors import ParameterError
from levada.validation.expressions import parse
from levada.validation.finding import RowTest
from levada.validation.row_tests import missing
from levada.validation.rule_checks import marks_of, violations
from levada.validation.rules import Custom, Holds, NotNull, Rule, Unique, check_known
from levada.validation.second_pass import Repeated, without_key

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class RowRule:
    """A question to each row: `test.bad` says which rows of a batch break the rule, `label` what is wrong with them."""

    label: str
    test: RowTest

    def breaches(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        """Return which rows of a batch break the rule, as truth values."""
        return self.test.bad(batch.select(list(self.test.columns))).astype(bool)


def row_rules(rules: Iterable[Rule], examples: Examples, splits: Sequence[str]) -> list[RowRule]:
    """Return what rules ask of each row, in their order; batches must then come in the order of the splits, once each.

    How much a rule would allow does not matter here. Raises ParameterError for a rule that is not about rows, DataError
    for a column that is not there.
    """
    found: list[RowRule] = []
    for rule in rules:
        check_known(rule, examples.columns)
        found += _questions(rule, examples, splits)
    return found


def _questions(rule: Rule, examples: Examples, splits: Sequence[str]) -> Iterator[RowRule]:
    match rule:
        case NotNull():
            for name in rule.columns:
                yield RowRule(f"{name} is missing", missing(name))
        case Unique():
            columns = rule.columns or tuple(examples.columns)
            what = f"{', '.join(rule.columns)} as in an earlier row" if rule.columns else "the same as an earlier row"
            yield RowRule(what, RowTest(columns, _Repeats.of(rule, columns, examples, splits)))
        case Holds():
            expression = parse(rule.expression)
            label = rule.name or f"not {rule.expression}"
            yield RowRule(label, RowTest(expression.columns, violations(expression)))
        case Custom(on="rows"):
            columns = rule.columns or tuple(examples.columns)
            label = rule.name or rule.function.__name__
            yield RowRule(label, RowTest(columns, lambda batch: marks_of(rule, batch)))
        case _:
            raise ParameterError(
                f"{type(rule).__name__} is a rule about all the data, and no row by itself breaks it.",
                hint="Hold the data against it with check_data(rules=[...]).",
            )


@dataclass
class _Repeats:
    """Finds the rows whose key was in an earlier row: keys are compared in full where their hashes are equal."""

    columns: tuple[str, ...]
    whole: bool
    suspects: Any  # numpy uint64, sorted: hashes that come more than once
    seen: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])

    @staticmethod
    def of(rule: Unique, columns: tuple[str, ...], examples: Examples, splits: Sequence[str]) -> _Repeats:
        repeated = Repeated(columns, whole=not rule.columns)
        for split in splits:
            for batch in examples.batches(split, columns):
                repeated.take(batch)
        return _Repeats(columns, not rule.columns, repeated.suspects())

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        import numpy as np

        from levada.tables.hashing import hash_rows

        suspected = np.isin(hash_rows(batch, self.columns), self.suspects)
        if not self.whole:
            suspected &= ~without_key(batch, self.columns)
        bad = np.zeros(batch.num_rows, bool)
        places = np.flatnonzero(suspected)
        for place, row in zip(places, batch.take(places).select(list(self.columns)).to_pylist(), strict=True):
            key = tuple(_comparable(value) for value in row.values())
            bad[place] = key in self.seen
            self.seen.add(key)
        return bad


def _comparable(value: Any) -> Any:
    """Return a value that is equal to itself and can be kept in a set; NaN is missing."""
    if isinstance(value, float) and value != value:
        return None
    return repr(value) if isinstance(value, list | dict) else value
