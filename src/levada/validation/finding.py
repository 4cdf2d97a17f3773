"""Findings: what a check says before the rows have been looked at, and how it becomes an anomaly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from levada.artifacts.anomalies import Anomaly, Severity

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SHOWN_VALUES = 5

KINDS = {
    "missing column": ("SCHEMA_MISSING_COLUMN",),
    "new column": ("SCHEMA_NEW_COLUMN",),
    "type": ("UNEXPECTED_DATA_TYPE",),
    "missing values": (
        "FEATURE_TYPE_NOT_PRESENT",
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        "FLOAT_TYPE_HAS_NAN",
    ),
    "length": (
        "FEATURE_TYPE_LOW_NUMBER_VALUES",
        "FEATURE_TYPE_HIGH_NUMBER_VALUES",
        "INVALID_FEATURE_SHAPE",
        "VALUE_NESTEDNESS_MISMATCH",
        "EMBEDDING_SHAPE_INVALID",
    ),
    "range": (
        "BOOL_TYPE_BIG_INT",
        "BOOL_TYPE_SMALL_INT",
        "BOOL_TYPE_UNEXPECTED_FLOAT",
        "FLOAT_TYPE_BIG_FLOAT",
        "FLOAT_TYPE_SMALL_FLOAT",
        "FLOAT_TYPE_HAS_INF",
        "INT_TYPE_BIG_INT",
        "INT_TYPE_SMALL_INT",
    ),
    "domain": (
        "BOOL_TYPE_UNEXPECTED_STRING",
        "ENUM_TYPE_INVALID_UTF8",
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "FLOAT_TYPE_STRING_NOT_FLOAT",
        "INT_TYPE_NOT_INT_STRING",
    ),
    "distinct values": ("FEATURE_TYPE_HIGH_UNIQUE", "FEATURE_TYPE_LOW_UNIQUE", "FEATURE_TYPE_NO_UNIQUE"),
    "images": ("LOW_SUPPORTED_IMAGE_FRACTION", "MAX_IMAGE_BYTE_SIZE_EXCEEDED"),
    "text": (
        "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
        "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
        "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
        "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
        "FEATURE_COVERAGE_TOO_LOW",
        "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
    ),
    "paired columns": (
        "SPARSE_FEATURE_MISSING_VALUE",
        "SPARSE_FEATURE_MISSING_INDEX",
        "SPARSE_FEATURE_LENGTH_MISMATCH",
        "WEIGHTED_FEATURE_MISSING_VALUE",
        "WEIGHTED_FEATURE_MISSING_WEIGHT",
        "WEIGHTED_FEATURE_LENGTH_MISMATCH",
    ),
    "rows": ("DATASET_LOW_NUM_EXAMPLES", "DATASET_HIGH_NUM_EXAMPLES"),
    "empty split": ("NO_DATA_IN_SPAN",),
    "comparison": (
        "COMPARATOR_LOW_NUM_EXAMPLES",
        "COMPARATOR_HIGH_NUM_EXAMPLES",
        "COMPARATOR_CONTROL_DATA_MISSING",
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    ),
    "schema": (
        "FEATURE_MISSING_NAME",
        "FEATURE_MISSING_TYPE",
        "INVALID_SCHEMA_SPECIFICATION",
        "INVALID_DOMAIN_SPECIFICATION",
        "DOMAIN_INVALID_FOR_TYPE",
        "SPARSE_FEATURE_NAME_COLLISION",
        "WEIGHTED_FEATURE_NAME_COLLISION",
        "DERIVED_FEATURE_BAD_LIFECYCLE",
        "DERIVED_FEATURE_INVALID_SOURCE",
        "SEMANTIC_DOMAIN_UPDATE",
    ),
    "not checked": ("STATS_NOT_AVAILABLE",),
    "rule": ("CUSTOM_VALIDATION",),
}
"""The kinds of anomalies, and the types of TensorFlow Data Validation that each stands for."""

KIND_OF = {type_: kind for kind, types in KINDS.items() for type_ in types}

Judge = Callable[[float, float], str | None]
"""From what the rows gave in total, and out of how much: what is wrong, in words, or None."""


@dataclass(frozen=True)
class RowTest:
    """A question to every row of a split.

    `bad` gives a number a row of a record batch with these columns: 0 where it is fine. `size` gives what the
    total is held against, the number of rows if it is not said. `shown` is whether rows with a number are examples.
    """

    columns: tuple[str, ...]
    bad: Callable[[pa.RecordBatch], np.ndarray[Any, Any]]
    size: Callable[[pa.RecordBatch], float] | None = None
    shown: bool = True


@dataclass(frozen=True)
class Finding:
    """What a check found. `what` says it in words; or `judge` will, when `test` has been put to the rows.

    `lacks` says what cannot be told where there are no rows to ask.
    """

    column: str
    type: str
    what: str = ""
    severity: Severity = "error"
    split: str = ""
    count: int | None = None
    test: RowTest | None = None
    judge: Judge | None = None
    lacks: str = ""
    kind: str = ""
    label: str = ""

    def within(self, split: str) -> Finding:
        """Return the finding as one of a split; "" where there is no other."""
        return replace(self, split=split)

    def anomaly(self, count: int | None = None, rows: tuple[dict[str, Any], ...] = ()) -> Anomaly:
        """Return the anomaly; `count` and `rows` are what the second pass found, if there was one."""
        label = self.label or self.column
        where = f"{label} in {self.split}" if self.split and label else label or self.split
        if self.type == "NO_DATA_IN_SPAN":
            where = ""  # it is the split itself that is meant
        return Anomaly(
            column=self.column,
            kind=self.kind or KIND_OF[self.type],
            severity=self.severity,
            description=f"{where}: {self.what}" if where else self.what,
            split=self.split,
            type=self.type,
            count=self.count if count is None else count,
            rows=rows,
        )

    def unanswered(self) -> Finding:
        """Return what to say of a question that only rows can answer, where there are none."""
        said = f"{self.lacks}: only the rows can tell, pass examples="
        return replace(
            self, type="STATS_NOT_AVAILABLE", kind="", what=said, severity="warning", judge=None, test=None, count=None
        )


def percent(share: float) -> str:
    """Return a share for people: '78 %', '0.5 %', 'less than 0.1 %'."""
    value = 100 * share
    if 0 < value < 0.1:
        return "less than 0.1 %"
    return f"{value:.1f} %" if value < 10 and round(value, 1) != round(value) else f"{value:.0f} %"


def counted(count: int, word: str) -> str:
    """Return a number of things: '1 value', '1,200 values'."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def listed(values: list[Any], hidden: bool) -> str:
    """Return the first few of some values in quotes; nothing if they are for no person's eyes."""
    if hidden or not values:
        return ""
    shown = ", ".join(f"'{value}'" for value in values[:SHOWN_VALUES])
    return f": {shown}{', ...' if len(values) > SHOWN_VALUES else ''}"
