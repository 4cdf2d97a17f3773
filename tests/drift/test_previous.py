"""The baseline from the last run: found when a run starts, and never the run's own data or data that was stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import DriftReport, Examples, Statistics
from levada.component import component
from levada.components import drift, previous_statistics, profile
from levada.context import Context
from levada.externals import resolve
from levada.plan import External
from levada.store import Store
from tests.inline import run_plan


@component
def span(ctx: Context, *, mean: float) -> Examples:
    made = ctx.output(Examples)
    made.write("train", pa.table({"fare": np.random.default_rng(round(mean * 10)).normal(mean, 5, 1_000)}))
    return made


@component
def last(ctx: Context, report: DriftReport) -> None:
    """What would push: only if the gate is open."""


def fares(mean: float) -> None:
    statistics = profile(span(mean=mean))
    last(drift(statistics, baseline=previous_statistics("fares")))


Run = Callable[[float], Any]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def go(store: Store) -> Run:
    from tests.inline import plan_of

    return lambda mean: run_plan(plan_of(fares, mean), store)


def told(outcome: Any) -> tuple[str, str, str]:
    result = outcome.results["drift"]
    return outcome.status, result.status, result.summary


def found(store: Store) -> Any:
    return resolve(External("previous:fares/profile:output", Statistics.type_reference()), store, Path())


def test_a_span_is_held_against_the_last_one(go: Run, store: Store) -> None:
    assert found(store).record is None
    assert told(go(20))[1:] == ("done", "no baseline yet")
    assert told(go(20.1))[1:] == ("done", "no drift in 1 column")
    assert found(store).record.producer.endswith("/profile")
    assert found(store).challenged is not None


def test_the_same_data_again_is_held_against_what_it_was_held_against(go: Run) -> None:
    go(20)
    assert told(go(20))[1:] == ("cached", "no baseline yet")
    go(20.1)
    assert told(go(20.1))[1:] == ("cached", "no drift in 1 column")


def test_data_that_a_gate_stopped_is_no_baseline(go: Run, store: Store) -> None:
    go(20)
    before = found(store).record.digest
    outcome = go(30)
    assert outcome.status == "closed"
    assert "fare (PSI 3.49)" in told(outcome)[2]
    assert found(store).record.digest == before
    assert told(go(20.1))[2] == "no drift in 1 column"
