"""The page of an evaluation: the verdict first, intervals beside the champion's, nothing in it taken for markup."""

from __future__ import annotations

import dataclasses

import pytest

from levada.artifacts.measured import CalibrationBin, Charts, Estimate, Measure
from levada.reports import EvaluationReport, page_of
from levada.reports.plots import span_of
from levada.terminal.reports import report_text
from tests.evaluation.results import part, results
from tests.reports.samples import EVIL, Markup


def report(**changed: object) -> EvaluationReport:
    found = results(EVIL, **changed)  # type: ignore[arg-type]
    return EvaluationReport("flights · evaluate", ["run 7f3a"], found, (), found.is_open)


def test_the_verdict_stands_first_and_what_closed_the_gate_on_top_of_it() -> None:
    text = Markup(page_of(report())).text
    order = [
        "gate closed",
        "Why the gate is closed",
        f"auc where carrier={EVIL} 1 is worse",
        "auc 0.681 is at least 0.6",
    ]
    places = [
        text.index(said) for said in [*order, f"{EVIL} is a note", "2 slices with fewer than 300 rows", "All rows"]
    ]
    assert places == sorted(places)
    assert "Every condition holds" in page_of(report(conditions=()))


def test_metrics_stand_beside_the_champions_with_intervals_and_how_they_were_found() -> None:
    text = Markup(page_of(report())).text
    assert "0.681 [0.673, 0.689]" in text and "0.674" in text and "-0.007 [-0.015, 0.001]" in text and "DeLong" in text
    assert "Cannot be said of these rows: odd" in text
    assert f"0.100 [0.000, 0.200] apart: carrier={EVIL} 2 and carrier={EVIL} 0" in text
    alone = Markup(page_of(report(beside=False))).text
    assert "champion" not in alone and "drop" not in alone


def test_slices_stand_worst_first_and_the_one_that_failed_is_marked() -> None:
    page = Markup(page_of(report()))
    rows = [page.text.index(f"carrier={EVIL} {place}{300 + place}") for place in range(3)]
    assert rows == sorted(rows)
    assert page.text.count("worse") == 2  # its sentence, its badge


def test_a_page_asks_for_nothing_and_nothing_in_it_is_markup() -> None:
    page = Markup(page_of(report()))
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    assert page.tags["script"] == 2 and "img" not in page.tags
    assert page.tags["svg"] > 6


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_a_page_stays_below_two_megabytes_with_any_number_of_slices(count: int) -> None:
    found = results(EVIL, slices=count) if count else results(EVIL, slices=0)
    names = [f"metric {place}" for place in range(8)]
    parts = [part("carrier", f"carrier={EVIL} {place}", 500, 0.5, 0.6) for place in range(min(count, 1_000))]
    for each in (found.whole, *parts):
        for side in (each.metrics, each.champion, each.drops):
            side.update(dict.fromkeys(names, Estimate(0.5, 0.4, 0.6)))
    measures = tuple(Measure(name, False, "by hand") for name in ("auc", *names))
    page = page_of(
        dataclasses.replace(report(), results=dataclasses.replace(found, measures=measures, slices=tuple(parts)))
    )
    assert len(page.encode()) < 2_000_000
    assert ("and 934 more" in page) == (count > 1_000)


def test_slices_and_classes_of_sensitive_columns_are_not_named() -> None:
    hidden = dataclasses.replace(report(label="late"), sensitive={"carrier", "late"})
    for text in (page_of(hidden), report_text(hidden, 160)):
        assert "carrier=" not in text
    page = Markup(page_of(hidden)).text
    assert "1 about slices by sensitive columns, which are not named" in page
    assert "Slices by sensitive columns are not shown: carrier" in page
    assert "class 1" in page and f"true \\\\ answered{EVIL}" not in page


def test_a_terminal_shows_the_same_as_tables() -> None:
    lines = report_text(report(), 200).splitlines()
    assert "✗ auc where" in "\n".join(lines) and "✓ auc 0.681 is at least 0.6" in lines
    (row,) = [line for line in lines if line.startswith("auc ") and "0.681" in line and "[" in line]
    assert row.split() == ["auc", "0.681", "[0.673,", "0.689]", "0.674", "-0.007", "[-0.015,", "0.001]"]
    assert not [line for line in lines if "\x1b" in line]


def test_a_regression_has_its_errors_and_one_plane() -> None:
    bins = [CalibrationBin(step * 10.0, 50, Estimate(step * 11.0, step * 10.0, step * 12.0)) for step in range(4)]
    drawn = Charts(calibration=bins, errors={"0.05": -1.5, "0.95": 2.5})
    text = Markup(page_of(report(task="regression", charts=drawn, champion_charts=None))).text
    assert "5.0 % are below" in text and "2.500" in text and "ROC" not in text and "answered by which" not in text


def test_a_range_has_room_for_what_is_in_it_and_no_more_than_it_may() -> None:
    assert span_of([]) == (0.0, 1.0)
    low, high = span_of([1.0, None, 3.0])
    assert low < 1 and high > 3
    assert span_of([0.0, 1.0], within=(0.0, 1.0)) == (0.0, 1.0)
