from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levada.artifacts import Model
from tests.models.workshop import Workshop

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


Fit = Callable[..., Model]


@pytest.fixture
def fit(workshop: Workshop) -> Fit:
    """Return a function that fits a small network, in batches of 64, and gives what a later node would get of it."""
    return fitting(workshop)


def fitting(workshop: Workshop) -> Fit:
    from levada.training import fit_keras
    from tests.training.networks import INPUTS, small

    def call(examples: Any, network: Any = small, key: str = "", **options: Any) -> Model:
        settings: dict[str, Any] = {"inputs": INPUTS, "label": "late", "batch_size": 64, "epochs": 3, "seed": 1}
        context = workshop.context({"output": Model}, "train")
        context.key = key
        fit_keras(context, network, examples, **(settings | options))
        return workshop.sealed(context, "output", context.outputs["output"])

    return call
