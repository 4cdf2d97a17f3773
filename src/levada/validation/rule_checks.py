"""Rules held against statistics and rows: each gives findings, and questions for the second pass."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from levada.artifacts.anomalies import Severity
from levada.artifacts.statistics import Statistics
from levada.errors import ComponentError, DataError
from levada.validation import row_tests
from levada.validation.expressions import Expression, parse
from levada.validation.finding import Finding, Judge, RowTest, counted, percent
from levada.validation.rules import Custom, Fresh, Holds, NotNull, RowCount, Rule, Unique

if TYPE_CHECKING:
    import pyarrow as pa

SECONDS = {
    "UNIX_DAYS": 86400.0,
    "UNIX_SECONDS": 1.0,
    "UNIX_MILLISECONDS": 1e-3,
    "UNIX_MICROSECONDS": 1e-6,
    "UNIX_NANOSECONDS": 1e-9,
}


@dataclass(frozen=True)
class Given:
    """What rules are held against: statistics of the splits to check, the schema, and statistics of before."""

    statistics: Statistics
    splits: Sequence[str]
    schema: Any
    previous: Statistics | None

    @property
    def rows(self) -> int:
        """The rows of all splits to check."""
        return sum(self.statistics.rows(split) for split in self.splits)

    def named(self, split: str) -> str:
        """Return a split's name where there are others, else nothing."""
        return split if len(self.splits) > 1 else ""


def check_rule(rule: Rule, given: Given) -> Iterator[tuple[str, Finding]]:
    """Yield what breaks a rule, each with its split ("" for all). Its columns are there: `check_known`."""
    severity: Severity = "error" if rule.severity == "fail" else "warning"
    match rule:
        case NotNull():
            found = _not_null(rule, given)
        case Unique():
            found = _unique(rule, given)
        case Fresh():
            found = _fresh(rule, given)
        case RowCount():
            found = _row_count(rule, given)
        case Holds():
            found = _holds(rule, given)
        case Custom():
            found = _custom(rule, given)
        case _:
            raise ComponentError(f"{type(rule).__name__} is no rule that check_data knows.")
    for split, finding in found:
        yield split, replace(finding, severity=severity)


def needs_rows(rule: Rule, given: Given) -> bool:
    """Whether a rule cannot be judged by statistics alone."""
    match rule:
        case Holds():
            return True
        case Custom():
            return rule.on == "rows"
        case Unique():
            return _counted_duplicates(rule, given) is None
        case _:
            return False


def _not_null(rule: NotNull, given: Given) -> Iterator[tuple[str, Finding]]:
    for split in given.splits:
        for name in rule.columns:
            column = given.statistics.column(name, split)
            if column.missing > rule.allow * column.rows:
                allowed = f", the rule allows {percent(rule.allow)}" if rule.allow else ""
                what = f"{counted(column.missing, 'row')} without a value ({percent(column.missing_share)}){allowed}"
                yield (
                    split,
                    Finding(
                        name,
                        "CUSTOM_VALIDATION",
                        what,
                        count=column.missing,
                        test=row_tests.missing(name),
                        kind="missing values",
                    ),
                )


def _counted_duplicates(rule: Unique, given: Given) -> int | None:
    """Return how many rows repeat a value, from statistics; None if they do not tell."""
    if len(rule.columns) != 1 or len(given.splits) > 1:
        return None
    column = given.statistics.column(rule.columns[0], given.splits[0])
    if column.kind not in ("string", "numeric", "timestamp", "boolean") or not column.exact:
        return None
    return column.values - column.distinct


def _unique(rule: Unique, given: Given) -> Iterator[tuple[str, Finding]]:
    """Yield what statistics tell; what they do not is for `unique_finding`."""
    rows = _counted_duplicates(rule, given)
    if rows:
        yield "", unique_finding(rule, rows, None)


def unique_finding(rule: Unique, rows: int, keys: int | None) -> Finding:
    """Return what to say of rows that repeat a key."""
    names = ", ".join(rule.columns)
    if not names:
        what = f"{counted(rows, 'row')} equal to an earlier one"
        return Finding("", "CUSTOM_VALIDATION", what, count=rows, kind="duplicates")
    of = f", of {counted(keys, 'key')} that is not unique" if keys == 1 else ""
    of = of or (f", of {counted(keys, 'key')} that are not unique" if keys else "")
    what = f"{counted(rows, 'row')} with a value that was there before{of}"
    column = rule.columns[0] if len(rule.columns) == 1 else ""
    return Finding(column, "CUSTOM_VALIDATION", what, count=rows, kind="duplicates", label=names)


def _row_count(rule: RowCount, given: Given) -> Iterator[tuple[str, Finding]]:
    rows = given.rows
    if rule.at_least is not None and rows < rule.at_least:
        yield "", Finding("", "DATASET_LOW_NUM_EXAMPLES", f"{counted(rows, 'row')}, wanted at least {rule.at_least:,}")
    if rule.at_most is not None and rows > rule.at_most:
        yield "", Finding("", "DATASET_HIGH_NUM_EXAMPLES", f"{counted(rows, 'row')}, wanted at most {rule.at_most:,}")
    if rule.change is None:
        return
    if given.previous is None:
        raise DataError(
            f"row_count(change={rule.change:g}) compares with earlier statistics, and there are none.",
            hint="Pass those of the span before: check_data(..., previous=profile(last_week)).",
        )
    before = sum(given.previous.rows(split) for split in given.previous.splits)
    change = rows / before - 1 if before else float("inf")
    if abs(change) > rule.change:
        type_ = "COMPARATOR_LOW_NUM_EXAMPLES" if change < 0 else "COMPARATOR_HIGH_NUM_EXAMPLES"
        moved = f"{percent(abs(change))} {'fewer' if change < 0 else 'more'} than" if before else "after"
        what = f"{counted(rows, 'row')}, {moved} the {before:,} before; the rule allows {percent(rule.change)}"
        yield "", Finding("", type_, what, kind="rows")


# -- freshness ----------------------------------------------------------------------------------------


def _fresh(rule: Fresh, given: Given) -> Iterator[tuple[str, Finding]]:
    ends = [_latest(rule.column, split, given) for split in given.splits]
    known = [end for end in ends if end is not None]
    if not known:
        yield "", Finding(rule.column, "CUSTOM_VALIDATION", "no time at all: it cannot be fresh", kind="freshness")
        return
    age = (rule.at or datetime.now(UTC)) - max(known)
    if age > rule.within:
        hidden = rule.column in _sensitive(given)
        newest = "" if hidden else f" ({max(known).isoformat(sep=' ', timespec='seconds')})"
        what = f"the newest row is {_span(age)} old{newest}, the rule allows {_span(rule.within)}"
        yield "", Finding(rule.column, "CUSTOM_VALIDATION", what, kind="freshness")


def _sensitive(given: Given) -> frozenset[str]:
    from levada.artifacts.annotations import sensitive_columns

    return sensitive_columns(given.schema)


def _latest(name: str, split: str, given: Given) -> datetime | None:
    """Return the latest moment of a column in a split, None if it has none; raises DataError if it holds no times."""
    column = given.statistics.column(name, split)
    if column.max is None and column.kind in ("timestamp", "empty"):
        return None
    if column.kind == "timestamp" and not column.type.startswith("time3") and not column.type.startswith("time6"):
        moment = datetime.fromisoformat(str(column.max))
        if column.type.startswith("date32"):
            moment = datetime.combine(date.fromisoformat(str(column.max)), time.min) + timedelta(days=1)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    feature = next((item for item in given.schema.feature if item.name == name), None)
    if feature is not None and feature.HasField("time_domain") and isinstance(column.max, int):
        domain = feature.time_domain
        format_ = (
            domain.DESCRIPTOR.fields_by_name["integer_format"].enum_type.values_by_number[domain.integer_format].name
        )
        if format_ in SECONDS:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=column.max * SECONDS[format_])
    raise DataError(
        f"fresh('{name}') wants a column of dates or times, and this one is {column.type}.",
        hint="Read it as a time (columns={...} of the source), or give whole numbers a time_domain in the schema.",
    )


def _span(age: timedelta) -> str:
    """Return a duration for people, in the largest unit that says it: '3 days', '36 hours'."""
    seconds = age.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second")


# -- what is asked of the rows --------------------------------------------------------------------------


def _judge(label: str, allow: float) -> Judge:
    def judge(bad: float, size: float) -> str | None:
        if bad <= allow * size:
            return None
        allowed = f", the rule allows {percent(allow)}" if allow else ""
        return f"{label} in {counted(int(bad), 'row')} ({percent(bad / size)}){allowed}"

    return judge


def _holds(rule: Holds, given: Given) -> Iterator[tuple[str, Finding]]:
    expression = parse(rule.expression)
    bad = violations(expression)
    column = expression.columns[0] if len(expression.columns) == 1 else ""
    label = rule.name or f"`{rule.expression}`"
    for split in given.splits:
        yield (
            split,
            Finding(
                column,
                "CUSTOM_VALIDATION",
                test=RowTest(expression.columns, bad),
                judge=_judge("does not hold", rule.allow),
                label=label,
            ),
        )


def violations(expression: Expression) -> Callable[[pa.RecordBatch], Any]:
    """Return what says which rows of a batch an expression is false in."""

    def bad(batch: pa.RecordBatch) -> Any:
        import pyarrow.compute as pc

        return row_tests.as_mask(pc.invert(expression.evaluate(batch)))

    return bad


def _custom(rule: Custom, given: Given) -> Iterator[tuple[str, Finding]]:
    label = rule.name or rule.function.__name__
    if rule.on == "statistics":
        for what in _complaints(rule, given.statistics):
            yield "", Finding("", "CUSTOM_VALIDATION", what, label=label)
        return
    columns = rule.columns or tuple(given.statistics.columns(given.splits[0]))
    column = columns[0] if len(columns) == 1 else ""
    for split in given.splits:
        yield (
            split,
            Finding(
                column,
                "CUSTOM_VALIDATION",
                test=RowTest(columns, lambda batch: marks_of(rule, batch)),
                judge=_judge("is false", rule.allow),
                label=label,
            ),
        )


def _complaints(rule: Custom, statistics: Statistics) -> list[str]:
    said = rule.function(statistics)
    if isinstance(said, str) or not isinstance(said, list | tuple):
        raise ComponentError(
            f"{rule.function.__name__} returned {type(said).__name__}.",
            hint="A check on statistics returns a list of what is wrong, a sentence each.",
        )
    return [str(item) for item in said]


def marks_of(rule: Custom, batch: pa.RecordBatch) -> Any:
    """Return which rows a function of the project's finds wrong."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    said = rule.function(batch)
    values = (
        pc.invert(said) if isinstance(said, pa.Array | pa.ChunkedArray) and pa.types.is_boolean(said.type) else None
    )
    if values is not None and len(values) == batch.num_rows:
        return row_tests.as_mask(values)
    if isinstance(said, np.ndarray) and said.dtype == bool and said.shape == (batch.num_rows,):
        return ~said
    size = f" of length {len(said)}" if hasattr(said, "__len__") else ""
    raise ComponentError(
        f"{rule.function.__name__} returned {type(said).__name__}{size} for {batch.num_rows:,} rows.",
        hint="A check on rows returns a truth value a row: an Arrow array of booleans, or a numpy array of bool.",
    )
