"""From CSV files to a gate, through the engine: what a run commits, caches, and closes."""

from __future__ import annotations

from pathlib import Path

import pytest

from levada.artifact import Artifact, made
from levada.artifacts import Anomalies, Statistics, examples
from levada.component import component
from levada.components import check_data, csv, infer_schema, ingest, profile, schema_file
from levada.context import Context
from levada.run import CLOSED, OK
from levada.store import Store
from tests.inline import plan_of, run_plan


@component
def train(ctx: Context, statistics: Statistics) -> Statistics:
    """Stand for what must not see bad data."""
    copy = ctx.output(Statistics)
    (copy.path / "statistics.json").write_bytes((statistics.path / "statistics.json").read_bytes())
    return copy


def graph() -> None:
    statistics = profile(ingest(csv("data/*.csv"), splits={"train": 3, "eval": 1}))
    infer_schema(statistics)
    ok = check_data(statistics, schema_file("schemas/trips.pbtxt"))
    train.with_options(requires=ok)(statistics)


SCHEMA = """
feature { name: "id" type: INT presence { min_fraction: 1 } }
feature { name: "payment" type: BYTES string_domain { value: "Cash" value: "Card" } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/trips.pbtxt").write_text(SCHEMA)
    (tmp_path / "data/1.csv").write_text("id,payment\n" + "".join(f"{n},Cash\n" for n in range(100)))
    return tmp_path


def test_good_data_passes_the_gate_and_is_cached(project: Path) -> None:
    store = Store(project / "store")
    outcome = run_plan(plan_of(graph), store, root=project)
    assert {name: (result.status, result.summary) for name, result in outcome.results.items()} == {
        "ingest": ("done", "100 rows · 2 splits by a hash of rows"),
        "profile": ("done", "2 columns"),
        "infer_schema": ("done", "2 columns"),
        "check_data": ("done", "no anomalies"),
        "train": ("done", ""),
    }
    assert outcome.exit_code == OK
    again = run_plan(plan_of(graph), store, root=project)
    assert {result.status for result in again.results.values()} == {"cached"}


def test_new_data_is_looked_at_again_and_may_close_the_gate(project: Path) -> None:
    store = Store(project / "store")
    run_plan(plan_of(graph), store, root=project)
    (project / "data/2.csv").write_text("id,payment\n" + "".join(f"{n},Coin\n" for n in range(100, 120)))
    outcome = run_plan(plan_of(graph), store, root=project)
    assert outcome.exit_code == CLOSED
    assert outcome.results["train"].status == "skipped"
    assert "1 value outside the domain: 'Coin'" in outcome.results["train"].reason
    anomalies: Artifact = made(outcome.results["check_data"].outputs["output"], store)
    assert isinstance(anomalies, Anomalies)
    assert [item.column for item in anomalies.errors] == ["payment", "payment"]


def test_beam_reads_examples_where_they_are(project: Path) -> None:
    """In a store that is no folder: workers open the files there, and leave nothing behind."""

    def large() -> None:
        profile(ingest(csv("data/*.csv"), splits={"train": 3, "eval": 1}), beam_from_rows=1)

    monkey = pytest.MonkeyPatch()
    monkey.setattr(examples, "ROW_GROUP_ROWS", 20)
    store = Store("memory://data-pipeline")
    try:
        outcome = run_plan(plan_of(large), store, root=project)
    finally:
        monkey.undo()
    assert outcome.exit_code == OK
    statistics = made(outcome.results["profile"].outputs["output"], store)
    assert isinstance(statistics, Statistics)
    assert statistics.column("payment").counts() == [("Cash", statistics.rows("train"))]
    assert [key for folder in store.list("scratch") for key in store.list(folder)] == []


def test_a_malformed_line_fails_ingest_with_file_and_line(project: Path) -> None:
    (project / "data/2.csv").write_text("id,payment\n100,Cash\n101\n")
    outcome = run_plan(plan_of(graph), Store(project / "store"), root=project)
    failure = outcome.results["ingest"].failure
    assert failure is not None
    assert failure.type == "DataError"
    assert failure.message.startswith("this line has 1 field, the header has 2 fields.\n  data/2.csv:3   101\n")
