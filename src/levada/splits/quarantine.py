"""How many malformed rows may be put aside, and what is said when there are more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 5
SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class Tolerance:
    """At most so many rows, or such a share of all rows, may be malformed."""

    rows: int | None = None
    share: float | None = None

    def allows(self, malformed: int, rows: int) -> bool:
        """Whether so many of all rows, malformed ones included, may be malformed."""
        return malformed <= (self.rows if self.share is None else self.share * rows)  # pyright: ignore[reportOperatorIssue]

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.share is None else f"{self.share:.4g} of all"


def tolerance(limit: float | None, wish: str = "ingest(quarantine=...)") -> Tolerance | None:
    """Return what a parameter `quarantine` means: a number of rows, or below 1 a share; None allows none at all."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not limit >= 0 or (limit > 1 and limit != int(limit)):
        raise ParameterError(
            f"{wish}: {limit!r} was given, wanted a number of rows, or a share of them.",
            hint="100 puts up to 100 rows aside, 0.01 up to 1 % of all rows.",
        )
    return Tolerance(share=limit) if isinstance(limit, float) and limit <= 1 else Tolerance(rows=int(limit))


def reasons(rejects: pa.Table) -> dict[str, int]:
    """Return how many rows were put aside for each reason, the most frequent first."""
    counts = {item["values"]: item["counts"] for item in rejects["reason"].value_counts().to_pylist()}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def too_many(tolerance: Tolerance, rejects: pa.Table, rows: int | None) -> DataError:
    """Return the error for more malformed rows than are allowed, with counts by reason and the first few."""
    counted = [f"  {count:,} x {reason}" for reason, count in reasons(rejects).items()]
    if len(counted) > SHOWN:
        counted = [*counted[:SHOWN], f"  ... ({len(counted)} reasons)"]
    first = [
        f"  {row['file']}{':' + str(row['line']) if row['line'] is not None else ''}   {_cut(row['row'])}"
        for row in rejects.slice(0, SHOWN).to_pylist()
    ]
    said = (
        f"{rejects.num_rows:,} of {rows:,} rows are malformed, and at most {tolerance} may be:"
        if rows is not None
        else f"more than {tolerance} rows are malformed. Of those seen:"
    )
    return DataError(
        "\n".join([said, *counted, "the first:", *first]),
        hint="Fix them at the source, say what they are (columns=, splits=), or allow more: ingest(..., quarantine=N).",
    )


def _cut(text: str) -> str:
    line = text.splitlines()[0] if text.strip() else text.strip()
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "\u2026"
