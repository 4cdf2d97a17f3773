"""Reports in a terminal: all that the page says in a table, and nothing in the data steers the terminal."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from levada.artifacts import Anomaly
from levada.reports import Side, comparison_report, profile_report, sides_of, validation_report
from levada.terminal.reports import report_text
from tests.reports.samples import statistics_of, two_sides

STEERS = "a\x1b[31mred\x07\u202e[bold]"


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Side]:
    return two_sides(tmp_path_factory.mktemp("sides"))


@pytest.mark.parametrize("width", [60, 100, 200])
def test_every_column_is_there_and_no_line_is_wider_than_the_terminal(sides: list[Side], width: int) -> None:
    lines = report_text(profile_report(sides, title="t"), width).splitlines()
    assert all(len(line) <= width for line in lines)
    if width == 200:
        first = [line.split()[0] for line in lines if line.strip()]
        assert [name for name in list(sides[0].columns)[1:] if name not in first] == []


def test_figures_pictures_and_remarks_stand_in_the_table(sides: list[Side]) -> None:
    text = report_text(profile_report(sides, title="t"), 200)
    (delay,) = (line for line in text.splitlines() if line.startswith("delay"))
    assert "train" in delay and "10 %" in delay and "1 to 7970.0" in delay and set(delay) & set("▃▄▅")
    (late,) = (line for line in text.splitlines() if line.startswith("late"))
    assert "false 50 %" in late and "true 50 %" in late
    assert "has one value only" in text and "\x1b" not in text
    assert "\x1b[" in report_text(profile_report(sides, title="t"), 200, colours=True)


def test_each_side_shows_its_own_most_frequent_values_most_frequent_first(tmp_path: Path) -> None:
    """Also where the other side, being small, has larger shares; a picture that both share orders by one of them."""
    train = pa.table({"zip": [f"{row % 3000:05}" for row in range(6000)] + ["often"] * 9, "n": [2, 2, 3] * 2003})
    small = pa.table({"zip": ["a"] * 5 + ["b"] * 6 + ["c"] * 4, "n": [3, 3, 2] * 5})
    text = report_text(profile_report(sides_of(statistics_of(tmp_path, train=train, eval=small)), title="t"), 200)
    lines = text.splitlines()
    zip_, n = (next(at for at, line in enumerate(lines) if line.startswith(name)) for name in ("zip", "n "))
    assert "often 0.1 %" in lines[zip_] and "b 40 % · a 33.3 %" in lines[zip_ + 1]
    assert "2 66.7 % · 3 33.3 %" in lines[n] and "3 66.7 % · 2 33.3 %" in lines[n + 1]


def test_what_steers_a_terminal_is_shown_by_its_code(tmp_path: Path) -> None:
    statistics = statistics_of(tmp_path, train=pa.table({STEERS: [STEERS] * 5}))
    report = profile_report(sides_of(statistics), title=STEERS, about=[STEERS])
    text = report_text(report, 200)
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert text.count(r"a\x1b[31mred\x07\u202e[bold]") >= 4


def test_findings_and_what_moved_stand_above_the_columns(sides: list[Side]) -> None:
    anomalies = [Anomaly("month", "range", "error", "month is above 1", "eval")]
    text = report_text(validation_report(anomalies, sides, title="t"), 120)
    assert text.index("month is above 1") < text.index("missing")
    assert "The data is as its schema says." in report_text(validation_report([], sides, title="t"), 120)
    moved = report_text(comparison_report(*sides, title="t"), 200)
    assert moved.index("\nfar") < moved.index("\nmonth") and "distance 0.004" in moved
