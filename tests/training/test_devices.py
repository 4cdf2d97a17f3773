"""Several devices learn what one does; a training that finds no memory fails alone, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from levada import Context, component
from levada.artifacts import Examples, Model
from levada.models import Tensor
from levada.store import Store
from levada.training import fit_keras
from tests.inline import ROOT, plan_of, run_nodes
from tests.training.networks import huge, rows

pytest.importorskip("tensorflow")


@pytest.mark.slow
def test_several_devices_with_uneven_pieces_have_the_losses_of_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.mirrored", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["one"]["loss"][0] > said["one"]["loss"][2]
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(said["all"][name], said["one"][name], rtol=2e-5, err_msg=name)


@component
def few(ctx: Context) -> Examples:
    """Make some rows."""
    out = ctx.output(Examples)
    out.write("train", rows(100))
    return out


@component(packages=("tensorflow", "keras"), process="own")
def train_huge(ctx: Context, examples: Examples) -> Model:
    """Fit what does not fit."""
    return fit_keras(ctx, huge, examples, inputs=[Tensor("x", "float32")], label="late")


def too_much() -> None:
    train_huge.with_options(needs={"memory": "4GB"})(few())


@pytest.mark.slow
def test_a_training_without_memory_fails_alone_and_says_so(tmp_path: Path) -> None:
    results = run_nodes(plan_of(too_much), Store(tmp_path))
    assert (results["few"].status, results["train_huge"].status) == ("done", "failed")
    failure = results["train_huge"].failure
    assert failure is not None and failure.type == "TrainingError"
    assert failure.message.startswith("there was no memory left for batches of 1,024 rows")
    assert "smaller batch_size=" in failure.message
