"""What is measured of a trial beside what its component reports: how large, how long, how quick to answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from levada.artifact import Artifact
from levada.artifacts.examples import Examples
from levada.artifacts.model import Model
from levada.errors import TuningError

SIZE, SECONDS, LATENCY = "size", "seconds", "latency"
MEASURED = (SIZE, SECONDS, LATENCY)
"""Metrics that every trial has, or could have; one that the component reports under such a name goes before it."""

_WARM, _ASKED = 5, 30


def size_of(folders: Iterable[Path]) -> int:
    """Return the bytes of all files in some folders."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def latency_of(made: Iterable[Any], inputs: Mapping[str, Any]) -> float:
    """Return the milliseconds that a trial's model needs for one row: the median of 30, after 5 that do not count.

    The row is of the examples that the component was given. Raises TuningError if it made no model, or was given none.
    """
    import statistics

    model = next((artifact for artifact in made if isinstance(artifact, Model)), None)
    examples = next((artifact for artifact in inputs.values() if isinstance(artifact, Examples)), None)
    if model is None or examples is None:
        lacks = "makes no Model" if model is None else "is given no Examples"
        raise TuningError(
            f"the goal {LATENCY} is how long a model needs for a row, and the component {lacks}.",
            hint=f"Report a metric of your own: ctx.metric('{LATENCY}', milliseconds).",
        )
    row = examples.table(examples.splits[0]).slice(0, 1)
    predictor = model.load()
    times: list[float] = []
    for number in range(_WARM + _ASKED):
        started = time.perf_counter()
        predictor.predict(row)
        if number >= _WARM:
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def files_of(made: Iterable[Artifact]) -> list[Path]:
    """Return the folders of what a trial is making."""
    return [artifact.path for artifact in made]
