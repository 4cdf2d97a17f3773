"""Types of CSV columns: what a text could be, what holds two types, and columns that mix numbers and text."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from levada.errors import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = (
    "string", "bool", "int64", "float64", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float32",
    "date32", "timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]", "time32[s]", "time64[ns]",
    "timestamp[s, tz=UTC]", "timestamp[ms, tz=UTC]", "timestamp[us, tz=UTC]", "timestamp[ns, tz=UTC]",
)  # fmt: skip
"""The Arrow types that a column of a CSV file can be declared to have."""

_DAY, _CLOCK = r"\d{4}-\d\d-\d\d", r"[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_OFFSET = r"(?:Z|[+-]\d\d(?::?\d\d)?)"

SORTS = {
    "numbers": r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$",
    "dates": rf"^\s*{_DAY}(?:{_CLOCK})?\s*$",
    "times with an offset": rf"^\s*{_DAY}{_CLOCK}{_OFFSET}\s*$",
    "true and false": r"^\s*(?i:true|false)\s*$",
}
"""What a text column may turn out to be, but for a few values."""

NARROWEST = {
    "numbers": "int64",
    "dates": "date32",
    "times with an offset": "timestamp[s, tz=UTC]",
    "true and false": "bool",
}
"""The type that a column of each sort begins with."""

TRUE, FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]
"""Truth in words; only where it is declared do 1 and 0 mean it too, for otherwise they are numbers."""

GLANCE = 500
WORTH_COUNTING = 0.1


def arrow_type(name: str) -> Any:
    """Return the Arrow type of a name as TYPES or the CSV reader's messages have it."""
    import pyarrow as pa

    if name == "null":
        return pa.null()
    zoned = re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", name)
    return pa.timestamp(zoned[1], zoned[2]) if zoned else pa.type_for_alias(name)


def zone_remedy(column: str, value: str, type_: str, *, is_declared: bool) -> str:
    """Return what to do about a time with a zone in a column without one, or the reverse; empty for other faults."""
    found = re.match(r"(date32|timestamp\[(\w+)(, tz=UTC)?)", type_)
    if found is None or not re.match(_DAY, value.strip()):
        return ""
    has_offset, wants_offset = re.match(SORTS["times with an offset"], value) is not None, found[3] is not None
    if has_offset == wants_offset:
        return ""
    if not is_declared:
        said = "an offset from UTC, and others have none" if has_offset else "no offset from UTC, and others have one"
        return f"It has {said}: fix the line, or call the column text: columns={{'{column}': 'string'}}."
    if has_offset:
        return f"It has an offset from UTC: declare columns={{'{column}': 'timestamp[{found[2] or 's'}, tz=UTC]'}}."
    return (
        f"It has no offset from UTC, as '2024-05-01T10:00:00+02:00' has one. If no value has one, declare "
        f"columns={{'{column}': 'timestamp[{found[2]}]'}}."
    )


_WHOLE = re.compile(r"\s*[+-]?\d{19,}\s*")


def may_have_lost_digits(column: Any) -> bool:
    """Whether numbers of an Arrow column of float64 are so large that they may have been whole ones beyond int64."""
    import pyarrow.compute as pc

    ends = pc.min_max(column).as_py()
    return max(abs(ends["min"] or 0), abs(ends["max"] or 0)) >= 2**63


def is_beyond_int64(text: str) -> bool:
    """Whether a text is a whole number that int64 does not hold."""
    return _WHOLE.fullmatch(text) is not None and not -(2**63) <= int(text) < 2**63


def beyond_int64(column: str, text: str, *, or_text: bool = True) -> tuple[str, str]:
    """Return what is wrong with such a number in a column whose type is not declared, and what to do."""
    said = f"column '{column}' has the whole number {text.strip()[:40]}, which is beyond int64."
    identifier = "'string' for an identifier, " if or_text else ""
    remedy = (
        f"Say what it is: columns={{'{column}': 'uint64'}} (up to 18446744073709551615), {identifier}"
        "or 'float64', which keeps 15 digits."
    )
    return said, remedy


def unknown_type(name: str) -> str:
    """Return what to do about the name of a type that there is not."""
    if name.startswith("timestamp[") and len(name) > len("timestamp[ms]"):
        return "Times with an offset from UTC are timestamp[ms, tz=UTC]; what clock they are read by, features say."
    return did_you_mean(name, TYPES) or f"Types: {', '.join(TYPES)}."


def type_of(text: str) -> Any:
    """Return the Arrow type that the CSV reader would give a column with this value alone."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    quoted = '"' + text.replace('"', '""') + '"'
    options = pacsv.ParseOptions(newlines_in_values=True)
    return pacsv.read_csv(pa.BufferReader(f"x\n{quoted}\n".encode()), parse_options=options).schema.field("x").type


@dataclass
class Mixture:
    """How many values of a text column look like something else: each of SORTS by its name."""

    values: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SORTS, 0))

    def merge(self, other: Mixture) -> None:
        self.values += other.values
        for sort, count in other.counts.items():
            self.counts[sort] += count

    def add(self, texts: pa.Array, null_texts: list[str]) -> None:
        """Count a batch: all of it if a glance at its beginning shows that something is there to count."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = texts.filter(pc.invert(pc.is_in(texts, pa.array(null_texts))))
        self.values += len(texts)
        if max(_counts(texts.slice(0, GLANCE)).values()) >= WORTH_COUNTING * min(len(texts), GLANCE):
            for sort, count in _counts(texts).items():
                self.counts[sort] += count

    @property
    def sort(self) -> str | None:
        """What at least half of the values are, but not all; None if there is no such thing.

        Times with an offset and dates without are two sorts: where they make up the half together, it is that of most.
        """
        for sort, count in self.counts.items():
            if self.values <= 2 * count < 2 * self.values:
                return sort
        moments = ("dates", "times with an offset")
        if all(self.counts[sort] for sort in moments) and self.values <= 2 * sum(self.counts[sort] for sort in moments):
            return max(moments, key=self.counts.__getitem__)
        return None


def _counts(texts: pa.Array) -> dict[str, int]:
    import pyarrow.compute as pc

    return {sort: pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0 for sort, pattern in SORTS.items()}
