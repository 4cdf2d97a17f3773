"""What is worth a look, and what is not."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pyarrow as pa
import pytest

from levada.reports import sides_of
from levada.reports.remarks import percent, remarks_on, skewness
from tests.reports.samples import statistics_of

ROWS = 2000


def said(root: Path, **splits: list[object]) -> dict[str, tuple[str, str]]:
    """Return what is said of one column, by the kind of remark."""
    tables = {name: pa.table({"c": values}) for name, values in splits.items()}
    return {each.kind: (each.level, each.text) for each in remarks_on("c", sides_of(statistics_of(root, **tables)))}


def test_ordinary_columns_have_no_remarks(tmp_path: Path) -> None:
    draw = random.Random(1)
    for place, values in enumerate(
        (
            [draw.gauss(0, 1) for _ in range(ROWS)],
            [draw.choice("abcdef") for _ in range(ROWS)],
            [draw.random() < 0.1 for _ in range(ROWS)],
            [draw.randrange(10) for _ in range(ROWS)],
        )
    ):
        assert said(tmp_path / str(place), train=list(values)) == {}


@pytest.mark.parametrize(
    ("kind", "level", "values"),
    [
        ("empty", "warning", [*pa.nulls(ROWS, pa.float64()).to_pylist(), math.nan]),
        ("constant", "warning", [7] * ROWS),
        ("almost constant", "note", [7] * (ROWS - 20) + list(range(20))),
        ("mostly missing", "warning", [None] * (ROWS - 900) + list(range(900))),
        ("mostly zero", "note", [0] * (ROWS - 100) + list(range(1, 101))),
        ("infinite", "warning", [math.inf, *map(float, range(ROWS))]),
        ("unrepeated", "note", [f"id-{row}" for row in range(ROWS)]),
        ("many values", "note", [f"id-{row % 1200}" for row in range(ROWS)]),
        ("skewed", "note", [math.exp(3 * row / ROWS) ** 3 for row in range(ROWS)]),
    ],
)
def test_what_stands_out_is_said(tmp_path: Path, kind: str, level: str, values: list[object]) -> None:
    remarks = said(tmp_path, train=values)
    assert kind in remarks and remarks[kind][0] == level


def test_what_differs_between_sides_is_said(tmp_path: Path) -> None:
    words = ["a", "b"] * 50
    assert "missing differs" in said(tmp_path / "m", train=words, eval=[None] * 20 + words)
    assert said(tmp_path / "n", train=words, eval=["c", *words])["new values"][1] == (
        "a row of eval has a value that train does not have"
    )
    only = said(tmp_path / "o", train=[1] * 9, eval=[1, 2, 3] * 3)
    assert only["constant"][1].endswith("in train")


def test_skewness_is_that_of_the_distribution(tmp_path: Path) -> None:
    """The values that the docstring names, from the quantile functions."""
    shares = [(place + 0.5) / ROWS for place in range(ROWS)]
    exponential = [-math.log(1 - share) for share in shares]
    table = pa.table({"even": shares, "right": exponential, "left": [-value for value in exponential]})
    columns = statistics_of(tmp_path, train=table).columns("train")
    assert skewness(columns["even"]) == pytest.approx(0, abs=0.01)
    assert skewness(columns["right"]) == pytest.approx(0.70, abs=0.02)
    assert skewness(columns["left"]) == pytest.approx(-0.70, abs=0.02)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (1e-6, "< 0.1 %"), (0.99999, "> 99.9 %"), (0.5, "50 %"), (0.123456, "12.3 %")],
)
def test_shares_are_read_at_a_glance(share: float, text: str) -> None:
    assert percent(share) == text
