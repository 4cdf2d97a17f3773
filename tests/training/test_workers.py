"""Workers that share every batch train as one process does, also if one of them is killed on the way."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from levada.artifacts import Examples, Model
from levada.models import Tensor
from levada.training import fit_keras
from tests.models.workshop import Workshop
from tests.training.synchronous import network

pytest.importorskip("keras")

LOSS = ("metric", "loss", 2)
"""What the training on two workers tells of its loss."""


def rows(count: int) -> pa.Table:
    numbers = np.random.default_rng(count).normal(size=(count, 4)).astype("float32")
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), 4)
    return pa.table({"x": vectors, "y": (numbers[:, 0] * numbers[:, 1] > 0).astype("float32")})


def examples(workshop: Workshop) -> Examples:
    """Return rows that come out uneven: in the last batch one worker has 6 and one 5, of what is measured 13 and 12."""

    def write(made: Examples) -> None:
        made.write("train", rows(203))
        made.write("eval", rows(57))

    return workshop.make(Examples, write)


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
def test_two_workers_of_which_one_is_killed_train_as_one_process(workshop: Workshop, monkeypatch: Any) -> None:
    """The same losses and metrics in every epoch, on uneven batches too, and the same answers."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    data = examples(workshop)
    killed: list[int] = []

    def fitted(count: int) -> Model:
        context = workshop.context({"output": Model}, f"train-{count}")
        tell = context.emit

        def emit(kind: str, **fields: Any) -> None:
            if kind == "metric" and count > 1 and not killed:  # the first epoch is done
                killed.append(workers()[1])
                os.kill(killed[0], signal.SIGKILL)
            tell(kind, **fields, of=count)

        context.emit = emit
        fit_keras(
            context,
            partial(network, units=8),
            data,
            inputs=[Tensor("x", "float32", (-1, 4))],
            label="y",
            validation="eval",
            batch_size=32,
            epochs=3,
            seed=5,
            workers=count,
        )
        return workshop.sealed(context, "output", context.outputs["output"])

    one, two = fitted(1), fitted(2)

    assert set(one.curves) == {"loss", "accuracy", "mse", "val_loss", "val_accuracy", "val_mse"}
    for name, values in one.curves.items():
        assert two.curves[name] == pytest.approx(values, rel=1e-5), name
    table = data.table("eval")
    answers = [model.load().predict(table)["prediction"] for model in (one, two)]
    assert answers[1] == pytest.approx(answers[0], rel=1e-4)

    assert killed
    assert "2 workers" in workshop.line
    losses = [told["step"] for kind, told in workshop.events if (kind, told.get("name"), told["of"]) == LOSS]
    assert losses == [1, 2, 3]  # each is told once, although an epoch was begun twice
    logs = workshop.store.list(f"runs/run-1/logs/train-2/{workshop.said[-1].attempt}")
    assert [key.rsplit("/", 1)[1] for key in logs] == ["worker-0.log", "worker-1.log"]
    assert all((workshop.store.read(key) or b"").count(b"-- worker ") == 2 for key in logs)
