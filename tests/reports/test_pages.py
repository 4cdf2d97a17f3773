"""Pages stand alone, stay small, show every column; nothing in the data becomes markup or gets out if it is hidden."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada.artifacts import Anomaly, ColumnStatistics
from levada.artifacts.drift import ColumnDrift, ComparedRows, Drift
from levada.reports import (
    Report,
    Side,
    comparison_report,
    of_drift,
    page_of,
    profile_report,
    sides_of,
    validation_report,
)
from levada.reports.page import LIMIT
from tests.reports.samples import EVIL, SECRET, Markup, statistics_of, table, two_sides

HIDDEN = {"password", "salary"}
ANOMALIES = [
    Anomaly("month", "range", "warning", "month is above 1", "eval"),
    Anomaly(EVIL, "domain", "error", f"{EVIL} has {EVIL}", "train"),
    Anomaly("password", "domain", "error", f"password has {SECRET}-1", "train"),
    Anomaly("", "empty split", "error", "no rows", "test"),
]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Side]:
    return two_sides(tmp_path_factory.mktemp("sides"))


def reports(sides: list[Side], hidden: set[str] | None = None) -> dict[str, Report]:
    title = f"a {EVIL}"
    return {
        "profile": profile_report(sides, title=title, about=[EVIL], sensitive=hidden or ()),
        "comparison": comparison_report(*sides, title=title, sensitive=hidden or ()),
        "validation": validation_report(ANOMALIES, sides, title=title, sensitive=hidden or ()),
    }


KINDS = ("profile", "comparison", "validation")


def data_in(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_markup_and_asks_nothing_of_anybody(sides: list[Side], kind: str) -> None:
    page = page_of(reports(sides)[kind])
    markup = Markup(page)
    assert not [name for name, _ in markup.attributes if name in ("src", "srcset", "data", "action")]
    assert {value for name, value in markup.attributes if name == "href" and value and value[0] != "#"} == set()
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|sendBeacon|new WebSocket|\bimport\(", page)
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) == {
        "https://github.com/leeoniya/uPlot"
    }  # in its licence line
    assert "default-src 'none'" in page
    assert len(page.encode()) < LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_values_that_are_markup_stay_text(sides: list[Side], kind: str) -> None:
    page = page_of(reports(sides)[kind])
    markup = Markup(page)
    assert markup.tags["script"] == 3 and "img" not in markup.tags
    assert not [name for name, _ in markup.attributes if name.startswith("on") and name != "only"]
    assert EVIL in markup.text
    assert "<" not in json.dumps(data_in(page), ensure_ascii=False).replace(EVIL, "")


def test_every_column_has_a_card_with_its_figures(sides: list[Side]) -> None:
    markup = Markup(page_of(reports(sides)["profile"]))
    assert markup.tags["article"] == len(sides[0].columns)
    assert markup.headings == list(sides[0].columns)
    assert "10 % (40)" in markup.text and "00:00:00 to 23:59:00" in markup.text
    assert "2013-01-01 to 2013-01-17 15:00" in markup.text and "2013-01-03 09:00 to 2013-01-07 12:00" in markup.text
    assert "has no values at all" in markup.text and "has one value only" in markup.text
    assert "an identifier, or free text" in markup.text and "8 of its values are infinite" in markup.text


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_hidden_column_there_is_no_value_only_that_it_is_there(sides: list[Side], kind: str) -> None:
    shown, hidden = (page_of(reports(sides, names)[kind]) for names in (set[str](), HIDDEN))
    assert SECRET in shown
    assert SECRET not in hidden and "9876543" not in hidden and "987,654" not in hidden
    assert "password" in hidden and "values are not shown" in hidden


def test_what_moved_most_comes_first(sides: list[Side]) -> None:
    report = comparison_report(*sides, title="t")
    apart = {found.column: found.apart for found in report.moved}
    assert sorted(apart.values(), reverse=True) == list(apart.values())
    assert apart["nothing"] == apart["same"] == 0
    assert apart["id"] == 0  # its lengths are the same, and no two rows are
    assert set(report.names[:4]) == {"far", "when", "lists", "delay"} and apart["when"] > 0.4
    itself = comparison_report(sides[0], sides[0], title="t")
    assert {found.apart for found in itself.moved} == {0.0}


def test_what_a_drift_report_says_of_sensitive_columns_names_no_value() -> None:
    rows = ComparedRows("winter", "train", 1000), ComparedRows("summer", "train", 900)
    found = [
        ColumnDrift("password", "string", "fail", f"password: {SECRET} is new", effect=3.0, slice=slice_)
        for slice_ in ("", "month=1", f"password={SECRET}", f"month=1, password={SECRET}")
    ]
    moved = of_drift(Drift("drift", *rows, 0.05, tuple(found)), {"password"})
    assert [each.label for each in moved] == ["password", "password in month=1"]
    assert SECRET not in str(moved)
    assert len(of_drift(Drift("drift", *rows, 0.05, tuple(found)))) == 4


def test_a_column_of_one_side_only_is_shown_and_said_to_be(tmp_path: Path) -> None:
    left = statistics_of(tmp_path / "a", before=pa.table({"a": [1, 2], "gone": ["x", "y"]}))
    right = statistics_of(tmp_path / "b", now=pa.table({"a": [1, 2], "new": [1.5, 2.5]}))
    report = comparison_report(sides_of(left)[0], sides_of(right)[0], title="t")
    assert set(report.names) == {"a", "gone", "new"}
    assert {found.column: found.text for found in report.moved}["gone"] == "on one side only"
    text = Markup(page_of(report)).text
    assert text.count("is not there in now") == text.count("is not there in before") == 1


def test_anomalies_stand_by_severity_with_the_columns_that_they_are_about(sides: list[Side]) -> None:
    report = validation_report(ANOMALIES, sides, title="t")
    markup = Markup(page_of(report))
    assert report.is_open is False and "gate closed" in markup.text
    assert markup.text.index("Errors") < markup.text.index("no rows") < markup.text.index("Warnings")
    assert list(report.names) == [EVIL, "password", "month"]
    assert "gate open" in Markup(page_of(validation_report(ANOMALIES[:1], sides, title="t"))).text
    clean = Markup(page_of(validation_report([], [], title="t")))
    assert "The data is as its schema says." in clean.text


def test_the_same_statistics_give_the_same_page(tmp_path: Path) -> None:
    pages = [page_of(profile_report(two_sides(tmp_path / name), title="t")) for name in "ab"]
    assert pages[0] == pages[1]


def wide(root: Path, columns: int, sides: int = 2) -> list[Side]:
    """Many columns of both kinds, whose values take room."""
    words = [f"{'a long value of a column of text ' * 2}{row}" for row in range(30)]
    rows = pa.table({"words": words, "numbers": [row**2 / 7 for row in range(30)]})
    samples = list(statistics_of(root, train=rows).columns("train").values())
    names = [f"column {place:05}" for place in range(columns)]
    made = {name: ColumnStatistics(**{**vars(samples[place % 2]), "name": name}) for place, name in enumerate(names)}
    return [Side(f"side {place}", 30, made) for place in range(sides)]


def test_a_thousand_columns_are_all_on_a_page_below_two_megabytes(tmp_path: Path) -> None:
    page = page_of(profile_report(wide(tmp_path, 1000), title="t"))
    assert len(page.encode()) < LIMIT
    assert Markup(page).tags["article"] == 1000
    assert "each says less than it could" in page


def test_more_columns_than_a_page_can_hold_are_counted(tmp_path: Path) -> None:
    page = page_of(profile_report(wide(tmp_path, 9000, sides=1), title="t"))
    markup = Markup(page)
    assert len(page.encode()) < LIMIT
    shown = markup.tags["article"]
    assert f"{9000 - shown:,} more columns do not fit" in markup.text and shown > 500


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=15)
@given(st.lists(names, min_size=1, max_size=4, unique=True), st.lists(names, min_size=1, max_size=6), names)
def test_whatever_names_and_values_are_the_page_is_whole_and_says_them(
    columns: list[str], values: list[str], split: str
) -> None:
    counts = tuple(dict.fromkeys(values, 1).items())
    made = {
        name: ColumnStatistics(
            name, "string", "string", rows=len(counts), missing=0, values=len(counts), distinct=len(counts), top=counts
        )
        for name in columns
    }
    page = page_of(profile_report([Side(split, len(counts), made)], title="t"))
    markup = Markup(page)
    assert markup.tags["article"] == len(columns) and markup.tags["script"] == 3
    assert markup.headings == columns
    assert data_in(page)["sides"] == [split]


def test_empty_sides_have_pages(tmp_path: Path) -> None:
    without_rows = sides_of(statistics_of(tmp_path, train=table(0)))
    assert "article" not in Markup(page_of(profile_report(without_rows, title="t"))).tags
    nothing = {name: ColumnStatistics(name, "double", "numeric", rows=0, missing=0, values=0) for name in "ab"}
    empty = [Side("train", 0, nothing)]
    assert Markup(page_of(profile_report(empty, title="t"))).tags["article"] == 2
    assert "article" not in Markup(page_of(profile_report([], title="t"))).tags
    both = Markup(page_of(comparison_report(empty[0], empty[0], title="t")))
    assert both.tags["article"] == 2


def test_the_vendored_library_is_the_one_whose_digest_is_on_record() -> None:
    import hashlib

    import levada.reports

    folder = Path(levada.reports.__file__).parent / "assets/uplot"
    said = dict(
        reversed(line.split()) for line in (folder / "ORIGIN.md").read_text().splitlines() if line.startswith("    ")
    )
    assert set(said) == {"uPlot.iife.min.js", "uPlot.min.css"}
    for name, digest in said.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (folder / "LICENSE").read_text()
