"""Every pipeline of the project plans, and its plan is the one that was last looked at.

`pytest tests/golden tests/project/test_plans.py --update-golden` writes tests/golden/plans anew; read the difference
before you commit it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from levada.plan import Plan
from levada.project import find_project
from tests.golden.conftest import golden  # noqa: F401

ROOT = Path(__file__).parent.parent.parent
PROJECT = find_project(ROOT)
PIPELINES = sorted(PROJECT.pipelines)


def drawn(name: str, **arguments: Any) -> Plan:
    return PROJECT.load_pipeline(PROJECT.find_pipeline(name)).plan_from(ROOT, **arguments)


def test_the_project_has_the_pipelines_that_its_files_say() -> None:
    assert {"flights", "digits"} <= set(PIPELINES)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_draws_the_plan_that_was_last_looked_at(name: str, golden: Callable[[str, str], None]) -> None:  # noqa: F811
    form = drawn(name).to_json(positions=False)
    golden(f"plans/{name}.json", json.dumps(form, indent=1, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_plan_is_of_the_form_that_the_schema_describes(name: str) -> None:
    schema = json.loads((ROOT / "schemas/plan.schema.json").read_text())
    jsonschema.validate(drawn(name).to_json(), schema)


def test_no_plan_has_a_golden_file_without_a_pipeline() -> None:
    kept = {path.stem for path in (ROOT / "tests/golden/plans").glob("*.json")}
    assert kept <= set(PIPELINES)


def test_the_arguments_of_a_pipeline_reach_its_nodes() -> None:
    plan = drawn("flights", months=2, eval_month=6, epochs=1)
    assert plan.by_id["ingest"].parameters["source"] == {
        "$dataclass": "python:components.flights:NycFlights",
        "fields": {"months": {"$tuple": [4, 5, 6]}},
    }
    assert plan.by_id["ingest"].parameters["splits"]["fields"]["until"] == {
        "$tuple": [{"$tuple": ["train", "2013-06-01T00:00:00-04:00"]}]
    }
    assert plan.by_id["train"].parameters["epochs"] == 1


def test_training_waits_for_the_gate_of_the_data_and_pushing_for_that_of_the_model() -> None:
    plan = drawn("flights")
    assert [(gate.node, gate.output) for gate in plan.by_id["train"].requires] == [("check_data", "output")]
    good, served = ("evaluate", "blessing"), ("validate_serving", "output")
    assert [(gate.node, gate.output) for gate in plan.by_id["validate_serving"].requires] == [good]
    assert [(gate.node, gate.output) for gate in plan.by_id["push"].requires] == [good, served]
