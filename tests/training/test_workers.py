"""Workers that share every batch train as one process does, also if one of them is killed on the way."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from levada.artifact import Making
from levada.artifacts import Examples, Tensor
from levada.training.description import Network, Rows, Training
from levada.training.group import Supervision, carry_out_in_group
from levada.training.news import Outcome, Said
from tests.training.synchronous import network

pytest.importorskip("keras")

EPOCHS = 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Rows that come out uneven: of the last batch one worker has 6 and one 5, of the last to be measured 13 and 12."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("examples")
    examples = Examples(Making(folder, folder.as_posix(), "output"))
    for split, count in (("train", 203), ("eval", 57)):
        numbers = random.normal(size=(count, 4)).astype("float32")
        label = (numbers[:, 0] * numbers[:, 1] > 0).astype("float32")
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), 4)
        examples.write(split, pa.table({"x": vectors, "y": label}))
    properties: Any = examples.properties
    return Rows(folder, dict(properties["splits"]), tuple(map(tuple, properties["columns"])))


def training(rows: Rows, home: Path) -> Training:
    return Training(
        Network(network),
        rows,
        (Tensor("x", "float32", (-1, 4)),),
        Tensor("y", "float32"),
        validation="eval",
        batch_size=32,
        epochs=EPOCHS,
        seed=5,
        home=home,
    )


def workers() -> dict[int, int]:
    """Return the pids of the workers that this process has started, by their places."""
    found: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = path.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1]
            environment = path.joinpath("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        config = next((item[10:] for item in environment if item.startswith(b"TF_CONFIG=")), b"")
        if config and int(parent) == os.getpid():
            found[json.loads(config)["task"]["index"]] = int(path.name)
    return found


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_train_as_one_process(rows: Rows, tmp_path: Path) -> None:
    """The same losses and metrics in every epoch, on uneven batches too, and the same answers."""
    from levada.models import load_predictor
    from levada.training.fitting import carry_out

    one = carry_out(training(rows, tmp_path / "home"), made(tmp_path / "one"))
    notes: list[str] = []
    epochs: list[int] = []
    lost: set[int] = set()

    def say(said: Said) -> None:
        if said.is_end:
            epochs.append(said.epoch)
        if not lost:
            lost.add(workers()[1])
            os.kill(workers()[1], signal.SIGKILL)

    supervision = Supervision(tmp_path / "logs", say=say, note=notes.append)
    two = carry_out_in_group(training(rows, tmp_path / "backup"), made(tmp_path / "two"), 2, supervision)

    assert_same(one, two)
    assert epochs == [1, 2, 3]
    assert len(notes) == 1
    assert "worker 1 of 2 was killed by SIGKILL" in notes[0] and "start again, after epoch" in notes[0]
    table = rows.examples().table("eval")
    answers = [load_predictor(tmp_path / name).predict(table)["prediction"] for name in ("one", "two")]
    assert answers[1] == pytest.approx(answers[0], rel=1e-4)
    assert not list((tmp_path / "backup").glob("*"))


def assert_same(one: Outcome, other: Outcome) -> None:
    assert set(one.curves) == {"loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc"}
    for name, values in one.curves.items():
        assert other.curves[name] == pytest.approx(values, rel=1e-5), name


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
