"""Trials of a Keras network: one process for many of them, and each as if it were alone in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levada.artifact import made
from levada.artifacts import Study, StudyDocument
from levada.components import maximize, minimize, one_of, tune
from levada.store import Store
from tests.inline import plan_of, run_nodes
from tests.tuning.networks import fit, points


def searched(space: Any, goal: Any, trials: int, **fixed: Any) -> None:
    tune(fit, space=space, goal=goal, trials=trials)(points(), **fixed)


def study(store: Store, space: Any, goal: Any, trials: int, **fixed: Any) -> tuple[StudyDocument, str]:
    result = run_nodes(plan_of(searched, space=space, goal=goal, trials=trials, **fixed), store)["tune"]
    assert result.failure is None, result.failure.traceback
    found = made(result.outputs["study"], store)
    assert isinstance(found, Study)
    return found.document, (store.read(result.log) or b"").decode()


@pytest.mark.slow
def test_trials_share_a_process_and_nothing_else(tmp_path: Path) -> None:
    goals = [maximize("val_auc"), minimize("latency")]
    one, log = study(Store(tmp_path / "one"), {"rate": one_of(0.01, 0.1)}, goals, 2)
    assert len(one.trials) == 2 and all(trial["state"] == "done" for trial in one.trials)
    processes = {line for line in log.splitlines() if line.startswith("in process")}
    assert len(processes) == 1

    # The second, as the first in a process of its own, comes to the same numbers to the last digit.
    other, _ = study(Store(tmp_path / "other"), {"units": one_of(2, 8)}, maximize("val_auc"), 1, rate=0.1)
    (alone,), (_, beside) = other.trials, one.trials
    assert (alone["searched"], beside["searched"]) == ({"units": 2}, {"rate": 0.1})
    for name in ("loss", "val_loss", "val_auc"):
        assert alone["metrics"][name] == beside["metrics"][name], name
        assert [value for _, value, _ in alone["curves"][name]] == [value for _, value, _ in beside["curves"][name]]

    for trial in one.trials:
        assert 0 < trial["metrics"]["latency"] < 1000  # milliseconds
        assert trial["metrics"]["size"] > 1000  # bytes of a SavedModel
    assert one.trials[0]["metrics"]["seconds"] > 0
