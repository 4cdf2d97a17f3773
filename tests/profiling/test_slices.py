"""Slices: the rows that share a value, with statistics of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Statistics, examples
from levada.component import component
from levada.components import profile
from levada.context import Context
from levada.errors import DataError, ParameterError

ROWS = 3000
RANDOM = np.random.default_rng(1)
TABLE = pa.table(
    {
        "origin": pa.array(["EWR", "JFK", None, "LGA"]).take(pa.array(RANDOM.choice(4, ROWS, p=[0.5, 0.3, 0.1, 0.1]))),
        "month": RANDOM.integers(1, 4, ROWS),
        "delay": RANDOM.normal(10, 5, ROWS),
        "late": RANDOM.random(ROWS) < 0.3,
    }
)


@component
def flights(ctx: Context) -> Examples:
    made = ctx.output(Examples)
    made.write("train", TABLE)
    return made


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "ROW_GROUP_ROWS", 700)


@pytest.mark.parametrize("options", [{}, {"beam_from_rows": 1}])
def test_a_slice_has_the_statistics_of_its_rows(call: Any, options: dict[str, Any]) -> None:
    wanted = ["origin", ["origin", "month"]]
    statistics: Statistics = call(profile, call(flights), slices=wanted, max_slices=4, label="late", **options)
    assert statistics.label == "late"
    assert statistics.slices()[:4] == ["origin=EWR", "origin=JFK", *statistics.slices()[2:4]]
    assert set(statistics.slices()[2:4]) == {"origin is missing", "origin=LGA"}
    assert all(name.startswith("origin=EWR, month=") for name in statistics.slices()[4:7])
    assert len(statistics.slices()) == 8
    frame = TABLE.to_pandas()
    for name, rows in (
        ("origin=EWR", frame[frame.origin == "EWR"]),
        ("origin is missing", frame[frame.origin.isna()]),
        ("origin=EWR, month=2", frame[(frame.origin == "EWR") & (frame.month == 2)]),
    ):
        delay = statistics.column("delay", "train", slice=name)
        assert statistics.rows("train", slice=name) == delay.rows == len(rows)
        assert (delay.mean, delay.variance) == pytest.approx((rows.delay.mean(), rows.delay.var(ddof=0)))
        assert delay.correlation == pytest.approx(np.corrcoef(rows.delay, rows.late)[0, 1])
    assert statistics.column("origin", slice="origin=EWR").vocabulary() == ["EWR"]
    assert statistics.column("late").correlation is None


def test_here_and_by_beam_slices_are_the_same_bytes(call: Any) -> None:
    rows = call(flights)
    here, by_beam = (call(profile, rows, slices=["month"], label="late", beam_from_rows=n) for n in (10**9, 1))
    for file in ("statistics.json", "vocabularies.json"):
        assert (here.path / file).read_bytes() == (by_beam.path / file).read_bytes()


def test_wrong_slices_and_labels_are_told(call: Any) -> None:
    rows = call(flights)
    with pytest.raises(DataError, match=r"there is no column 'orign'\.\nDid you mean origin\?"):
        call(profile, rows, slices=["orign"])
    with pytest.raises(ParameterError, match="at least one column"):
        call(profile, rows, slices=[[]])
    with pytest.raises(ParameterError, match="max_slices=0"):
        call(profile, rows, slices=["origin"], max_slices=0)
    with pytest.raises(DataError, match=r"label='lat'"):
        call(profile, rows, label="lat")
