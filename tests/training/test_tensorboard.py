"""TensorBoard reads what journals say: event files grow as they do, and its pages show them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from levada import Context, component
from levada.cli.tensorboard import makers_of
from levada.history import History
from levada.journal import Journal
from levada.lease import begin
from levada.run import Request, run
from levada.store import Store
from levada.tensorboard.event_files import EventFiles
from levada.tensorboard.pages import without_tensorflow
from tests.command import LEVADA, levada
from tests.inline import one_code, plan_of

pytest.importorskip("tensorboard")
RUN = "20261126-100000-abcd"


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what event files say, by the folder and name of each curve."""
    without_tensorflow()
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.rglob("events.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                name = f"{path.parent.relative_to(folder).as_posix()}:{value.tag}"
                found.setdefault(name, []).append((event.step, value.simple_value))
    return found


def test_curves_become_event_files_as_the_journal_grows(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    journal = Journal(store, RUN)
    files = EventFiles(store, tmp_path / "board")
    files.follow(RUN, "flights")
    journal.append("metric", node="part/train", attempt="a", name="loss", value=0.5, step=1)
    journal.append("metric", node="part/train", attempt="a", name="val_loss", value=0.75, step=1)
    journal.append("metric", node="part/train", attempt="a", name="rows", value=3.0, step=None)
    journal.append("progress", node="part/train", attempt="a", done=1, total=2, message="")
    files.poll()
    assert points(tmp_path / "board") == {
        f"flights/{RUN}/part/train:loss": [(1, 0.5)],
        f"flights/{RUN}/part/train/validation:loss": [(1, 0.75)],
    }
    journal.append("metric", node="part/train", attempt="a", name="loss", value=0.25, step=2)
    journal.append("metric", node="each", item="../../x", attempt="a", name="loss", value=1.0, step=1)
    files.poll()
    files.poll()
    assert points(tmp_path / "board")[f"flights/{RUN}/part/train:loss"] == [(1, 0.5), (2, 0.25)]
    assert points(tmp_path / "board")[f"flights/{RUN}/each/______x:loss"] == [(1, 1.0)]
    assert files.points == 4


@component
def learn(ctx: Context) -> None:
    ctx.metric("loss", 0.5, step=1)


def test_the_curves_of_a_cached_node_are_those_of_the_run_that_made_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first, second = (run(Request(plan_of(learn, name="learnt"), store, tmp_path, one_code, {})) for _ in range(2))
    history = History(store)
    assert [(node, maker.id) for node, maker in makers_of(history.find(second.run_id), history)] == [
        ("learn", first.run_id)
    ]
    assert list(makers_of(history.find(first.run_id), history)) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.levada]\ncode = []\n")
    store = Store(tmp_path / ".levada")
    begin(store, RUN, {"run": RUN, "pipeline": "flights", "time": "2026-11-26T10:00:00.000+00:00", "nodes": []})
    Journal(store, RUN).append("metric", node="train", attempt="a", name="loss", value=0.5, step=1)
    return tmp_path


@pytest.mark.slow
def test_the_command_shows_the_curves_of_runs_on_this_machine_only(project: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [LEVADA, "tensorboard", "--port", str(port)]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as board:
        assert board.stdout is not None
        said = board.stdout.readline()
        assert said.startswith(f"1 points · TensorBoard on http://127.0.0.1:{port}/") or board.stderr is None, said
        runs: Any = None
        while not runs:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/runs") as answer:
                runs = json.load(answer)
            time.sleep(0.1)
        assert runs == [f"flights/{RUN}/train"]
        again = levada(project, "tensorboard", "--port", str(port), code=2)
        assert f"TensorBoard cannot use port {port}" in again.stderr and "--port" in again.stderr
        board.send_signal(signal.SIGINT)
        board.wait()
    assert board.returncode == 0
