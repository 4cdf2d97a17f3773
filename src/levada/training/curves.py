"""How a training went, kept beside the model it made: `training.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from levada.artifacts.model import TRAINING
from levada.training.description import Training
from levada.training.news import Outcome
from levada.values import json_text


def write_curves(folder: Path, training: Training, outcome: Outcome, vocabularies: list[str]) -> None:
    """Write what was trained how, and a number an epoch for each metric, into a model's folder.

    `vocabularies` has a digest of each, for a later training that starts from this model.
    """
    function = training.network.function
    form: dict[str, Any] = {
        "network": f"{function.__module__}:{function.__qualname__}",
        "rows": outcome.rows,
        "split": training.split,
        "validation": training.validation,
        "batch_size": training.batch_size,
        "epochs": outcome.epochs,
        "best": outcome.best,
        "seed": training.seed,
        "precision": training.precision,
        "vocabularies": vocabularies,
        "curves": outcome.curves,
    }
    (folder / TRAINING).write_text(json.dumps(json.loads(json_text(form)), indent=2, ensure_ascii=False) + "\n")
