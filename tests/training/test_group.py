"""Workers that do not come up, fail, or are killed: the run says which and why, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.artifacts import Tensor
from levada.errors import ModelError, ProcessError, ProjectError, Stopped
from levada.training.agreement import check
from levada.training.cluster import Cluster, on_this_machine
from levada.training.description import Network, Rows, Training
from levada.training.group import Supervision, carry_out_in_group
from tests.inline import ROOT
from tests.training.hazards import network

Train = Callable[..., Any]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that trains nothing in two workers, which do what `hazard` says."""
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def trained(hazard: str, workers: int = 2, **options: Any) -> Any:
        monkeypatch.setenv("HAZARD", hazard)
        return carry_out_in_group(training(tmp_path), tmp_path / "model", workers, Supervision(tmp_path, **options))

    return trained


def training(folder: Path, **options: Any) -> Training:
    rows = Rows(folder, {"train": 8}, (("x", "float"), ("y", "float")))
    settings: dict[str, Any] = {"batch_size": 4, "home": folder / "backup", **options}
    return Training(Network(network), rows, (Tensor("x", "float32"),), Tensor("y", "float32"), **settings)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def sleepers(folder: Path, count: int = 2) -> list[int]:
    """Wait for workers that sleep, and return them and their children."""
    while len(found := [path for path in folder.iterdir() if path.name.isdecimal() and path.read_text()]) < count:
        time.sleep(0.02)
    return [pid for path in found for pid in (int(path.name), int(path.read_text()))]


def wait_until_gone(pids: list[int]) -> None:
    """Wait for killed processes: the system takes a moment."""
    while any(is_alive(pid) for pid in pids):
        time.sleep(0.02)


def test_a_worker_that_ends_without_a_word_is_named_with_its_log(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"worker [01] of 2 ended with exit code 3, and did not say why") as caught:
        train("exit 3")
    assert "| a word before the end" in str(caught.value)
    assert f"Its log: {tmp_path}/worker-" in caught.value.hint


def test_what_the_authors_code_raises_comes_with_its_line(train: Train) -> None:
    with pytest.raises(ProcessError, match=r"worker [01] of 2 failed: ValueError: it broke") as caught:
        train("raise it broke")
    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.text) == ("tests/training/hazards.py", "raise ValueError(what)")


def test_a_worker_that_is_killed_again_and_again_is_given_up(train: Train, tmp_path: Path) -> None:
    """Each worker has a log that grows with every start."""
    notes: list[str] = []
    with pytest.raises(ProcessError, match="out of memory, or somebody killed it; 3 starts ended like that"):
        train("kill", restarts=2, note=notes.append)
    assert len(notes) == 2
    assert all("was killed by SIGKILL" in note and "all 2 workers start again, after epoch 0" in note for note in notes)
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert set(logs) == {"worker-0.log", "worker-1.log"}
    assert all(log.count("-- worker ") == 3 for log in logs.values())
    assert sum(log.count("a word before the end") for log in logs.values()) >= 3


def test_a_worker_that_does_not_come_up_is_no_hang(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"after 1 s worker .* of 2 has not come up") as caught:
        train(f"sleep {tmp_path}", patience=1.0)
    assert "worker-" in caught.value.hint


def test_a_run_that_is_stopped_leaves_no_worker(train: Train, tmp_path: Path) -> None:
    pids: list[int] = []

    def stopped() -> bool:
        pids.extend(sleepers(tmp_path))
        return True

    with pytest.raises(Stopped):
        train(f"sleep {tmp_path}", stopped=stopped)
    assert len(pids) == 4
    wait_until_gone(pids)


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    """With -9, so it can do nothing about them; what they started ends too."""
    code = f"""
        from pathlib import Path
        from levada.training.group import Supervision, carry_out_in_group
        from tests.training.test_group import training
        folder = Path({str(tmp_path)!r})
        carry_out_in_group(training(folder), folder / "model", 2, Supervision(folder))
    """
    environment = {**os.environ, "HAZARD": f"sleep {tmp_path}"}
    environment.pop("TF_CONFIG", None)
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, env=environment)
    pids = sleepers(tmp_path)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_until_gone(pids)


def test_a_cluster_of_another_size_is_refused(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", Cluster(("10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1")).config())
    with pytest.raises(ProjectError, match="TF_CONFIG names 3 workers, and 2 were asked for"):
        train("exit 0")


def test_a_cluster_starts_the_one_worker_that_this_process_stands_for(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_this_machine(2) as cluster:  # ports that were free a moment ago
        monkeypatch.setenv("TF_CONFIG", cluster.at(1).config())
    with pytest.raises(ProcessError, match="worker 1 of 2 ended with exit code 3"):
        train("exit 3")
    assert [path.name for path in tmp_path.glob("*.log")] == ["worker-1.log"]


def test_a_batch_that_cannot_be_divided_is_refused(train: Train) -> None:
    with pytest.raises(ProjectError, match="a batch of 4 rows cannot be divided among 5 workers"):
        train("exit 0", workers=5)


def test_workers_that_hold_different_models_are_told_apart() -> None:
    check([(3, 7, 7), (3, 7, 7)])
    with pytest.raises(ModelError, match=r"worker 0: epoch 3, 0{13}7 · worker 1: epoch 2, 0{13}9"):
        check([(3, 7, 7), (2, 9, 7)])
