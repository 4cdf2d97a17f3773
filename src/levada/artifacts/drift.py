"""Drift reports: how far the columns of two sets of rows are apart, and the gate that closes on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from levada.artifact import Gate

FILE = "drift.json"
FORMAT = 1

WORST = 10
"""How many columns are named in the properties."""

Verdict = Literal["none", "warn", "fail"]
SEVERITY: dict[str, int] = {"none": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True)
class ComparedRows:
    """One side of a comparison: where its statistics are from, the split, and how many rows it has."""

    name: str
    split: str
    rows: int


@dataclass(frozen=True)
class ColumnDrift:
    """One column, held against the same column of the baseline.

    `kind` is what the column is for statistics (`baseline_kind` where it was that before; empty on the side that does
    not have the column). `distances` are by name: `psi`, `jensen_shannon`, `kolmogorov_smirnov`, `wasserstein`
    (in standard deviations of the baseline), `l_infinity`, `missing` and `infinite` (changes of a share); those
    that such columns do not have are absent. `p_value` is for the shape of the distribution, `missing_p_value` for
    missing values; q-values are those after correction for all columns that were looked at.

    `effect` is the distance that is largest by its limit, as a multiple of the limit from which it warns (1 is at
    the limit), and `measure` names it. `verdict` is `none` unless the effect reaches a limit and chance does not
    explain it. `judged` is False where nothing can be said: too few rows, or nothing to compare.
    """

    column: str
    kind: str
    verdict: Verdict
    sentence: str
    judged: bool = True
    effect: float = 0.0
    measure: str = ""
    distances: dict[str, float] = field(default_factory=dict[str, float])
    p_value: float | None = None
    q_value: float | None = None
    missing_p_value: float | None = None
    missing_q_value: float | None = None
    baseline_kind: str = ""
    baseline_type: str = ""
    type: str = ""
    baseline_rows: int = 0
    rows: int = 0
    baseline_missing: float = 0.0
    missing: float = 0.0
    slice: str = ""

    @property
    def label(self) -> str:
        """The column, and the slice where it is one of a slice."""
        return f"{self.column} in {self.slice}" if self.slice else self.column


@dataclass(frozen=True)
class Drift:
    """The content of `drift.json`: every column that was compared, the worst first.

    `kind` says what was compared: `drift` (span against span) or `skew` (serving against training). `alpha` is the
    probability of any alarm where nothing changed.
    """

    kind: Literal["drift", "skew"]
    baseline: ComparedRows | None
    current: ComparedRows
    alpha: float
    columns: tuple[ColumnDrift, ...] = ()

    def with_verdict(self, verdict: Verdict) -> list[ColumnDrift]:
        """The columns that have a verdict, the worst first."""
        return [column for column in self.columns if column.verdict == verdict]


class DriftReport(Gate):
    """How far the columns of two sets of rows are apart, as `drift.json`; a gate that a `fail` closes.

    Properties: `kind`, `columns` (how many were compared), `failed` and `warned` (how many), `worst` (names).
    """

    def write(self, drift: Drift) -> None:
        """Write what was found and set the verdict: open unless a column failed."""
        form = {"format": FORMAT, **asdict(drift)}
        text = json.dumps(form, ensure_ascii=False, allow_nan=False, indent=1)
        (self.path / FILE).write_text(text + "\n", encoding="utf-8")
        failed, warned = drift.with_verdict("fail"), drift.with_verdict("warn")
        self.properties["kind"] = drift.kind
        self.properties["columns"] = len(drift.columns)
        self.properties["failed"] = len(failed)
        self.properties["warned"] = len(warned)
        self.properties["worst"] = [*(column.label for column in (*failed, *warned)[:WORST])]
        self.set_verdict(not failed, _sentences(failed or warned) if drift.baseline else ["there is no baseline yet"])

    @property
    def drift(self) -> Drift:
        """All that was found."""
        form: dict[str, Any] = json.loads((self.path / FILE).read_text(encoding="utf-8"))
        del form["format"]
        form["baseline"] = ComparedRows(**form["baseline"]) if form["baseline"] else None
        form["current"] = ComparedRows(**form["current"])
        form["columns"] = tuple(ColumnDrift(**column) for column in form["columns"])
        return Drift(**form)

    @property
    def columns(self) -> tuple[ColumnDrift, ...]:
        """Every column that was compared, the worst first."""
        return self.drift.columns

    def column(self, name: str, slice: str = "") -> ColumnDrift | None:
        """One column, None if it was not compared."""
        return next((found for found in self.columns if (found.column, found.slice) == (name, slice)), None)


def _sentences(columns: Sequence[ColumnDrift]) -> list[str]:
    return [column.sentence for column in columns]
