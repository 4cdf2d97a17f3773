"""A run: what its journal says, what it leaves running, how it exits."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from levada import Context, component
from levada.errors import DataError, ProjectError, StoreError
from levada.externals import file_artifact
from levada.journal import Event
from levada.plan import Plan
from levada.run import CLOSED, FAILED, OK
from levada.store import Store
from tests.inline import ROOT, events, plan_of, run_plan, value_of
from tests.numbers import Number, add, fail, make, number, positive, read, wait

SCHEMA = json.loads((ROOT / "schemas" / "journal.schema.json").read_text())


def statuses(outcome: Any) -> dict[str, str]:
    return {name: result.status for name, result in outcome.results.items()}


def sums() -> None:
    add(make(n=1), make(n=2))


def test_a_run_that_works_exits_with_0(tmp_path: Path) -> None:
    """Everything done; the second time everything cached, and no Beam job is started."""
    store = Store(tmp_path)
    first, second = (run_plan(plan_of(sums), store) for _ in range(2))
    assert (first.exit_code, first.status, first.nodes_run) == (OK, "finished", 3)
    assert value_of(first.results["add"], store) == 3
    assert (second.exit_code, second.nodes_run) == (OK, 0)
    assert statuses(second) == dict.fromkeys(("make", "make_2", "add"), "cached")


def test_a_failure_leaves_its_siblings_running(tmp_path: Path) -> None:
    """What hangs on it is skipped with the reason, the rest is done, the exit code is 1."""

    def graph() -> None:
        a = make(n=1)
        broken = fail(a)
        read.with_options(name="behind")(broken)
        add.with_options(name="beside")(a, wait(a, seconds=0.05))

    outcome = run_plan(plan_of(lambda: graph_with_numbers(graph), name="graph"), Store(tmp_path))
    assert outcome.exit_code == FAILED
    assert statuses(outcome) == {
        "make": "done",
        "fail": "failed",
        "behind": "skipped",
        "wait": "done",
        "beside": "failed",
    }


def graph_with_numbers(graph: Any) -> None:
    graph()
