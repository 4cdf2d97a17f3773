"""The benchmarks that kill, stop and change things at random, a few times each: they find nothing wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.interrupts import interrupt_runs
from benchmarks.kills import LIGHT, kill_runs
from benchmarks.mutations import Mutants, mutate


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kills"), [((LIGHT, "--length", "30"), 3), (("digits",), 1)], ids=["light", "digits"]
)
def test_runs_that_are_killed_lose_and_leave_nothing(words: tuple[str, ...], kills: int, tmp_path: Path) -> None:
    """With -9, at random moments; benchmarks/kills.py does it a hundred times."""
    if words[0] == "digits":
        pytest.importorskip("skl2onnx")
    hits, faults = kill_runs(tmp_path / "runs", words, kills, random.Random(4))
    assert (hits.total(), faults) == (kills, [])


@pytest.mark.slow
def test_runs_that_are_stopped_say_so_and_leave_nothing(tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM, at random moments, twice sometimes."""
    _, faults = interrupt_runs(tmp_path, 3, random.Random(4))
    assert faults == []


@pytest.mark.slow
def test_a_change_of_what_code_does_is_never_a_stale_hit(tmp_path: Path) -> None:
    """Nor is a comment, another layout or code that is not reached a needless miss."""
    mutants = Mutants(tmp_path)
    assert mutants.reach_all == {"python:levada.components.model_import:import_model"}, "these count all code there is"
    done, stale, needless = mutate(mutants, 8, random.Random(4))
    assert (done.total(), stale, needless) == (8, [], [])
