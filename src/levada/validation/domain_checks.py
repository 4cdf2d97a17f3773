"""Whether values lie within what a schema allows: domains of text, ranges of numbers, truth values, images."""

# pyright: reportAttributeAccessIssue=false
# (Protocol buffers make their classes when they are imported, so no checker sees them.)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from levada.artifacts.annotations import is_sensitive
from levada.artifacts.statistics import ColumnStatistics
from levada.schemas.physical import feature_type, item_type, narrow
from levada.schemas.wording import bounds_of, domain_values, number
from levada.validation import row_tests
from levada.validation.finding import Finding, counted, listed, percent


def check_domain(column: ColumnStatistics, feature: Any, schema: Any) -> Iterator[Finding]:
    """Yield what lies outside a feature's domain, of whatever kind that is."""
    if not column.values:
        return
    item = item_type(column.type)
    hidden = is_sensitive(feature)
    bounds = bounds_of(feature, schema)
    if item.startswith("string"):
        allowed = domain_values(feature, schema)
        if allowed is not None:
            yield from _check_text(column, feature, set(allowed), hidden)
        elif feature.HasField("bool_domain"):
            yield from _check_truth_in_text(column, feature.bool_domain, hidden)
        elif bounds is not None:
            yield from _check_numbers_in_text(column, bounds, hidden)
    elif column.kind in ("bytes", "list") and feature_type(column) == "BYTES":
        yield from _check_bytes(column, feature, schema)
    elif feature.HasField("bool_domain"):
        yield from _check_truth(column, hidden)
    elif bounds is not None and column.kind in ("numeric", "list"):
        yield from _check_range(column, bounds, hidden)
    if bounds is not None:
        yield from _check_floats(column, bounds)


def _check_text(column: ColumnStatistics, feature: Any, domain: set[str], hidden: bool) -> Iterator[Finding]:
    counts = column.counts() if column.has_vocabulary else list(column.top)
    outside = [(value, count) for value, count in counts if value not in domain]
    unseen = not column.has_vocabulary and column.distinct > len(domain)
    total = sum(count for _, count in outside)
    share = total / column.values
    allowed = 1 - feature.distribution_constraints.min_domain_mass
    test = row_tests.outside(column.name, domain)
    if outside and share > allowed + 1e-12:
        values = f"{'at least ' * unseen}{counted(len(outside), 'value')}"
        of = "values" if column.kind == "list" else "rows"
        what = (
            f"{values} outside the domain{listed([value for value, _ in outside], hidden)} ({percent(share)} of {of})"
        )
        count = None if column.kind == "list" or not column.has_vocabulary else total
        yield Finding(column.name, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", what, count=count, test=test)
    elif unseen and allowed <= 0:
        what = f"about {column.distinct:,} distinct values, the domain has {len(domain):,}"
        yield Finding(column.name, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", what, test=test)


def _check_truth_in_text(column: ColumnStatistics, domain: Any, hidden: bool) -> Iterator[Finding]:
    allowed = {domain.true_value or "true", domain.false_value or "false"}
    counts = column.counts() if column.has_vocabulary else list(column.top)
    others = [value for value, _ in counts if value not in allowed]
    if others or column.distinct > len(allowed):
        number_ = len(others) if column.has_vocabulary else max(len(others), column.distinct - len(allowed))
        wanted = " or ".join(f"'{value}'" for value in sorted(allowed, reverse=True))
        what = f"{counted(number_, 'value')} beside {wanted}{listed(others, hidden)}"
        test = row_tests.outside(column.name, allowed)
        yield Finding(column.name, "BOOL_TYPE_UNEXPECTED_STRING", what, test=test)


def _check_numbers_in_text(column: ColumnStatistics, bounds: Any, hidden: bool) -> Iterator[Finding]:
    """Check text that stands for numbers, by its vocabulary; or ask the rows."""
    is_float = bounds.DESCRIPTOR.name == "FloatDomain"
    type_, pattern, kind = (
        ("FLOAT_TYPE_STRING_NOT_FLOAT", row_tests.NUMBER, "number")
        if is_float
        else ("INT_TYPE_NOT_INT_STRING", row_tests.WHOLE, "whole number")
    )
    test = row_tests.unlike(column.name, pattern)
    if not column.has_vocabulary:

        def judge(bad: float, _: float) -> str | None:
            return f"{counted(int(bad), 'row')} with text that is no {kind}" if bad else None

        yield Finding(column.name, type_, test=test, judge=judge, lacks=f"whether all text is a {kind}")
        return
    fits = re.compile(pattern.replace("(?i)", ""), re.IGNORECASE).match
    numbers: list[float] = []
    others: list[str] = []
    for value in map(str, column.vocabulary()):
        if fits(value):
            numbers.append(float(value) if is_float else int(value))
        else:
            others.append(value)
    if others:
        what = f"{counted(len(others), 'value')} that is no {kind}" if len(others) == 1 else ""
        what = what or f"{counted(len(others), 'value')} that are no {kind}s"
        yield Finding(column.name, type_, f"{what}{listed(others, hidden)}", test=test)
    finite = [value for value in numbers if math.isfinite(value)]
    if finite:
        yield from _beyond(column.name, bounds, min(finite), max(finite), hidden, None)
    infinite = len([value for value in numbers if math.isinf(value)])
    if infinite and getattr(bounds, "disallow_inf", False):
        yield Finding(column.name, "FLOAT_TYPE_HAS_INF", counted(infinite, "infinite value"))


def _check_bytes(column: ColumnStatistics, feature: Any, schema: Any) -> Iterator[Finding]:
    name = column.name
    allowed = domain_values(feature, schema)
    if allowed is not None:

        def outside(bad: float, size: float) -> str | None:
            mass = 1 - feature.distribution_constraints.min_domain_mass
            return f"values outside the domain ({percent(bad / size)} of rows)" if bad > mass * size else None

        def no_text(bad: float, _: float) -> str | None:
            return f"{counted(int(bad), 'row')} with bytes that are no text" if bad else None

        lacks = "whether these bytes are within the domain"
        test = row_tests.outside(name, allowed)
        yield Finding(name, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", test=test, judge=outside, lacks=lacks)
        yield Finding(
            name,
            "ENUM_TYPE_INVALID_UTF8",
            test=row_tests.not_utf8(name),
            judge=no_text,
            lacks="whether these bytes are text",
        )
    if feature.HasField("image_domain"):
        yield from _check_images(column, feature.image_domain)


def _check_images(column: ColumnStatistics, domain: Any) -> Iterator[Finding]:
    name, most = column.name, domain.max_image_byte_size
    if domain.HasField("max_image_byte_size") and column.lengths and column.lengths.max > most:
        what = f"the largest image has {column.lengths.max:,} bytes, the schema allows {most:,}"
        yield Finding(name, "MAX_IMAGE_BYTE_SIZE_EXCEEDED", what, test=row_tests.longer(name, most))
    wanted = domain.minimum_supported_image_fraction
    if not wanted:
        return

    def judge(bad: float, size: float) -> str | None:
        share = 1 - bad / size if size else 1.0
        what = f"{percent(share)} are images that TensorFlow decodes, the schema wants {percent(wanted)}"
        return what if share < wanted else None

    if column.images is not None and column.images.sampled:
        supported = sum(count for format_, count in column.images.formats if format_ in ("JPEG", "PNG", "GIF", "BMP"))
        said = judge(column.images.sampled - supported, column.images.sampled)
        if said:
            yield Finding(name, "LOW_SUPPORTED_IMAGE_FRACTION", said, test=row_tests.no_image(name))
    else:
        yield Finding(
            name,
            "LOW_SUPPORTED_IMAGE_FRACTION",
            test=row_tests.no_image(name),
            judge=judge,
            lacks="how many of these bytes are images",
        )


def _check_truth(column: ColumnStatistics, hidden: bool) -> Iterator[Finding]:
    """Check numbers that stand for true and false: 1 and 0."""
    if column.kind == "boolean" or not isinstance(column.min, int | float) or not isinstance(column.max, int | float):
        return
    low, high = column.min, column.max
    if feature_type(column) == "INT":
        test = row_tests.beyond(column.name, 0, 1)
        if low < 0:
            what = "a truth value below 0" if hidden else f"the least truth value is {low}"
            yield Finding(column.name, "BOOL_TYPE_SMALL_INT", what, test=test)
        if high > 1:
            what = "a truth value above 1" if hidden else f"the greatest truth value is {high}"
            yield Finding(column.name, "BOOL_TYPE_BIG_INT", what, test=test)
    elif low not in (0, 1) or high not in (0, 1) or column.distinct > 2 or column.infinite:
        between = "" if hidden else f": {low} to {high}"
        what = f"truth values that are neither 0 nor 1{between}"
        yield Finding(column.name, "BOOL_TYPE_UNEXPECTED_FLOAT", what, test=_neither(column.name))


def _neither(name: str) -> row_tests.RowTest:
    def bad(values: Any) -> Any:
        import pyarrow.compute as pc

        return pc.and_(pc.not_equal(values, 0.0), pc.not_equal(values, 1.0))

    return row_tests.of_values(name, bad)


def _check_range(column: ColumnStatistics, bounds: Any, hidden: bool) -> Iterator[Finding]:
    low, high = column.min, column.max
    if isinstance(low, int | float) and isinstance(high, int | float):
        yield from _beyond(column.name, bounds, low, high, hidden, row_tests.beyond)
    if not column.infinite:
        return
    what = counted(column.infinite, "infinite value")
    test = row_tests.beyond(column.name, None, None, infinite=True)
    if getattr(bounds, "disallow_inf", False):
        yield Finding(column.name, "FLOAT_TYPE_HAS_INF", what, test=test)
    elif bounds.HasField("min") and bounds.HasField("max"):
        what += f", the schema allows {number(bounds.min)} to {number(bounds.max)}"
        yield Finding(column.name, "FLOAT_TYPE_BIG_FLOAT", what, test=test)


def _beyond(
    name: str, bounds: Any, low: float, high: float, hidden: bool, tester: Callable[..., row_tests.RowTest] | None
) -> Iterator[Finding]:
    """Yield what lies below or above bounds; numbers are held against a FloatDomain as that keeps its own."""
    is_float = bounds.DESCRIPTOR.name == "FloatDomain"
    kept = narrow if is_float else float if isinstance(low, float) else int
    small, big = (
        ("FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_BIG_FLOAT") if is_float else ("INT_TYPE_SMALL_INT", "INT_TYPE_BIG_INT")
    )

    def test(least: float | None, most: float | None) -> row_tests.RowTest | None:
        return tester(name, least, most, narrow=is_float) if tester else None

    if bounds.HasField("min") and kept(low) < bounds.min:
        limit = f"the schema allows {_plain(bounds.min)} and more"
        what = f"values below {_plain(bounds.min)}" if hidden else f"the least value is {low}, {limit}"
        yield Finding(name, small, what, test=test(bounds.min, None))
    if bounds.HasField("max") and kept(high) > bounds.max:
        limit = f"the schema allows {_plain(bounds.max)} and less"
        what = f"values above {_plain(bounds.max)}" if hidden else f"the greatest value is {high}, {limit}"
        yield Finding(name, big, what, test=test(None, bounds.max))


def _plain(value: float) -> str:
    """Return a bound as it was written: what 32 bits keep of 0.1 is 0.1."""
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def _check_floats(column: ColumnStatistics, bounds: Any) -> Iterator[Finding]:
    """Ask the rows for NaN where the schema forbids it: statistics count NaN as missing."""
    is_float = item_type(column.type).startswith(("float", "double", "halffloat"))
    if not getattr(bounds, "disallow_nan", False) or not is_float or not (column.missing or column.kind == "list"):
        return

    def judge(bad: float, _: float) -> str | None:
        return f"NaN in {counted(int(bad), 'row')}" if bad else None

    yield Finding(
        column.name,
        "FLOAT_TYPE_HAS_NAN",
        test=row_tests.not_a_number(column.name),
        judge=judge,
        lacks="whether what is missing is NaN",
    )


def check_embedding(column: ColumnStatistics, feature: Any) -> Iterator[Finding]:
    """Yield where an embedding has another length than the schema says."""
    domain = feature.float_domain
    if not domain.is_embedding or not domain.embedding_dim or not column.count:
        return
    size = domain.embedding_dim
    got = (column.lengths.min, column.lengths.max) if column.kind == "list" and column.lengths else (1, 1)
    if got != (size, size):
        said = f"{got[0]}" if got[0] == got[1] else f"{got[0]} to {got[1]}"
        test = row_tests.of_length(column.name, size, size) if column.kind == "list" else None
        yield Finding(
            column.name, "EMBEDDING_SHAPE_INVALID", f"embeddings of length {said}, the schema says {size}", test=test
        )
