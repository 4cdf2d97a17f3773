"""What a schema's `natural_language_domain` asks: how often tokens come, how many of them are known.

A token is an item of a list column; in a column of plain text, what stands between white space.
"""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from levada.artifacts.annotations import is_sensitive
from levada.artifacts.statistics import ColumnStatistics
from levada.validation import row_tests
from levada.validation.finding import Finding, Judge, RowTest, counted, percent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def check_language(column: ColumnStatistics, feature: Any, schema: Any) -> Iterator[Finding]:
    """Yield the questions to rows of text or of tokens."""
    if not feature.HasField("natural_language_domain") or not column.values:
        return
    domain = feature.natural_language_domain
    for constraint in domain.token_constraints:
        yield from _check_token(column.name, constraint, is_sensitive(feature))
    coverage = domain.coverage
    known = next((list(item.value) for item in schema.string_domain if item.name == domain.vocabulary), None)
    if coverage.HasField("min_coverage"):
        if known is None:
            what = f"the vocabulary '{domain.vocabulary}' is no string_domain of the schema: coverage is not checked"
            yield Finding(column.name, "STATS_NOT_AVAILABLE", what, "warning")
        else:
            yield _coverage(column.name, coverage, known)
    if coverage.HasField("min_avg_token_length"):
        yield _token_length(column.name, coverage)


def _check_token(name: str, constraint: Any, hidden: bool) -> Iterator[Finding]:
    is_text = constraint.HasField("string_value")
    token = constraint.string_value if is_text else constraint.int_value
    said = "a constrained token" if hidden else f"'{token}'"
    lacks = f"how often {said} comes"

    def question(type_: str, bad: Callable[[Any], Any], judge: Judge) -> Finding:
        def test(batch: pa.RecordBatch) -> Any:
            return bad(_occurrences(batch.column(name), token))

        return Finding(name, type_, test=RowTest((name,), test), judge=judge, lacks=lacks)

    if constraint.HasField("min_per_sequence"):
        least = constraint.min_per_sequence
        yield question(
            "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
            lambda found: (found > 0) & (found < least),
            lambda bad, _: f"{said} comes, but less than {least} times, in {counted(int(bad), 'row')}" if bad else None,
        )
    if constraint.HasField("max_per_sequence"):
        most = constraint.max_per_sequence
        yield question(
            "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
            lambda found: found > most,
            lambda bad, _: f"{said} comes more than {most} times in {counted(int(bad), 'row')}" if bad else None,
        )
    if constraint.HasField("min_fraction_of_sequences"):
        fewest = constraint.min_fraction_of_sequences

        def too_few(bad: float, size: float) -> str | None:
            share = 1 - bad / size
            return (
                f"{said} is in {percent(share)} of rows, the schema wants {percent(fewest)}" if share < fewest else None
            )

        yield question("SEQUENCE_VALUE_TOO_SMALL_FRACTION", lambda found: found == 0, too_few)
    if constraint.HasField("max_fraction_of_sequences"):
        largest = constraint.max_fraction_of_sequences

        def too_many(bad: float, size: float) -> str | None:
            share = bad / size
            return (
                f"{said} is in {percent(share)} of rows, the schema allows {percent(largest)}"
                if share > largest
                else None
            )

        yield question("SEQUENCE_VALUE_TOO_LARGE_FRACTION", lambda found: found > 0, too_many)


def _coverage(name: str, coverage: Any, known: list[str]) -> Finding:
    excluded = [*coverage.excluded_string_tokens]
    wanted = coverage.min_coverage

    def unknown_tokens(batch: pa.RecordBatch) -> tuple[Any, int]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        tokens, rows = _tokens(batch.column(name))
        tokens = tokens.cast(pa.string())
        counts = ~row_tests.as_mask(pc.is_in(tokens, value_set=pa.array(excluded, pa.string())))
        unknown = counts & ~row_tests.as_mask(pc.is_in(tokens, value_set=pa.array(known, pa.string())))
        return np.bincount(rows[unknown], minlength=batch.num_rows), int(counts.sum())

    def judge(bad: float, size: float) -> str | None:
        share = 1 - bad / size if size else 1.0
        return (
            f"{percent(share)} of tokens are in the vocabulary, the schema wants {percent(wanted)}"
            if share < wanted
            else None
        )

    test = RowTest((name,), lambda batch: unknown_tokens(batch)[0], size=lambda batch: unknown_tokens(batch)[1])
    return Finding(name, "FEATURE_COVERAGE_TOO_LOW", test=test, judge=judge, lacks="how many tokens are known")


def _token_length(name: str, coverage: Any) -> Finding:
    wanted = coverage.min_avg_token_length

    def characters(batch: pa.RecordBatch) -> Any:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        tokens, rows = _tokens(batch.column(name))
        lengths = pc.utf8_length(tokens.cast(pa.string())).to_numpy(zero_copy_only=False)
        return np.bincount(rows, weights=lengths, minlength=batch.num_rows)

    def judge(total: float, size: float) -> str | None:
        mean = total / size if size else wanted
        return f"tokens have {mean:.1f} characters on average, the schema wants {wanted:g}" if mean < wanted else None

    test = RowTest((name,), characters, size=lambda batch: len(_tokens(batch.column(name))[0]), shown=False)
    return Finding(
        name, "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH", test=test, judge=judge, lacks="how long tokens are"
    )


def _tokens(column: Any) -> tuple[pa.Array, np.ndarray[Any, Any]]:
    """Return all tokens of a column, and the row of each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = row_tests.plain(column)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(values))
    items, parents = row_tests.opened(values)
    assert parents is not None
    there = row_tests.as_mask(items.is_valid())
    if pa.types.is_string(items.type) or pa.types.is_large_string(items.type):
        there = there & row_tests.as_mask(pc.not_equal(items, ""))
    return items.filter(pa.array(there)), parents[there]


def _occurrences(column: Any, token: Any) -> Any:
    """Return how often a token comes in each row."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    tokens, rows = _tokens(column)
    is_text = pa.types.is_string(tokens.type) or pa.types.is_large_string(tokens.type)
    found = pc.equal(tokens, pa.scalar(str(token) if is_text else token, tokens.type))
    return np.bincount(rows[row_tests.as_mask(found)], minlength=len(column))
