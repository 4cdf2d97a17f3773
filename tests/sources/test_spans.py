"""Spans and versions in a path: which files are read, and how what is not there is told."""

# ruff: noqa: DTZ001  (spans have no zone)

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada.components import csv, ingest, last, parquet
from levada.errors import DataError, ParameterError
from levada.sources.files import find_files
from levada.sources.spans import SpanPattern, Wish, in_words
from levada.store import Store
from levada.values import decode, encode
from tests.inline import plan_of, run_plan


@pytest.fixture
def lay(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes small CSV files, each with its own name as its one value."""

    def write(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"name\n{name}\n")

    return write


def read(root: Path, pattern: str, **where: Any) -> list[str]:
    return [row for batch in csv(pattern, **where).batches(root) for row in batch["name"].to_pylist()]


def fault(root: Path, pattern: str, **where: Any) -> str:
    with pytest.raises((DataError, ParameterError)) as caught:
        read(root, pattern, **where)
    return str(caught.value)


def test_the_newest_span_is_read_by_its_number_not_by_its_text(tmp_path: Path, lay: Any) -> None:
    lay("data/9/trips.csv", "data/10/trips.csv", "data/2/trips.csv", "data/old/trips.csv")
    assert read(tmp_path, "data/{SPAN}/trips.csv") == ["data/10/trips.csv"]


def test_the_highest_version_of_each_span_is_read_unless_one_is_given(tmp_path: Path, lay: Any) -> None:
    lay("1/t-1.csv", "1/t-2.csv", "2/t-1.csv", "2/t-10.csv", "2/t-9.csv")
    assert read(tmp_path, "{SPAN}/t-{VERSION}.csv") == ["2/t-10.csv"]
    assert read(tmp_path, "{SPAN}/t-{VERSION}.csv", spans=last(2)) == ["1/t-2.csv", "2/t-10.csv"]
    assert read(tmp_path, "{SPAN}/t-{VERSION}.csv", spans=last(2), version=1) == ["1/t-1.csv", "2/t-1.csv"]
    assert fault(tmp_path, "{SPAN}/t-{VERSION}.csv", version=3) == (
        "'{SPAN}/t-{VERSION}.csv': span 2 has no version 3.\nVersions: 1, 9, 10."
    )


def test_versions_do_not_need_spans(tmp_path: Path, lay: Any) -> None:
    lay("t-1.csv", "t-2.csv")
    assert read(tmp_path, "t-{VERSION}.csv") == ["t-2.csv"]
    assert read(tmp_path, "t-{VERSION}.csv", version=1) == ["t-1.csv"]
    assert fault(tmp_path, "t-{VERSION}.csv", version=5) == "'t-{VERSION}.csv': there is no version 5.\nVersions: 1, 2."


def test_a_span_of_many_files_is_read_whole_in_order_of_their_names(tmp_path: Path, lay: Any) -> None:
    lay("2013-01/b.csv", "2013-01/a.csv", "2012-12/c.csv")
    assert read(tmp_path, "{YYYY}-{MM}/*.csv") == ["2013-01/a.csv", "2013-01/b.csv"]
    assert read(tmp_path, "{YYYY}-{MM}/*.csv", spans=last(2))[0] == "2012-12/c.csv"


@pytest.mark.parametrize("span", ["2013-01", date(2013, 1, 31), datetime(2013, 1, 5, 7)])
def test_a_span_is_given_as_text_or_date(tmp_path: Path, lay: Any, span: Any) -> None:
    lay("2013-01.csv", "2013-02.csv")
    assert read(tmp_path, "{YYYY}-{MM}.csv", span=span) == ["2013-01.csv"]


def test_hours_and_days_are_spans(tmp_path: Path, lay: Any) -> None:
    lay("2013-01-31T23.csv", "2013-02-01T00.csv", "2013/02/01.csv")
    assert read(tmp_path, "{YYYY}-{MM}-{DD}T{HH}.csv", spans=last(2)) == ["2013-01-31T23.csv", "2013-02-01T00.csv"]
    assert read(tmp_path, "{YYYY}-{MM}-{DD}T{HH}.csv", span="2013-01-31T23") == ["2013-01-31T23.csv"]
    assert read(tmp_path, "{YYYY}/{MM}/{DD}.csv", span="2013-02-01") == ["2013/02/01.csv"]


def test_a_word_may_stand_twice_and_means_the_same(tmp_path: Path, lay: Any) -> None:
    lay("2013/trips-2013-01.csv", "2014/trips-2013-02.csv")
    assert read(tmp_path, "{YYYY}/trips-{YYYY}-{MM}.csv") == ["2013/trips-2013-01.csv"]


def test_a_width_is_how_many_digits_a_number_has(tmp_path: Path, lay: Any) -> None:
    lay("007.csv", "8.csv")
    assert read(tmp_path, "{SPAN:3}.csv") == ["007.csv"]
    assert read(tmp_path, "{SPAN:3}.csv", span=7) == read(tmp_path, "{SPAN:3}.csv", span="007") == ["007.csv"]


def test_a_gap_in_a_window_names_what_is_missing(tmp_path: Path, lay: Any) -> None:
    lay("2012-11.csv", "2013-02.csv")
    assert fault(tmp_path, "{YYYY}-{MM}.csv", spans=last(3)) == (
        "'{YYYY}-{MM}.csv': spans 2012-12, 2013-01 are not there.\n"
        "Bring them, or read what is there: last(3, gaps=True). There are 2 spans 2012-11..2013-02."
    )
    assert read(tmp_path, "{YYYY}-{MM}.csv", spans=last(3, gaps=True)) == ["2013-02.csv"]
    assert read(tmp_path, "{YYYY}-{MM}.csv", spans=last(4, gaps=True)) == ["2012-11.csv", "2013-02.csv"]
    assert read(tmp_path, "{YYYY}-{MM}.csv", spans=last(1, skip=3)) == ["2012-11.csv"]
    assert "span 2013-01 is not there" in fault(tmp_path, "{YYYY}-{MM}.csv", spans=last(1, skip=1, gaps=True))


def test_given_spans_must_be_there(tmp_path: Path, lay: Any) -> None:
    lay("1.csv", "3.csv")
    assert read(tmp_path, "{SPAN}.csv", spans=[3, 1]) == ["1.csv", "3.csv"]
    assert fault(tmp_path, "{SPAN}.csv", span=2) == "'{SPAN}.csv': span 2 is not there.\nThere are 2 spans 1..3."


@pytest.mark.parametrize(
    ("pattern", "where", "said"),
    [
        ("{SPAM}.csv", {}, "'{SPAM}.csv': {SPAM} means nothing in a path.\nDid you mean SPAN?"),
        ("{span}.csv", {}, "'{span}.csv': {span} means nothing in a path.\nDid you mean SPAN?"),
        ("{MM}.csv", {}, "'{MM}.csv' has {MM} and no {YYYY}.\nA date begins with its year."),
        ("{SPAN}-{YYYY}.csv", {}, "'{SPAN}-{YYYY}.csv' has {SPAN} and {YYYY}.\nA span is one or the other."),
        ("{YYYY:3}.csv", {}, "'{YYYY:3}.csv': {YYYY:3} cannot have that width."),
        ("x.csv", {"span": 1}, "csv('x.csv'): there is no span in this path.\n"),
        ("{SPAN}.csv", {"version": 1}, "csv('{SPAN}.csv'): there is no {VERSION} in this path."),
        ("{SPAN}.csv", {"span": 1, "spans": [1]}, "csv('{SPAN}.csv'): span= and spans= at once.\n"),
        ("{SPAN}.csv", {"spans": []}, "csv('{SPAN}.csv', spans=[]): wanted spans, or last(3)."),
        ("{SPAN}.csv", {"span": "2013-01"}, "'{SPAN}.csv' has no span '2013-01'.\nWrite it like this: '12'."),
        ("{SPAN}.csv", {"span": date(2013, 1, 1)}, "'{SPAN}.csv' counts its spans, and span=2013-01-01 is a date."),
        ("{YYYY}-{MM}.csv", {"span": 12}, "'{YYYY}-{MM}.csv' has no span '12'.\nWrite it like this: '2013-01'."),
        ("{YYYY}-{MM}.csv", {"span": "2013-13"}, "'{YYYY}-{MM}.csv' has no span '2013-13'.\n"),
        ("{YYYY}-{MM}.csv", {"span": "2013-01-01"}, "'{YYYY}-{MM}.csv' has no span '2013-01-01'.\n"),
        ("x.csv", {"storage_options": {"key": "k"}}, "csv('x.csv'): storage_options are for addresses such as s3://"),
    ],
)
def test_what_does_not_fit_is_told_when_the_source_is_made(pattern: str, where: Any, said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        csv(pattern, **where)
    assert str(caught.value).startswith(said)


def test_an_unknown_option_is_told_as_python_does() -> None:
    with pytest.raises(TypeError, match=r"csv\(\) got an unexpected keyword argument 'sapn'. Did you mean span\?"):
        csv("{SPAN}.csv", sapn=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_names_that_are_no_dates_are_told(tmp_path: Path, lay: Any) -> None:
    lay("2013-01.csv", "2013-13.csv")
    assert fault(tmp_path, "{YYYY}-{MM}.csv") == "2013-13.csv: '2013-13' is not a month.\nRename the file, or move it."


def test_one_span_written_in_two_ways_is_told(tmp_path: Path, lay: Any) -> None:
    lay("1/x.csv", "01/x.csv")
    assert fault(tmp_path, "{SPAN}/x.csv").startswith(
        "'{SPAN}/x.csv': 1 is written in two ways, in 01/x.csv and 1/x.csv."
    )


def test_nothing_that_matches_is_told(tmp_path: Path, lay: Any) -> None:
    lay("data/x.csv")
    assert fault(tmp_path, "data/{SPAN}.csv").startswith(f"csv('data/{{SPAN}}.csv'): no file matches in {tmp_path}.")


def test_what_was_read_is_recorded_and_shown(tmp_path: Path, lay: Any, call: Any) -> None:
    lay("2013-01-v1.csv", "2013-02-v1.csv", "2013-02-v2.csv", "2013-03-v1.csv")
    examples = call(ingest, csv("{YYYY}-{MM}-v{VERSION}.csv", spans=last(3)))
    assert examples.properties["spans"] == ["2013-01", "2013-02", "2013-03"]
    assert examples.properties["versions"] == [1, 2, 1]
    assert call.line == "3 rows · 3 spans 2013-01..03"


def test_a_window_travels_in_a_plan() -> None:
    source = csv("{SPAN}.csv", spans=last(3, skip=1, gaps=True), version=None)
    assert decode(encode(source)) == source
    assert encode(csv("data/*.csv"))["fields"]["path"] == "data/*.csv"  # type: ignore[index,call-overload]


def test_a_run_is_cached_until_a_newer_span_comes(tmp_path: Path, lay: Any) -> None:
    lay("1.csv", "2.csv")

    def newest() -> None:
        ingest(csv("{SPAN}.csv"))

    def status() -> str:
        outcome = run_plan(plan_of(newest), Store(tmp_path / "store"), root=tmp_path)
        return outcome.results["ingest"].status

    assert [status(), status()] == ["done", "cached"]
    lay("0.csv")
    (tmp_path / "1.csv").write_text("name\nother\n")
    assert status() == "cached"  # an older one is nothing to it
    (tmp_path / "3.csv").write_bytes((tmp_path / "2.csv").read_bytes())
    assert status() == "done"  # the same bytes, and they are another span


def test_spans_in_words() -> None:
    assert [in_words(labels) for labels in ([], ["12"], ["1", "2"], ["2013-12", "2014-01"])] == [
        "",
        "span 12",
        "2 spans 1..2",
        "2 spans 2013-12..2014-01",
    ]
    assert in_words(["2013-01-30", "2013-01-31"]) == "2 spans 2013-01-30..31"


# -- properties ------------------------------------------------------------------------------------------------

PATTERNS = ["{YYYY}", "{YYYY}-{MM}", "{YYYY}/{MM}/{DD}", "{YYYY}{MM}{DD}T{HH}"]


@given(pattern=st.sampled_from(PATTERNS), moment=st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1)))
def test_the_next_span_is_one_further(pattern: str, moment: datetime) -> None:
    spans = SpanPattern(pattern)
    text = pattern.format_map(
        {
            "YYYY": f"{moment.year:04d}",
            "MM": f"{moment.month:02d}",
            "DD": f"{moment.day:02d}",
            "HH": f"{moment.hour:02d}",
        }
    )
    (found,) = spans.matches([text], pattern)
    assert spans.wanted(moment) == spans.wanted(found.label) == found.label
    following = {
        "year": moment.replace(year=moment.year + 1, day=1),
        "month": moment.replace(day=1) + timedelta(days=31),
        "day": moment + timedelta(days=1),
        "hour": moment + timedelta(hours=1),
    }[spans.step]
    assert spans.label_of(found.index + 1) == spans.wanted(following)


@given(
    there=st.sets(st.integers(0, 40), min_size=1),
    count=st.integers(1, 50),
    skip=st.integers(0, 50),
    gaps=st.booleans(),
)
def test_a_window_is_what_it_says(there: set[int], count: int, skip: int, gaps: bool) -> None:
    spans = SpanPattern("{SPAN}.csv")
    found = spans.matches([f"{number}.csv" for number in there], spans.text)
    end = max(there) - skip
    window = [number for number in range(end - count + 1, end + 1) if number in there]
    wish = Wish(last(count, skip=skip, gaps=gaps))
    if not window or (not gaps and len(window) < count):
        with pytest.raises(DataError, match="not there"):
            spans.chosen(found, wish)
    else:
        assert [match.index for match in spans.chosen(found, wish)] == window


@given(st.text(alphabet="{}SPANVERIOYMDH:0123*?[]!-/. ", max_size=30))
def test_any_pattern_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    with contextlib.suppress(ParameterError, DataError):
        find_files(csv(text).path, root, "csv")


def test_every_source_of_files_has_spans(tmp_path: Path) -> None:
    assert str(parquet("{SPAN}.parquet", span=3)) == "parquet('{SPAN}.parquet')"
